import { bodyUnreadable, outputUnknown, shapeWrong } from '../serving-errors.ts';
import type { Layout, Rows } from '../engines/rows.ts';
import type { ServedVersion } from '../serving-api.ts';

/** A request for predictions, whichever dialect it came in; not yet held against a model's schema. */
export interface AskedPrediction {
  /** the caller's own id; a retry repeats it */
  readonly requestId: string | undefined;
  /** per row, by which ground truth is joined later */
  readonly keys: readonly string[] | null;
  /** per row, ms since the epoch */
  readonly eventAt: readonly (number | null)[] | null;
  /** the outputs that are wanted; undefined: all */
  readonly outputNames: readonly string[] | undefined;
  /** how long the caller waits from when the request came; undefined when its body does not say */
  readonly timeoutMs?: number | undefined;
  /** @throws SERVING_COLUMN_MISSING, SERVING_COLUMN_WRONG, SERVING_SHAPE_WRONG */
  rowsFor(layout: Layout): Rows;
}

/** What a caller may add to a request of either dialect, under `parameters` or `params`. */
export function readExtras(parameters: unknown): Pick<AskedPrediction, 'keys' | 'eventAt'> {
  if (typeof parameters !== 'object' || parameters === null) return { keys: null, eventAt: null };
  const { tilth_keys: keys, tilth_event_at: eventAt } = parameters as Record<string, unknown>;
  return {
    keys: keys === undefined || keys === null ? null : listOf('tilth_keys', keys).map(String),
    eventAt:
      eventAt === undefined || eventAt === null
        ? null
        : listOf('tilth_event_at', eventAt).map((at) => (at === null ? null : milliseconds(at))),
  };
}

/** @throws SERVING_SHAPE_WRONG when there is not one key and one time per row */
export function checkExtras(asked: AskedPrediction, rowCount: number): void {
  for (const [name, list] of [
    ['tilth_keys', asked.keys],
    ['tilth_event_at', asked.eventAt],
  ] as const) {
    if (list !== null && list.length !== rowCount)
      throw shapeWrong(`${name} has ${list.length} values for ${rowCount} rows.`);
  }
}

/** @throws SERVING_OUTPUT_UNKNOWN */
export function checkOutputs(asked: AskedPrediction, version: ServedVersion): void {
  const known = version.schema.outputs.map((output) => output.name);
  for (const name of asked.outputNames ?? []) if (!known.includes(name)) throw outputUnknown(name, known);
}

/** Some clients let a parameter be text or a number only: a list may come as its JSON text. */
function listOf(name: string, value: unknown): readonly unknown[] {
  const list: unknown = typeof value === 'string' && value.startsWith('[') ? JSON.parse(value) : value;
  if (!Array.isArray(list)) throw bodyUnreadable(`${name} must be a list with one value per row.`);
  return list;
}

/** Beyond it, there is no date. */
const latestTime = 8.64e15;

function milliseconds(value: unknown): number {
  const at = typeof value === 'string' ? Date.parse(value) : value;
  if (typeof at !== 'number' || !(Math.abs(at) <= latestTime)) {
    throw bodyUnreadable(
      `tilth_event_at holds ${JSON.stringify(value)}, which is not a time in milliseconds.`,
    );
  }
  return at;
}
