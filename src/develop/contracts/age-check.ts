import type { Instant } from '../../platform/clock.ts';
import type { ContractReport, Violation } from './contract-api.ts';
import type { ContractTable } from './contract.ts';
import { fault } from './contract-files.ts';

/** The newest or oldest time in a column; null when it has none. */
export interface MeasuredAge {
  readonly id: string;
  readonly at: Instant | null;
}

const dayMs = 86_400_000;

/** Holds each age rule against the times in the data, or those of the files, as of `now`. */
export function judgeAges(
  tables: readonly ContractTable[],
  measured: readonly MeasuredAge[],
  fileTimes: (table: string) => readonly number[],
  now: Instant,
): Violation[] {
  return tables.flatMap((table) =>
    table.ages.map((rule): Violation => {
      const times = rule.column === null ? fileTimes(table.name) : [];
      const ofFiles =
        times.length === 0 ? null : rule.of === 'newest' ? Math.max(...times) : Math.min(...times);
      const at = rule.column === null ? ofFiles : (measured.find(({ id }) => id === rule.id)?.at ?? null);
      const outcome =
        at === null
          ? 'there is no time to go by'
          : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')}, ${((now - at) / dayMs).toFixed(1)} days old`;
      const passed = at !== null && now - at <= rule.limitMs;
      return {
        ...fault(rule.id, rule.column, rule.description, outcome, []),
        passed,
        severity: rule.severity,
      };
    }),
  );
}

/** The report with the ages among its rules. */
export function withAges(report: ContractReport, ages: readonly Violation[]): ContractReport {
  const broken = ages.filter(({ passed }) => !passed);
  const violations = [...report.violations, ...broken.filter(({ severity }) => severity === 'error')];
  return {
    ...report,
    state: violations.length === 0 ? 'passed' : 'broken',
    rules: [...report.rules, ...ages.map(({ examples: _examples, ...result }) => result)],
    violations,
    warnings: [...report.warnings, ...broken.filter(({ severity }) => severity === 'warning')],
  };
}
