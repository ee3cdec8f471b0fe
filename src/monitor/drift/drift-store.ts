import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { Window } from '../windows/window.ts';
import type { FeatureDrift, WindowDrift } from './drift-api.ts';
import type { ColumnDrift } from './drift.ts';

/** Long form: feature × window × method. */
interface DriftRecordTable {
  model: string;
  version: number;
  window_start: number;
  window_end: number;
  granularity: string;
  feature: string;
  type: 'num' | 'cat';
  method: string;
  /** distance, or the statistic of a test; null where it can't be told (an infinite chi-square) */
  value: number | null;
  p_value: number | null;
  n_ref: number;
  n_cur: number;
  missing_ref: number;
  missing_cur: number;
  threshold: number | null;
  /** is this the method that decides? */
  is_default: number;
  is_drifted: number;
  baseline_kind: string;
  computed_at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    drift_record: DriftRecordTable;
  }
}

export const driftMigrations: Migrations = {
  'drift-001-records': {
    async up(db) {
      await db.schema
        .createTable('drift_record')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('window_start', 'integer', (column) => column.notNull())
        .addColumn('window_end', 'integer', (column) => column.notNull())
        .addColumn('granularity', 'text', (column) => column.notNull())
        .addColumn('feature', 'text', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('method', 'text', (column) => column.notNull())
        .addColumn('value', 'real')
        .addColumn('p_value', 'real')
        .addColumn('n_ref', 'integer', (column) => column.notNull())
        .addColumn('n_cur', 'integer', (column) => column.notNull())
        .addColumn('missing_ref', 'integer', (column) => column.notNull())
        .addColumn('missing_cur', 'integer', (column) => column.notNull())
        .addColumn('threshold', 'real')
        .addColumn('is_default', 'integer', (column) => column.notNull())
        .addColumn('is_drifted', 'integer', (column) => column.notNull())
        .addColumn('baseline_kind', 'text', (column) => column.notNull())
        .addColumn('computed_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('drift_record_key', [
          'model',
          'granularity',
          'window_start',
          'version',
          'feature',
          'method',
        ])
        .execute();
    },
  },
};

export interface VersionDrift {
  readonly version: number;
  readonly baseline: 'training' | 'reference';
  readonly features: ReadonlyMap<string, ColumnDrift>;
}

/** Replaces all that was known of a window's drift. */
export async function saveDrift(
  tx: Transaction,
  model: string,
  granularity: string,
  window: Window,
  versions: readonly VersionDrift[],
  now: number,
): Promise<void> {
  await tx
    .deleteFrom('drift_record')
    .where('model', '=', model)
    .where('granularity', '=', granularity)
    .where('window_start', '=', window.start)
    .execute();
  for (const { version, baseline, features } of versions) {
    for (const [feature, drift] of features) {
      const rows = Object.entries(drift.scores).map(([method, score]) => {
        const isDefault = drift.default?.method === method;
        const value = score === null ? null : 'value' in score ? score.value : score.statistic;
        return {
          model,
          version,
          window_start: window.start,
          window_end: window.end,
          granularity,
          feature,
          type: drift.type,
          method,
          value: value === null || !Number.isFinite(value) ? null : value,
          p_value: score === null || 'value' in score ? null : score.pvalue,
          n_ref: drift.n_ref,
          n_cur: drift.n_cur,
          missing_ref: drift.missing_ref,
          missing_cur: drift.missing_cur,
          threshold: isDefault ? (drift.default?.threshold ?? null) : null,
          is_default: isDefault ? 1 : 0,
          is_drifted: isDefault && drift.default?.drifted === true ? 1 : 0,
          baseline_kind: baseline,
          computed_at: now,
        };
      });
      if (rows.length > 0) await tx.insertInto('drift_record').values(rows).execute();
    }
  }
}

export interface DriftFilter {
  readonly granularity: string;
  /** start of one window */
  readonly window?: number | undefined;
  readonly version?: number | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export async function listDrift(read: Reader, model: string, filter: DriftFilter): Promise<WindowDrift[]> {
  let query = read
    .selectFrom('drift_record')
    .selectAll()
    .where('model', '=', model)
    .where('granularity', '=', filter.granularity)
    .orderBy('window_start')
    .orderBy('version')
    .orderBy('feature');
  if (filter.window !== undefined) query = query.where('window_start', '=', filter.window);
  if (filter.version !== undefined) query = query.where('version', '=', filter.version);
  if (filter.from !== undefined) query = query.where('window_end', '>', filter.from);
  if (filter.to !== undefined) query = query.where('window_start', '<', filter.to);
  const rows = await query.execute();
  return [...Map.groupBy(rows, (row) => `${row.window_start} ${row.version}`).values()].map((group) => {
    const [first] = group as [DriftRecordTable];
    return {
      version: first.version,
      windowStart: first.window_start,
      windowEnd: first.window_end,
      baseline: first.baseline_kind as 'training' | 'reference',
      features: [...Map.groupBy(group, (row) => row.feature).values()].map((methods) =>
        featureOf(methods as [DriftRecordTable]),
      ),
    };
  });
}

function featureOf(methods: [DriftRecordTable, ...DriftRecordTable[]]): FeatureDrift {
  const [first] = methods;
  const decisive = methods.find((row) => row.is_default === 1);
  const isTest = (row: DriftRecordTable): boolean => row.p_value !== null;
  return {
    feature: first.feature,
    type: first.type,
    referenceCount: first.n_ref,
    currentCount: first.n_cur,
    missingReference: first.missing_ref,
    missingCurrent: first.missing_cur,
    default:
      decisive === undefined
        ? null
        : {
            method: decisive.method as NonNullable<FeatureDrift['default']>['method'],
            score: isTest(decisive) ? decisive.p_value : decisive.value,
            threshold: decisive.threshold ?? 0,
            drifted: decisive.is_drifted === 1,
          },
    scores: Object.fromEntries(
      methods
        .filter((row) => row.value !== null)
        .map((row) => [row.method, { value: row.value ?? 0, pValue: row.p_value }]),
    ),
  };
}
