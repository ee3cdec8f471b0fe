import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { PredictionLog } from '../../deploy/serving/log/prediction-log.ts';
import type { NewRecord } from '../../deploy/serving/log/prediction-record.ts';
import { sequentialTest } from '../../deploy/endpoints/sequential-test.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import { addLabels, labelMigrations } from '../predictions/label-store.ts';
import { predictionMigrations } from '../predictions/prediction-store.ts';
import { closePredictions } from '../predictions/predictions.ts';
import { pythonAnswer, pythonTest } from '../statistics/python-answer.ts';
import { outcomesByVersion } from './outcomes-by-version.ts';

test('outcomes of two versions are those of scikit-learn, each by the time of its answer; shadows and unknown truth count nowhere', pythonTest, async (context) => {
  let now = 1_000;
  const world = await createTestWorld({ migrations: { ...predictionMigrations, ...labelMigrations }, clock: { now: () => now } });
  const segments = new PredictionLog({ folder: join(world.home.predictions, 'segments'), plane: 'plane-1', clock: world.clock, log: world.log });
  context.after(async () => {
    await segments.close();
    await closePredictions(world);
    await world.close();
  });
  const given: { version: number; at: number; truth: number; score: number }[] = [];
  for (let index = 0; index < 300; index++) {
    now += 100;
    const version = index % 3 === 0 ? 2 : 1;
    const score = ((index * 37) % 100) / 100;
    const truth = Number((index * 53) % 100 < score * 100);
    const record: NewRecord = {
      requestId: `r${index}`,
      at: now,
      // the event is of another year: only the time of the answer says by which split it was drawn
      eventAt: [Date.UTC(2013, 2, 4) + index],
      keys: [`k${index}`],
      endpoint: 'late',
      model: 'late',
      version,
      runId: null,
      variant: version === 2 ? 'canary' : 'champion',
      schemaHash: 'a'.repeat(64),
      rowCount: 1,
      features: { distance: [index] },
      prediction: [Number(score >= 0.5)],
      probabilities: { 0: [1 - score], 1: [score] },
      latencyUs: 1,
      status: 'ok',
      error: null,
      caller: null,
      traceId: null,
    };
    await segments.append(record);
    await segments.append({ ...record, version: 3, variant: 'shadow' });
    if (index % 10 === 9) continue;
    await addLabels(world, localActor, 'late', [{ key: `k${index}`, label: truth, observedAt: now }]);
    given.push({ version, at: now, truth, score });
  }
  await segments.close();
  const spans = [{ from: 0, to: 15_000 }, { from: 15_000, to: 1e9 }];
  const asked = { model: 'late', candidate: 2, champion: 1, spans };
  const theirs = pythonAnswer<{ accuracy: number[]; brier: number[]; counts: number[]; wald: number[] }>(
    `
from sklearn.metrics import accuracy_score, brier_score_loss
import numpy as np
out = {'accuracy': [], 'brier': [], 'counts': []}
for low, high in [(0, 15000), (15000, 1e9)]:
    for version in (2, 1):
        rows = [r for r in given if r['version'] == version and low <= r['at'] < high]
        truth = [r['truth'] for r in rows]
        out['accuracy'].append(accuracy_score(truth, [int(r['score'] >= .5) for r in rows]))
        out['brier'].append(brier_score_loss(truth, [r['score'] for r in rows]))
        out['counts'].append(len(rows))
a = np.array([(r['score'] - r['truth']) ** 2 for r in given if r['version'] == 2 and r['at'] < 15000])
b = np.array([(r['score'] - r['truth']) ** 2 for r in given if r['version'] == 1 and r['at'] < 15000])
out['wald'] = [float(a.mean() - b.mean()), float((a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)) ** .5)]
print(json.dumps(out))`,
    given,
  );
  for (const metric of ['accuracy', 'brier'] as const) {
    const sides = (await outcomesByVersion(world, { ...asked, metric })).flatMap((stratum) => [stratum.candidate, stratum.champion]);
    assert.deepEqual(sides.map((side) => side.count), theirs.counts);
    for (const [index, side] of sides.entries()) assert.ok(Math.abs(side.sum / side.count - (theirs[metric][index] ?? 0)) < 1e-6, metric);
  }
  const [first] = await outcomesByVersion(world, { ...asked, metric: 'brier' });
  const found = first === undefined ? undefined : sequentialTest([first], 0.05, 0.02);
  assert.ok(Math.abs((found?.effect ?? 0) - (theirs.wald[0] ?? 1)) < 1e-6);
  assert.ok(Math.abs((found?.standardError ?? 0) - (theirs.wald[1] ?? 1)) < 1e-6);
});
