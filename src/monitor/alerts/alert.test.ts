import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertRule } from '../../start/project/declaration.ts';
import type { RecordedPoint } from '../performance/performance-store.ts';
import { firstWindowsReference, judge, thresholdOf } from './alert.ts';

const rule = alertRule.parse({ id: 'auc-fell', metric: 'auc', drop: 0.03, windows: 2, of: 3 });
const points = (...values: number[]): RecordedPoint[] =>
  values.map((value, week) => ({
    version: 1,
    variant: 'champion',
    runId: null,
    windowStart: week,
    windowEnd: week + 1,
    state: 'known',
    isPartial: false,
    rowCount: 6000,
    labelledCount: 6000,
    value,
    low: value - 0.0196,
    high: value + 0.0196,
    standardError: 0.01,
  }));

test('an alert fires when the whole interval lies below the drop in 2 of 3 windows', () => {
  assert.equal(judge(rule, 0.7, points(0.69))?.state, 'ok');
  assert.equal(judge(rule, 0.7, points(0.69, 0.66))?.state, 'ok', 'the interval still reaches the threshold');
  assert.equal(judge(rule, 0.7, points(0.69, 0.64))?.state, 'pending');
  assert.equal(judge(rule, 0.7, points(0.64, 0.69, 0.64))?.state, 'firing');
  assert.equal(judge(rule, 0.7, points(0.64, 0.64, 0.69))?.state, 'firing');
  assert.equal(judge(rule, 0.7, points(0.64, 0.64, 0.69, 0.69))?.state, 'ok');
  assert.equal(judge(rule, 0.7, []), undefined);
});

test('where less is better, an alert means that the number rose', () => {
  const brier = alertRule.parse({ id: 'brier-rose', metric: 'brier', drop: 0.02 });
  assert.equal(thresholdOf(brier, 0.15), 0.16999999999999998);
  assert.equal(judge(brier, 0.15, points(0.2))?.state, 'firing');
  assert.equal(judge(brier, 0.15, points(0.05))?.state, 'ok');
});

test('the first windows are a reference only when one is left to judge', () => {
  assert.equal(firstWindowsReference(points(0.7, 0.7, 0.7, 0.7)), undefined);
  assert.equal(firstWindowsReference(points(0.5, 0.5, 0.75, 0.75, 0.1)), 0.625);
});
