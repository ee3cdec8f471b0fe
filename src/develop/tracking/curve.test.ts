import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { downsample, StepRanks } from './curve.ts';
import type { MetricPoint } from './tracking.ts';

test('a thinned curve keeps its ends, its peak and its pit, and stays small', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 500 }), (values) => {
      const points = values.map((value, step): MetricPoint => ({ value, step, timestamp: step }));
      const kept = downsample(points, 30);
      assert.ok(kept.length <= 32, String(kept.length));
      assert.deepEqual([kept[0], kept.at(-1)], [points[0], points.at(-1)]);
      const seen = kept.map(({ value }) => value);
      assert.equal(Math.max(...seen), Math.max(...values));
      assert.equal(Math.min(...seen), Math.min(...values));
      assert.deepEqual(kept.map(({ step }) => step), kept.map(({ step }) => step).toSorted((a, b) => a - b));
    }),
  );
});

test('points whose steps go back and forth get the places that sorting by step gives them', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 300 }), (steps) => {
      const ranks = new StepRanks(Math.min(...steps), Math.max(...steps));
      for (const step of steps) ranks.count(step);
      const sorted = steps.map((step, index) => ({ step, index })).sort((a, b) => a.step - b.step || a.index - b.index);
      const places = steps.map((step) => ranks.take(step));
      assert.deepEqual(places.map((_, index) => sorted.findIndex((each) => each.index === index)), places);
    }),
  );
});
