import type { Variant } from './serving-api.ts';

/**
 * One answered batch as the data plane logs it: column by column, one entry per row.
 * The prediction log's table has one row per (request_id, row, version); see docs/reference/prediction-log.md.
 */
export interface PredictionRecord {
  /** ULID, or the caller's own id: unique per request; retried requests repeat it and are logged once */
  readonly requestId: string;
  /** ms since the epoch, when we answered */
  readonly at: number;
  /** ms since the epoch per row, when the event happened for the caller; null when not given */
  readonly eventAt: readonly (number | null)[] | null;
  /** the caller's key per row, by which ground truth is joined later; null when not given */
  readonly keys: readonly string[] | null;
  readonly endpoint: string;
  readonly model: string;
  readonly version: number;
  readonly runId: string | null;
  readonly variant: Variant;
  readonly schemaHash: string;
  readonly rowCount: number;
  /** input columns by name; numbers as JSON numbers (null for NaN), text as strings */
  readonly features: Readonly<Record<string, readonly (number | string | boolean | null)[]>>;
  /** the predicted label per row */
  readonly prediction: readonly (number | string)[];
  /** probability of each class per row: class label → column; absent for regression */
  readonly probabilities: Readonly<Record<string, readonly number[]>>;
  readonly latencyUs: number;
  readonly status: 'ok' | 'error';
  readonly error: string | null;
  readonly caller: string | null;
  readonly traceId: string | null;
}
