import type { ParityCriteria } from '../../start/project/declaration.ts';
import type { Slice } from './parity.ts';

/** What a graph must hold where no tilth.yaml says otherwise. */
export const defaultCriteria: ParityCriteria = {
  labelsEqual: 0.9999,
  maxError: 1e-5,
  regressionError: 1e-4,
  rows: 10_000,
};

/** The largest error that an answer may have. */
export const mostError = (isClassifier: boolean, criteria: ParityCriteria): number =>
  isClassifier ? criteria.maxError : criteria.regressionError;

/**
 * Whether a graph answers as its original does, on each kind of row; what was never compared does not.
 * A kind that goes wrong must not hide behind ten thousand easy rows.
 */
export const isFaithful = (
  measured: Slice & { readonly parts: readonly Slice[] },
  isClassifier: boolean,
  criteria: ParityCriteria,
): boolean =>
  measured.rowCount > 0 &&
  [measured, ...measured.parts].every(
    ({ maxError, labelsEqual }) =>
      maxError <= mostError(isClassifier, criteria) &&
      (labelsEqual === null || labelsEqual >= criteria.labelsEqual),
  );
