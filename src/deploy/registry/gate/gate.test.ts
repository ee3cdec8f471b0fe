import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { GateCondition } from '../../../start/project/declaration.ts';
import { evaluateConditions } from './gate.ts';
import type { GateFacts } from './gate-facts.ts';
import { gainOf } from './gate-metric.ts';

const metric = (value: number) => ({ runId: 'run', value, at: 1, dataVersion: 'md5' });
const unknown: GateFacts = {
  model: 'late',
  version: 2,
  now: 5,
  runId: 'run',
  dataset: 'flights',
  dataVersion: 'md5',
  metrics: new Map(),
  baselines: new Map(),
  engine: 'pending',
  engineReason: null,
  parity: null,
  contract: null,
  reproduction: null,
  card: null,
  isServedAsTrained: false,
  measurements: new Map(),
  champion: 1,
  comparisons: new Map(),
};
const every: GateCondition[] = [
  { id: 'floor', kind: 'metric-floor', metric: 'auc', min: 0.7 },
  { id: 'baseline', kind: 'better-than-baseline', metric: 'auc' },
  { id: 'parity', kind: 'parity', labelsEqual: 0.9999, maxError: 1e-5 },
  { id: 'contract', kind: 'contract-passed' },
  { id: 'again', kind: 'reproducible', level: 'bit-identical', maxAgeDays: 30, leaveOut: [] },
  { id: 'better', kind: 'better-than-champion', metric: 'auc', confidence: 0.95, on: 'traffic' },
  { id: 'not-worse', kind: 'not-worse-than-champion', metric: 'brier', tolerance: 0.001 },
];
const passing = (condition: GateCondition, facts: Partial<GateFacts>): boolean =>
  evaluateConditions([condition], { ...unknown, ...facts }).passed;
const against = (metricName: string, difference: number, half: number): Partial<GateFacts> => ({
  comparisons: new Map([
    [
      0.95,
      {
        [metricName]: {
          candidate: 0.2 + difference,
          champion: 0.2,
          difference,
          ciLow: difference - half,
          ciHigh: difference + half,
          rowCount: 100,
          from: 0,
          to: 1,
        },
      },
    ],
  ]),
});

describe('a gate', () => {
  it('does not pass on what is not known, and says of each condition why', () => {
    const report = evaluateConditions(every, unknown);
    assert.deepEqual(
      report.results.map((result) => result.passed),
      [false, false, false, false, false, false, false],
    );
    assert.ok(report.results.every((result) => result.note !== null && result.measured === null));
  });

  it('asks for the whole interval to be better, whichever way better lies', () => {
    const better = (name: string): GateCondition => ({
      id: 'b',
      kind: 'better-than-champion',
      metric: name,
      confidence: 0.95,
      on: 'traffic',
    });
    assert.equal(passing(better('auc'), against('auc', 0.02, 0.01)), true);
    assert.equal(passing(better('auc'), against('auc', 0.02, 0.03)), false);
    assert.equal(passing(better('brier'), against('brier', -0.02, 0.01)), true);
    assert.equal(passing(better('brier'), against('brier', 0.02, 0.01)), false);
  });

  it('tolerates being a little worse where it says so', () => {
    const notWorse: GateCondition = {
      id: 'n',
      kind: 'not-worse-than-champion',
      metric: 'brier',
      tolerance: 0.001,
    };
    assert.equal(passing(notWorse, against('brier', 0.0009, 1)), true);
    assert.equal(passing(notWorse, against('brier', 0.0011, 1)), false);
    assert.equal(passing(notWorse, { champion: null }), true);
  });

  it('does not pass without rows to compare', () => {
    const parity = {
      rowCount: 0,
      labelsEqual: 1,
      maxError: 0,
      parts: [],
      worstRow: null,
      skipped: [],
      runtime: 'r',
      versions: {},
      measuredAt: 1,
    };
    const condition = every[2] as GateCondition;
    assert.equal(passing(condition, { parity }), false);
    assert.equal(passing(condition, { parity: { ...parity, rowCount: 1 } }), true);
    assert.equal(passing(condition, { parity: { ...parity, rowCount: 1, maxError: 1e-4 } }), false);
  });

  it('asks for a young reproduction, as good as it says, that left out nothing more than it allows', () => {
    const day = 86_400_000;
    const now = 100 * day;
    const made = {
      verdict: 'bit-identical',
      againId: 'again',
      at: now - day,
      summary: '',
      leftOut: [],
    } as const;
    const asked = (level: 'bit-identical' | 'within-noise', leaveOut: string[] = []): GateCondition => ({
      id: 'r',
      kind: 'reproducible',
      level,
      maxAgeDays: 30,
      leaveOut,
    });
    const holds = (condition: GateCondition, reproduction: GateFacts['reproduction']): boolean =>
      passing(condition, { now, reproduction });
    assert.equal(holds(asked('bit-identical'), made), true);
    assert.equal(holds(asked('within-noise'), made), true);
    assert.equal(holds(asked('bit-identical'), { ...made, verdict: 'within-noise' }), false);
    assert.equal(holds(asked('within-noise'), { ...made, verdict: 'within-noise' }), true);
    assert.equal(holds(asked('within-noise'), { ...made, verdict: 'differs' }), false);
    assert.equal(holds(asked('bit-identical'), { ...made, at: now - 31 * day }), false);
    assert.equal(holds(asked('bit-identical'), { ...made, leftOut: ['auc'] }), false);
    assert.equal(holds(asked('bit-identical', ['auc']), { ...made, leftOut: ['auc'] }), true);
  });

  it('has the same hash for the same outcomes at any time, and another for others', () => {
    const at = (now: number, auc: number): string =>
      evaluateConditions(every, { ...unknown, now, metrics: new Map([['auc', metric(auc)]]) }).hash;
    assert.equal(at(1, 0.8), at(2, 0.8));
    assert.notEqual(at(1, 0.8), at(1, 0.81));
  });

  it('sees no gain of a metric over itself, and opposite gains the other way round', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('auc', 'brier', 'log_loss', 'rmse'),
        fc.double({ noNaN: true, min: 0, max: 1 }),
        fc.double({ noNaN: true, min: 0, max: 1 }),
        (name, a, b) => {
          assert.equal(gainOf(name, a, a), 0);
          assert.equal(gainOf(name, a, b), -gainOf(name, b, a) + 0);
        },
      ),
    );
  });
});
