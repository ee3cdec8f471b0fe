import type { FileColumn } from './file-columns.ts';
import { isFraction, isInteger } from './file-columns.ts';
import type { ColumnDrift } from './drift.ts';

/** The checks and their names are those of SageMaker's violations file. */
export type QualityCheck =
  | 'data_type'
  | 'completeness'
  | 'baseline_drift'
  | 'missing_column'
  | 'extra_column'
  | 'categorical_values';

export interface Violation {
  readonly column: string;
  readonly check: QualityCheck;
  /** in words, with the values */
  readonly message: string;
}

export interface Side {
  readonly columns: readonly FileColumn[];
  readonly rowCount: number;
}

/** Missing values may grow by so much before it is said. */
const missingAllowed = 0.01;
/** so small a share of unseen categories is not said */
const unseenAllowed = 0.01;

/** What of the current rows breaks with the reference. */
export function checkQuality(
  reference: Side,
  current: Side,
  drift: ReadonlyMap<string, ColumnDrift>,
): Violation[] {
  const violations: Violation[] = [];
  const say = (column: string, check: QualityCheck, message: string): void =>
    void violations.push({ column, check, message });
  for (const before of reference.columns) {
    const now = current.columns.find(({ name }) => name === before.name);
    if (now === undefined) {
      say(before.name, 'missing_column', `The reference has it (${before.type}), the current rows do not.`);
      continue;
    }
    if (familyOf(before.type) !== familyOf(now.type))
      say(before.name, 'data_type', `${before.type} became ${now.type}.`);
    const [missingBefore, missingNow] = [missingShare(before, reference), missingShare(now, current)];
    if (missingNow > missingBefore + missingAllowed) {
      say(
        before.name,
        'completeness',
        `${percent(missingNow)} of the rows lack it, ${percent(missingBefore)} of the reference.`,
      );
    }
    const found = drift.get(before.name);
    if (found === undefined) continue;
    if ((found.unseen ?? 0) > unseenAllowed) {
      say(
        before.name,
        'categorical_values',
        `${percent(found.unseen ?? 0)} of its values are categories that the reference never had.`,
      );
    }
    if (found.default?.drifted === true) {
      const { method, score, threshold } = found.default;
      say(
        before.name,
        'baseline_drift',
        `${method} is ${score === null ? 'unknown' : score.toPrecision(3)}; the threshold is ${threshold}.`,
      );
    }
  }
  for (const { name, type } of current.columns) {
    if (!reference.columns.some((column) => column.name === name))
      say(name, 'extra_column', `The reference has no such column (${type}).`);
  }
  return violations;
}

/** Integers and fractions of any width are numbers alike, so that a column without a missing value is no violation. */
const familyOf = (type: string): string =>
  isInteger(type) || isFraction(type) ? 'number' : type.startsWith('ENUM') ? 'VARCHAR' : type;

const missingShare = ({ count }: FileColumn, { rowCount }: Side): number =>
  rowCount === 0 ? 0 : 1 - count / rowCount;

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
