import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallCost } from './call-cost.ts';

test('calls of different sizes tell what a call and what a row costs', () => {
  const cost = new CallCost();
  for (let call = 0; call < 40; call++) {
    const rowCount = [1, 16, 1000][call % 3] ?? 1;
    cost.add(rowCount, 0.4 + rowCount * 0.01);
  }
  assert.ok(Math.abs(cost.estimate(1000, 1) - 10.4) < 1e-6);
  assert.ok(Math.abs(cost.estimate(2000, 10) - 24) < 1e-6);
});

test('an estimate is never negative, and calls of one size cost what they cost', () => {
  const cost = new CallCost();
  assert.ok(cost.estimate(5, 1) >= 0);
  for (let call = 0; call < 40; call++) cost.add(1, 2);
  assert.ok(Math.abs(cost.estimate(3, 3) - 6) < 1e-9);
  for (let call = 0; call < 40; call++) cost.add(call % 2 === 0 ? 1 : 100, call % 2 === 0 ? 5 : 1);
  assert.ok(cost.estimate(1, 1) >= 0);
});
