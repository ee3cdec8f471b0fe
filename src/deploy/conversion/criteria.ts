import type { ParityCriteria } from '../../start/project/declaration.ts';
import type { Slice } from './parity.ts';

/** What a graph must hold where no tilth.yaml says otherwise. */
export const defaultCriteria: ParityCriteria = {
  labelsEqual: 0.9999,
  maxError: 1e-5,
  regressionError: 1e-4,
  rows: 10_000,
};

/** Whether a graph answers as its original does; what was never compared does not. */
export function isFaithful(measured: Slice, isClassifier: boolean, criteria: ParityCriteria): boolean {
  if (measured.rowCount === 0) return false;
  const most = isClassifier ? criteria.maxError : criteria.regressionError;
  return (
    measured.maxError <= most &&
    (measured.labelsEqual === null || measured.labelsEqual >= criteria.labelsEqual)
  );
}
