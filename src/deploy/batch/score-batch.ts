import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { compileRows } from '../../develop/contracts/row-rules.ts';
import {
  differenceOf,
  manifestFile,
  partName,
  partsAmong,
  planFile,
  type BatchManifest,
  type BatchPlan,
  type DonePart,
} from './batch.ts';
import { outputTaken, rowsBad, type BadRow } from './batch-errors.ts';
import { findBadRows } from './bad-rows.ts';
import type { BatchWork } from './batch-work.ts';
import type { Part } from './part.ts';
import type { InputFile, OutputPlace } from './places.ts';
import { readAhead } from './read-ahead.ts';
import { countRows, planRead, readBlocks, type Wanted } from './read-rows.ts';
import { scoreBlock } from './score-block.ts';
import { writePart } from './write-part.ts';

/** The plan that lies in a place; undefined where there is none yet. */
export async function storedPlan(output: OutputPlace): Promise<BatchPlan | undefined> {
  const text = await output.read(planFile);
  if (text !== undefined) return JSON.parse(text) as BatchPlan;
  return undefined;
}

/** @throws BATCH_OUTPUT_TAKEN */
export async function holdPlan(
  output: OutputPlace,
  before: BatchPlan | undefined,
  plan: BatchPlan,
): Promise<void> {
  if (before === undefined) {
    if (partsAmong(await output.list()).length > 0)
      throw outputTaken(output.name, 'it has parts, and does not say of what');
    await output.write(planFile, JSON.stringify(plan, null, 2));
    return;
  }
  const difference = differenceOf(before, plan);
  if (difference !== undefined) throw outputTaken(output.name, difference);
}

/** Bad rows that are named in the manifest. */
const mostNamed = 1000;

/**
 * Scores what is not scored yet. A part is logged, then put in its place: whoever is ended in between does the part
 * again, and the log knows its rows by their ids.
 *
 * @throws BATCH_ROWS_BAD, BATCH_COLUMN_MISSING, BATCH_COLUMN_WRONG, and what the engine throws
 */
export async function scoreBatch(work: BatchWork): Promise<BatchManifest> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  // each connection reads or writes in a thread of its own as it is; more only cost processor time
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const [reading, writing] = [await instance.connect(), await instance.connect()];
  try {
    return await scoreFiles(work, reading, writing);
  } finally {
    reading.closeSync();
    writing.closeSync();
    instance.closeSync();
  }
}

async function scoreFiles(
  work: BatchWork,
  reading: DuckDBConnection,
  writing: DuckDBConnection,
): Promise<BatchManifest> {
  const { plan, files, output, engine, served } = work;
  const features = engine.layout.features;
  const wanted: Wanted = { features, keyColumn: plan.keyColumn, eventTimeColumn: plan.eventTimeColumn };
  const check = compileRows(served.contract?.rules ?? [], engine.layout.names);
  const parts: DonePart[] = partsAmong(await output.list());
  const total = await checkAll(reading, files, wanted);
  let done = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const named: BadRow[] = [];
  work.onProgress(done, total);
  const put = async (part: Part, as: DonePart): Promise<void> => {
    const temporary = join(output.scratch, as.name);
    await writePart(writing, part, temporary);
    await output.move(temporary, as.name);
    parts.push(as);
    done += as.rowCount;
    work.onProgress(done, total);
  };
  // a part is written while the next block is scored
  let written: Promise<void> = Promise.resolve();
  for (const [at, file] of files.entries()) {
    const finished = new Set(parts.filter((part) => part.file === at).map((part) => part.block));
    const local = await file.open();
    try {
      const from = { path: local.path, name: file.name, format: file.format };
      const blocks = readBlocks(reading, from, wanted, (index) => finished.has(index));
      for await (const block of readAhead(blocks)) {
        const bad = new Map(findBadRows(block, features, check));
        const part = await scoreBlock(work, at, file.name, block, bad);
        await written;
        const faults = [...bad]
          .toSorted(([a], [b]) => a - b)
          .map(([row, reason]) => ({ file: file.name, row: block.firstRow + row, reason }));
        if (faults.length > 0 && plan.onBadRow === 'fail') throw rowsBad(faults, true);
        named.push(...faults.slice(0, mostNamed - named.length));
        const { index, rowCount } = block;
        const name = partName(at, index, rowCount, bad.size);
        written = put(part, { name, file: at, block: index, rowCount, badCount: bad.size });
        // told of where it is waited for
        written.catch(() => undefined);
      }
      await written;
    } finally {
      await written.catch(() => undefined);
      local.release();
    }
  }
  const sorted = parts.toSorted((a, b) => a.file - b.file || a.block - b.block);
  const manifest: BatchManifest = {
    ...plan,
    rowCount: done,
    badCount: sorted.reduce((sum, part) => sum + part.badCount, 0),
    parts: sorted.map(({ name, rowCount, badCount }) => ({ name, rowCount, badCount })),
    badRows: named,
  };
  await output.write(manifestFile, JSON.stringify(manifest, null, 2));
  return manifest;
}

/** Columns of all files before the first row of one is scored; rows in all, where the files say. */
async function checkAll(
  reading: DuckDBConnection,
  files: readonly InputFile[],
  wanted: Wanted,
): Promise<number | undefined> {
  let total: number | undefined = 0;
  for (const file of files) {
    const { path, release } = await file.open();
    try {
      await planRead(reading, { path, name: file.name, format: file.format }, wanted);
      const count = await countRows(reading, path, file.format);
      total = count === undefined || total === undefined ? undefined : total + count;
    } finally {
      release();
    }
  }
  return total;
}
