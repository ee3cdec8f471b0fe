import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonAnswer, pythonTest } from '../statistics/python-answer.ts';
import { areaUnderCurve } from '../statistics/area-under-curve.ts';
import { compare, isPositive, measure } from './performance.ts';

/** A stream of numbers that is the same on every machine. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

function rowsOf(seed: number, n: number, digits: number) {
  const random = numbers(seed);
  const draw = (): number => random.next().value;
  const truth = Uint8Array.from({ length: n }, () => (draw() < 0.23 ? 1 : 0));
  const round = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 10 ** digits) / 10 ** digits;
  const scores = Float64Array.from(truth, (label) => round(0.2 + label * 0.15 + (draw() - 0.5) * 0.5));
  const other = scores.map((score) => round(score + (draw() - 0.45) * 0.2));
  return { truth, scores, other };
}

const near = (ours: number | null | undefined, theirs: number, what: string): void =>
  assert.ok(Math.abs((ours ?? Number.NaN) - theirs) <= 1e-9 * Math.abs(theirs) + 1e-12, `${what}: ${ours} is not ${theirs}`);

test('every number equals scikit-learn on the same rows, with ties and scores of exactly 0 and 1', pythonTest, () => {
  for (const [seed, n, digits] of [[1, 5000, 2], [2, 777, 8], [3, 40, 1]] as const) {
    const { truth, scores } = rowsOf(seed, n, digits);
    scores[0] = truth[0] ?? 0;
    const theirs = pythonAnswer<Record<string, number>>(
      `
import numpy as np
from sklearn.metrics import roc_auc_score, brier_score_loss, log_loss, accuracy_score
y, s = np.array(given['truth']), np.array(given['scores'], dtype=float)
bins = np.minimum(9, np.floor(s * 10).astype(int))
ece = sum((bins == b).mean() * abs(s[bins == b].mean() - y[bins == b].mean()) for b in range(10) if (bins == b).any())
print(json.dumps({'auc': roc_auc_score(y, s), 'brier': brier_score_loss(y, s), 'log_loss': log_loss(y, s),
  'accuracy': accuracy_score(y, s >= 0.5), 'base_rate': float(y.mean()), 'ece': float(ece)}))`,
      { truth: [...truth], scores: [...scores] },
    );
    const { measures } = measure({ scores, truth }, Uint8Array.from(scores, (score) => (score >= 0.5 ? 1 : 0)));
    for (const { metric, estimate } of measures) near(estimate.value, theirs[metric] ?? Number.NaN, `${metric} of ${n}`);
  }
});

test("intervals equal DeLong's method written out in numpy, alone and paired", pythonTest, () => {
  const { truth, scores, other } = rowsOf(7, 600, 2);
  const theirs = pythonAnswer<{ se: number; difference: number; differenceSe: number; brierSe: number }>(
    `
import numpy as np
y = np.array(given['truth'], dtype=bool)
def placements(s):
    s = np.array(s, dtype=float)
    wins = (s[y][:, None] > s[~y][None, :]) + 0.5 * (s[y][:, None] == s[~y][None, :])
    return wins.mean(axis=1), wins.mean(axis=0), wins.mean()
p1, n1, a1 = placements(given['scores'])
p2, n2, a2 = placements(given['other'])
se = np.sqrt(p1.var(ddof=1) / len(p1) + n1.var(ddof=1) / len(n1))
dse = np.sqrt((p1 - p2).var(ddof=1) / len(p1) + (n1 - n2).var(ddof=1) / len(n1))
loss = (np.array(given['scores']) - y) ** 2 - (np.array(given['other']) - y) ** 2
print(json.dumps({'se': se, 'difference': a1 - a2, 'differenceSe': dse, 'brierSe': loss.std(ddof=1) / np.sqrt(len(y))}))`,
    { truth: [...truth], scores: [...scores], other: [...other] },
  );
  near(areaUnderCurve({ scores, truth }, 0.95)?.standardError, theirs.se, 'standard error');
  const paired = compare(scores, other, truth);
  near(paired.auc?.value, theirs.difference, 'difference');
  near(paired.auc?.standardError, theirs.differenceSe, 'standard error of the difference');
  near(paired.brier.standardError, theirs.brierSe, 'standard error of the Brier difference');
});

test('a version compared with itself is neither better nor worse', () => {
  const { truth, scores } = rowsOf(11, 200, 3);
  const { auc, brier } = compare(scores, scores, truth);
  assert.deepEqual([auc?.value, auc?.low, auc?.pValue, brier.value], [0, 0, 1, 0]);
});

test('without one of the classes there is no area to tell', () => {
  assert.equal(areaUnderCurve({ scores: Float64Array.of(0.1, 0.9), truth: Uint8Array.of(0, 0) }, 0.95), null);
});

test('labels mean the same written as number, text or truth value', () => {
  for (const label of ['1', '1.0', 'true', 'True', ' 1 ']) assert.ok(isPositive(label, '1'), label);
  for (const label of ['0', 'false', 'no', '']) assert.ok(!isPositive(label, '1'), label);
  assert.ok(isPositive('late', 'late'));
});
