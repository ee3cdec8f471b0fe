import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chiSquareTail, normalQuantile, normalTwoSided } from '../../platform/statistics/special-functions.ts';
import { studentTwoSided } from '../../platform/statistics/student.ts';
import { sum, wilsonInterval } from './interval.ts';
import { kolmogorovGapTail } from './kolmogorov.ts';
import { pythonAnswer, pythonTest } from './python-answer.ts';
import { sortNumbers } from './sort-numbers.ts';
import { twoSampleGapTail } from './two-sample-gap.ts';

const near = (ours: number, theirs: number, what: string, relative = 1e-9): void =>
  assert.ok(
    Math.abs(ours - theirs) <= relative * Math.abs(theirs) + 1e-300,
    `${what}: ${ours} is not ${theirs}`,
  );

test('tails of the chi-square and normal distributions equal scipy to the far end', pythonTest, () => {
  const cases = {
    chisquare: [0.1, 1, 5, 40, 200, 650].flatMap((x) => [1, 2, 7, 30, 199].map((k) => [x, k])),
    normal: [0, 0.3, 1, 1.96, 5, 12, 25],
    quantile: [0.5, 0.75, 0.9, 0.975, 0.995, 0.9999],
  };
  const theirs = pythonAnswer<{ chisquare: number[]; normal: number[]; quantile: number[] }>(
    `
from scipy import stats
print(json.dumps({
  'chisquare': [float(stats.chi2.sf(x, k)) for x, k in given['chisquare']],
  'normal': [float(2 * stats.norm.sf(z)) for z in given['normal']],
  'quantile': [float(stats.norm.ppf(p)) for p in given['quantile']],
}))`,
    cases,
  );
  for (const [index, [x = 0, k = 0]] of cases.chisquare.entries())
    near(chiSquareTail(x, k), theirs.chisquare[index] ?? 0, `chi2(${x}, ${k})`);
  for (const [index, z] of cases.normal.entries())
    near(normalTwoSided(z), theirs.normal[index] ?? 0, `normal(${z})`);
  for (const [index, p] of cases.quantile.entries())
    near(normalQuantile(p), theirs.quantile[index] ?? 0, `quantile(${p})`);
});

test(
  'p-values of gaps between two samples equal scipy at every size: counted to 10,000, by the law of one sample above',
  pythonTest,
  () => {
    const sizes = [
      [5, 5],
      [1, 7],
      [500, 400],
      [1000, 1000],
      [997, 1009],
      [3000, 200],
      [9999, 10_000],
      [10_000, 10_000],
      [10_001, 9000],
      [10_001, 1],
      [20_000, 130],
      [150_000, 300],
      [1_000_000, 900_000],
    ] as const;
    const gaps = sizes.flatMap(([m, n]) =>
      [0.3, 0.55, 0.83, 1, 1.2, 1.5, 2, 3, 5, 9].flatMap((scaled) => {
        const gap = Math.round(scaled * Math.sqrt((m + n) / (m * n)) * m * n) / (m * n);
        return gap < 1 ? [[gap, m, n]] : [];
      }),
    );
    const law = [1, 2, 3, 10, 50, 139, 140, 141, 500, 3000, 99_999, 100_001, 1_000_000].flatMap((n) =>
      [0.05, 0.3, 0.5, 0.7, 0.87, 0.9, 1.1, 1.48, 1.49, 1.9, 2, 2.1, 3, 7, 15].map((scaled) => [
        n,
        scaled / Math.sqrt(n),
      ]),
    );
    const student = [1, 2, 5, 30, 1000, 199_998, 2e6].flatMap((degrees) =>
      [0.001, 0.1, 1, 2, 5, 20].map((t) => [t, degrees]),
    );
    const theirs = pythonAnswer<{ gaps: number[]; law: number[]; student: number[] }>(
      `
from math import gcd
import numpy as np
from scipy import stats
from scipy.stats._stats_py import _attempt_exact_2kssamp

def of_gap(d, m, n):
    if max(m, n) <= 10000:
        return _attempt_exact_2kssamp(m, n, gcd(m, n), d, 'two-sided')[2]
    return stats.kstwo.sf(d, np.round(m * n / (m + n)))

print(json.dumps({
  'gaps': [float(of_gap(d, int(m), int(n))) for d, m, n in given['gaps']],
  'law': [float(stats.kstwo.sf(d, int(n))) for n, d in given['law']],
  'student': [float(2 * stats.t.sf(t, k)) for t, k in given['student']],
}))`,
      { gaps, law, student },
    );
    for (const [index, [gap = 0, m = 0, n = 0]] of gaps.entries())
      near(twoSampleGapTail(gap, m, n), theirs.gaps[index] ?? 0, `gap ${gap} of ${m} and ${n}`);
    for (const [index, [n = 0, gap = 0]] of law.entries())
      near(kolmogorovGapTail(n, gap), theirs.law[index] ?? 0, `gap ${gap} of ${n}`);
    for (const [index, [t = 0, degrees = 0]] of student.entries())
      near(studentTwoSided(t, degrees), theirs.student[index] ?? 0, `t ${t} of ${degrees}`);
  },
);

test('a share of nothing and of everything keeps its interval inside 0 and 1', () => {
  assert.deepEqual([wilsonInterval(0, 20, 0.95).low, wilsonInterval(20, 20, 0.95).high], [0, 1]);
  assert.equal(wilsonInterval(0, 0, 0.95).low, null);
});

test('small terms are not lost beside a large one', () => {
  assert.equal(sum([1e16, ...Array.from({ length: 10 }, () => 1), -1e16]), 10);
});

test('numbers are in order whatever their sign and size, many as few', () => {
  const signs = [1, -1, 1e-300, -1e300, 0, -0, 5e-324, -5e-324];
  for (const n of [10, 20_000]) {
    const values = Float64Array.from(
      { length: n },
      (_, row) => Math.sin(row * 12.9) * (signs[row % signs.length] ?? 1),
    );
    assert.deepEqual(sortNumbers(values.slice()), values.slice().sort(), `${n} numbers`);
  }
  assert.deepEqual(sortNumbers(new Float64Array(9000).fill(-2)), new Float64Array(9000).fill(-2));
});
