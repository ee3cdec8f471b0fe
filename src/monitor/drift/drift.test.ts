import assert from 'node:assert/strict';
import { test } from 'node:test';
import { categoricalColumn, numericColumn, type Column } from './column.ts';
import { compareColumns, datasetDrift, judgeTogether, type ColumnDrift } from './drift.ts';
import { categoricalCases, numericCases, type Values } from './method-cases.ts';

const cases: [string, Column, Column][] = [
  ...Object.entries(numericCases).map(([name, [before, now]]): [string, Column, Column] => [
    name,
    numericColumn(before),
    numericColumn(now),
  ]),
  ...Object.entries(categoricalCases).map(([name, [before, now]]): [string, Column, Column] => [
    name,
    categoricalColumn(before),
    categoricalColumn(now),
  ]),
];

test('a column compared with itself has not drifted, by either rule', () => {
  for (const rule of ['tilth', 'evidently'] as const) {
    for (const [name, reference] of cases)
      assert.equal(compareColumns(reference, reference, { rule }).default?.drifted, false, `${rule} ${name}`);
  }
});

test('a category that the reference never had is told by its share', () => {
  const [reference, current] = categoricalCases['unseen'] as [Values, Values];
  const drift = compareColumns(categoricalColumn(reference), categoricalColumn(current));
  assert.equal(drift.unseen, 1 / 3);
  assert.deepEqual(drift.scores.chisquare, { statistic: Infinity, pvalue: 0 });
});

test('an empty side has no statistics instead of wrong ones', () => {
  const drift = compareColumns(numericColumn([1, 2, 3]), numericColumn([null, Number.NaN, Infinity]));
  assert.deepEqual([drift.default, drift.n_cur, drift.missing_cur], [null, 0, 3]);
});

test('with a million rows a difference that does not matter is no drift, however sure it is', () => {
  const rows = Array.from({ length: 200_000 }, (_, row) => row / 1000);
  const drift = compareColumns(numericColumn(rows), numericColumn(rows.map((value) => value * 1.01)));
  assert.equal(drift.default?.test, 'ks');
  assert.ok((drift.default?.pvalue ?? 1) < 1e-6);
  assert.equal(drift.default?.drifted, false);
});

test('with ten rows a difference that chance explains is no drift, however large it is', () => {
  const drift = compareColumns(numericColumn([1, 2, 3, 4, 5, 6]), numericColumn([3, 4, 5, 6, 7]));
  assert.ok((drift.default?.score ?? 0) > 0.5);
  assert.equal(drift.default?.drifted, false);
});

test('of two hundred columns that did not change hardly one is called drifted, where each alone would be at p = 0.05', () => {
  const columns = new Map<string, ColumnDrift>();
  let state = 1;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let column = 0; column < 200; column++) {
    const side = (): Column => numericColumn(Array.from({ length: 60 }, random));
    columns.set(`c${column}`, compareColumns(side(), side()));
  }
  const drifted = (all: ReadonlyMap<string, ColumnDrift>): number =>
    [...all.values()].filter((column) => column.default?.drifted === true).length;
  assert.ok(drifted(columns) >= 4, 'alone');
  assert.ok(drifted(judgeTogether(columns)) <= 1, 'together');
});

test('a data set drifts by how much of what matters has drifted', () => {
  const columns = new Map([
    ['wind', true],
    ['carrier', false],
    ['tail', false],
  ]);
  assert.deepEqual(datasetDrift(columns), {
    columns: 3,
    drifted: 1,
    share: 1 / 3,
    drift_share: 0.5,
    dataset_drift: false,
  });
  const weighted = datasetDrift(columns, {
    weights: new Map([
      ['wind', 0.8],
      ['carrier', 0.2],
    ]),
    driftShare: 0.7,
  });
  assert.deepEqual([weighted.share, weighted.dataset_drift], [0.8, true]);
});
