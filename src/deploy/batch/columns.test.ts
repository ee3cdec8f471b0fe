import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { Scores } from '../serving/engines/scores.ts';
import { layoutOf } from '../serving/engines/rows.ts';
import { rowsPerPart } from './batch.ts';
import { Part } from './part.ts';
import { readAhead } from './read-ahead.ts';
import { readBlocks, type Block, type Wanted } from './read-rows.ts';
import { writePart } from './write-part.ts';

const { features } = layoutOf({
  inputs: [
    { name: 'a', datatype: 'FP64', shape: [1], nullable: true },
    { name: 'b', datatype: 'FP32', shape: [1], nullable: false },
  ],
  outputs: [],
  classes: [],
});
const wanted: Wanted = { features, keyColumn: null, eventTimeColumn: null };
const rowCount = rowsPerPart + 5000;

describe('columns of a batch', () => {
  let folder = '';
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tilth-columns-'));
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    connection = await instance.connect();
    await connection.run(
      `COPY (SELECT CASE WHEN i % 7 = 3 THEN NULL ELSE i / 3.0 END AS a, (i * 2)::INTEGER AS b FROM range(${rowCount}) r(i)) TO '${folder}/rows.parquet' (FORMAT parquet, ROW_GROUP_SIZE 10000)`,
    );
  });

  after(() => {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  });

  const read = (isDone: (block: number) => boolean): AsyncGenerator<Block> =>
    readBlocks(
      connection,
      { path: join(folder, 'rows.parquet'), name: 'rows', format: 'parquet' },
      wanted,
      isDone,
    );

  const query = async (sql: string): Promise<unknown[][]> =>
    (await connection.runAndReadAll(sql)).getRowsJS();

  const block = (firstRow: number, count: number): Block => ({
    index: 1,
    firstRow,
    rowCount: count,
    columns: [],
    unread: new Map(),
    keys: null,
    eventAt: null,
  });

  const scores = (labels: Scores['labels'], probabilities: number[]): Scores => ({
    rowCount: labels.length,
    labels,
    probabilities: Float64Array.from(probabilities),
    classCount: 2,
  });

  it('are read as they are, whole and from where a batch goes on; what is missing is NaN', async () => {
    for (const from of [0, 1]) {
      const columns: number[][] = [[], []];
      for await (const { columns: taken } of readAhead(read((index) => index < from)))
        for (const [index, column] of taken.entries())
          for (const value of column) columns[index]?.push(value as number);
      const rows = Array.from({ length: rowCount - from * rowsPerPart }, (_, at) => at + from * rowsPerPart);
      assert.deepEqual(
        columns[0],
        rows.map((row) => (row % 7 === 3 ? Number.NaN : row / 3)),
      );
      assert.deepEqual(
        columns[1],
        rows.map((row) => row * 2),
      );
    }
  });

  it('of a part without a gap are written as they were answered', async () => {
    const part = new Part("o'rows", block(rowsPerPart, 5000), ['no', 'yes'], null);
    for (const from of [0, 2500])
      part.put(
        Int32Array.from({ length: 2500 }, (_, at) => from + at),
        scores(
          Array.from({ length: 2500 }, (_, at) => ((from + at) % 3 === 0 ? 'yes' : 'no')),
          Array.from({ length: 5000 }, (_, at) => (at % 2 === 0 ? from + (at >> 1) : -from - (at >> 1))),
        ),
      );
    const path = join(folder, 'whole.parquet');
    await writePart(connection, part, path);
    assert.deepEqual(
      await query(
        `SELECT count(*)::INT, min(row)::INT, max(row)::INT, bool_and(source = 'o''rows' AND (prediction = 'yes') = ((row - ${rowsPerPart}) % 3 = 0) AND probability_no = row - ${rowsPerPart} AND probability_yes = ${rowsPerPart} - row) FROM read_parquet('${path}')`,
      ),
      [[5000, rowsPerPart, rowsPerPart + 4999, true]],
    );
  });

  it('lack the rows that are left out, or have their fault and no answer', async () => {
    for (const faults of [null, new Map([[1, 'lacks a value']])]) {
      const part = new Part('rows', block(10, 4), [0, 1], faults);
      part.put(Int32Array.of(0, 2, 3), scores([1, 0, 1], [0.1, 0.9, 0.8, 0.2, Number.NaN, 0.7]));
      const path = join(folder, 'gap.parquet');
      await writePart(connection, part, path);
      const rows = [
        ['rows', 10n, 1, 0.1, 0.9, ...(faults === null ? [] : [null])],
        ...(faults === null ? [] : [['rows', 11n, null, null, null, 'lacks a value']]),
        ['rows', 12n, 0, 0.8, 0.2, ...(faults === null ? [] : [null])],
        ['rows', 13n, 1, Number.NaN, 0.7, ...(faults === null ? [] : [null])],
      ];
      assert.deepEqual(await query(`FROM read_parquet('${path}')`), rows);
    }
  });

  it('that are read ahead end where their reader does, and say what went wrong where it is reached', async () => {
    let isEnded = false;
    async function* failing(): AsyncGenerator<number> {
      try {
        yield 1;
        yield 2;
        throw new Error('the disk is gone');
      } finally {
        isEnded = true;
      }
    }
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const one of readAhead(failing())) seen.push(one);
    }, /the disk is gone/);
    assert.deepEqual(seen, [1, 2]);
    isEnded = false;
    for await (const one of readAhead(failing())) if (one === 1) break;
    assert.ok(isEnded);
  });
});
