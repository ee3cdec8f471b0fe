import type { Reader } from '../../platform/database/database.ts';
import { parquetFiles, timestamp, type Analytics, type Cell } from '../windows/analytics.ts';
import { labelsFor } from './label-store.ts';
import type { PredictionPage, PredictionView } from './prediction-api.ts';
import { featureColumn, probabilityColumn, type Layout } from './prediction-layout.ts';
import { layoutsOf, listParts, newestParts, type Part } from './prediction-store.ts';
import type { Compaction } from './compaction.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

/** What the log is read with. */
export interface LogReader {
  readonly read: Reader;
  readonly analytics: Analytics;
  readonly compaction: Compaction;
}

/** Answers of one version in one role, column by column, in the order in which they happened. */
export interface AnsweredRows {
  readonly version: number;
  readonly variant: string;
  readonly runId: string | null;
  readonly keys: readonly (string | null)[];
  readonly requestIds: readonly string[];
  readonly rows: readonly number[];
  readonly predictions: readonly string[];
  /** probability of the positive class, the last of `classes`; NaN where the model gave none */
  readonly scores: Float64Array;
  readonly classes: readonly string[];
  /** when the first and the last of the rows happened, ms since the epoch */
  readonly firstAt: number;
  readonly lastAt: number;
}

const happened = 'coalesce(event_ts, ts)';
const within = (from: number, to: number): string =>
  `${happened} >= ${timestamp(from)} AND ${happened} < ${timestamp(to)}`;

/** Successful answers of a model whose event lies in [from, to), one entry per version and variant. */
export async function readAnswers(
  log: LogReader,
  model: string,
  from: number,
  to: number,
): Promise<AnsweredRows[]> {
  const parts = await listParts(log.read, { model, from, to });
  const layouts = await layoutsOf(log.read, model);
  const answers: AnsweredRows[] = [];
  for (const [schemaHash, group] of Map.groupBy(parts, (part) => part.schemaHash)) {
    const classes = layouts.get(schemaHash)?.classes ?? [];
    const positive = classes.at(-1);
    const score = positive === undefined ? 'NULL' : identifier(probabilityColumn(positive));
    const columns = await log.analytics.columns(`
      SELECT version, variant, run_id, key, request_id, row, prediction::VARCHAR, ${score}::DOUBLE, epoch_ms(${happened})::DOUBLE
      FROM ${parquetFiles(group.map((part) => log.compaction.pathOf(part)))}
      WHERE status = 'ok' AND ${within(from, to)}
      ORDER BY ${happened}, request_id, row`);
    answers.push(...splitAnswers(columns, classes));
  }
  return answers.sort(
    (left, right) => left.version - right.version || (left.variant < right.variant ? -1 : 1),
  );
}

function splitAnswers(columns: readonly Cell[][], classes: readonly string[]): AnsweredRows[] {
  const [
    versions = [],
    variants = [],
    runs = [],
    keys = [],
    requests = [],
    rows = [],
    predictions = [],
    scores = [],
    times = [],
  ] = columns;
  const groups = new Map<string, number[]>();
  for (let index = 0; index < versions.length; index++) {
    const name = `${String(versions[index])} ${String(variants[index])}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [index]);
    else group.push(index);
  }
  return [...groups.values()].map((group) => {
    const first = group[0] ?? 0;
    return {
      version: Number(versions[first]),
      variant: String(variants[first]),
      runId: runs[first] as string | null,
      keys: group.map((index) => keys[index] as string | null),
      requestIds: group.map((index) => requests[index] as string),
      rows: group.map((index) => rows[index] as number),
      predictions: group.map((index) => String(predictions[index])),
      scores: Float64Array.from(group, (index) => (scores[index] as number | null) ?? Number.NaN),
      classes,
      // rows come in the order in which they happened
      firstAt: Number(times[first]),
      lastAt: Number(times[group.at(-1) ?? first]),
    };
  });
}

/** Truth for each of the rows, in their order; null where it is not yet known. */
export const readTruth = (log: LogReader, model: string, answers: AnsweredRows): Promise<(string | null)[]> =>
  labelsFor(
    log.read,
    model,
    answers.keys.map((key, index) => ({
      key,
      requestId: answers.requestIds[index] ?? '',
      row: answers.rows[index] ?? 0,
    })),
  );

/** One column of inputs of one version, in no particular order. */
export interface FeatureValues {
  readonly name: string;
  readonly values: readonly (string | number | boolean | null)[];
}

/** Inputs that each version answered in [from, to), column by column: one scan for all versions. */
export async function readFeatures(
  log: LogReader,
  model: string,
  from: number,
  to: number,
): Promise<Map<number, FeatureValues[]>> {
  const parts = await listParts(log.read, { model, from, to });
  const layouts = await layoutsOf(log.read, model);
  const gathered = new Map<number, Map<string, Cell[]>>();
  for (const [schemaHash, group] of Map.groupBy(parts, (part) => part.schemaHash)) {
    const names = Object.keys(layouts.get(schemaHash)?.features ?? {});
    if (names.length === 0) continue;
    const [versions = [], ...columns] = await log.analytics.columns(`
      SELECT version, ${names.map((name) => identifier(featureColumn(name))).join(', ')}
      FROM ${parquetFiles(group.map((part) => log.compaction.pathOf(part)))}
      WHERE status = 'ok' AND ${within(from, to)}`);
    const rowsOf = Map.groupBy(versions.keys(), (row) => Number(versions[row]));
    for (const [version, rows] of rowsOf) {
      const known = gathered.get(version) ?? new Map<string, Cell[]>();
      gathered.set(version, known);
      for (const [index, name] of names.entries()) {
        const column = columns[index] ?? [];
        const values = rows.map((row) => column[row] ?? null);
        known.set(name, (known.get(name) ?? []).concat(values));
      }
    }
  }
  return new Map(
    [...gathered].map(([version, known]) => [
      version,
      [...known].map(([name, values]) => ({ name, values: values as FeatureValues['values'] })),
    ]),
  );
}

/** How many days of parts are looked through at once; labels are mostly of the newest. */
const daysAtOnce = 14;

/** Days whose predictions these labels belong to, and how many of the labels belong to none yet. */
export async function daysOfLabels(
  log: LogReader,
  model: string,
  subjects: readonly string[],
): Promise<{ days: string[]; unmatchedCount: number }> {
  if (subjects.length === 0) return { days: [], unmatchedCount: 0 };
  const parts = await listParts(log.read, { model });
  const byDay = [...Map.groupBy(parts, (part) => part.day)].sort(([left], [right]) =>
    left < right ? 1 : -1,
  );
  const days = new Set<string>();
  let missing = subjects;
  for (let from = 0; from < byDay.length && missing.length > 0; from += daysAtOnce) {
    const files = byDay
      .slice(from, from + daysAtOnce)
      .flatMap(([, group]) => group.map((part) => log.compaction.pathOf(part)));
    await log.analytics.load('label_subject', [{ name: 'subject', type: 'VARCHAR', values: missing }]);
    const isByRow = missing.some((subject) => subject.startsWith('r:'));
    const rowMatch = isByRow
      ? ` UNION ALL SELECT 'r:' || row || ':' || request_id AS subject, ${happened} AS happened_at FROM answers`
      : '';
    const found = await log.analytics.rows(`
      WITH answers AS (SELECT key, row, request_id, event_ts, ts FROM ${parquetFiles(files)}),
        named AS (SELECT 'k:' || key AS subject, ${happened} AS happened_at FROM answers WHERE key IS NOT NULL${rowMatch})
      SELECT DISTINCT subject, strftime(happened_at, '%Y-%m-%d') FROM named SEMI JOIN label_subject USING (subject)`);
    const matched = new Set<string>();
    for (const [subject, day] of found) {
      matched.add(String(subject));
      days.add(String(day));
    }
    missing = missing.filter((subject) => !matched.has(subject));
  }
  return { days: [...days].sort(), unmatchedCount: missing.length };
}

/** Enough to fill a page of any size that is allowed, when parts are merged. */
const partsPerPage = 40;

/** The newest answers first; `before` is the `next` of the page before. */
export async function readPage(
  log: LogReader,
  model: string,
  options: { limit: number; before?: string | undefined; showsFeatures: boolean },
): Promise<PredictionPage> {
  const before = parseCursor(options.before);
  const parts = await newestParts(log.read, model, before.at, partsPerPage + 1);
  const isMoreParts = parts.length > partsPerPage;
  const shown = parts.slice(0, partsPerPage);
  // rows of parts that were left out may be newer than the oldest rows read here
  const oldest = isMoreParts ? (parts[partsPerPage]?.lastAt ?? 0) : 0;
  const layouts = await layoutsOf(log.read, model);
  const views: PredictionView[] = [];
  for (const [schemaHash, group] of Map.groupBy(shown, (part) => part.schemaHash)) {
    views.push(...(await readViews(log, group, layouts.get(schemaHash), before, oldest, options)));
  }
  views.sort(
    (left, right) =>
      right.at - left.at ||
      (left.requestId < right.requestId ? 1 : left.requestId > right.requestId ? -1 : right.row - left.row),
  );
  const page = views.slice(0, options.limit);
  const labels = await labelsFor(log.read, model, page);
  const last = page.at(-1);
  const isMore = views.length > page.length || isMoreParts;
  return {
    predictions: page.map((view, index) => ({ ...view, label: labels[index] ?? null })),
    next: isMore && last !== undefined ? [last.at, last.row, last.requestId].join(',') : null,
  };
}

interface Cursor {
  readonly at: number;
  readonly row: number;
  readonly requestId: string;
}

const parseCursor = (text: string | undefined): Cursor => {
  const [at, row, ...rest] = (text ?? '').split(',');
  return { at: Number(at) > 0 ? Number(at) : 8e15, row: Number(row ?? 0), requestId: rest.join(',') };
};

async function readViews(
  log: LogReader,
  parts: readonly Part[],
  layout: Layout | undefined,
  before: Cursor,
  oldest: number,
  options: { limit: number; showsFeatures: boolean },
): Promise<PredictionView[]> {
  const features = options.showsFeatures ? Object.keys(layout?.features ?? {}) : [];
  const classes = layout?.classes ?? [];
  const extra = [...features.map(featureColumn), ...classes.map(probabilityColumn)]
    .map((name) => `, ${identifier(name)}`)
    .join('');
  const prediction = layout?.prediction === null || layout === undefined ? 'NULL' : 'prediction';
  const atMs = 'epoch_ms(ts)';
  const rows = await log.analytics.rows(`
    SELECT request_id, row, ${atMs}::DOUBLE, epoch_ms(event_ts)::DOUBLE, key, endpoint, version, variant, ${prediction},
      latency_us, status, error, caller, trace_id${extra}
    FROM ${parquetFiles(parts.map((part) => log.compaction.pathOf(part)))}
    WHERE ${atMs} >= ${oldest} AND (${atMs}, request_id, row) < (${before.at}, ${literal(before.requestId)}, ${before.row})
    ORDER BY ts DESC, request_id DESC, row DESC LIMIT ${options.limit + 1}`);
  return rows.map((line) => {
    const [
      requestId,
      row,
      at,
      eventAt,
      key,
      endpoint,
      version,
      variant,
      answer,
      latencyUs,
      status,
      error,
      caller,
      traceId,
      ...rest
    ] = line;
    return {
      requestId: String(requestId),
      row: Number(row),
      at: Number(at),
      eventAt: eventAt as number | null,
      key: key as string | null,
      endpoint: String(endpoint),
      version: Number(version),
      variant: String(variant),
      prediction: answer as PredictionView['prediction'],
      probabilities: Object.fromEntries(
        classes.map((label, index) => [label, rest[features.length + index] as number | null]),
      ),
      features: options.showsFeatures
        ? Object.fromEntries(
            features.map((name, index) => [name, rest[index] as string | number | boolean | null]),
          )
        : null,
      label: null,
      latencyUs: Number(latencyUs),
      status: String(status),
      error: error as string | null,
      caller: caller as string | null,
      traceId: traceId as string | null,
    };
  });
}
