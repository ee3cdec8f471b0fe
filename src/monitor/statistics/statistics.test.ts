import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chiSquareTail, kolmogorovTail, normalQuantile, normalTwoSided } from './special-functions.ts';
import { sum, wilsonInterval } from './interval.ts';
import { pythonAnswer, pythonTest } from './python-answer.ts';

const near = (ours: number, theirs: number, what: string, relative = 1e-9): void =>
  assert.ok(Math.abs(ours - theirs) <= relative * Math.abs(theirs) + 1e-300, `${what}: ${ours} is not ${theirs}`);

test('tails of the chi-square, normal and Kolmogorov distributions equal scipy to the far end', pythonTest, () => {
  const cases = {
    chisquare: [0.1, 1, 5, 40, 200, 650].flatMap((x) => [1, 2, 7, 30, 199].map((k) => [x, k])),
    normal: [0, 0.3, 1, 1.96, 5, 12, 25],
    kolmogorov: [0.2, 0.5, 0.9, 1.17, 1.18, 1.3, 2, 5, 9],
    quantile: [0.5, 0.75, 0.9, 0.975, 0.995, 0.9999],
  };
  const theirs = pythonAnswer<{ chisquare: number[]; normal: number[]; kolmogorov: number[]; quantile: number[] }>(
    `
from scipy import special, stats
print(json.dumps({
  'chisquare': [float(stats.chi2.sf(x, k)) for x, k in given['chisquare']],
  'normal': [float(2 * stats.norm.sf(z)) for z in given['normal']],
  'kolmogorov': [float(special.kolmogorov(x)) for x in given['kolmogorov']],
  'quantile': [float(stats.norm.ppf(p)) for p in given['quantile']],
}))`,
    cases,
  );
  for (const [index, [x = 0, k = 0]] of cases.chisquare.entries()) near(chiSquareTail(x, k), theirs.chisquare[index] ?? 0, `chi2(${x}, ${k})`);
  for (const [index, z] of cases.normal.entries()) near(normalTwoSided(z), theirs.normal[index] ?? 0, `normal(${z})`);
  for (const [index, x] of cases.kolmogorov.entries()) near(kolmogorovTail(x), theirs.kolmogorov[index] ?? 0, `kolmogorov(${x})`);
  for (const [index, p] of cases.quantile.entries()) near(normalQuantile(p), theirs.quantile[index] ?? 0, `quantile(${p})`);
});

test('a share of nothing and of everything keeps its interval inside 0 and 1', () => {
  assert.deepEqual([wilsonInterval(0, 20, 0.95).low, wilsonInterval(20, 20, 0.95).high], [0, 1]);
  assert.equal(wilsonInterval(0, 0, 0.95).low, null);
});

test('small terms are not lost beside a large one', () => {
  assert.equal(sum([1e16, ...Array.from({ length: 10 }, () => 1), -1e16]), 10);
});
