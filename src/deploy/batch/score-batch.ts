import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../platform/clock.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { compileRows } from '../../develop/contracts/row-rules.ts';
import type { Engine, Label, Scores } from '../serving/engine.ts';
import type { PredictionLog } from '../serving/prediction-log.ts';
import { featuresOf, type Column, type Rows } from '../serving/rows.ts';
import type { ServedVersion } from '../serving/serving-api.ts';
import {
  differenceOf,
  manifestFile,
  partName,
  partsAmong,
  planFile,
  requestIdOf,
  rowsPerCall,
  type BatchManifest,
  type BatchPlan,
  type DonePart,
} from './batch.ts';
import { outputTaken, rowsBad, type BadRow } from './batch-errors.ts';
import { findBadRows } from './bad-rows.ts';
import { countRows, planRead, readBlocks, type Block, type Wanted } from './read-rows.ts';
import type { InputFile, OutputPlace } from './places.ts';
import { writePart, type PartRows } from './write-part.ts';

export interface BatchWork {
  readonly plan: BatchPlan;
  readonly files: readonly InputFile[];
  readonly output: OutputPlace;
  readonly served: ServedVersion;
  readonly engine: Engine;
  /** undefined where nothing is logged */
  readonly log: PredictionLog | undefined;
  readonly caller: string | null;
  readonly clock: Clock;
  /** rows that are done, and how many there are in all where that is known */
  readonly onProgress: (done: number, total: number | undefined) => void;
}

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
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
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
  for (const [at, file] of files.entries()) {
    const finished = new Set(parts.filter((part) => part.file === at).map((part) => part.block));
    const local = await file.open();
    try {
      const from = { path: local.path, name: file.name, format: file.format };
      for await (const block of readBlocks(reading, from, wanted, (index) => finished.has(index))) {
        const bad = new Map(findBadRows(block, features, check));
        const rows = await scoreBlock(work, at, file.name, block, bad);
        const faults = [...bad]
          .toSorted(([a], [b]) => a - b)
          .map(([row, reason]) => ({ file: file.name, row: block.firstRow + row, reason }));
        if (faults.length > 0 && plan.onBadRow === 'fail') throw rowsBad(faults, true);
        named.push(...faults.slice(0, mostNamed - named.length));
        const name = partName(at, block.index, block.rowCount, bad.size);
        const temporary = join(output.scratch, name);
        await writePart(
          writing,
          rows,
          temporary,
          served.schema.classes.some((label) => typeof label === 'string'),
        );
        await output.move(temporary, name);
        parts.push({ name, file: at, block: block.index, rowCount: block.rowCount, badCount: bad.size });
        done += block.rowCount;
        work.onProgress(done, total);
      }
    } finally {
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

/** Scores and logs the good rows of a block; what the model itself refuses joins the bad ones. */
async function scoreBlock(
  work: BatchWork,
  fileIndex: number,
  source: string,
  block: Block,
  bad: Map<number, string>,
): Promise<PartRows> {
  const { plan, served } = work;
  const isReported = plan.onBadRow === 'report';
  const rows: PartRows & { probabilities: Map<string, (number | null)[]> } = {
    source,
    row: [],
    key: block.keys === null ? null : [],
    prediction: [],
    probabilities: new Map(),
    fault: isReported ? [] : null,
  };
  if (bad.size > 0 && plan.onBadRow === 'fail') return rows;
  for (let from = 0, call = 0; from < block.rowCount; from += rowsPerCall, call += 1) {
    const to = Math.min(from + rowsPerCall, block.rowCount);
    const taken = new Int32Array(to - from);
    let count = 0;
    for (let row = from; row < to; row += 1) if (!bad.has(row)) taken[count++] = row;
    const answers = await scoreApart(work, block, taken.subarray(0, count), bad);
    for (const [part, { places, scores, micros }] of answers.entries()) {
      const id = requestIdOf(plan.id, fileIndex, block.index, call) + (part === 0 ? '' : `-${part}`);
      await logScores(work, block, id, places, scores, micros);
    }
    const labels = new Map<number, { scores: Scores; at: number }>();
    for (const { places, scores } of answers)
      for (const [at, place] of places.entries()) labels.set(place, { scores, at });
    const classCount = answers[0]?.scores.classCount ?? 0;
    for (let row = from; row < to; row += 1) {
      const answer = labels.get(row);
      if (answer === undefined && !isReported) continue;
      rows.row.push(block.firstRow + row);
      rows.key?.push(block.keys?.[row] ?? null);
      rows.prediction.push(answer === undefined ? null : (answer.scores.labels[answer.at] as Label));
      rows.fault?.push(answer === undefined ? (bad.get(row) ?? '') : null);
      for (let index = 0; index < classCount; index += 1) {
        const name = String(served.schema.classes[index] ?? index);
        let column = rows.probabilities.get(name);
        if (column === undefined)
          rows.probabilities.set(name, (column = Array.from({ length: rows.row.length - 1 }, () => null)));
        column.push(
          answer === undefined ? null : (answer.scores.probabilities[answer.at * classCount + index] ?? null),
        );
      }
    }
    // a call without one good row has no classes to speak of
    for (const column of rows.probabilities.values())
      while (column.length < rows.row.length) column.push(null);
  }
  return rows;
}

interface Answered {
  /** rows of the block */
  readonly places: Int32Array;
  readonly scores: Scores;
  readonly micros: number;
}

/** Rows that the model refuses are found by halving; where a bad row ends the batch, one is enough. */
async function scoreApart(
  work: BatchWork,
  block: Block,
  places: Int32Array,
  bad: Map<number, string>,
): Promise<Answered[]> {
  if (places.length === 0) return [];
  const startedAt = performance.now();
  try {
    const scores = await work.engine.score(rowsOf(block, places));
    return [{ places, scores, micros: Math.round((performance.now() - startedAt) * 1000) }];
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    if (places.length === 1) {
      bad.set(places[0] as number, `the model refuses it: ${messageOf(thrown)}`);
      return [];
    }
    const middle = places.length >> 1;
    const first = await scoreApart(work, block, places.subarray(0, middle), bad);
    if (bad.size > 0 && work.plan.onBadRow === 'fail') return first;
    return [...first, ...(await scoreApart(work, block, places.subarray(middle), bad))];
  }
}

/** An engine that is busy, gone or late says nothing about the rows. */
const isRefusal = (thrown: unknown): boolean =>
  !(thrown instanceof TilthError) || thrown.code === 'SERVING_ROWS_REFUSED';

function rowsOf(block: Block, places: Int32Array): Rows {
  const [first = 0] = places;
  const isWhole = places[places.length - 1] === first + places.length - 1;
  const columns = block.columns.map((column): Column => {
    if (isWhole) return column.slice(first, first + places.length);
    if (column instanceof Float64Array) return Float64Array.from(places, (place) => column[place] as number);
    return Array.from(places, (place) => column[place] ?? null);
  });
  return { rowCount: places.length, columns };
}

async function logScores(
  { log, plan, served, engine, caller, clock }: BatchWork,
  block: Block,
  requestId: string,
  places: Int32Array,
  scores: Scores,
  latencyUs: number,
): Promise<void> {
  if (log === undefined) return;
  const probabilities: Record<string, Float64Array> = {};
  for (let index = 0; index < scores.classCount; index += 1) {
    probabilities[String(served.schema.classes[index] ?? index)] = Float64Array.from(
      { length: scores.rowCount },
      (_, row) => scores.probabilities[row * scores.classCount + index] as number,
    );
  }
  const { keys, eventAt } = block;
  await log.append({
    requestId,
    at: clock.now(),
    eventAt: eventAt === null ? null : Array.from(places, (place) => eventAt[place] ?? null),
    keys: keys === null ? null : Array.from(places, (place) => keys[place] ?? ''),
    endpoint: `batch-${plan.id}`,
    model: served.model,
    version: served.version,
    runId: served.runId,
    // an unapproved version answers nobody
    variant: plan.isTest ? 'shadow' : 'champion',
    schemaHash: served.schemaHash,
    rowCount: scores.rowCount,
    features: featuresOf(engine.layout, rowsOf(block, places)),
    prediction: scores.labels,
    probabilities,
    latencyUs,
    status: 'ok',
    error: null,
    caller,
    traceId: null,
  });
}
