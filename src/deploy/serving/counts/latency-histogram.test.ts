import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { added, bucketOf, newHistogram, quantileOf, trimmed } from './latency-histogram.ts';

test('a quantile read from the histogram lies within a fifth of the true one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 33, max: 5e6, noNaN: true }), { minLength: 1, maxLength: 300 }),
      fc.constantFrom(0.5, 0.9, 0.99),
      (latencies, share) => {
        const counts = newHistogram();
        for (const latency of latencies) {
          const bucket = bucketOf(latency);
          counts[bucket] = (counts[bucket] ?? 0) + 1;
        }
        const sorted = latencies.toSorted((left, right) => left - right);
        const truth = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
        const found = quantileOf(trimmed(counts), share) ?? 0;
        assert.ok(found > truth / 1.2 && found < truth * 1.2, `${found} beside ${truth}`);
      },
    ),
  );
  assert.equal(quantileOf([], 0.5), null);
});

test('counts of two planes add up, and what came since is their difference', () => {
  assert.deepEqual(added([1, 2], [0, 1, 4], 1), [1, 3, 4]);
  assert.deepEqual(added([1, 3, 4], [1, 2], -1), [0, 1, 4]);
});
