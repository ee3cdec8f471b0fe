import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { Alert, AlertState } from './alert-api.ts';
import { alertNotFound } from './alert-errors.ts';

interface AlertTable {
  id: string;
  model: string;
  version: number;
  rule: string;
  metric: string;
  severity: Alert['severity'];
  state: AlertState;
  summary: string;
  reference: number;
  reference_kind: string;
  threshold: number;
  value: number;
  low: number;
  high: number;
  row_count: number;
  window_start: number;
  window_end: number;
  raised_event_at: number | null;
  moved: string;
  opened_at: number;
  raised_at: number | null;
  resolved_at: number | null;
  resolved_because: string | null;
  acknowledged_by: string | null;
  acknowledged_at: number | null;
  comment: string | null;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    alert: AlertTable;
  }
}

export const alertMigrations: Migrations = {
  'alerts-001-alerts': {
    async up(db) {
      await db.schema
        .createTable('alert')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('rule', 'text', (column) => column.notNull())
        .addColumn('metric', 'text', (column) => column.notNull())
        .addColumn('severity', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('summary', 'text', (column) => column.notNull())
        .addColumn('reference', 'real', (column) => column.notNull())
        .addColumn('reference_kind', 'text', (column) => column.notNull())
        .addColumn('threshold', 'real', (column) => column.notNull())
        .addColumn('value', 'real', (column) => column.notNull())
        .addColumn('low', 'real', (column) => column.notNull())
        .addColumn('high', 'real', (column) => column.notNull())
        .addColumn('row_count', 'integer', (column) => column.notNull())
        .addColumn('window_start', 'integer', (column) => column.notNull())
        .addColumn('window_end', 'integer', (column) => column.notNull())
        .addColumn('raised_event_at', 'integer')
        .addColumn('moved', 'text', (column) => column.notNull())
        .addColumn('opened_at', 'integer', (column) => column.notNull())
        .addColumn('raised_at', 'integer')
        .addColumn('resolved_at', 'integer')
        .addColumn('resolved_because', 'text')
        .addColumn('acknowledged_by', 'text')
        .addColumn('acknowledged_at', 'integer')
        .addColumn('comment', 'text')
        .execute();
      await db.schema.createIndex('alert_model').on('alert').columns(['model', 'state']).execute();
    },
  },
};

const rowOf = (alert: Alert): AlertTable => ({
  id: alert.id,
  model: alert.model,
  version: alert.version,
  rule: alert.rule,
  metric: alert.metric,
  severity: alert.severity,
  state: alert.state,
  summary: alert.summary,
  reference: alert.reference,
  reference_kind: alert.referenceKind,
  threshold: alert.threshold,
  value: alert.value,
  low: alert.low,
  high: alert.high,
  row_count: alert.rowCount,
  window_start: alert.windowStart,
  window_end: alert.windowEnd,
  raised_event_at: alert.raisedEventAt,
  moved: JSON.stringify(alert.moved),
  opened_at: alert.openedAt,
  raised_at: alert.raisedAt,
  resolved_at: alert.resolvedAt,
  resolved_because: alert.resolvedBecause,
  acknowledged_by: alert.acknowledgedBy,
  acknowledged_at: alert.acknowledgedAt,
  comment: alert.comment,
});

const alertOf = (row: AlertTable): Alert => ({
  id: row.id,
  model: row.model,
  version: row.version,
  rule: row.rule,
  metric: row.metric,
  severity: row.severity,
  state: row.state,
  summary: row.summary,
  reference: row.reference,
  referenceKind: row.reference_kind,
  threshold: row.threshold,
  value: row.value,
  low: row.low,
  high: row.high,
  rowCount: row.row_count,
  windowStart: row.window_start,
  windowEnd: row.window_end,
  raisedEventAt: row.raised_event_at,
  moved: JSON.parse(row.moved) as Alert['moved'],
  openedAt: row.opened_at,
  raisedAt: row.raised_at,
  resolvedAt: row.resolved_at,
  resolvedBecause: row.resolved_because,
  acknowledgedBy: row.acknowledged_by,
  acknowledgedAt: row.acknowledged_at,
  comment: row.comment,
});

export async function saveAlert(tx: Transaction, alert: Alert): Promise<void> {
  const row = rowOf(alert);
  await tx
    .insertInto('alert')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

export interface AlertFilter {
  readonly model?: string | undefined;
  readonly state?: AlertState | undefined;
  readonly limit?: number | undefined;
}

/** Newest first. */
export async function listAlerts(read: Reader, filter: AlertFilter = {}): Promise<Alert[]> {
  let query = read.selectFrom('alert').selectAll().orderBy('opened_at', 'desc').orderBy('id', 'desc').limit(filter.limit ?? 200);
  if (filter.model !== undefined) query = query.where('model', '=', filter.model);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  return (await query.execute()).map(alertOf);
}

/** Alerts of a model that are pending or firing: at most one per rule and version. */
export async function openAlerts(read: Reader, model: string): Promise<Alert[]> {
  const rows = await read.selectFrom('alert').selectAll().where('model', '=', model).where('state', '!=', 'resolved').execute();
  return rows.map(alertOf);
}

/** @throws ALERT_NOT_FOUND */
export async function getAlert(read: Reader, id: string): Promise<Alert> {
  const row = await read.selectFrom('alert').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw alertNotFound(id);
  return alertOf(row);
}
