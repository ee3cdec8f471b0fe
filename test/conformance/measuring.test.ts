import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { holdoutMetrics, metricOf, type ScoredRows } from '../../src/deploy/measuring/classification-metrics.ts';
import { pairedDifference } from '../../src/deploy/measuring/paired-bootstrap.ts';
import { sliceMetric } from '../../src/deploy/measuring/slices.ts';

const python = process.env['TILTH_TEST_PYTHON'];
if (python === undefined && process.env['CI'] !== undefined)
  throw new Error('TILTH_TEST_PYTHON is missing; the test set-up provides it');
const skip = python === undefined ? 'needs TILTH_TEST_PYTHON: a Python with scipy and scikit-learn' : false;

const reference = `
import json
import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

random = np.random.default_rng(3)
truth = random.integers(0, 2, 400)
one = np.round(np.clip(0.5 + 0.25 * (truth - 0.5) + random.normal(0, 0.2, 400), 0, 1), 2)
other = np.round(np.clip(0.5 + 0.15 * (truth - 0.5) + random.normal(0, 0.2, 400), 0, 1), 2)
group = random.choice(["a", "b", "c"], 400, p=[0.6, 0.35, 0.05])
metrics = {
    "auc": roc_auc_score,
    "accuracy": lambda y, p: accuracy_score(y, p > 0.5),
    "brier": brier_score_loss,
    "log_loss": log_loss,
}
answer = {"truth": truth.tolist(), "one": one.tolist(), "other": other.tolist(), "group": group.tolist(), "metrics": {}}
for name, metric in metrics.items():
    found = bootstrap(
        (truth, one, other),
        lambda y, a, b, m=metric: m(y, a) - m(y, b),
        paired=True, vectorized=False, n_resamples=2000, confidence_level=0.9, method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    answer["metrics"][name] = {
        "one": metric(truth, one), "other": metric(truth, other), "low": found.low, "high": found.high,
        "groups": {g: metric(truth[group == g], one[group == g]) for g in "ab"},
    }
print(json.dumps(answer))
`;

interface Answer {
  readonly truth: number[];
  readonly one: number[];
  readonly other: number[];
  readonly group: string[];
  readonly metrics: Record<string, { one: number; other: number; low: number; high: number; groups: Record<string, number> }>;
}

describe('what a gate measures of held-out rows', { skip }, () => {
  it('equals scikit-learn, and its intervals scipy’s paired bootstrap', async () => {
    const { stdout } = await promisify(execFile)(python ?? '', ['-c', reference], { maxBuffer: 1e7 });
    const answer = JSON.parse(stdout) as Answer;
    const rowsOf = (scores: number[]): ScoredRows => ({
      scores: Float64Array.from(scores),
      truth: Uint8Array.from(answer.truth),
    });
    const [one, other] = [rowsOf(answer.one), rowsOf(answer.other)];
    for (const metric of holdoutMetrics) {
      const theirs = answer.metrics[metric];
      assert.ok(theirs !== undefined);
      assert.ok(Math.abs(metricOf(metric, one) - theirs.one) < 1e-12, metric);
      const ours = pairedDifference(metric, one, other, 0.9);
      assert.ok(ours !== null);
      assert.ok(Math.abs(ours.difference - (theirs.one - theirs.other)) < 1e-12, metric);
      // two thousand draws with other dice: the ends differ by some per cent of the width
      const width = theirs.high - theirs.low;
      assert.ok(Math.abs(ours.low - theirs.low) < 0.08 * width, `${metric}: ${ours.low} against ${theirs.low}`);
      assert.ok(Math.abs(ours.high - theirs.high) < 0.08 * width, `${metric}: ${ours.high} against ${theirs.high}`);
      assert.deepEqual(pairedDifference(metric, one, other, 0.9), ours, 'the same rows give the same interval');
      const slices = sliceMetric(metric, one, { group: answer.group }, 50, metric === 'brier' || metric === 'log_loss');
      assert.equal(slices.leftOutCount, 1, 'the smallest group is not judged');
      for (const { value, metric: found } of slices.judged)
        assert.ok(Math.abs(found - (theirs.groups[value] ?? Number.NaN)) < 1e-12, `${metric} of ${value}`);
    }
  });
});
