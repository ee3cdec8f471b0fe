import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axisOf, placeOn, smoothed, ticksOf, type PlotRun } from './plots.ts';

const runs = (values: readonly (number | string)[]): PlotRun[] =>
  values.map((value, index) => ({ id: String(index), name: `run ${index}`, values: new Map([['p.x', value]]) }));
const axis = (values: readonly (number | string)[]) => axisOf('p.x', runs(values));

test('an axis is of numbers where every value is one, logarithmic where they differ a hundredfold, else of words', () => {
  assert.equal(axis(['1', '2.5', 3])?.kind, 'linear');
  assert.equal(axis(['0.0001', '0.1', '1'])?.kind, 'log');
  assert.equal(axis(['1', 'auto'])?.kind, 'words');
  assert.equal(axis(['', '2'])?.kind, 'words');
  assert.equal(axisOf('m.none', runs([1])), undefined);
});

test('the least value lies at 0, the largest at 1, what all share in the middle', () => {
  const linear = axis([10, 20, 30]);
  assert.ok(linear !== undefined);
  assert.deepEqual([10, 20, 30].map((value) => placeOn(linear, value)), [0, 0.5, 1]);
  const same = axis([7, 7]);
  assert.ok(same !== undefined);
  assert.equal(placeOn(same, 7), 0.5);
  const log = axis([1e-4, 1]);
  assert.ok(log !== undefined);
  assert.ok(Math.abs((placeOn(log, 1e-2) ?? 0) - 0.5) < 1e-9);
  assert.equal(placeOn(linear, undefined), undefined);
  assert.equal(placeOn(linear, Number.NaN), undefined);
});

test('ticks are round and lie on the axis', () => {
  const wide = axis([0.13, 0.87]);
  assert.ok(wide !== undefined);
  assert.deepEqual(ticksOf(wide).map((tick) => tick.text), ['0.2', '0.4', '0.6', '0.8']);
  for (const tick of ticksOf(wide)) assert.ok(tick.at >= 0 && tick.at <= 1);
  const log = axis([0.0001, 1]);
  assert.ok(log !== undefined);
  assert.deepEqual(ticksOf(log).map((tick) => tick.text), ['1e−4', '0.001', '0.01', '0.1', '1']);
});

test('smoothing keeps what is constant, keeps gaps, and with no weight changes nothing', () => {
  assert.deepEqual(smoothed([2, 2, null, 2], 0.9).map((value) => (value === null ? null : Number(value.toFixed(9)))), [2, 2, null, 2]);
  assert.deepEqual(smoothed([1, 5, 3], 0), [1, 5, 3]);
  const calm = smoothed([0, 1, 0, 1, 0, 1], 0.8) as number[];
  assert.ok(Math.max(...calm.slice(2)) - Math.min(...calm.slice(2)) < 0.5);
});
