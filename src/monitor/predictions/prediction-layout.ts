import { createHash } from 'node:crypto';
import { BOOLEAN, DOUBLE, INTEGER, VARCHAR, type DuckDBType } from '@duckdb/node-api';
import type { PredictionRecord } from '../../deploy/serving/prediction-record.ts';
import type { Cell, NewColumn } from '../windows/analytics.ts';

export type ColumnType = 'number' | 'text' | 'boolean';

/** Columns that the rows of one model and schema have in Parquet, known as far as values have been seen. */
export interface Layout {
  readonly features: Readonly<Record<string, ColumnType>>;
  readonly prediction: ColumnType | null;
  /** labels in the order of the model's probability columns; the last one is the positive class of a binary model */
  readonly classes: readonly string[];
}

export const emptyLayout: Layout = { features: {}, prediction: null, classes: [] };

export const featureColumn = (name: string): string => `feature_${name}`;
export const probabilityColumn = (label: string): string => `proba_${label}`;

/** The layout with what these records add; a column's type is settled by its first value. */
export function extendLayout(layout: Layout, records: readonly PredictionRecord[]): Layout {
  const features: Record<string, ColumnType> = { ...layout.features };
  let { prediction, classes } = layout;
  for (const record of records) {
    for (const [name, values] of Object.entries(record.features)) {
      if (features[name] !== undefined) continue;
      const type = typeOf(values);
      if (type !== null) features[name] = type;
    }
    prediction ??= typeOf(record.prediction);
    const labels = Object.keys(record.probabilities);
    if (labels.length > classes.length) classes = labels;
  }
  return { features, prediction, classes };
}

function typeOf(values: readonly unknown[]): ColumnType | null {
  const value = values.find((each) => each !== null && each !== undefined);
  if (value === undefined) return null;
  return typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'text';
}

const duckdbType: Record<ColumnType, DuckDBType> = { number: DOUBLE, text: VARCHAR, boolean: BOOLEAN };

/** One line per record, for what all its rows share. */
export const recordColumns = (records: readonly PredictionRecord[]): NewColumn[] => {
  const text = (name: string, of: (record: PredictionRecord) => string | null): NewColumn => ({
    name,
    type: VARCHAR,
    values: records.map(of),
  });
  return [
    { name: 'record', type: INTEGER, values: records.map((_, index) => index) },
    text('request_id', (record) => record.requestId),
    { name: 'at_ms', type: DOUBLE, values: records.map((record) => record.at) },
    text('model', (record) => record.model),
    { name: 'version', type: INTEGER, values: records.map((record) => record.version) },
    text('endpoint', (record) => record.endpoint),
    text('variant', (record) => record.variant),
    text('run_id', (record) => record.runId),
    text('schema_hash', (record) => record.schemaHash),
    { name: 'latency_us', type: DOUBLE, values: records.map((record) => record.latencyUs) },
    text('status', (record) => record.status),
    text('error', (record) => record.error),
    text('caller', (record) => record.caller),
    text('trace_id', (record) => record.traceId),
  ];
};

/** One line per row of the records: key, time, features, prediction, probabilities. */
export function rowColumns(records: readonly PredictionRecord[], layout: Layout): NewColumn[] {
  const gather = (of: (record: PredictionRecord) => readonly Cell[] | null | undefined): Cell[] => {
    const values: Cell[] = [];
    for (const record of records) {
      const column = of(record);
      for (let row = 0; row < record.rowCount; row++) values.push(column?.[row] ?? null);
    }
    return values;
  };
  const record: Cell[] = [];
  const row: Cell[] = [];
  for (const [index, each] of records.entries()) {
    for (let at = 0; at < each.rowCount; at++) {
      record.push(index);
      row.push(at);
    }
  }
  const columns: NewColumn[] = [
    { name: 'record', type: INTEGER, values: record },
    { name: 'row', type: INTEGER, values: row },
    { name: 'event_ms', type: DOUBLE, values: gather((each) => each.eventAt) },
    { name: 'key', type: VARCHAR, values: gather((each) => each.keys) },
  ];
  for (const [name, type] of Object.entries(layout.features)) {
    const values = gather((each) => each.features[name]);
    columns.push({ name: featureColumn(name), type: duckdbType[type], values: fit(values, type) });
  }
  if (layout.prediction !== null) {
    const values = gather((each) => each.prediction);
    columns.push({ name: 'prediction', type: duckdbType[layout.prediction], values: fit(values, layout.prediction) });
  }
  for (const label of layout.classes) {
    columns.push({ name: probabilityColumn(label), type: DOUBLE, values: gather((each) => each.probabilities[label]) });
  }
  return columns;
}

/** A value of another type than its column's becomes that type, or null where it can't. */
function fit(values: Cell[], type: ColumnType): Cell[] {
  const wanted = type === 'text' ? 'string' : type;
  for (const [index, value] of values.entries()) {
    if (value === null || typeof value === wanted) continue;
    if (type === 'text') values[index] = String(value);
    else if (type === 'number') values[index] = Number.isNaN(Number(value)) ? null : Number(value);
    else values[index] = null;
  }
  return values;
}

/** `model=…` folders must not leave their place, whatever a model is called. */
export const folderName = (text: string): string =>
  /^[\w.-]{1,100}$/.test(text) && !text.startsWith('.') ? text : createHash('sha256').update(text).digest('hex').slice(0, 32);
