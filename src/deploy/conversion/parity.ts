/** Answers of a model to rows: a label per row, and where it has them a probability per class. */
export interface Answers {
  readonly labels: readonly (string | number | boolean)[];
  /** row by class; null for a model without probabilities */
  readonly probabilities: readonly (readonly number[])[] | null;
}

/** Rows of one kind: `from` to `to`, `to` not included. */
export interface Part {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  /** so many rows in a row lie within a float32 step of one jump of the original; 1 where none do */
  readonly neighbours: number;
}

export interface Slice {
  readonly rowCount: number;
  /** share of rows whose label is the same, 0..1; null for a regression */
  readonly labelsEqual: number | null;
  /** largest absolute difference of a probability; of a prediction, relative above 1 */
  readonly maxError: number;
  /** rows whose difference is above the one that was asked for */
  readonly beyondCount: number;
}

export interface PartSlice extends Slice {
  readonly kind: string;
  /** rows at a jump that got the answer of the jump's other side */
  readonly flippedCount: number;
}

export interface Comparison extends Slice {
  readonly parts: readonly PartSlice[];
  /** index of the row with the largest difference; null without rows */
  readonly worst: { readonly index: number; readonly error: number } | null;
}

/**
 * How far a served graph is from the Python original on the same rows.
 * A classifier is compared by label and probability, a regression by its predictions.
 *
 * Rows around a jump of the original come in groups: a float32 step before it, right at it, a float32 step behind it.
 * A graph computes in float32, so its jump may lie a rounding away; there the original's answer to any row of the
 * group is right, and any other one is wrong.
 *
 * @throws when the answers are not for the same rows and classes
 */
export function compareAnswers(
  original: Answers,
  served: Answers,
  options: { isClassifier: boolean; parts: readonly Part[]; most?: number },
): Comparison {
  const rowCount = original.labels.length;
  if (served.labels.length !== rowCount) {
    throw new Error(`the original answered ${rowCount} rows and the graph ${served.labels.length}`);
  }
  const errors = new Float64Array(rowCount);
  const isEqual = new Uint8Array(rowCount);
  const isFlipped = new Uint8Array(rowCount);
  const errorAgainst = (expected: number, row: number): number => {
    if (!options.isClassifier) return predictionError(original, served, expected, row);
    if (original.probabilities !== null) return probabilityError(original, served, expected, row);
    // a wrong label never looks better than a slightly wrong probability
    return isSameLabel(original.labels[expected], served.labels[row]) ? 0 : 1;
  };
  const neighboursOf = new Map<number, readonly [from: number, to: number]>();
  for (const { from, to, neighbours } of options.parts) {
    if (neighbours < 2) continue;
    for (let row = from; row < to; row += 1) {
      const first = row - ((row - from) % neighbours);
      neighboursOf.set(row, [first, Math.min(first + neighbours, to)]);
    }
  }
  for (let row = 0; row < rowCount; row += 1) {
    let expected = row;
    let error = errorAgainst(row, row);
    const [first, end] = neighboursOf.get(row) ?? [row, row];
    if (error > roundingError) {
      for (let other = first; other < end; other += 1) {
        const otherError = errorAgainst(other, row);
        if (otherError >= error) continue;
        error = otherError;
        expected = other;
        isFlipped[row] = 1;
      }
    }
    errors[row] = error;
    isEqual[row] = isSameLabel(original.labels[expected], served.labels[row]) ? 1 : 0;
  }
  const slice = (from: number, to: number): Slice => ({
    rowCount: to - from,
    labelsEqual: options.isClassifier ? shareOf(isEqual, from, to) : null,
    maxError: largest(errors, from, to),
    beyondCount: errors.subarray(from, to).filter((error) => error > (options.most ?? Infinity)).length,
  });
  const worst = worstOf(errors, isEqual, options.isClassifier);
  return {
    ...slice(0, rowCount),
    parts: options.parts
      .filter((part) => part.to > part.from)
      .map((part) => ({
        kind: part.kind,
        ...slice(part.from, part.to),
        flippedCount: isFlipped.subarray(part.from, part.to).reduce((sum, flag) => sum + flag, 0),
      })),
    worst: worst < 0 ? null : { index: worst, error: errors[worst] ?? 0 },
  };
}

/** A difference below this is float32, not the other side of a jump. */
const roundingError = 1e-6;

function probabilityError(original: Answers, served: Answers, expectedRow: number, row: number): number {
  const expected = original.probabilities?.[expectedRow];
  if (expected === undefined) return 0;
  const got = served.probabilities?.[row] ?? [];
  // the graph turned the row away
  if (got.length === 0) return Number.MAX_VALUE;
  if (got.length !== expected.length)
    throw new Error(
      `row ${row} has ${expected.length} classes in the original and ${got.length} in the graph`,
    );
  let error = 0;
  for (const [index, value] of expected.entries())
    error = Math.max(error, difference(value, got[index] ?? NaN));
  return error;
}

function predictionError(original: Answers, served: Answers, expectedRow: number, row: number): number {
  const expected = Number(original.labels[expectedRow]);
  return difference(expected, Number(served.labels[row])) / Math.max(1, Math.abs(expected));
}

/** An answer that is no number where the other is one counts as wholly wrong. */
function difference(expected: number, got: number): number {
  if (Number.isNaN(expected) && Number.isNaN(got)) return 0;
  const distance = Math.abs(expected - got);
  // JSON has no infinity
  return Number.isFinite(distance) ? distance : Number.MAX_VALUE;
}

/** 1 and true are one label to scikit-learn; text compares as text. */
const isSameLabel = (a: unknown, b: unknown): boolean =>
  typeof a === 'string' || typeof b === 'string' ? String(a) === String(b) : Number(a) === Number(b);

function shareOf(flags: Uint8Array, from: number, to: number): number {
  if (to <= from) return 1;
  let count = 0;
  for (let at = from; at < to; at += 1) count += flags[at] ?? 0;
  return count / (to - from);
}

function largest(errors: Float64Array, from: number, to: number): number {
  let most = 0;
  for (let at = from; at < to; at += 1) most = Math.max(most, errors[at] ?? 0);
  return most;
}

/** The row with the largest error; of rows with another label, where there are any. */
function worstOf(errors: Float64Array, isEqual: Uint8Array, isClassifier: boolean): number {
  const hasWrongLabel = isClassifier && isEqual.includes(0);
  let worst = -1;
  for (const [row, error] of errors.entries()) {
    if (hasWrongLabel && isEqual[row] === 1) continue;
    if (worst < 0 || error > (errors[worst] ?? 0)) worst = row;
  }
  return worst;
}
