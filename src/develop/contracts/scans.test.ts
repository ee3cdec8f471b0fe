import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ContractReport } from './contract-api.ts';
import { checkContract } from './contract-check.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth scans '));
after(() => rmSync(root, { recursive: true, force: true }));

const contract = String.raw`version: 1.0.0
apiVersion: v3.1.0
kind: DataContract
id: shop
status: active
schema:
- name: t
  properties:
  - { name: id, logicalType: integer, unique: true, required: true, logicalTypeOptions: { exclusiveMinimum: -900, exclusiveMaximum: 9000 } }
  - { name: far, logicalType: integer, unique: true }
  - { name: share, logicalType: number, required: true, logicalTypeOptions: { minimum: 0, maximum: 1 } }
  - { name: code, logicalType: string, unique: true, logicalTypeOptions: { pattern: '^[A-Z]\d{4}$' } }
  - { name: state, logicalType: string, logicalTypeOptions: { enum: [new, paid], maxLength: 4, minLength: 3 } }
  quality:
  - { id: pair, metric: duplicateValues, arguments: { properties: [id, state] }, mustBe: 0 }
  - { id: asked, type: sql, query: 'SELECT count(*) FROM {object} WHERE share > 1', mustBe: 0 }
`;

// a share that is not a number is none: pandas writes it so, and a text file has nothing there
const rows = `SELECT *, 10000019 * id AS far FROM (SELECT CASE WHEN i % 97 = 0 THEN NULL WHEN i % 89 = 0 THEN 64 * (i % 5) - 128 ELSE 2 * i - 1000 END AS id,
  CASE WHEN i % 101 = 0 THEN 'nan'::DOUBLE WHEN i % 103 = 0 THEN NULL WHEN i % 107 = 0 THEN 1.5 WHEN i % 109 = 0 THEN -0.5 ELSE 0.25 END AS share,
  CASE WHEN i % 113 = 0 THEN 'a0001' WHEN i % 127 = 0 THEN NULL ELSE format('A{:04d}', i) END AS code,
  CASE WHEN i % 131 = 0 THEN 'lost it' WHEN i % 137 = 0 THEN NULL WHEN i % 2 = 0 THEN 'new' ELSE 'paid' END AS state
  FROM range(6000) r(i))`;

test('scans of Parquet by rule find the rows that the shared scan of a text file finds', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const parquet = join(root, 't.parquet');
  const csv = join(root, 't.csv');
  await connection.run(`COPY (${rows}) TO '${parquet}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  await connection.run(
    `COPY (SELECT * REPLACE (CASE WHEN NOT isnan(share) THEN share END AS share) FROM (${rows})) TO '${csv}' (FORMAT csv, HEADER true)`,
  );
  connection.closeSync();
  instance.closeSync();

  const [columnar, text] = [await check(parquet), await check(csv)];
  assert.deepEqual(found(columnar), found(text));
  assert.deepEqual(
    columnar.rules.filter(({ passed }) => passed).map(({ rule }) => rule),
    ['id.type', 'far.type', 'share.type', 'code.type', 'state.type', 'state.minLength'],
  );
});

function check(path: string): Promise<ContractReport> {
  const file = `${path}.odcs.yaml`;
  writeFileSync(file, contract);
  return checkContract({ root }, { name: 'shop', path, contract: file }, '0'.repeat(32));
}

const found = ({ rules, violations }: ContractReport): unknown => [
  rules.map(({ rule, outcome }) => `${rule}: ${outcome}`),
  violations.map(({ rule, examples }) => [
    rule,
    examples.map(({ row, value }) => [
      row,
      value === null || Number.isNaN(Number(value)) ? value : Number(value),
    ]),
  ]),
];
