import type { Variant } from '../serving-api.ts';

/** What all rows of one answered batch share. */
export interface RecordHead {
  /** ULID, or the caller's own id: unique per request; retried requests repeat it and are logged once */
  readonly requestId: string;
  /** ms since the epoch, when we answered */
  readonly at: number;
  readonly endpoint: string;
  readonly model: string;
  readonly version: number;
  readonly runId: string | null;
  readonly variant: Variant;
  readonly schemaHash: string;
  readonly rowCount: number;
  readonly latencyUs: number;
  readonly status: 'ok' | 'error';
  readonly error: string | null;
  readonly caller: string | null;
  readonly traceId: string | null;
}

export type RecordValue = number | bigint | string | boolean | null;

/** One value per row; NaN is a missing value, as null is. */
export type RecordValues = readonly RecordValue[] | Float64Array | Float32Array | Int32Array | BigInt64Array;

/** Input columns of numbers in one list. */
export interface FeatureBlock {
  /** the same array for the same columns */
  readonly names: readonly string[];
  /** column after column, without missing ones */
  readonly values: Float64Array;
}

/**
 * One answered batch as the data plane gives it to the log: column by column, one entry per row.
 * The prediction log's table has one row per (request_id, row, version); see docs/reference/prediction-log.md.
 */
export interface NewRecord extends RecordHead {
  /** ms since the epoch per row, when the event happened for the caller; null when not given */
  readonly eventAt: readonly (number | null)[] | Float64Array | null;
  /** the caller's key per row, by which ground truth is joined later; null when not given */
  readonly keys: readonly string[] | null;
  /** input columns by name */
  readonly features: Readonly<Record<string, RecordValues>>;
  /** instead of `features`, where all are numbers and none is missing */
  readonly block?: FeatureBlock | undefined;
  /** the predicted label per row */
  readonly prediction: RecordValues;
  /** probability of each class per row: class label → column; absent for regression */
  readonly probabilities: Readonly<Record<string, RecordValues>>;
}

/** A record read back, its columns as plain lists. */
export interface PredictionRecord extends NewRecord {
  readonly eventAt: readonly (number | null)[] | null;
  readonly features: Readonly<Record<string, readonly RecordValue[]>>;
  readonly prediction: readonly RecordValue[];
  readonly probabilities: Readonly<Record<string, readonly number[]>>;
}

/** How the values of a column are kept; the code is what the segment holds. */
export const columnTypes = {
  float64: 1,
  float32: 2,
  int64: 3,
  int32: 4,
  boolean: 5,
  text: 6,
  dictionary: 7,
} as const;
export type ColumnType = keyof typeof columnTypes;

/** A column of a record as the segment holds it. */
export interface StoredColumn {
  readonly type: ColumnType;
  /** one bit per row, lowest first, set where the row has a value; null: all have */
  readonly present: Uint8Array | null;
  /** the values of the rows that have one */
  readonly bytes: Uint8Array;
}

/** Where a column is; offsets are in bytes from where the columns of the record begin. */
export interface ColumnPlace {
  readonly type: ColumnType;
  /** where the bits are that say which rows have a value; null: all have */
  readonly presentAt: number | null;
  readonly at: number;
  readonly byteCount: number;
}

/** Columns by name (event_at, key, prediction, feature_…, proba_…); records that are laid out alike share it. */
export type RecordShape = ReadonlyMap<string, ColumnPlace>;

/** A record read back, its columns left where they are in the bytes that were read. */
export interface StoredRecord {
  readonly head: RecordHead;
  readonly shape: RecordShape;
  readonly payload: Buffer;
  /** where in the payload the columns begin */
  readonly columnsAt: number;
}
