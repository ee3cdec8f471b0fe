import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Database } from '../../platform/database/database.ts';
import { messageOf } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import type { Logger } from '../../platform/log.ts';
import { readColumns } from '../../deploy/serving/log/prediction-log.ts';
import type { RecordHead, StoredRecord } from '../../deploy/serving/log/prediction-record.ts';
import { columnOf, isPresent, numbersOf } from '../../deploy/serving/log/record-format.ts';
import { parquetFiles, type Analytics } from '../windows/analytics.ts';
import { parquetFile } from './parquet.ts';
import { partColumns, rowsIn, type Slice } from './part-columns.ts';
import { emptyLayout, extendLayout, folderName, type Layout } from './prediction-layout.ts';
import {
  crowdedDays,
  knownRequests,
  layoutsOf,
  listParts,
  recordCompacted,
  recordMerged,
  requestText,
  segmentStates,
  type Part,
  type RequestKey,
  type SegmentState,
  type SeriesCount,
} from './prediction-store.ts';
import { literal } from '../../platform/sql-text.ts';

export interface CompactionOptions {
  readonly database: Database;
  readonly analytics: Analytics;
  readonly log: Logger;
  /** `<home>/predictions` */
  readonly folder: string;
}

/** Rows that are held in memory at once. */
const rowsAtOnce = 60_000;
/** So many parts of about one size become one, so that a row is merged once per size and not with each new part. */
const crowdedAt = 8;
/** A part of more rows than the last of these is large enough to stay. */
const partSizes = [0, 500, 5_000, 50_000] as const;
/** A query that listed the parts before a merge may still read the old ones. */
const keepReplacedMs = 30_000;

interface SegmentFile {
  readonly segment: string;
  readonly path: string;
  readonly isClosed: boolean;
  readonly byteCount: number;
}

/** Moves predictions from the data planes' segments into Parquet, each exactly once whatever dies when. */
export class Compaction {
  readonly #options: CompactionOptions;
  readonly #parquet: string;
  readonly #segments: string;
  #last: Promise<number> = Promise.resolve(0);
  #replaced: { path: string; at: number }[] = [];

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#parquet = join(options.folder, 'parquet');
    this.#segments = join(options.folder, 'segments');
  }

  /** The file of a part. */
  pathOf(part: Part): string {
    return join(this.#parquet, part.path);
  }

  /**
   * Reads all whole records that segments hold by now; runs of it wait for each other.
   *
   * @returns how many rows are new in Parquet
   */
  run(): Promise<number> {
    const run = this.#last.then(() => this.#run());
    this.#last = run.catch(() => 0);
    return run;
  }

  /** Removes files that a crash left between their writing and their entry in the manifest. */
  async recover(): Promise<void> {
    const known = new Set((await listParts(this.#options.database.read)).map((part) => part.path));
    const entries = await readdir(this.#parquet, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      if (known.has(partPath(this.#parquet, path))) continue;
      this.#options.log.info({ path }, 'removed a part that no manifest knows');
      await rm(path, { force: true });
    }
  }

  async #run(): Promise<number> {
    let rowCount = 0;
    for (;;) {
      const moved = await this.#moveSome();
      rowCount += moved.rowCount;
      if (!moved.isMore) break;
    }
    if (rowCount > 0) await this.#merge();
    await this.#removeReplaced();
    return rowCount;
  }

  async #moveSome(): Promise<{ rowCount: number; isMore: boolean }> {
    const { database } = this.#options;
    const states = await segmentStates(database.read);
    const taken: { state: SegmentState; records: StoredRecord[] }[] = [];
    let heldRows = 0;
    let isMore = false;
    for (const file of await this.#listSegments()) {
      const before = states.get(file.segment) ?? {
        segment: file.segment,
        readTo: 0,
        isDone: false,
        repeatedCount: 0,
      };
      if (before.isDone || (!file.isClosed && file.byteCount <= before.readTo)) continue;
      if (heldRows >= rowsAtOnce) {
        isMore = true;
        break;
      }
      const read = this.#readNew(file, before.readTo, rowsAtOnce - heldRows);
      heldRows += read.rowCount;
      isMore ||= read.isMore;
      if (read.readTo === before.readTo && !read.isDone) continue;
      taken.push({ state: { ...before, readTo: read.readTo, isDone: read.isDone }, records: read.records });
    }
    if (taken.length === 0) return { rowCount: 0, isMore: false };
    return { rowCount: await this.#store(taken), isMore };
  }

  async #listSegments(): Promise<SegmentFile[]> {
    const planes = await readdir(this.#segments, { withFileTypes: true }).catch(() => []);
    const files: SegmentFile[] = [];
    for (const plane of planes.filter((entry) => entry.isDirectory())) {
      for (const name of (await readdir(join(this.#segments, plane.name))).sort()) {
        const match = /^(.+)\.(open|seg)$/.exec(name);
        if (match === null) continue;
        const path = join(this.#segments, plane.name, name);
        // it may be renamed from .open to .seg at this moment; the next run finds it
        const found = await stat(path).catch(() => undefined);
        if (found === undefined) continue;
        files.push({
          segment: `${plane.name}/${match[1]}`,
          path,
          isClosed: match[2] === 'seg',
          byteCount: found.size,
        });
      }
    }
    return files;
  }

  #readNew(file: SegmentFile, readTo: number, mostRows: number) {
    const records: StoredRecord[] = [];
    let rowCount = 0;
    let end = readTo;
    let isMore = false;
    try {
      for (const entry of readColumns(file.path, readTo === 0 ? undefined : readTo)) {
        records.push(entry.record);
        rowCount += entry.record.head.rowCount;
        end = entry.end;
        isMore = rowCount >= mostRows;
        if (isMore) break;
      }
    } catch (cause) {
      const isGone = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      if (isGone) return { records: [], rowCount: 0, readTo, isDone: false, isMore: false };
      this.#options.log.error(
        { segment: file.path, cause: messageOf(cause) },
        'a prediction segment is damaged behind its last whole record',
      );
    }
    return { records, rowCount, readTo: end, isDone: file.isClosed && !isMore, isMore };
  }

  async #store(taken: readonly { state: SegmentState; records: StoredRecord[] }[]): Promise<number> {
    const { database } = this.#options;
    const known = await knownRequests(
      database.read,
      taken.flatMap(({ records }) => records.map(({ head }) => keyOf(head))),
    );
    const fresh: StoredRecord[] = [];
    const requests: RequestKey[] = [];
    const segments = taken.map(({ state, records }) => {
      let repeatedCount = state.repeatedCount;
      for (const record of records) {
        const key = keyOf(record.head);
        const text = requestText(key);
        if (known.has(text)) {
          repeatedCount++;
          continue;
        }
        known.add(text);
        requests.push(key);
        fresh.push(record);
      }
      return { ...state, repeatedCount };
    });
    const parts: Part[] = [];
    const layouts: { model: string; schemaHash: string; layout: Layout }[] = [];
    for (const records of Map.groupBy(fresh, ({ head }) => `${head.model}\n${head.schemaHash}`).values()) {
      const [
        {
          head: { model, schemaHash },
        },
      ] = records as [StoredRecord];
      const before = (await layoutsOf(database.read, model)).get(schemaHash) ?? emptyLayout;
      const layout = extendLayout(before, records);
      if (JSON.stringify(layout) !== JSON.stringify(before)) layouts.push({ model, schemaHash, layout });
      parts.push(...(await this.#writeParts(model, schemaHash, records, layout)));
    }
    await database.write((tx) =>
      recordCompacted(tx, {
        parts,
        segments,
        requests,
        series: countSeries(fresh.map(({ head }) => head)),
        layouts,
      }),
    );
    return parts.reduce((sum, part) => sum + part.rowCount, 0);
  }

  async #writeParts(
    model: string,
    schemaHash: string,
    records: readonly StoredRecord[],
    layout: Layout,
  ): Promise<Part[]> {
    const parts: Part[] = [];
    for (const [day, slices] of [...slicesByDay(records)].sort(([left], [right]) =>
      left < right ? -1 : 1,
    )) {
      const rowCount = rowsIn(slices);
      const columns = partColumns(slices, layout);
      const file = await this.#writePart(model, schemaHash, day, async (path) =>
        writeFile(path, await parquetFile(columns, rowCount)),
      );
      parts.push({ ...file, model, schemaHash, day, rowCount, ...rangeOf(slices) });
    }
    return parts;
  }

  /** Under a temporary name, synced, renamed: a part is whole or not there. */
  async #writePart(
    model: string,
    schemaHash: string,
    day: string,
    write: (path: string) => Promise<void>,
  ): Promise<{ path: string; byteCount: number }> {
    const folder = join(
      this.#parquet,
      `model=${folderName(model)}`,
      `schema=${folderName(schemaHash)}`,
      `date=${day}`,
    );
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `part-${newUlid()}.parquet`);
    const temporary = `${path}.writing`;
    await write(temporary);
    await syncPath(temporary);
    await rename(temporary, path);
    await syncPath(folder);
    return { path: partPath(this.#parquet, path), byteCount: (await stat(path)).size };
  }

  /** Days in which many small parts gathered get one part instead. */
  async #merge(): Promise<void> {
    const { database, analytics } = this.#options;
    const crowded: Part[][] = [];
    for (const [index, below] of partSizes.slice(1).entries()) {
      crowded.push(...(await crowdedDays(database.read, crowdedAt, partSizes[index] ?? 0, below)));
    }
    for (const parts of crowded) {
      const [first] = parts;
      if (first === undefined) continue;
      const source = `SELECT * FROM ${parquetFiles(parts.map((part) => this.pathOf(part)))} ORDER BY coalesce(event_ts, ts)`;
      const { path, byteCount } = await this.#writePart(
        first.model,
        first.schemaHash,
        first.day,
        (temporary) =>
          analytics.run(`COPY (${source}) TO ${literal(temporary)} (FORMAT parquet, COMPRESSION zstd)`),
      );
      const merged: Part = {
        ...first,
        path,
        byteCount,
        rowCount: parts.reduce((sum, part) => sum + part.rowCount, 0),
        firstEventAt: Math.min(...parts.map((part) => part.firstEventAt)),
        lastEventAt: Math.max(...parts.map((part) => part.lastEventAt)),
        firstAt: Math.min(...parts.map((part) => part.firstAt)),
        lastAt: Math.max(...parts.map((part) => part.lastAt)),
      };
      await database.write((tx) => recordMerged(tx, parts, merged));
      const now = Date.now();
      this.#replaced.push(...parts.map((part) => ({ path: this.pathOf(part), at: now })));
    }
  }

  async #removeReplaced(): Promise<void> {
    const now = Date.now();
    const old = this.#replaced.filter((each) => now - each.at >= keepReplacedMs);
    this.#replaced = this.#replaced.filter((each) => now - each.at < keepReplacedMs);
    for (const { path } of old) if (existsSync(path)) await rm(path, { force: true });
  }
}

const dayMs = 86_400_000;

/** The rows of records by the day (UTC) on which they happened; those of one record that follow each other stay together. */
function slicesByDay(records: readonly StoredRecord[]): Map<string, Slice[]> {
  const days = new Map<number, Slice[]>();
  const add = (day: number, slice: Slice): void => {
    const slices = days.get(day);
    if (slices === undefined) days.set(day, [slice]);
    else slices.push(slice);
  };
  for (const record of records) {
    const times = timesOf(record);
    let from = 0;
    let day = Math.floor((times[0] ?? record.head.at) / dayMs);
    for (let row = 1; row < times.length; row++) {
      const next = Math.floor((times[row] as number) / dayMs);
      if (next === day) continue;
      add(day, { record, times, from, to: row });
      from = row;
      day = next;
    }
    if (record.head.rowCount > 0) add(day, { record, times, from, to: record.head.rowCount });
  }
  return new Map(
    [...days].map(([day, slices]) => [new Date(day * dayMs).toISOString().replace(/T.*/, ''), slices]),
  );
}

/** When each row happened, or was answered where the caller did not say; empty when he said it of none. */
function timesOf(record: StoredRecord): Float64Array {
  const column = columnOf(record, 'event_at');
  const given = column === undefined ? undefined : numbersOf(column);
  if (column === undefined || given === undefined) return new Float64Array(0);
  if (column.present === null)
    return given instanceof Float64Array ? given : Float64Array.from(given as ArrayLike<number>);
  const { present } = column;
  const { rowCount, at } = record.head;
  let next = 0;
  return Float64Array.from({ length: rowCount }, (_, row) =>
    isPresent(present, row) ? Number(given[next++]) : at,
  );
}

function rangeOf(
  slices: readonly Slice[],
): Pick<Part, 'firstEventAt' | 'lastEventAt' | 'firstAt' | 'lastAt'> {
  let [firstEventAt, lastEventAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [firstAt, lastAt] = [firstEventAt, lastEventAt];
  for (const { record, times, from, to } of slices) {
    const { at } = record.head;
    firstAt = Math.min(firstAt, at);
    lastAt = Math.max(lastAt, at);
    if (times.length === 0) {
      firstEventAt = Math.min(firstEventAt, at);
      lastEventAt = Math.max(lastEventAt, at);
    } else
      for (let row = from; row < to; row++) {
        firstEventAt = Math.min(firstEventAt, times[row] as number);
        lastEventAt = Math.max(lastEventAt, times[row] as number);
      }
  }
  // the manifest holds whole milliseconds
  return { firstEventAt: Math.floor(firstEventAt), lastEventAt: Math.floor(lastEventAt), firstAt, lastAt };
}

const keyOf = ({ requestId, model, version, variant, status }: RecordHead): RequestKey => ({
  requestId,
  model,
  version,
  variant,
  status,
});

function countSeries(records: readonly RecordHead[]): SeriesCount[] {
  return [...Map.groupBy(records, (each) => `${each.model}\n${each.version}\n${each.variant}`).values()].map(
    (group) => {
      const [{ model, version, variant, runId }] = group as [RecordHead];
      const rowCount = group.reduce((sum, each) => sum + each.rowCount, 0);
      const errorCount = group.reduce((sum, each) => sum + (each.status === 'ok' ? 0 : each.rowCount), 0);
      return { model, version, variant, runId, rowCount, errorCount };
    },
  );
}

const partPath = (root: string, path: string): string => relative(root, path).split(sep).join('/');

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
