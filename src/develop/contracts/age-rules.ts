import type { ContractText, ServiceLevelText } from './contract-text.ts';
import type { Gathered } from './contract-rules.ts';
import { spanMs } from './formats.ts';

/** How old the newest row may be (freshness) or the oldest (retention). Ages depend on the day, not on the data alone. */
export interface AgeRule {
  readonly id: string;
  readonly table: string;
  /** the time of a row; null for the time of the files */
  readonly column: string | null;
  readonly of: 'newest' | 'oldest';
  readonly limitMs: number;
  readonly description: string;
  readonly severity: 'error' | 'warning';
}

/**
 * Ages among a contract's service levels: `freshness` and `retention`, and `latency` when it names a column. A broken
 * one is a warning, since data does not turn wrong by ageing, unless its custom property `severity` says `error`.
 */
export function ageRules(contract: ContractText, gathered: Gathered): AgeRule[] {
  return (contract.slaProperties ?? []).flatMap((level) => {
    const kind = kindOf(level);
    if (kind === undefined) {
      gathered.notChecked.push(
        `service level ${level.property}: ${String(level.value)}${level.unit === undefined ? '' : ` ${level.unit}`}`,
      );
      return [];
    }
    const value = Number(level.value);
    const limitMs = spanMs(value, level.unit ?? 'd');
    if (limitMs === undefined || !Number.isFinite(value)) {
      gathered.faults.push(
        `slaProperties: ${level.property} needs a number and a unit such as d, not ${String(level.value)} ${level.unit ?? ''}`,
      );
      return [];
    }
    const elements =
      level.element === undefined ? contract.schema.map(({ name }) => name) : level.element.split(',');
    return elements.map((element) => ageRule(contract, level, kind, element.trim(), limitMs));
  });
}

function kindOf({ property, element }: ServiceLevelText): 'freshness' | 'retention' | undefined {
  const name = property.toLowerCase();
  if (name === 'freshness' || ((name === 'latency' || name === 'ly') && element !== undefined))
    return 'freshness';
  return name === 'retention' || name === 're' ? 'retention' : undefined;
}

/** An element is a table, `table.column`, or, in a contract of one table, a column. */
function ageRule(
  contract: ContractText,
  level: ServiceLevelText,
  kind: 'freshness' | 'retention',
  element: string,
  limitMs: number,
): AgeRule {
  const named = contract.schema.find(({ name }) => element === name || element.startsWith(`${name}.`));
  const table = named?.name ?? contract.schema[0]?.name ?? '';
  const column = element === table ? null : named === undefined ? element : element.slice(table.length + 1);
  const span = `${String(level.value)} ${level.unit ?? 'd'}`;
  const what = column ?? 'the time of the files';
  return {
    id: `${column === null ? table : column}.${kind}`,
    table,
    column,
    of: kind === 'freshness' ? 'newest' : 'oldest',
    limitMs,
    description: `the ${kind === 'freshness' ? 'newest' : 'oldest'} row by ${what} must be at most ${span} old`,
    severity:
      level.customProperties?.some((one) => one.property === 'severity' && one.value === 'error') === true
        ? 'error'
        : 'warning',
  };
}
