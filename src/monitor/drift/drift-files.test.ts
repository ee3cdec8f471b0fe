import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Analytics } from '../windows/analytics.ts';
import { compareFiles } from './drift-files.ts';
import { DriftPage } from './drift-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth drift '));
const analytics = new Analytics();
after(async () => {
  await analytics.close();
  rmSync(folder, { recursive: true });
});

function write(name: string, header: string, line: (row: number) => string): string {
  const path = join(folder, name);
  writeFileSync(path, [header, ...Array.from({ length: 1500 }, (_, row) => line(row))].join('\n'));
  return path;
}

const header = 'id,wind,carrier,stops';
const march = write(
  'march.csv',
  header,
  (row) => `f${row},${(row % 97) / 10},${['UA', 'AA', 'DL'][row % 3]},${row % 4}`,
);
const april = write(
  'april.csv',
  header,
  (row) => `g${row},${(row % 97) / 10 + 5},${['UA', 'AA', 'WN'][row % 3]},${row % 4}`,
);

test('two files are compared by what both hold: numbers, categories, and whole numbers with few values', async () => {
  const report = await compareFiles(analytics, march, april);
  assert.deepEqual(
    Object.entries(report.columns).map(([name, { type, default: verdict }]) => [
      name,
      type,
      verdict?.method,
      verdict?.drifted,
    ]),
    [
      ['wind', 'num', 'wasserstein', true],
      ['carrier', 'cat', 'jensenshannon', true],
      ['stops', 'cat', 'jensenshannon', false],
    ],
  );
  assert.deepEqual(
    report.notCompared,
    [{ name: 'id', reason: 'each row has its own' }],
    'an id that hardly repeats is no category',
  );
  assert.equal(report.columns['carrier']?.unseen, 1 / 3);
  assert.deepEqual(report.dataset, {
    columns: 3,
    drifted: 2,
    share: 2 / 3,
    drift_share: 0.5,
    dataset_drift: true,
  });
  assert.equal((await compareFiles(analytics, march, march)).dataset.drifted, 0);
});

test('only some columns, other methods, and what decides can be asked for', async () => {
  const report = await compareFiles(analytics, march, april, {
    columns: ['stops', 'wind'],
    methods: ['ed', 'fisher_exact'],
    decidedFor: new Map([['wind', 't_test']]),
    rule: 'evidently',
  });
  assert.deepEqual(Object.keys(report.columns), ['wind', 'stops']);
  assert.equal(report.columns['wind']?.default?.method, 't_test');
  assert.ok(report.columns['wind']?.scores.ed !== undefined);
  assert.equal(
    report.columns['wind']?.scores.fisher_exact,
    undefined,
    'a method of categories is not asked of numbers',
  );
});

test('a bad file, a column that is not there and files with nothing in common are told as such', async () => {
  await assert.rejects(compareFiles(analytics, march, join(folder, 'may.parquet')), {
    code: 'DRIFT_FILE_UNREADABLE',
  });
  await assert.rejects(compareFiles(analytics, march, april, { columns: ['gust'] }), {
    code: 'DRIFT_COLUMN_UNKNOWN',
  });
  const other = write('other.csv', 'fee', (row) => String(row));
  await assert.rejects(compareFiles(analytics, march, other), { code: 'DRIFT_NO_COMMON_COLUMN' });
});

test('what breaks with the reference is named by check: a type, missing values, columns too few and too many, new categories', async () => {
  const broken = write('broken.csv', 'wind,carrier,stops,gate', (row) =>
    [row % 5 === 0 ? 'calm' : row / 10, row % 10 === 0 ? 'WN' : 'UA', row % 4 === 0 ? '' : row % 4, 'B'].join(
      ',',
    ),
  );
  const { violations, notCompared } = await compareFiles(analytics, march, broken);
  assert.deepEqual(violations.map(({ column, check }) => `${column} ${check}`).sort(), [
    'carrier baseline_drift',
    'carrier categorical_values',
    'gate extra_column',
    'id missing_column',
    'stops baseline_drift',
    'stops completeness',
    'wind data_type',
  ]);
  assert.deepEqual(notCompared, [{ name: 'wind', reason: 'DOUBLE became VARCHAR' }]);
});

test('columns that no longer go together are drift that no single column shows', async () => {
  const pair = (isTied: boolean) => (row: number) => {
    const x = (row * 7919) % 1500;
    return `${x},${isTied ? x + (row % 50) : (row * 104_729) % 1500}`;
  };
  const [tied, loose] = [
    write('tied.csv', 'load,delay', pair(true)),
    write('loose.csv', 'load,delay', pair(false)),
  ];
  const report = await compareFiles(analytics, tied, loose, { isMultivariate: true });
  assert.equal(report.dataset.drifted, 0);
  assert.equal(report.multivariate?.drifted, true);
  assert.ok((report.multivariate?.auc ?? 0) > 0.85, String(report.multivariate?.auc));
  const calm = await compareFiles(analytics, tied, tied, { isMultivariate: true });
  assert.equal(calm.multivariate?.drifted, false);
});

test('a column is told alike on both sides, also where one holds fewer values', async () => {
  const hours = write('hours.csv', 'hour', (row) => String(row % 24));
  const early = write('early.csv', 'hour', (row) => String(row % 8));
  const { columns, multivariate } = await compareFiles(analytics, hours, early, { isMultivariate: true });
  assert.equal(columns['hour']?.type, 'num');
  // two of three earlier rows lie where no later one does, the rest can't be told apart
  assert.ok(Math.abs((multivariate?.auc ?? 1) - 5 / 6) < 0.02, String(multivariate?.auc));
});

test('texts drift by their words, and the words that moved are named', async () => {
  const places = ['the gate', 'a runway', 'our hangar', 'that tower', 'one terminal'];
  const say = (what: string) => (row: number) => `"${places[row % 5]} reported ${what} at ${row} hours"`;
  const [calm, storm] = [
    write('calm.csv', 'remark', say('light wind')),
    write('storm.csv', 'remark', say('heavy snow')),
  ];
  const report = await compareFiles(analytics, calm, storm);
  const found = report.texts['remark'];
  assert.equal(found?.drifted, true);
  assert.deepEqual(found?.tellers.map(({ name }) => name).sort(), ['heavy', 'light', 'snow', 'wind']);
  assert.equal((await compareFiles(analytics, calm, calm)).texts['remark']?.drifted, false);
  assert.equal(report.dataset.dataset_drift, true);
});

test('the report is one page that needs nothing else, and what stands in the data stays text', async () => {
  const nasty = write(
    'nasty.csv',
    '"<script>alert(1)</script>",carrier',
    (row) => `${row / 7},"<img src=x onerror=alert(${row % 3})>"`,
  );
  const page = new DriftPage(nasty, '<b>now</b>');
  const report = await compareFiles(analytics, nasty, nasty, {
    isMultivariate: true,
    onColumn: (name, before, now) => page.add(name, before, now),
  });
  const html = page.write(report);
  assert.doesNotMatch(html, /<script|<img|<b>|https?:|src=["']/);
  assert.match(html, /&lt;script&gt;alert\(1\)/);
  assert.match(html, /0 of 2 columns drifted/);
});
