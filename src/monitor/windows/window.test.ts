import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPartly, windowOf } from './window.ts';

const march = (day: number, hour = 0): number => Date.UTC(2013, 2, day, hour);

test('a week belongs to its ISO Monday, in UTC', () => {
  assert.deepEqual(windowOf('week', march(10, 23)), { start: march(4), end: march(11) });
});

test('a week whose traffic began on its Friday is only partly there, one with quiet nights is whole', () => {
  const first = windowOf('week', march(1));
  assert.equal(isPartly(first, march(1, 10), march(3, 23)), true);
  const next = windowOf('week', march(4));
  assert.equal(isPartly(next, march(4, 10), march(10, 23)), false);
  assert.equal(isPartly(next, march(4, 10), march(7, 23)), true);
});
