import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../platform/clock.ts';
import type { AskedPrediction } from '../dialects/asked-prediction.ts';
import type { Engine } from '../engines/engine.ts';
import { loadEngine } from '../engines/load-engine.ts';
import type { Scores } from '../engines/scores.ts';
import { PredictionLog } from '../log/prediction-log.ts';
import type { ActiveTarget } from './active-endpoint.ts';
import { PredictionService } from './prediction-service.ts';
import type { Rows } from '../engines/rows.ts';
import type { ServedVersion, VersionCounts } from '../serving-api.ts';
import {
  endpointOf,
  expected,
  late1,
  late2,
  loggedIn,
  quietLog,
  rowAt,
  temporaryHome,
} from '../test-control-plane.ts';
import { Traffic } from '../counts/traffic.ts';

const count = 200;

const load = (served: ServedVersion, file: string): Promise<Engine> =>
  loadEngine(served, {
    file: async () => fileURLToPath(new URL(`../../../../test/fixtures/serving/${file}`, import.meta.url)),
    folder: '/nowhere',
    log: quietLog,
  });

interface Seen {
  readonly labels: readonly unknown[];
  readonly shadow: VersionCounts | undefined;
  readonly ms: number;
  readonly loggedShadows: number;
}

/** Asks for 200 rows, one each, with version 2 in the shadow, scored by whatever is given. */
async function askBeside(
  context: TestContext,
  score: ((good: Engine, rows: Rows) => Promise<Scores>) | undefined,
): Promise<Seen> {
  const home = temporaryHome(context);
  const log = new PredictionLog({
    folder: join(home.predictions, 'segments'),
    plane: 'p',
    clock: systemClock,
    log: quietLog,
  });
  const traffic = new Traffic(() => systemClock.now());
  const service = new PredictionService({
    log,
    traffic,
    clock: systemClock,
    shadowQueueLength: 60,
    longestShadowMs: 400,
  });
  const [champion, good] = [await load(late1, 'late-1.onnx'), await load(late2, 'late-2.onnx')];
  const users = { count: 0 };
  const engine: Engine = {
    layout: good.layout,
    estimatedWaitMs: 0,
    state: 'ready',
    score: (rows) => (score === undefined ? good.score(rows) : score(good, rows)),
    acquire: () => void users.count++,
    release: () => void users.count--,
    retire: () => undefined,
  };
  const targets: ActiveTarget[] = [
    { version: 1, variant: 'champion', weight: 1, served: late1, inMemory: champion, check: undefined },
    { version: 2, variant: 'shadow', weight: 1, served: late2, inMemory: engine, check: undefined },
  ];
  service.activate(new Map([['late', { ...endpointOf('late', 'late'), targets }]]));
  const startedAt = performance.now();
  const labels: unknown[] = [];
  for (let from = 0; from < count; from += 50) {
    const answers = Array.from({ length: 50 }, (_, at) => {
      const row = rowAt(from + at);
      const asked: AskedPrediction = {
        requestId: undefined,
        keys: null,
        eventAt: null,
        outputNames: undefined,
        rowsFor: () => ({ rowCount: 1, columns: row.map((cell) => [cell]) }),
      };
      const arrivedAt = performance.now();
      return service.predict(service.endpoint('late'), asked, {
        stickyKey: undefined,
        caller: null,
        traceId: null,
        startedAt: arrivedAt,
        arrivedAt,
        deadline: service.deadline(service.endpoint('late'), undefined, arrivedAt),
      });
    });
    labels.push(...(await Promise.all(answers)).map((answer) => answer.scores.labels[0]));
  }
  const ms = performance.now() - startedAt;
  const drainFrom = performance.now();
  await service.shadowsDone();
  assert.ok(
    performance.now() - drainFrom < 3_000,
    'a plane that drains does not wait for a shadow without end',
  );
  await log.close();
  champion.retire();
  good.retire();
  return {
    labels,
    shadow: traffic.versions.report('late').find((each) => each.variant === 'shadow'),
    ms,
    loggedShadows: loggedIn(home).filter((record) => record.variant === 'shadow').length,
  };
}

describe('a shadow', () => {
  const answered = expected['late-1'].label;

  it('that is well is logged, and how often it agrees is counted', async (context) => {
    const { labels, shadow, loggedShadows } = await askBeside(context, undefined);
    assert.deepEqual(labels, answered);
    const seen = count - (shadow?.droppedCount ?? 0);
    assert.deepEqual([shadow?.comparedCount, loggedShadows], [seen, seen]);
    if (seen === count) {
      const agreed = answered.filter((label, row) => label === expected['late-2'].label[row]).length;
      assert.equal(shadow?.agreedCount, agreed);
      const differences = expected['late-1'].probabilities.map((row, at) =>
        Math.max(
          ...row.map((value, place) =>
            Math.abs(value - (expected['late-2'].probabilities[at]?.[place] ?? 0)),
          ),
        ),
      );
      assert.ok(
        Math.abs((shadow?.differenceSum ?? 0) - differences.reduce((sum, each) => sum + each, 0)) < 1e-3,
      );
    }
  });

  for (const [name, score] of [
    ['that never answers', () => new Promise<Scores>(() => undefined)],
    [
      'that takes a minute',
      () => new Promise<Scores>((_, reject) => void setTimeout(reject, 60_000).unref()),
    ],
    ['that fails', () => Promise.reject(new Error('the worker of the shadow died'))],
    [
      'that throws before it begins',
      () => {
        throw new Error('not even a promise');
      },
    ],
  ] as const) {
    it(`${name} changes no answer, keeps nobody waiting, and what it missed is counted`, async (context) => {
      const { labels, shadow, ms, loggedShadows } = await askBeside(context, score);
      assert.deepEqual(labels, answered);
      assert.equal(loggedShadows, 0);
      const waits = name.startsWith('that never') || name.startsWith('that takes');
      // no answer waited: a single shadow is given up after 400 ms, and 200 of them would have taken minutes
      assert.ok(ms < 10_000, `${ms} ms`);
      assert.equal((shadow?.failedCount ?? 0) + (shadow?.droppedCount ?? 0) > 0, true);
      if (waits) assert.ok((shadow?.droppedCount ?? 0) >= 1, 'at most 60 wait at once');
    });
  }

  it('that says something else changes no answer', async (context) => {
    const { labels, shadow } = await askBeside(context, async (_, rows) => ({
      rowCount: rows.rowCount,
      labels: Array.from({ length: rows.rowCount }, () => 7),
      probabilities: new Float32Array(0),
      classCount: 0,
    }));
    assert.deepEqual(labels, answered);
    assert.equal(shadow?.agreedCount, 0);
  });
});
