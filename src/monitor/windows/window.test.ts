import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayOf, isPartly, windowOf, windowsBetween } from './window.ts';
import { parseInstant } from './instant.ts';

test('a week begins on Monday in UTC, also across a new year and before 1970', () => {
  for (const [instant, monday] of [
    ['2013-03-04T00:00:00Z', '2013-03-04'],
    ['2013-03-10T23:59:59.999Z', '2013-03-04'],
    ['2014-01-01T12:00:00Z', '2013-12-30'],
    ['1969-12-31T00:00:00Z', '1969-12-29'],
  ] as const) {
    assert.equal(dayOf(windowOf('week', Date.parse(instant)).start), monday);
  }
});

test('windows follow each other without a gap', () => {
  for (const granularity of ['hour', 'day', 'week', 'month'] as const) {
    const windows = windowsBetween(granularity, Date.UTC(2024, 1, 27, 5), Date.UTC(2024, 2, 3));
    for (const [index, window] of windows.entries()) {
      const next = windows[index + 1];
      if (next !== undefined) assert.equal(window.end, next.start);
    }
  }
  assert.equal(windowsBetween('month', Date.UTC(2024, 0, 31), Date.UTC(2024, 2, 1)).length, 2);
});

test('a time without a zone is meant in UTC', () => {
  assert.equal(parseInstant('2013-03-04'), Date.UTC(2013, 2, 4));
  assert.equal(parseInstant('2013-03-04T05:00:00'), Date.UTC(2013, 2, 4, 5));
  assert.equal(parseInstant('2013-03-04T05:00:00+02:00'), Date.UTC(2013, 2, 4, 3));
  assert.equal(parseInstant('1362355200000'), Date.UTC(2013, 2, 4));
});

const march = (day: number, hour = 0): number => Date.UTC(2013, 2, day, hour);

test('a week whose traffic began on its Friday is only partly there, one with quiet nights is whole', () => {
  const first = windowOf('week', march(1));
  assert.equal(isPartly(first, march(1, 10), march(3, 23)), true);
  const next = windowOf('week', march(4));
  assert.equal(isPartly(next, march(4, 10), march(10, 23)), false);
  assert.equal(isPartly(next, march(4, 10), march(7, 23)), true);
});
