import { sql } from 'kysely';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import { itemsSql, listSql } from '../../platform/database/sql-words.ts';
import type { PredictionSummary } from './prediction-api.ts';
import { emptyLayout, type Layout } from './prediction-layout.ts';

interface PartTable {
  /** file below `<home>/predictions/parquet` */
  path: string;
  model: string;
  schema_hash: string;
  day: string;
  row_count: number;
  byte_count: number;
  /** first and last time of its rows, when they happened (or were answered, where the caller gave no time) */
  first_event_at: number;
  last_event_at: number;
  /** first and last time of its rows, when they were answered */
  first_at: number;
  last_at: number;
}

interface SegmentTable {
  /** plane and name of the segment, without its ending */
  segment: string;
  /** records before this offset are in parts */
  read_to: number;
  is_done: number;
  repeated_count: number;
}

interface RequestTable {
  request_id: string;
  model: string;
  version: number;
  variant: string;
  status: string;
}

interface SeriesTable {
  model: string;
  version: number;
  variant: string;
  row_count: number;
  error_count: number;
  run_id: string | null;
}

interface LayoutTable {
  model: string;
  schema_hash: string;
  layout: string;
}

interface TouchedTable {
  model: string;
  day: string;
  /** grows with each touch, so that what came during an evaluation is not forgotten by it */
  touch: number;
  /** when the first row of the day was answered */
  first_at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    prediction_part: PartTable;
    prediction_segment: SegmentTable;
    prediction_request: RequestTable;
    prediction_series: SeriesTable;
    prediction_layout: LayoutTable;
    prediction_touched: TouchedTable;
  }
}

export const predictionMigrations: Migrations = {
  'predictions-001-manifest': {
    async up(db) {
      await db.schema
        .createTable('prediction_part')
        .addColumn('path', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('schema_hash', 'text', (column) => column.notNull())
        .addColumn('day', 'text', (column) => column.notNull())
        .addColumn('row_count', 'integer', (column) => column.notNull())
        .addColumn('byte_count', 'integer', (column) => column.notNull())
        .addColumn('first_event_at', 'integer', (column) => column.notNull())
        .addColumn('last_event_at', 'integer', (column) => column.notNull())
        .addColumn('first_at', 'integer', (column) => column.notNull())
        .addColumn('last_at', 'integer', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('prediction_part_day').on('prediction_part').columns(['model', 'day']).execute();
      await db.schema.createIndex('prediction_part_at').on('prediction_part').columns(['model', 'last_at']).execute();
      await db.schema
        .createTable('prediction_segment')
        .addColumn('segment', 'text', (column) => column.primaryKey())
        .addColumn('read_to', 'integer', (column) => column.notNull())
        .addColumn('is_done', 'integer', (column) => column.notNull())
        .addColumn('repeated_count', 'integer', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('prediction_request')
        .addColumn('request_id', 'text', (column) => column.notNull())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('variant', 'text', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('prediction_request_key', ['request_id', 'model', 'version', 'variant', 'status'])
        .modifyEnd(sql`without rowid`)
        .execute();
      await db.schema
        .createTable('prediction_series')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('variant', 'text', (column) => column.notNull())
        .addColumn('row_count', 'integer', (column) => column.notNull())
        .addColumn('error_count', 'integer', (column) => column.notNull())
        .addColumn('run_id', 'text')
        .addPrimaryKeyConstraint('prediction_series_key', ['model', 'version', 'variant'])
        .execute();
      await db.schema
        .createTable('prediction_layout')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('schema_hash', 'text', (column) => column.notNull())
        .addColumn('layout', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('prediction_layout_key', ['model', 'schema_hash'])
        .execute();
      await db.schema
        .createTable('prediction_touched')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('day', 'text', (column) => column.notNull())
        .addColumn('touch', 'integer', (column) => column.notNull())
        .addColumn('first_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('prediction_touched_key', ['model', 'day'])
        .execute();
    },
  },
};

export interface Part {
  readonly path: string;
  readonly model: string;
  readonly schemaHash: string;
  readonly day: string;
  readonly rowCount: number;
  readonly byteCount: number;
  readonly firstEventAt: number;
  readonly lastEventAt: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** One request as the log tells it from a repeated one. */
export interface RequestKey {
  readonly requestId: string;
  readonly model: string;
  readonly version: number;
  readonly variant: string;
  readonly status: string;
}

export interface SeriesCount {
  readonly model: string;
  readonly version: number;
  readonly variant: string;
  readonly runId: string | null;
  readonly rowCount: number;
  readonly errorCount: number;
}

export interface SegmentState {
  readonly segment: string;
  readonly readTo: number;
  readonly isDone: boolean;
  readonly repeatedCount: number;
}

/** All that one compaction changed: written together, or not at all. */
export interface Compacted {
  readonly parts: readonly Part[];
  readonly segments: readonly SegmentState[];
  readonly requests: readonly RequestKey[];
  readonly series: readonly SeriesCount[];
  readonly layouts: readonly { readonly model: string; readonly schemaHash: string; readonly layout: Layout }[];
}

const partRow = (part: Part): PartTable => ({
  path: part.path,
  model: part.model,
  schema_hash: part.schemaHash,
  day: part.day,
  row_count: part.rowCount,
  byte_count: part.byteCount,
  first_event_at: part.firstEventAt,
  last_event_at: part.lastEventAt,
  first_at: part.firstAt,
  last_at: part.lastAt,
});

const partOf = (row: PartTable): Part => ({
  path: row.path,
  model: row.model,
  schemaHash: row.schema_hash,
  day: row.day,
  rowCount: row.row_count,
  byteCount: row.byte_count,
  firstEventAt: row.first_event_at,
  lastEventAt: row.last_event_at,
  firstAt: row.first_at,
  lastAt: row.last_at,
});

export async function recordCompacted(tx: Transaction, compacted: Compacted): Promise<void> {
  for (const part of compacted.parts) {
    await tx.insertInto('prediction_part').values(partRow(part)).execute();
    await touchDay(tx, part.model, part.day, part.firstAt);
  }
  for (const state of compacted.segments) {
    const values = { read_to: state.readTo, is_done: state.isDone ? 1 : 0, repeated_count: state.repeatedCount };
    await tx
      .insertInto('prediction_segment')
      .values({ segment: state.segment, ...values })
      .onConflict((conflict) => conflict.column('segment').doUpdateSet(values))
      .execute();
  }
  if (compacted.requests.length > 0) {
    const lines = compacted.requests.map((each) => [each.requestId, each.model, each.version, each.variant, each.status]);
    await sql`insert into prediction_request (request_id, model, version, variant, status)
      select value ->> 0, value ->> 1, cast(value ->> 2 as bigint), value ->> 3, value ->> 4 from ${itemsSql(sql`${JSON.stringify(lines)}`, 'line')}`.execute(tx);
  }
  for (const { model, version, variant, runId, rowCount, errorCount } of compacted.series) {
    await tx
      .insertInto('prediction_series')
      .values({ model, version, variant, run_id: runId, row_count: rowCount, error_count: errorCount })
      .onConflict((conflict) =>
        conflict.columns(['model', 'version', 'variant']).doUpdateSet((eb) => ({
          row_count: eb('prediction_series.row_count', '+', eb.ref('excluded.row_count')),
          error_count: eb('prediction_series.error_count', '+', eb.ref('excluded.error_count')),
        })),
      )
      .execute();
  }
  for (const { model, schemaHash, layout } of compacted.layouts) {
    const text = JSON.stringify(layout);
    await tx
      .insertInto('prediction_layout')
      .values({ model, schema_hash: schemaHash, layout: text })
      .onConflict((conflict) => conflict.columns(['model', 'schema_hash']).doUpdateSet({ layout: text }))
      .execute();
  }
}

/** Replaces small parts by the one that holds their rows. */
export async function recordMerged(tx: Transaction, replaced: readonly Part[], merged: Part): Promise<void> {
  await tx
    .deleteFrom('prediction_part')
    .where(
      'path',
      'in',
      replaced.map((part) => part.path),
    )
    .execute();
  await tx.insertInto('prediction_part').values(partRow(merged)).execute();
}

/** Says that rows or labels of a day are new, so that its windows are computed again. */
export async function touchDay(tx: Transaction, model: string, day: string, firstAt: number): Promise<void> {
  await tx
    .insertInto('prediction_touched')
    .values({ model, day, touch: 1, first_at: firstAt })
    .onConflict((conflict) =>
      conflict.columns(['model', 'day']).doUpdateSet((eb) => ({ touch: eb('prediction_touched.touch', '+', 1) })),
    )
    .execute();
}

export interface TouchedDay {
  readonly day: string;
  readonly touch: number;
  readonly firstAt: number;
}

export async function touchedDays(read: Reader, model: string): Promise<TouchedDay[]> {
  const rows = await read.selectFrom('prediction_touched').selectAll().where('model', '=', model).orderBy('day').execute();
  return rows.map((row) => ({ day: row.day, touch: row.touch, firstAt: row.first_at }));
}

/** Forgets touches that an evaluation has seen; a day touched again meanwhile stays. */
export async function settleDays(tx: Transaction, model: string, days: readonly TouchedDay[]): Promise<void> {
  for (const { day, touch } of days) {
    await tx
      .deleteFrom('prediction_touched')
      .where('model', '=', model)
      .where('day', '=', day)
      .where('touch', '=', touch)
      .execute();
  }
}

export async function segmentStates(read: Reader): Promise<Map<string, SegmentState>> {
  const rows = await read.selectFrom('prediction_segment').selectAll().execute();
  return new Map(
    rows.map((row) => [
      row.segment,
      { segment: row.segment, readTo: row.read_to, isDone: row.is_done === 1, repeatedCount: row.repeated_count },
    ]),
  );
}

export const requestText = (key: RequestKey): string =>
  [key.requestId, key.model, key.version, key.variant, key.status].join('\n');

/** Which of these requests are in the log already, as `requestText`. */
export async function knownRequests(read: Reader, keys: readonly RequestKey[]): Promise<Set<string>> {
  if (keys.length === 0) return new Set();
  const ids = [...new Set(keys.map((key) => key.requestId))];
  const { rows } = await sql<RequestTable>`
    select * from prediction_request where request_id in ${listSql(ids)}`.execute(read);
  return new Set(rows.map((row) => requestText({ ...row, requestId: row.request_id })));
}

export async function layoutsOf(read: Reader, model: string): Promise<Map<string, Layout>> {
  const rows = await read.selectFrom('prediction_layout').selectAll().where('model', '=', model).execute();
  return new Map(rows.map((row) => [row.schema_hash, { ...emptyLayout, ...(JSON.parse(row.layout) as Layout) }]));
}

export interface PartFilter {
  readonly model?: string;
  /** rows that happened at `from` or later */
  readonly from?: number;
  /** rows that happened before `to` */
  readonly to?: number;
}

/** Parts that may hold such rows, by day. */
export async function listParts(read: Reader, filter: PartFilter = {}): Promise<Part[]> {
  let query = read.selectFrom('prediction_part').selectAll().orderBy('day').orderBy('path');
  if (filter.model !== undefined) query = query.where('model', '=', filter.model);
  if (filter.from !== undefined) query = query.where('last_event_at', '>=', filter.from);
  if (filter.to !== undefined) query = query.where('first_event_at', '<', filter.to);
  return (await query.execute()).map(partOf);
}

/** The parts with the newest answers first. */
export async function newestParts(read: Reader, model: string, before: number, limit: number): Promise<Part[]> {
  const rows = await read
    .selectFrom('prediction_part')
    .selectAll()
    .where('model', '=', model)
    .where('first_at', '<=', before)
    .orderBy('last_at', 'desc')
    .limit(limit)
    .execute();
  return rows.map(partOf);
}

/** Groups of `partCount` parts or more of one schema and day that have at least `fromRows` rows and fewer than `belowRows`. */
export async function crowdedDays(read: Reader, partCount: number, fromRows: number, belowRows: number): Promise<Part[][]> {
  const ofSize = read.selectFrom('prediction_part').where('row_count', '>=', fromRows).where('row_count', '<', belowRows);
  const crowded = await ofSize
    .select(['model', 'schema_hash', 'day'])
    .groupBy(['model', 'schema_hash', 'day'])
    .having((eb) => eb.fn.countAll(), '>=', partCount)
    .limit(20)
    .execute();
  const groups: Part[][] = [];
  for (const { model, schema_hash, day } of crowded) {
    const rows = await ofSize
      .selectAll()
      .where('model', '=', model)
      .where('schema_hash', '=', schema_hash)
      .where('day', '=', day)
      .orderBy('path')
      .execute();
    groups.push(rows.map(partOf));
  }
  return groups;
}

export async function seriesOf(read: Reader, model: string): Promise<SeriesCount[]> {
  const rows = await read
    .selectFrom('prediction_series')
    .selectAll()
    .where('model', '=', model)
    .orderBy('version')
    .orderBy('variant')
    .execute();
  return rows.map((row) => ({
    model: row.model,
    version: row.version,
    variant: row.variant,
    runId: row.run_id,
    rowCount: row.row_count,
    errorCount: row.error_count,
  }));
}

/** Models that have predictions in the log. */
export async function loggedModels(read: Reader): Promise<string[]> {
  const rows = await read.selectFrom('prediction_series').select('model').distinct().execute();
  return rows.map((row) => row.model);
}

export async function summarize(read: Reader, model: string, labelCount: number): Promise<PredictionSummary> {
  const series = await seriesOf(read, model);
  const parts = await read
    .selectFrom('prediction_part')
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number>('byte_count').as('bytes'),
      eb.fn.min('first_event_at').as('first'),
      eb.fn.max('last_event_at').as('last'),
    ])
    .where('model', '=', model)
    .executeTakeFirst();
  const { repeated } = await read
    .selectFrom('prediction_segment')
    .select((eb) => eb.fn.sum<number>('repeated_count').as('repeated'))
    .executeTakeFirstOrThrow();
  return {
    model,
    rowCount: series.reduce((sum, each) => sum + each.rowCount, 0),
    repeatedCount: repeated ?? 0,
    labelCount,
    partCount: parts?.count ?? 0,
    byteCount: parts?.bytes ?? 0,
    firstEventAt: parts?.first ?? null,
    lastEventAt: parts?.last ?? null,
    series: series.map(({ version, variant, rowCount, errorCount }) => ({ version, variant, rowCount, errorCount })),
  };
}
