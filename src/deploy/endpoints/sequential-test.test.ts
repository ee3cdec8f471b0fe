import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  logMixture,
  likelihoodRatio,
  sequentialTest,
  shareBounds,
  verdictOf,
  type Outcomes,
} from './sequential-test.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const asksScipy = {
  skip:
    python === undefined && process.env['CI'] === undefined
      ? 'TILTH_TEST_PYTHON names no Python with scipy'
      : false,
};

async function scipy<T>(program: string): Promise<T> {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON is not set');
  const { stdout } = await promisify(execFile)(python, ['-c', program], {
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  return JSON.parse(stdout) as T;
}

/** Mulberry32: the same draws each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const with1 = (outcomes: Outcomes, value: number): Outcomes => ({
  count: outcomes.count + 1,
  sum: outcomes.sum + value,
  sumSquares: outcomes.sumSquares + value ** 2,
});
const none: Outcomes = { count: 0, sum: 0, sumSquares: 0 };

/** Share of runs that ever say "there is an effect" while somebody looks after every tenth outcome. */
function everRejected(
  runs: number,
  length: number,
  alpha: number,
  draw: (next: () => number, isCandidate: boolean) => number,
  share: (at: number) => number,
): { always: number; naive: number } {
  let [always, naive] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const next = random(run + 1);
    const strata = [0, 1, 2].map(() => ({ candidate: none, champion: none }));
    let [isRejected, isNaivelyRejected] = [false, false];
    for (let at = 0; at < length; at++) {
      const stratum = strata[Math.min(2, Math.floor((at / length) * 3))] ?? {
        candidate: none,
        champion: none,
      };
      const isCandidate = next() < share(at / length);
      const value = draw(next, isCandidate);
      if (isCandidate) stratum.candidate = with1(stratum.candidate, value);
      else stratum.champion = with1(stratum.champion, value);
      if (at % 10 !== 9) continue;
      const test = sequentialTest(strata, alpha, 0.1);
      if (test === undefined) continue;
      isRejected ||= ['better', 'worse'].includes(verdictOf(test, 0, true));
      isNaivelyRejected ||=
        Math.min(test.candidateCount, test.championCount) >= 100 &&
        Math.abs(test.effect / test.standardError) > 1.96;
    }
    always += Number(isRejected);
    naive += Number(isNaivelyRejected);
  }
  return { always: always / runs, naive: naive / runs };
}

describe('a confidence sequence of a share', () => {
  it('has the bounds that scipy finds for the same mixture', asksScipy, async () => {
    const cases = [
      [0, 20],
      [1, 30],
      [3, 3],
      [12, 400],
      [250, 1000],
      [7, 100_000],
    ] as const;
    const theirs = await scipy<[number, number, number][]>(`
import json
from scipy.special import betaln
from scipy.optimize import brentq
from scipy.integrate import quad
from scipy.stats import beta
import numpy as np
out = []
for s, n in ${JSON.stringify(cases)}:
    f = n - s
    m = lambda p: betaln(s + .5, f + .5) - betaln(.5, .5) - (s * np.log(p) if s else 0) - (f * np.log1p(-p) if f else 0) - np.log(100)
    p = s / n
    low = 0. if s == 0 else brentq(m, 1e-15, p, xtol=1e-15)
    high = 1. if f == 0 else brentq(m, p if p > 0 else 1e-15, 1 - 1e-12, xtol=1e-15)
    # the mixture itself, by integration where that is well behaved
    whole = quad(lambda q: np.exp(s * np.log(q / .3) + f * np.log((1 - q) / .7)) * beta.pdf(q, .5, .5), 0, 1, limit=500)[0] if n <= 30 else np.nan
    out.append([low, high, float(np.log(whole)) if n <= 30 else 0.0])
print(json.dumps(out))`);
    for (const [index, [yes, n]] of cases.entries()) {
      const { low, high } = shareBounds(yes, n, 0.01);
      const [theirLow = 0, theirHigh = 0, mixture = 0] = theirs[index] ?? [];
      assert.ok(Math.abs(low - theirLow) < 1e-7, `low of ${yes}/${n}: ${low} beside ${theirLow}`);
      assert.ok(Math.abs(high - theirHigh) < 1e-7, `high of ${yes}/${n}: ${high} beside ${theirHigh}`);
      if (n <= 30)
        assert.ok(Math.abs(logMixture(yes, n - yes, 0.3) - mixture) < 1e-4, `mixture of ${yes}/${n}`);
    }
  });

  it('holds the share that was seen, and narrows as more is seen', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (count, share) => {
          const yes = Math.round(count * share);
          const { low, high } = shareBounds(yes, count, 0.01);
          assert.ok(low <= yes / count && yes / count <= high);
          const more = shareBounds(yes * 4, count * 4, 0.01);
          assert.ok(more.high - more.low <= high - low + 1e-12);
        },
      ),
    );
  });

  it('misses the truth at any of 2,000 looks in at most one run of a hundred', () => {
    let missed = 0;
    for (let run = 0; run < 400; run++) {
      const next = random(run + 7);
      let yes = 0;
      for (let n = 1; n <= 2000; n++) {
        yes += Number(next() < 0.02);
        if (logMixture(yes, n - yes, 0.02) > Math.log(100)) {
          missed++;
          break;
        }
      }
    }
    // 4 of 400 are expected at the most; 10 or more would come by chance in 8 of 1,000 (scipy.stats.binom.sf(9, 400, 0.01))
    assert.ok(missed < 10, `${missed} of 400`);
  });
});

describe('the sequential test of two versions', () => {
  it('mixes as numerical integration says', asksScipy, async () => {
    const cases = [
      [0.02, 0.0001, 0.02],
      [-0.3, 0.01, 0.1],
      [0, 0.5, 0.2],
      [0.05, 0.0004, 0.5],
    ] as const;
    const theirs = await scipy<number[]>(`
import json
from scipy.integrate import quad
from scipy.stats import norm
out = []
for effect, variance, scale in ${JSON.stringify(cases)}:
    sd = variance ** .5
    ratio = lambda t: norm.pdf(effect, t, sd) / norm.pdf(effect, 0, sd) * norm.pdf(t, 0, scale)
    out.append(quad(ratio, -12 * scale, 12 * scale, points=[0, effect], limit=500)[0])
print(json.dumps(out))`);
    for (const [index, [effect, variance, scale]] of cases.entries()) {
      const ours = likelihoodRatio(effect, variance, scale);
      assert.ok(Math.abs(ours / (theirs[index] ?? 0) - 1) < 1e-6, `${ours} beside ${theirs[index]}`);
    }
  });

  it('has an interval that ends where the likelihood ratio is 1/alpha', () => {
    const [candidate, champion] = [
      { count: 400, sum: 60, sumSquares: 60 },
      { count: 600, sum: 70, sumSquares: 70 },
    ];
    const test = sequentialTest([{ candidate, champion }], 0.05, 0.02);
    assert.ok(test !== undefined);
    for (const end of [test.low, test.high])
      assert.ok(
        Math.abs(likelihoodRatio(test.effect - end, test.standardError ** 2, 0.02) * 0.05 - 1) < 1e-9,
      );
    // one look is never narrower than the interval for a single look (statsmodels.stats.proportion.confint_proportions_2indep, wald)
    assert.ok(test.high - test.low > 2 * 1.96 * test.standardError);
  });

  it('cries wolf in at most 5 of 100 runs though somebody looks 400 times; the usual test does so in many more', () => {
    const share = (at: number): number => (at < 1 / 3 ? 0.1 : at < 2 / 3 ? 0.25 : 0.5);
    const rare = everRejected(400, 4000, 0.05, (next) => Number(next() < 0.08), share);
    const skewed = everRejected(400, 4000, 0.05, (next) => -Math.log(1 - next()), share);
    // 31 or more of 400 would come by chance in 1 of 100 (scipy.stats.binom.isf(0.01, 400, 0.05))
    assert.ok(rare.always * 400 < 31, `shares: ${rare.always}`);
    assert.ok(skewed.always * 400 < 31, `means: ${skewed.always}`);
    assert.ok(rare.naive > 0.15 && skewed.naive > 0.15, `naive: ${rare.naive}, ${skewed.naive}`);
  });

  it('is not deceived by a world that gets worse while the canary grows', () => {
    // champion and canary fail alike, more and more; pooled over all steps the canary would look worse
    const strata = [
      {
        candidate: { count: 100, sum: 5, sumSquares: 5 },
        champion: { count: 9900, sum: 495, sumSquares: 495 },
      },
      {
        candidate: { count: 5000, sum: 1000, sumSquares: 1000 },
        champion: { count: 5000, sum: 1000, sumSquares: 1000 },
      },
    ];
    assert.equal(sequentialTest(strata, 0.05, 0.02)?.effect, 0);
  });

  it('finds a real effect, and says which way', () => {
    const found = everRejected(
      60,
      8000,
      0.05,
      (next, isCandidate) => Number(next() < (isCandidate ? 0.2 : 0.1)),
      () => 0.3,
    );
    assert.ok(found.always > 0.95, `${found.always}`);
    const worse = {
      candidate: { count: 900, sum: 300, sumSquares: 300 },
      champion: { count: 900, sum: 500, sumSquares: 500 },
    };
    const test = sequentialTest([worse], 0.05, 0.02);
    assert.equal(verdictOf(test, 0.02, true), 'worse');
    assert.equal(verdictOf(test, 0.02, false), 'better');
    assert.equal(verdictOf(sequentialTest([], 0.05, 0.02), 0.02, true), 'not yet');
  });
});
