import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import type { ContractReport } from './contract-api.ts';
import { checkContract } from './contract-check.ts';

const folders: string[] = [];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tilth contract '));
  folders.push(root);
});
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const head = 'version: 1.0.0\napiVersion: v3.1.0\nkind: DataContract\nid: shop\nstatus: active\n';

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

const check = (body: string, path = 'data', now = Date.now()): Promise<ContractReport> => {
  write({ 'data.odcs.yaml': head + body });
  const dataset = { name: 'shop', path: join(root, path), contract: join(root, 'data.odcs.yaml') };
  return checkContract({ root, state: join(root, 'state') }, dataset, `${'0'.repeat(31)}${path.length}`, now);
};

const table = (properties: string, tail = ''): string =>
  `schema:\n- name: t\n  properties:\n${properties
    .trim()
    .split('\n')
    .map((line) => `  - ${line.trim()}\n`)
    .join('')}${tail}`;

const cells = (report: ContractReport): string[] =>
  report.violations.flatMap(({ rule, outcome, examples }) =>
    examples.length === 0
      ? [`${rule}: ${outcome}`]
      : examples.map(({ file, row, value }) => `${rule} ${file}:${row} ${value}`),
  );

const problems = async (body: string): Promise<string> => {
  const error = await check(body).then(
    () => assert.fail('it was taken'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TilthError && error.code === 'DATA_CONTRACT_INVALID', String(error));
  return error.message;
};

describe('the rules of a contract', () => {
  test('a value of the wrong type breaks a rule and names its place, in text files of any kind', async () => {
    write({
      'data/a.csv':
        'i,n,b,d,at,clock\n1,1.5,true,2026-01-31,2026-01-31 10:00:00,09:30\nx,y,z,31.01.26,soon,noon\n',
      'data/b.jsonl':
        '{"i": 2, "n": 0.25, "b": false, "d": "2026-02-01", "at": "2026-02-01T00:00:00Z", "clock": "10:00"}\n{"i": 2.5, "n": 1, "b": true, "d": "2026-02-01", "at": "2026-02-01T00:00:00Z", "clock": "10:00"}\n',
    });
    const report = await check(
      table(
        '{name: i, logicalType: integer}\n{name: n, logicalType: number}\n{name: b, logicalType: boolean}\n{name: d, logicalType: date}\n{name: at, logicalType: timestamp}\n{name: clock, logicalType: time}',
      ),
    );
    assert.deepEqual(cells(report), [
      'i.type a.csv:2 x',
      'i.type b.jsonl:2 2.5',
      'n.type a.csv:2 y',
      'b.type a.csv:2 z',
      'd.type a.csv:2 31.01.26',
      'at.type a.csv:2 soon',
      'clock.type a.csv:2 noon',
    ]);
    assert.equal(report.rowCount, 4);
  });

  test('large whole numbers keep all their digits', async () => {
    write({ 'data/a.csv': 'id\n9007199254740993\n9007199254740992\n1e3\n1000\n' });
    const report = await check(table('{name: id, logicalType: integer, unique: true}'));
    assert.deepEqual(cells(report), ['id.unique a.csv:3 1e3', 'id.unique a.csv:4 1000']);
  });

  test('options of the types hold: format, enum, range, length, multiple, pattern, a date written in another order', async () => {
    write({
      'data/a.csv':
        'mail,kind,byte,day,half\nann@example.org,a,255,31.12.2025,1.5\nann@example,c,256,2025-12-31,1.4\n',
    });
    const report = await check(
      table(
        '{name: mail, logicalType: string, logicalTypeOptions: {format: email, minLength: 12}}\n{name: kind, logicalType: string, logicalTypeOptions: {enum: [a, b]}}\n{name: byte, logicalType: integer, logicalTypeOptions: {format: u8}}\n{name: day, logicalType: date, logicalTypeOptions: {format: dd.MM.yyyy, minimum: "2025-01-01"}}\n{name: half, logicalType: number, logicalTypeOptions: {multipleOf: 0.5}}',
      ),
    );
    assert.deepEqual(cells(report), [
      'mail.minLength a.csv:2 ann@example',
      'mail.format a.csv:2 ann@example',
      'kind.enum a.csv:2 c',
      'byte.format-2 a.csv:2 256',
      'day.type a.csv:2 2025-12-31',
      'half.multipleOf a.csv:2 1.4',
    ]);
  });

  test('every metric of the library counts what the standard says, by all eight operators, in rows and percent', async () => {
    write({ 'data/a.csv': 'c\na\na\n\nN/A\nb\n' });
    const rule = (text: string): string => table(`{name: c, logicalType: string, quality: [{${text}}]}`);
    const rows = async (text: string): Promise<boolean> => (await check(rule(text))).state === 'passed';
    for (const metric of [
      'metric: nullValues',
      'metric: missingValues, arguments: {missingValues: [null, N/A]}',
      'metric: invalidValues, arguments: {validValues: [a, b]}',
      'metric: duplicateValues',
      'metric: invalidValues, arguments: {pattern: "^[a-z]$"}',
    ]) {
      const count = metric.includes('missingValues') ? 2 : 1;
      for (const [operator, holds] of [
        [`mustBe: ${count}`, true],
        [`mustNotBe: ${count}`, false],
        [`mustBeGreaterThan: ${count}`, false],
        [`mustBeGreaterOrEqualTo: ${count}`, true],
        [`mustBeLessThan: ${count}`, false],
        [`mustBeLessOrEqualTo: ${count}`, true],
        [`mustBeBetween: [${count}, ${count + 1}]`, true],
        [`mustNotBeBetween: [${count}, ${count + 1}]`, false],
        [`mustBe: ${count * 20}, unit: percent`, true],
      ] as const) {
        assert.equal(await rows(`${metric}, ${operator}`), holds, `${metric}, ${operator}`);
      }
    }
    const counted = await check(
      table('{name: c, logicalType: string}', '  quality: [{metric: rowCount, mustBeBetween: [1, 4]}]\n'),
    );
    assert.deepEqual(cells(counted), ['table.rowCount: 5 rows']);
  });

  test('a query sees the tables by their names and the contract’s types, and a key points to another table', async () => {
    write({
      'data/orders-1.csv': 'id,customer,amount\n1,7,10\n2,8,20\n3,9,5\n',
      'data/customers.csv': 'id\n7\n8\n',
    });
    const report = await check(`schema:
- name: orders
  physicalName: orders-*.csv
  quality:
  - {id: turnover, type: sql, query: 'SELECT sum(amount) FROM {object};', mustBe: 36}
  properties:
  - name: customer
    logicalType: integer
    relationships: [{to: customers.id}]
    quality:
    - {id: known, type: sql, query: 'SELECT count(*) = 0 FROM {object} WHERE {property} IS NULL', mustBe: true}
  - {name: amount, logicalType: number}
- name: customers
  properties: [{name: id, logicalType: integer, primaryKey: true}]
`);
    assert.deepEqual(cells(report), [
      'customer.relationship: the query gives 1',
      'turnover: the query gives 35',
    ]);
    assert.equal(report.rules.find(({ rule }) => rule === 'known')?.passed, true);
  });

  test('a query may only read, and only the data of the contract', async () => {
    write({ 'data/a.csv': 'c\n1\n', 'secret.csv': 'x\n1\n' });
    const query = (text: string): string =>
      table(
        '{name: c, logicalType: integer}',
        `  quality: [{id: q, type: sql, query: ${JSON.stringify(text)}, mustBe: 1}]\n`,
      );
    assert.match(
      await problems(query(`SELECT count(*) FROM read_csv('${root}/secret.csv')`)),
      /q: its query can't be run: .*disabled/,
    );
    assert.match(
      await problems(query(`COPY (SELECT 1) TO '${root}/out.csv'`)),
      /q: its query can't be run: Cannot access file/,
    );
    assert.match(await problems(query('SELECT 1; DROP VIEW t')), /q: its query must be one statement/);
    assert.match(await problems(query('SET threads = 1')), /q: its query must be a SELECT/);
    assert.match(
      await problems(query('SELECT nothing FROM {object}')),
      /q: its query can't be run: Referenced column "nothing"/,
    );
  });

  test('freshness and retention go by a column or the time of the files, and are judged anew each day', async () => {
    write({ 'data/a.csv': 'at\n2026-01-01\n2026-01-10\n' });
    const noon = Date.parse('2026-01-11T12:00:00Z');
    utimesSync(join(root, 'data/a.csv'), noon / 1000, noon / 1000);
    const body = `slaProperties:
- {property: freshness, value: 2, unit: d, element: t.at}
- {property: freshness, value: 1, unit: h}
- {property: retention, value: 30, unit: d, element: at, customProperties: [{property: severity, value: error}]}
- {property: availability, value: 99}
${table('{name: at, logicalType: date}')}`;
    const passed = async (now: number): Promise<unknown> => {
      const { state, rules } = await check(body, 'data', now);
      return [state, ...rules.filter(({ rule }) => /fresh|retention/.test(rule)).map((one) => one.passed)];
    };
    assert.deepEqual(await passed(noon), ['passed', true, true, true]);
    assert.deepEqual(await passed(noon + 86_400_000), ['passed', false, false, true]);
    assert.deepEqual(await passed(noon + 30 * 86_400_000), ['broken', false, false, false]);
    assert.match((await check(body)).notChecked.join(), /service level availability: 99/);
  });

  test('texts and rules of other engines are listed as not checked', async () => {
    write({ 'data/a.csv': 'c\n1\n' });
    const { state, notChecked } = await check(
      table(
        '{name: c, logicalType: integer, quality: [{type: text, description: looks right}, {type: custom, engine: soda, implementation: x, name: soda rule}]}',
      ),
    );
    assert.deepEqual(
      [state, notChecked],
      ['passed', ['c: looks right (type text)', 'c: soda rule (type custom for soda)']],
    );
  });

  test('a pattern that the engine can’t run, a column twice or a rule without its number is told by name', async () => {
    write({ 'data/a.csv': 'c\n1\n' });
    assert.match(
      await problems(table('{name: c, logicalType: string, logicalTypeOptions: {pattern: "(?=a)"}}')),
      /c\.pattern: the pattern \(\?=a\)/,
    );
    assert.match(
      await problems(table('{name: c, logicalType: string, logicalTypeOptions: {pattern: "["}}')),
      /c: \[ is not a regular expression/,
    );
    assert.match(await problems(table('{name: c}\n{name: c}')), /t declares c twice/);
    assert.match(
      await problems(table('{name: c, quality: [{metric: nullValues}]}')),
      /c: nullValues needs one operator/,
    );
    assert.match(
      await problems(
        table(
          '{name: c}',
          '  quality: [{metric: duplicateValues, arguments: {properties: [zz]}, mustBe: 0}]\n',
        ),
      ),
      /undeclared zz/,
    );
  });

  test('columns may have other names in the files, and a file that is none is a broken rule', async () => {
    write({
      'data/a.csv': 'C_1\n5\n',
      'data/b.parquet': 'no parquet',
      'data/c.jsonl': '{"C_1": 1}\nnonsense\n',
    });
    const report = await check(
      table('{name: c, physicalName: C_1, logicalType: integer, classification: pii}'),
    );
    assert.deepEqual(new Set(report.violations.map(({ rule }) => rule)), new Set(['readable']));
    assert.deepEqual(
      report.violations.flatMap(({ examples }) => examples.map(({ file }) => file)),
      ['b.parquet', 'c.jsonl'],
    );
    assert.equal(report.columns[0]?.classification, 'pii');
  });

  test('at most twenty examples are given of one rule', async () => {
    write({ 'data/a.csv': `c\n${'x\n'.repeat(50)}` });
    const report = await check(table('{name: c, logicalType: integer}'));
    assert.deepEqual(
      [report.violations[0]?.outcome, report.violations[0]?.examples.length],
      ['50 of 50 rows', 20],
    );
  });
});
