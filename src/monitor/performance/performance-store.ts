import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { Window } from '../windows/window.ts';
import type { CalibrationBin, WindowPerformance } from './performance-api.ts';
import type { Measure } from './performance.ts';

/** One row per window and series: how much of it is known. */
interface PerformanceWindowTable {
  model: string;
  version: number;
  variant: string;
  window_start: number;
  window_end: number;
  granularity: string;
  run_id: string | null;
  state: 'known' | 'not yet known';
  is_partial: number;
  row_count: number;
  labelled_count: number;
  calibration: string;
  computed_at: number;
}

/** Long form: one row per number. */
interface PerformanceRecordTable {
  model: string;
  version: number;
  variant: string;
  window_start: number;
  window_end: number;
  granularity: string;
  slice_key: string;
  slice_value: string;
  metric: string;
  /** input column that the number is about; empty for the model as a whole */
  column: string;
  method: string;
  value: number;
  ci_low: number | null;
  ci_high: number | null;
  standard_error: number | null;
  n: number;
  threshold_low: number | null;
  threshold_high: number | null;
  is_alert: number;
  baseline_kind: string;
  computed_at: number;
  code_version: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    performance_window: PerformanceWindowTable;
    performance_record: PerformanceRecordTable;
  }
}

/** Changes when a number would come out differently for the same rows. */
const codeVersion = '1';

export const performanceMigrations: Migrations = {
  'performance-001-records': {
    async up(db) {
      await db.schema
        .createTable('performance_window')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('variant', 'text', (column) => column.notNull())
        .addColumn('window_start', 'integer', (column) => column.notNull())
        .addColumn('window_end', 'integer', (column) => column.notNull())
        .addColumn('granularity', 'text', (column) => column.notNull())
        .addColumn('run_id', 'text')
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('is_partial', 'integer', (column) => column.notNull())
        .addColumn('row_count', 'integer', (column) => column.notNull())
        .addColumn('labelled_count', 'integer', (column) => column.notNull())
        .addColumn('calibration', 'text', (column) => column.notNull())
        .addColumn('computed_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('performance_window_key', ['model', 'granularity', 'window_start', 'version', 'variant'])
        .execute();
      await db.schema
        .createTable('performance_record')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('variant', 'text', (column) => column.notNull())
        .addColumn('window_start', 'integer', (column) => column.notNull())
        .addColumn('window_end', 'integer', (column) => column.notNull())
        .addColumn('granularity', 'text', (column) => column.notNull())
        .addColumn('slice_key', 'text', (column) => column.notNull())
        .addColumn('slice_value', 'text', (column) => column.notNull())
        .addColumn('metric', 'text', (column) => column.notNull())
        .addColumn('column', 'text', (column) => column.notNull())
        .addColumn('method', 'text', (column) => column.notNull())
        .addColumn('value', 'real', (column) => column.notNull())
        .addColumn('ci_low', 'real')
        .addColumn('ci_high', 'real')
        .addColumn('standard_error', 'real')
        .addColumn('n', 'integer', (column) => column.notNull())
        .addColumn('threshold_low', 'real')
        .addColumn('threshold_high', 'real')
        .addColumn('is_alert', 'integer', (column) => column.notNull())
        .addColumn('baseline_kind', 'text', (column) => column.notNull())
        .addColumn('computed_at', 'integer', (column) => column.notNull())
        .addColumn('code_version', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('performance_record_key', [
          'model',
          'granularity',
          'metric',
          'window_start',
          'version',
          'variant',
          'slice_key',
          'slice_value',
          'column',
        ])
        .execute();
    },
  },
};

/** What was found out about one series in one window. */
export interface SeriesPerformance {
  readonly version: number;
  readonly variant: string;
  readonly runId: string | null;
  readonly rowCount: number;
  readonly labelledCount: number;
  readonly state: 'known' | 'not yet known';
  /** its rows cover only a part of the window's time */
  readonly isPartial: boolean;
  readonly measures: readonly Measure[];
  readonly calibration: readonly CalibrationBin[];
}

/** Replaces all that was known of a window. */
export async function savePerformance(
  tx: Transaction,
  model: string,
  granularity: string,
  window: Window,
  series: readonly SeriesPerformance[],
  now: number,
): Promise<void> {
  const place = { model, granularity, window_start: window.start };
  for (const table of ['performance_window', 'performance_record'] as const) {
    await tx
      .deleteFrom(table)
      .where('model', '=', model)
      .where('granularity', '=', granularity)
      .where('window_start', '=', window.start)
      .execute();
  }
  for (const each of series) {
    const common = { ...place, version: each.version, variant: each.variant, window_end: window.end, computed_at: now };
    await tx
      .insertInto('performance_window')
      .values({
        ...common,
        run_id: each.runId,
        state: each.state,
        is_partial: each.isPartial ? 1 : 0,
        row_count: each.rowCount,
        labelled_count: each.labelledCount,
        calibration: JSON.stringify(each.calibration),
      })
      .execute();
    const records = each.measures
      .filter(({ estimate }) => Number.isFinite(estimate.value))
      .map(({ metric, method, estimate, n }) => ({
        ...common,
        slice_key: '',
        slice_value: '',
        metric,
        column: '',
        method,
        value: estimate.value,
        ci_low: estimate.low,
        ci_high: estimate.high,
        standard_error: estimate.standardError,
        n,
        threshold_low: null,
        threshold_high: null,
        is_alert: 0,
        baseline_kind: '',
        code_version: codeVersion,
      }));
    if (records.length > 0) await tx.insertInto('performance_record').values(records).execute();
  }
}

export interface RecordFilter {
  readonly granularity: string;
  readonly metric: string;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface RecordedPoint {
  readonly version: number;
  readonly variant: string;
  readonly runId: string | null;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly state: 'known' | 'not yet known';
  readonly isPartial: boolean;
  readonly rowCount: number;
  readonly labelledCount: number;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly standardError: number | null;
}

/** One metric of every window and series, oldest window first. */
export async function listPoints(read: Reader, model: string, filter: RecordFilter): Promise<RecordedPoint[]> {
  let query = read
    .selectFrom('performance_window as w')
    .leftJoin('performance_record as r', (join) =>
      join
        .onRef('r.model', '=', 'w.model')
        .onRef('r.granularity', '=', 'w.granularity')
        .onRef('r.window_start', '=', 'w.window_start')
        .onRef('r.version', '=', 'w.version')
        .onRef('r.variant', '=', 'w.variant')
        .on('r.slice_key', '=', '')
        .on('r.column', '=', '')
        .on('r.metric', '=', filter.metric),
    )
    .select(['w.version', 'w.variant', 'w.run_id', 'w.window_start', 'w.window_end', 'w.state', 'w.is_partial', 'w.row_count', 'w.labelled_count'])
    .select(['r.value', 'r.ci_low', 'r.ci_high', 'r.standard_error'])
    .where('w.model', '=', model)
    .where('w.granularity', '=', filter.granularity)
    .orderBy('w.window_start')
    .orderBy('w.version')
    .orderBy('w.variant');
  if (filter.from !== undefined) query = query.where('w.window_end', '>', filter.from);
  if (filter.to !== undefined) query = query.where('w.window_start', '<', filter.to);
  return (await query.execute()).map((row) => ({
    version: row.version,
    variant: row.variant,
    runId: row.run_id,
    windowStart: row.window_start,
    windowEnd: row.window_end,
    state: row.state,
    isPartial: row.is_partial === 1,
    rowCount: row.row_count,
    labelledCount: row.labelled_count,
    value: row.value,
    low: row.ci_low,
    high: row.ci_high,
    standardError: row.standard_error,
  }));
}

/** All metrics of all windows of a model, oldest first. */
export async function listWindows(
  read: Reader,
  model: string,
  filter: { granularity: string; from?: number | undefined; to?: number | undefined },
): Promise<WindowPerformance[]> {
  let windows = read
    .selectFrom('performance_window')
    .selectAll()
    .where('model', '=', model)
    .where('granularity', '=', filter.granularity)
    .orderBy('window_start')
    .orderBy('version')
    .orderBy('variant');
  let records = read
    .selectFrom('performance_record')
    .select(['window_start', 'version', 'variant', 'metric', 'value', 'ci_low', 'ci_high'])
    .where('model', '=', model)
    .where('granularity', '=', filter.granularity)
    .where('slice_key', '=', '')
    .where('column', '=', '');
  if (filter.from !== undefined) {
    windows = windows.where('window_end', '>', filter.from);
    records = records.where('window_end', '>', filter.from);
  }
  if (filter.to !== undefined) {
    windows = windows.where('window_start', '<', filter.to);
    records = records.where('window_start', '<', filter.to);
  }
  const name = (row: { window_start: number; version: number; variant: string }): string =>
    `${row.window_start} ${row.version} ${row.variant}`;
  const byWindow = Map.groupBy(await records.execute(), name);
  return (await windows.execute()).map((row) => ({
    version: row.version,
    variant: row.variant,
    windowStart: row.window_start,
    windowEnd: row.window_end,
    state: row.state,
    rowCount: row.row_count,
    labelledCount: row.labelled_count,
    coverage: row.row_count === 0 ? 0 : row.labelled_count / row.row_count,
    metrics: Object.fromEntries(
      (byWindow.get(name(row)) ?? []).map((each) => [each.metric, { value: each.value, low: each.ci_low, high: each.ci_high }]),
    ),
    calibration: JSON.parse(row.calibration) as CalibrationBin[],
    computedAt: row.computed_at,
  }));
}
