import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pythonAnswer, pythonTest } from '../statistics/python-answer.ts';
import { fitIsotonic, followCurve } from '../statistics/isotonic.ts';
import { Analytics } from '../windows/analytics.ts';
import { expectedMetrics, type EstimatedMetric } from './estimate.ts';
import { estimateFiles } from './estimate-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth estimates '));
const analytics = new Analytics();
after(async () => {
  await analytics.close();
  rmSync(folder, { recursive: true });
});

const near = (ours: number | null | undefined, theirs: number, what: string, within = 1e-9): void =>
  assert.ok(
    Math.abs((ours ?? Number.NaN) - theirs) <= within * Math.abs(theirs) + 1e-12,
    `${what}: ${ours} is not ${theirs}`,
  );

/** 0 ≤ x < 1 */
const noise = (row: number, seed: number): number => {
  const x = Math.sin(row * 12.9898 + seed * 78.233) * 43_758.5453;
  return x - Math.floor(x);
};

test(
  'a never falling curve, and the metrics of answers whose truth is known, equal scikit-learn',
  pythonTest,
  () => {
    const rows = Array.from({ length: 700 }, (_, row) => row);
    const scores = rows.map((row) => Math.round(noise(row, 1) * 200) / 200);
    const truth = rows.map((row) => (noise(row, 2) < (scores[row] ?? 0) ** 2 ? 1 : 0));
    const asked = [-1, 0, 0.0025, 0.31, 0.5, 0.9974, 1, 2];
    const theirs = pythonAnswer<{ curve: number[]; metrics: Record<EstimatedMetric, number> }>(
      `
import numpy as np
from sklearn import metrics as m
from sklearn.isotonic import IsotonicRegression
s, t = np.array(given['scores']), np.array(given['truth'])
d = (s >= 0.5).astype(int)
print(json.dumps({
  'curve': IsotonicRegression(out_of_bounds='clip').fit(s, t).predict(np.array(given['asked'])).tolist(),
  'metrics': {'auc': m.roc_auc_score(t, s), 'accuracy': m.accuracy_score(t, d), 'precision': m.precision_score(t, d),
              'recall': m.recall_score(t, d), 'specificity': m.recall_score(1 - t, 1 - d), 'f1': m.f1_score(t, d)}}))`,
      { scores, truth, asked },
    );
    const ours = followCurve(
      fitIsotonic(Float64Array.from(scores), Float64Array.from(truth)),
      Float64Array.from(asked),
    );
    for (const [at, value] of theirs.curve.entries()) near(ours[at], value, `curve at ${asked[at]}`);
    const known = expectedMetrics({
      scores: Float64Array.from(scores),
      decisions: Uint8Array.from(scores, (score) => (score >= 0.5 ? 1 : 0)),
      chances: Float64Array.from(truth),
    });
    for (const [metric, value] of Object.entries(theirs.metrics))
      near(known[metric as EstimatedMetric], value, metric);
  },
);

const python = process.env['TILTH_TEST_PEER_DATA_PYTHON'];
const peerDataTest = {
  skip:
    python === undefined && process.env['CI'] === undefined
      ? 'TILTH_TEST_PEER_DATA_PYTHON names no Python with the data of NannyML'
      : false,
};

interface Peer {
  readonly isCalibrated: boolean;
  readonly metrics: Record<
    EstimatedMetric,
    { values: number[]; samplingError: number; lowest: number; highest: number; alerts: boolean[] }
  >;
}

test(
  'on the car loans of NannyML the estimates, limits, errors by chance and alarms are NannyML’s',
  peerDataTest,
  async () => {
    const theirs = JSON.parse(
      readFileSync(
        join(import.meta.dirname, '../../../test/fixtures/estimates/nannyml-estimates.json'),
        'utf8',
      ),
    ) as Peer;
    assert.ok(python !== undefined, 'TILTH_TEST_PEER_DATA_PYTHON is not set');
    const found = execFileSync(
      python,
      ['-c', "import importlib.util; print(importlib.util.find_spec('nannyml').origin)"],
      { encoding: 'utf8' },
    );
    const data = join(dirname(found.trim()), 'datasets', 'data');
    const report = await estimateFiles(
      analytics,
      join(data, 'synthetic_car_loan_reference.csv'),
      join(data, 'synthetic_car_loan_analysis.csv'),
      { probability: 'y_pred_proba', prediction: 'y_pred', truth: 'repaid', positive: '1', threshold: 0.5 },
      { chunkSize: 5000 },
    );
    assert.equal(report.isCalibrated, theirs.isCalibrated);
    for (const [metric, { values, samplingError, lowest, highest, alerts }] of Object.entries(
      theirs.metrics,
    )) {
      const ours = report.chunks.map((chunk) => chunk.metrics[metric as EstimatedMetric]);
      // NannyML rounds what it adds up for the area to five digits
      for (const [at, value] of values.entries())
        near(ours[at]?.value, value, `${metric} of chunk ${at}`, metric === 'auc' ? 1e-8 : 1e-12);
      near(ours[0]?.lowest, lowest, `${metric} lowest`);
      near(ours[0]?.highest, highest, `${metric} highest`);
      assert.deepEqual(
        ours.map(({ isOutside }) => isOutside),
        alerts,
        `${metric} alarms`,
      );
      // of the area and of F1 the errors are told in other ways
      if (metric !== 'auc' && metric !== 'f1')
        near(((ours[0]?.high ?? 0) - (ours[0]?.value ?? 0)) / 3, samplingError, `${metric} error by chance`);
    }
  },
);

function write(name: string, rows: number, seed: number, most: number): string {
  const path = join(folder, name);
  const lines = Array.from({ length: rows }, (_, row) => {
    const chance = noise(row, seed) * most;
    return `${chance},${noise(row, seed + 1) < chance ? 'late' : 'on time'}`;
  });
  writeFileSync(path, ['chance,outcome', ...lines].join('\n'));
  return path;
}

const columns = { probability: 'chance', truth: 'outcome', positive: 'late', threshold: 0.5 };

test('where the model knows its chances the estimate comes close to what turns out, and decay by its inputs is told', async () => {
  const reference = write('reference.csv', 20_000, 1, 1);
  const [calm, harder] = [write('calm.csv', 10_000, 5, 1), write('harder.csv', 10_000, 9, 0.7)];
  for (const [file, isOutside] of [
    [calm, false],
    [harder, true],
  ] as const) {
    const report = await estimateFiles(analytics, reference, file, columns, { chunkSize: 5000 });
    for (const { metrics } of report.chunks) {
      near(metrics.auc.value, metrics.auc.realised ?? 0, file, 0.03);
      near(metrics.accuracy.value, metrics.accuracy.realised ?? 0, file, 0.03);
      assert.equal(metrics.auc.isOutside || metrics.recall.isOutside, isOutside, file);
    }
  }
});

test('a column that is not there is told, with what to name', async () => {
  const reference = write('few.csv', 100, 1, 1);
  await assert.rejects(estimateFiles(analytics, reference, reference, { ...columns, probability: 'proba' }), {
    code: 'ESTIMATE_UNREADABLE',
  });
});
