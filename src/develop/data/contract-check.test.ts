import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { needsPython, runPython } from '../dvc-files/test-python.ts';
import { initRepository } from '../dvc-files/repository.ts';
import { checkDatasets } from '../contracts/check-datasets.ts';
import { readContract } from '../contracts/contract.ts';
import { addPaths } from './add-data.ts';
import { checkOut } from './check-out.ts';
import { versionedPaths } from './versioned-paths.ts';
import type { ContractReport } from '../contracts/contract-api.ts';

const contract = (properties: string, tail = ''): string => `version: 1.0.0
apiVersion: v3.1.0
kind: DataContract
id: flights
status: active
schema:
- name: flights
  properties:
${properties}${tail}`;

const folders: string[] = [];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tilth data '));
  folders.push(root);
  execFileSync('git', ['init', '-q', root]);
  initRepository(root);
  mkdirSync(join(root, 'data'));
  writeFileSync(
    join(root, 'tilth.yaml'),
    'project: p\ndatasets:\n  raw: {path: data/raw, contract: data/raw.odcs.yaml, owner: ada}\n',
  );
});
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const writeContract = (text: string): void => writeFileSync(join(root, 'data/raw.odcs.yaml'), text);
function writeData(files: Record<string, string>): void {
  mkdirSync(join(root, 'data/raw'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'data/raw', name), text);
}

async function report(): Promise<ContractReport> {
  const [found] = await checkDatasets(root, 'raw');
  assert.ok(found !== undefined);
  return found;
}

const cells = (found: ContractReport): string[] =>
  found.violations.flatMap(({ rule, examples }) => examples.map(({ file, row, value }) => `${rule} ${file}:${row} ${value}`));

const simple = contract(`  - {name: id, logicalType: integer, required: true, unique: true}
  - {name: month, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 12}}
`);

describe('a contract', () => {
  test('beside data that no project declares is kept too, once it is no draft any more', async () => {
    writeFileSync(join(root, 'data/other.csv'), 'id,month\n1,13\n');
    const put = (status: string): void =>
      writeFileSync(join(root, 'data/other.csv.odcs.yaml'), simple.replace('status: active', `status: ${status}`));
    put('active');
    await assert.rejects(addPaths(root, ['data/other.csv']), { code: 'DATA_CONTRACT_BROKEN' });
    assert.equal(existsSync(join(root, 'data/other.csv.dvc')), false);
    put('draft');
    const { added } = await addPaths(root, ['data/other.csv']);
    assert.deepEqual(added.map(({ contractState, dataset }) => [contractState, dataset]), [['none', null]]);
    put('active');
    writeFileSync(join(root, 'data/other.csv'), 'id,month\n1,12\n');
    assert.equal((await addPaths(root, ['data/other.csv'])).added[0]?.contractState, 'passed');
  });

  test('names the file, the row, the column and the value that break it', async () => {
    writeContract(simple);
    writeData({ 'a.csv': 'id,month\n1,1\n2,12\n', 'b.csv': 'id,month\n3,13\n,2\n5,two\n2,\n' });
    const found = await report();
    assert.equal(found.state, 'broken');
    assert.deepEqual(cells(found), [
      'id.required b.csv:2 null',
      'id.unique a.csv:2 2',
      'id.unique b.csv:4 2',
      'month.type b.csv:3 two',
      'month.maximum b.csv:1 13',
    ]);
    assert.equal(found.rowCount, 6);
  });

  test('that is broken refuses the data: nothing is cached, written or changed', async () => {
    writeContract(simple);
    writeData({ 'a.csv': 'id,month\n1,77\n' });
    await assert.rejects(addPaths(root, ['data/raw']), (error) => {
      assert.ok(error instanceof TilthError);
      assert.equal(error.code, 'DATA_CONTRACT_BROKEN');
      assert.match(error.message, /month must be at most 12: 1 of 1 rows\n {4}a\.csv, row 1, column month: "77"/);
      assert.equal((error.details as ContractReport).violations[0]?.examples[0]?.value, '77');
      return true;
    });
    assert.ok(!existsSync(join(root, '.dvc/cache')));
    assert.ok(!existsSync(join(root, 'data/raw.dvc')));
    assert.ok(!existsSync(join(root, 'data/.gitignore')));
  });

  test('is not checked twice for the same data', async () => {
    writeContract(simple);
    writeData({ 'a.csv': 'id,month\n1,1\n' });
    const first = await addPaths(root, ['data/raw']);
    assert.deepEqual([first.added[0]?.contractState, first.added[0]?.isRemembered], ['passed', false]);
    assert.equal((await addPaths(root, ['data/raw/'])).added[0]?.isRemembered, true);
    writeContract(`${simple}# a person may have changed a rule\n`);
    assert.equal((await addPaths(root, ['data/raw'])).added[0]?.isRemembered, false);
  });

  test('holds a file to its columns, and a line to its cells', async () => {
    writeContract(simple);
    writeData({ 'a.csv': 'id\n1\n', 'b.csv': 'id,month\n1,2\n1,2,3\n', 'c.parquet': 'not one' });
    const found = await report();
    const places = found.violations.map(({ rule, examples }) => [rule, examples[0]?.file, examples[0]?.row]);
    assert.deepEqual(places, [
      ['readable', 'c.parquet', null],
      ['month.present', 'a.csv', null],
      ['readable', 'b.csv', 2],
    ]);
  });

  test('may allow a share of the rows, and warn without refusing', async () => {
    writeContract(
      contract(
        `  - name: id
    logicalType: integer
    quality:
    - {metric: nullValues, mustBeLessThan: 50, unit: percent}
    - {metric: nullValues, mustBe: 0, severity: warning}
  - name: carrier
    logicalType: string
    quality:
    - {metric: invalidValues, arguments: {validValues: [AA, UA]}, mustBeLessOrEqualTo: 1}
    - {metric: missingValues, arguments: {missingValues: ['n/a']}, mustBe: 0}
    - {type: text, name: by hand}
`,
        '  quality:\n  - {metric: rowCount, mustBeBetween: [3, 4]}\n  - {metric: duplicateValues, arguments: {properties: [id, carrier]}, mustBe: 0}\n',
      ),
    );
    writeData({ 'a.csv': 'id,carrier\n1,AA\n2,UA\n,XX\n' });
    const found = await report();
    assert.deepEqual([found.state, cells(found)], ['passed', []]);
    assert.deepEqual(found.warnings.map(({ outcome }) => outcome), ['1 of 3 rows']);
    assert.deepEqual(found.notChecked, ['carrier: by hand (type text)']);
  });

  test('that asks for something we do not know is refused, not passed over', () => {
    const unknown = contract('  - {name: id, logicalType: integer, quality: [{metric: freshness, mustBe: 1}]}\n');
    assert.throws(() => readContract(unknown, 'x'), { code: 'DATA_CONTRACT_INVALID' });
    const twoOperators = contract('  - {name: id, quality: [{metric: nullValues, mustBe: 1, mustNotBe: 2}]}\n');
    assert.throws(() => readContract(twoOperators, 'x'), { code: 'DATA_CONTRACT_INVALID' });
  });

  test('finds the planted row in the Parquet that pandas wrote', needsPython, async () => {
    writeContract(
      contract(`  - {name: id, logicalType: integer, required: true, primaryKey: true}
  - {name: month, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 12}}
  - {name: carrier, logicalType: string, required: true, logicalTypeOptions: {pattern: '^[A-Z0-9]{2}$'}}
  - {name: delay, logicalType: number, logicalTypeOptions: {minimum: -60}}
  - {name: seats, logicalType: integer}
  - {name: day, logicalType: date, logicalTypeOptions: {minimum: '2013-01-01'}}
  - {name: hour, logicalType: timestamp}
`),
    );
    const program = `
import datetime, os, sys, pandas as pd
os.makedirs('data/raw')
def write(name, first, **planted):
    n = 5000
    df = pd.DataFrame({'id': range(first, first + n), 'month': [1] * n, 'carrier': ['AA', 'UA'] * (n // 2),
      'delay': [float(i % 60) for i in range(n)], 'seats': [float(i) if i % 7 else None for i in range(n)],
      'day': [datetime.date(2013, 1, 1)] * n, 'hour': pd.to_datetime(['2013-01-01T05:00:00Z'] * n)})
    for column, (row, value) in planted.items(): df.loc[row, column] = value
    df.to_parquet('data/raw/' + name)
write('2013-01.parquet', 0)
write('2013-02.parquet', 5000, **({} if len(sys.argv) < 2 else dict(month=(4200, 13), carrier=(17, None), delay=(3, -61.0), id=(9, 5008))))
`;
    runPython(['-c', program], { cwd: root });
    assert.equal((await report()).state, 'passed');
    rmSync(join(root, 'data/raw'), { recursive: true });
    runPython(['-c', program, 'bad'], { cwd: root });
    assert.deepEqual(cells(await report()), [
      'month.maximum 2013-02.parquet:4201 13',
      'carrier.required 2013-02.parquet:18 null',
      'delay.minimum 2013-02.parquet:4 -61.0',
      'primaryKey 2013-02.parquet:9 5008',
      'primaryKey 2013-02.parquet:10 5008',
    ]);
  });
});

describe('versioned data', () => {
  test('comes back as it was, and a file that is stored nowhere else is not lost', async () => {
    writeData({ 'a.csv': 'one', 'b.csv': 'two' });
    rmSync(join(root, 'tilth.yaml'));
    await addPaths(root, ['data/raw']);
    assert.deepEqual((await versionedPaths(root)).map(({ path, state }) => [path, state]), [['data/raw', 'unchanged']]);
    writeData({ 'a.csv': 'changed' });
    assert.equal((await versionedPaths(root))[0]?.state, 'modified');
    await assert.rejects(checkOut(root, []), { code: 'DATA_UNSAVED' });
    assert.deepEqual((await checkOut(root, [], { isForced: true })).changes, [{ path: 'data/raw', isFolder: true, change: 'modified' }]);
    assert.equal(readFileSync(join(root, 'data/raw/a.csv'), 'utf8'), 'one');
    rmSync(join(root, 'data/raw'), { recursive: true });
    assert.deepEqual((await checkOut(root, ['data'], { isRecursive: true })).changes, [{ path: 'data/raw', isFolder: true, change: 'added' }]);
    assert.deepEqual(readdirSync(join(root, 'data/raw')).sort(), ['a.csv', 'b.csv']);
  });

  test('that git keeps itself is refused', async () => {
    rmSync(join(root, 'tilth.yaml'));
    writeData({ 'a.csv': 'one' });
    execFileSync('git', ['-C', root, 'add', '-f', 'data/raw']);
    await assert.rejects(addPaths(root, ['data/raw']), { code: 'DATA_TRACKED_BY_GIT' });
  });
});
