import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonAnswer, pythonTest } from '../statistics/python-answer.ts';
import { categoricalColumn, compareColumns, numericColumn, type ColumnDrift } from './drift.ts';

type Values = (number | string | null)[];

const wave = (n: number, of: (index: number) => number | string | null): Values => Array.from({ length: n }, (_, index) => of(index));
const noise = (index: number, seed: number): number => {
  const x = Math.sin(index * 12.9898 + seed * 78.233) * 43_758.5453;
  return x - Math.floor(x);
};

const numeric: Record<string, [Values, Values]> = {
  shifted: [wave(3000, (i) => noise(i, 1) * 10), wave(2500, (i) => noise(i, 2) * 10 + 0.7)],
  same: [wave(2000, (i) => noise(i, 3)), wave(2000, (i) => noise(i, 4))],
  'few values': [wave(1500, (i) => Math.floor(noise(i, 5) * 4)), wave(900, (i) => Math.floor(noise(i, 6) * 6))],
  'ties and missing': [wave(2500, (i) => (i % 7 === 0 ? null : Math.round(noise(i, 7) * 60))), wave(800, (i) => (i % 3 === 0 ? null : Math.round(noise(i, 8) * 80)))],
  constant: [wave(1200, () => 5), wave(1200, () => 5)],
  tiny: [wave(1100, (i) => noise(i, 9) * 1e-12), wave(1100, (i) => noise(i, 10) * 1.5e-12)],
  huge: [wave(1100, (i) => noise(i, 11) * 1e15), wave(1100, (i) => noise(i, 12) * 1.2e15)],
  'negative zero': [wave(1001, (i) => (i % 2 === 0 ? -0 : 0)), wave(1001, (i) => (i % 3 === 0 ? -0 : 1))],
};

const categorical: Record<string, [Values, Values]> = {
  carriers: [wave(3000, (i) => ['UA', 'AA', 'DL', 'B6'][Math.floor(noise(i, 1) * 4)] ?? null), wave(2000, (i) => ['UA', 'AA', 'DL', 'B6'][Math.floor(noise(i, 2) ** 2 * 4)] ?? null)],
  unseen: [wave(1500, (i) => ['a', 'b', null][i % 3] ?? null), wave(1500, (i) => ['a', 'b', 'ç', null][i % 4] ?? null)],
  'two values': [wave(800, (i) => (noise(i, 3) < 0.4 ? 'x' : 'y')), wave(700, (i) => (noise(i, 4) < 0.5 ? 'x' : 'y'))],
};

const near = (ours: number, theirs: number, what: string): void =>
  assert.ok(Math.abs(ours - theirs) <= Math.max(1e-9 * Math.abs(theirs), 1e-12), `${what}: ${ours} is not ${theirs}`);

const scoreOf = (drift: ColumnDrift, method: keyof ColumnDrift['scores']): number[] => {
  const score = drift.scores[method];
  if (score === null || score === undefined) return [];
  return 'value' in score ? [score.value] : [score.statistic, score.pvalue];
};

const program = `
import numpy as np
from scipy import stats, special
from scipy.spatial import distance

def filled(p):
    m = p[p > 0].min()
    return np.where(p == 0, m / 10**6 if m <= 0.0001 else 0.0001, p)

def shares(p, q):
    a, b = filled(p), filled(q)
    return {'psi': [float(np.sum((a - b) * np.log(a / b)))], 'jensenshannon': [float(distance.jensenshannon(p, q))]}

out = {}
for name, (r, c) in given['numeric'].items():
    r = np.array([v for v in r if v is not None], dtype=float)
    c = np.array([v for v in c if v is not None], dtype=float)
    d = stats.ks_2samp(r, c).statistic
    n = len(r) * len(c) / (len(r) + len(c))
    if len(np.unique(r)) > 20:
        edges = np.histogram_bin_edges(np.concatenate([r, c]), bins='sturges')
        p, q = np.histogram(r, edges)[0] / len(r), np.histogram(c, edges)[0] / len(c)
    else:
        keys = np.unique(np.concatenate([r, c]))
        p, q = (np.array([(side == k).mean() for k in keys]) for side in (r, c))
    out[name] = {'ks': [float(d), float(special.kolmogorov(np.sqrt(n) * d))],
        'wasserstein': [float(stats.wasserstein_distance(r, c) / max(np.std(r), 0.001))], **shares(p, q)}
for name, (r, c) in given['categorical'].items():
    r, c = [v for v in r if v is not None], [v for v in c if v is not None]
    keys = list(dict.fromkeys(r + c))
    f, g = (np.array([side.count(k) for k in keys], dtype=float) for side in (r, c))
    out[name] = shares(f / len(r), g / len(c))
    if (f > 0).all():
        t = stats.chisquare(g, f * len(c) / len(r))
        out[name]['chisquare'] = [float(t.statistic), float(t.pvalue)]
print(json.dumps(out))
`;

test('every statistic equals scipy, with ties, constants, missing values, tiny and huge scales', pythonTest, () => {
  const theirs = pythonAnswer<Record<string, Record<string, number[]>>>(program, { numeric, categorical });
  for (const [columns, prepare] of [[numeric, numericColumn], [categorical, categoricalColumn]] as const) {
    for (const [name, [reference, current]] of Object.entries(columns)) {
      const drift = compareColumns(prepare(reference), prepare(current));
      for (const [method, values] of Object.entries(theirs[name] ?? {})) {
        const ours = scoreOf(drift, method as keyof ColumnDrift['scores']);
        for (const [index, value] of values.entries()) near(ours[index] ?? Number.NaN, value, `${name} ${method} ${index}`);
      }
    }
  }
});

test('a column compared with itself has not drifted', () => {
  for (const [columns, prepare] of [[numeric, numericColumn], [categorical, categoricalColumn]] as const) {
    for (const [name, [reference]] of Object.entries(columns)) {
      const drift = compareColumns(prepare(reference), prepare(reference));
      assert.equal(drift.default?.drifted, false, name);
    }
  }
});

test('a category that the reference never had is told by its share', () => {
  const [reference, current] = categorical['unseen'] as [Values, Values];
  const drift = compareColumns(categoricalColumn(reference), categoricalColumn(current));
  assert.equal(drift.unseen, 1 / 3);
  assert.deepEqual(drift.scores.chisquare, { statistic: Infinity, pvalue: 0 });
});

test('an empty side has no statistics instead of wrong ones', () => {
  const drift = compareColumns(numericColumn([1, 2, 3]), numericColumn([null, Number.NaN, Infinity]));
  assert.deepEqual([drift.default, drift.n_cur, drift.missing_cur], [null, 0, 3]);
});
