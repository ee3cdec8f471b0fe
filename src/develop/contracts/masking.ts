import type { Actor } from '../../platform/actor.ts';
import { can } from '../../team/can.ts';
import type { ColumnType, ContractReport, Example, Violation } from './contract-api.ts';

/** Classes whose values are shown only to those who may `data.read-classified`. */
const maskedClasses: ReadonlySet<string> = new Set(['confidential', 'pii', 'special-category']);
export const isMaskedClass = (classification: string | null | undefined): boolean =>
  classification !== null && classification !== undefined && maskedClasses.has(classification);

/** What stands where a value may not be seen. */
export const mask = '•••';

/**
 * Names of the columns whose values this actor may not see. A column that its contract does not classify has the
 * class of its dataset.
 */
export function hiddenColumns(
  actor: Actor,
  columns: readonly ColumnType[],
  datasetClassification: string | null,
): ReadonlySet<string> {
  if (can(actor, 'data.read-classified')) return new Set();
  return new Set(
    columns
      .filter(({ classification }) => isMaskedClass(classification ?? datasetClassification))
      .map(({ name }) => name),
  );
}

/** Rows with the mask in place of each value of a hidden column; no value stays no value. */
export function maskColumns<Value>(
  rows: readonly Readonly<Record<string, Value>>[],
  hidden: ReadonlySet<string>,
): Record<string, Value | string>[] {
  if (hidden.size === 0) return rows.map((row) => ({ ...row }));
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, hidden.has(name) ? maskValue(value) : value]),
    ),
  );
}

/** The values of one column, each masked when the column is hidden: a profile's most frequent values. */
export const maskValues = <Value>(
  column: string,
  values: readonly Value[],
  hidden: ReadonlySet<string>,
): (Value | string)[] => (hidden.has(column) ? values.map(maskValue) : [...values]);

const maskValue = <Value>(value: Value): Value | string =>
  value === null || value === undefined ? value : mask;

/** A report whose examples tell the file and the row of a bad value, but not the value. */
export function maskReport(report: ContractReport, hidden: ReadonlySet<string>): ContractReport {
  if (hidden.size === 0) return report;
  const masked = (violation: Violation): Violation => ({
    ...violation,
    examples: violation.examples.map((example) => maskExample(example, hidden)),
  });
  return { ...report, violations: report.violations.map(masked), warnings: report.warnings.map(masked) };
}

/** An example of several columns, or of a whole line, is hidden when one of them is. */
function maskExample(example: Example, hidden: ReadonlySet<string>): Example {
  const columns = example.column === null ? [...hidden] : [example.column, ...example.column.split(', ')];
  return columns.some((column) => hidden.has(column))
    ? { ...example, value: maskValue(example.value) }
    : example;
}
