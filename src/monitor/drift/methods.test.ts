import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pythonAnswer, pythonTest } from '../statistics/python-answer.ts';
import { categoricalColumn, numericColumn } from './column.ts';
import { compareColumns, type ColumnDrift } from './drift.ts';
import { categoricalCases, numericCases } from './method-cases.ts';
import { isDrifted, methodNames, type DriftMethod } from './methods.ts';

const near = (ours: number, theirs: number, what: string): void =>
  assert.ok(
    Object.is(ours, theirs) || Math.abs(ours - theirs) <= Math.max(1e-9 * Math.abs(theirs), 1e-12),
    `${what}: ${ours} is not ${theirs}`,
  );

const told = (drift: ColumnDrift, method: DriftMethod): number[] | null => {
  const score = drift.scores[method];
  if (score === null || score === undefined) return null;
  return 'value' in score ? [score.value] : [score.statistic, score.pvalue];
};

const all = { methods: methodNames };
const ours = new Map([
  ...Object.entries(numericCases).map(
    ([name, [before, now]]) =>
      [name, compareColumns(numericColumn(before), numericColumn(now), all)] as const,
  ),
  ...Object.entries(categoricalCases).map(
    ([name, [before, now]]) =>
      [name, compareColumns(categoricalColumn(before), categoricalColumn(now), all)] as const,
  ),
]);

/** Answers with statistic and p-value, a distance alone, or null where the reference refuses. */
type Answers = Record<string, Record<string, (number | null)[] | null>>;

function compare(theirs: Answers): void {
  for (const [name, answers] of Object.entries(theirs)) {
    for (const [method, values] of Object.entries(answers)) {
      const mine = told(ours.get(name) as ColumnDrift, method as DriftMethod);
      if (values === null)
        assert.equal(mine, null, `${name} ${method}: the reference refuses, ours says ${mine?.join(', ')}`);
      else
        for (const [index, value] of values.entries())
          if (value !== null) near(mine?.[index] ?? Number.NaN, value, `${name} ${method} ${index}`);
    }
  }
}

const scipy = `
import warnings; warnings.filterwarnings('ignore')
import numpy as np
from scipy import stats
from scipy.spatial import distance

def asked(work):
    try:
        value = work()
    except (ValueError, np.linalg.LinAlgError):
        return None
    values = [float(v) for v in np.atleast_1d(value)]
    return [None if np.isnan(v) else v if np.isfinite(v) else None for v in values]

def pair(result):
    return [result.statistic, result.pvalue]

def filled(p):
    m = p[p > 0].min()
    return np.where(p == 0, m / 10**6 if m <= 0.0001 else 0.0001, p)

def shares(p, q):
    a, b = filled(p), filled(q)
    return {'psi': asked(lambda: np.sum((a - b) * np.log(a / b))), 'jensenshannon': asked(lambda: distance.jensenshannon(p, q)), 'kl_div': asked(lambda: stats.entropy(a, b))}

out = {}
for name, (r, c) in given['numeric'].items():
    r = np.array([v for v in r if v is not None], dtype=float)
    c = np.array([v for v in c if v is not None], dtype=float)
    if len(np.unique(r)) > 20:
        edges = np.histogram_bin_edges(np.concatenate([r, c]), bins='sturges')
        p, q = np.histogram(r, edges)[0] / len(r), np.histogram(c, edges)[0] / len(c)
    else:
        keys = np.unique(np.concatenate([r, c]))
        p, q = (np.array([(side == k).mean() for k in keys]) for side in (r, c))
    varied = len(np.unique(np.concatenate([r, c]))) > 1
    out[name] = {'ks': asked(lambda: pair(stats.ks_2samp(r, c))),
        'wasserstein': asked(lambda: stats.wasserstein_distance(r, c) / max(np.std(r), 0.001)),
        'nml_wasserstein': asked(lambda: stats.wasserstein_distance(r, c)),
        'ed': asked(lambda: stats.energy_distance(r, c)),
        'cramer_von_mises': asked(lambda: pair(stats.cramervonmises_2samp(r, c))),
        'mannw': asked(lambda: pair(stats.mannwhitneyu(r, c, alternative='less'))),
        'mann_whitney': asked(lambda: pair(stats.mannwhitneyu(r, c))),
        **shares(p, q)}
    if varied:
        out[name]['anderson'] = asked(lambda: stats.anderson_ksamp([r, c])[::2])
        if np.std(r) > 0 and np.std(c) > 0: # else scipy divides by rounding errors
            out[name]['es'] = asked(lambda: pair(stats.epps_singleton_2samp(r, c)))
        if np.std(r) + np.std(c) > 0:
            out[name]['t_test'] = asked(lambda: pair(stats.ttest_ind(r, c)))
for name, (r, c) in given['categorical'].items():
    r, c = [v for v in r if v is not None], [v for v in c if v is not None]
    keys = list(dict.fromkeys(r + c))
    f, g = (np.array([side.count(k) for k in keys], dtype=float) for side in (r, c))
    table = np.array([f, g])
    p, q = f / len(r), g / len(c)
    mine = out[name] = shares(p, q)
    mine['nml_jensen_shannon'] = asked(lambda: distance.jensenshannon(p, q, base=2))
    mine['nml_hellinger'] = asked(lambda: np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q))**2)) / np.sqrt(2))
    mine['l_infinity'] = asked(lambda: np.abs(p - q).max())
    if len(keys) > 1:
        mine['homogeneity'] = asked(lambda: stats.chi2_contingency(table, correction=False)[:2])
        mine['nml_chi2'] = asked(lambda: stats.chi2_contingency(table)[:2])
        mine['likelihood_ratio'] = asked(lambda: stats.chi2_contingency(table, correction=False, lambda_='log-likelihood')[:2])
        mine['g_test'] = asked(lambda: pair(stats.power_divergence(g, f, lambda_='log-likelihood')))
    if len(keys) == 2:
        mine['fisher_exact'] = asked(lambda: pair(stats.fisher_exact([g, f])))
    if (f > 0).all() and len(keys) > 1:
        mine['chisquare'] = asked(lambda: pair(stats.chisquare(g, f * len(c) / len(r))))
print(json.dumps(out))
`;

test(
  'every statistic and p-value equals scipy: ties, constants, missing, few rows and many, tiny and huge scales',
  pythonTest,
  () => {
    compare(pythonAnswer<Answers>(scipy, { numeric: numericCases, categorical: categoricalCases }));
  },
);

test('a permutation says the same each time, and tells what moved from what did not', () => {
  for (const method of ['tvd', 'empirical_mmd'] as const) {
    const kind = method === 'tvd' ? ['carriers', 'as many on both sides'] : ['shifted', 'same'];
    const [moved, calm] = kind.map((name) => told(ours.get(name) as ColumnDrift, method)?.[1] ?? Number.NaN);
    assert.ok((moved ?? 1) < 0.01, `${method} of what moved: ${moved}`);
    assert.ok((calm ?? 0) > 0.05, `${method} of what did not: ${calm}`);
  }
});

interface PeerScore {
  /** null where it is not finite */
  readonly score?: number | null;
  readonly drifted?: boolean;
  readonly refused?: string;
}

/** Evidently's and NannyML's own words on the same columns; how they were made stands in the script beside them. */
const peers = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../test/fixtures/drift/peer-scores.json'), 'utf8'),
) as Record<string, Record<string, PeerScore> & { chosen: string }>;

/** Where the peers err, and we say what is so. */
const ourWord = new Map([
  ['one value nml_chi2', 'nothing is compared with nothing'],
  ['above ten thousand nml_wasserstein', 'NannyML puts the values into bins first'],
  [
    'few rows cramer_von_mises',
    'Evidently counts in a way of its own, and differs from scipy in the ninth digit',
  ],
  ['one constant, then another es', 'scipy divides by rounding errors'],
]);

test('methods with the name of a peer say what the peer says, and call drift what it calls drift', () => {
  let compared = 0;
  for (const [name, { chosen, ...scores }] of Object.entries(peers)) {
    for (const [method, theirs] of Object.entries(scores) as [DriftMethod, PeerScore][]) {
      if (
        ourWord.has(`${name} ${method}`) ||
        theirs.refused !== undefined ||
        theirs.score === null ||
        theirs.score === undefined
      )
        continue;
      const found = (ours.get(name) as ColumnDrift).scores[method];
      // of more than two values Evidently asks about the first against the rest
      if (method === 'z' && found === null) continue;
      assert.ok(found !== undefined && found !== null, `${name} ${method}: no score`);
      // a p-value by permutations that nobody seeded can't be compared
      if (method === 'empirical_mmd') continue;
      // NannyML tells of chi-square the statistic
      near(
        'value' in found ? found.value : method === 'nml_chi2' ? found.statistic : found.pvalue,
        theirs.score,
        `${name} ${method}`,
      );
      if (theirs.drifted !== undefined)
        assert.equal(isDrifted(method, found), theirs.drifted, `${name} ${method}`);
      compared++;
    }
    const [before, now] = (numericCases[name] ?? categoricalCases[name]) as [
      Parameters<typeof categoricalColumn>[0],
      Parameters<typeof categoricalColumn>[0],
    ];
    const prepare = name in numericCases ? numericColumn : categoricalColumn;
    const verdict = compareColumns(prepare(before), prepare(now), { rule: 'evidently' }).default;
    assert.equal(verdict?.method, chosen, `${name}: what decides`);
    // z of a column of numbers is chosen by Evidently, and then refused by it
    if (scores[chosen]?.drifted !== undefined)
      assert.equal(verdict?.drifted, scores[chosen].drifted, `${name}: the verdict`);
  }
  assert.ok(compared > 250, `only ${compared} scores were compared`);
});
