import type { DraftProperty, DraftTable } from './contract-draft.ts';
import { foreignRule, mostly, typeOfDtype, type DraftRule, type Foreign } from './foreign-rules.ts';
import { literal } from '../../platform/sql-text.ts';

interface Column {
  type: string | undefined;
  required: boolean;
  unique: boolean;
  options: Record<string, unknown>;
  quality: DraftRule[];
}

/** A suite as Great Expectations 1 writes it; 0.x names the kind `expectation_type`. */
export function fromGreatExpectations(suite: Foreign, name: string): DraftTable[] {
  const columns = new Map<string, Column>();
  const quality: DraftRule[] = [];
  const columnOf = (key: string): Column => {
    const found = columns.get(key) ?? {
      type: undefined,
      required: false,
      unique: false,
      options: {},
      quality: [],
    };
    columns.set(key, found);
    return found;
  };
  for (const one of suite['expectations'] as Foreign[]) {
    const type = String(one['type'] ?? one['expectation_type']);
    const given = (one['kwargs'] ?? {}) as Foreign;
    const key = typeof given['column'] === 'string' ? given['column'] : undefined;
    const severity = one['severity'] === 'warning' || one['severity'] === 'info' ? 'warning' : undefined;
    const rules =
      key === undefined
        ? tableRules(type, given, columnOf)
        : columnRules(type, given, columnOf(key), severity !== undefined);
    const kept = rules ?? [foreignRule('greatExpectations', type, { type, kwargs: given })];
    const marked = severity === undefined ? kept : kept.map((rule) => ({ ...rule, severity }));
    (key === undefined ? quality : columnOf(key).quality).push(...marked);
  }
  const properties = [...columns].map(([key, column]): DraftProperty => ({
    name: key,
    ...(column.type === undefined ? {} : { logicalType: column.type }),
    ...(column.required ? { required: true } : {}),
    ...(column.unique ? { unique: true } : {}),
    ...(Object.keys(column.options).length === 0 ? {} : { logicalTypeOptions: column.options }),
    ...(column.quality.length === 0 ? {} : { quality: column.quality }),
  }));
  return [{ name, properties, quality }];
}

/** Rules about rows as a whole; undefined when there is no counterpart. */
function tableRules(
  type: string,
  given: Foreign,
  columnOf: (key: string) => Column,
): DraftRule[] | undefined {
  switch (type) {
    case 'expect_table_row_count_to_be_between':
      return [{ metric: 'rowCount', ...between(given) }];
    case 'expect_table_row_count_to_equal':
      return [{ metric: 'rowCount', mustBe: given['value'] }];
    case 'expect_compound_columns_to_be_unique': {
      const properties = given['column_list'] as string[];
      properties.forEach(columnOf);
      return [{ metric: 'duplicateValues', arguments: { properties }, mustBe: 0 }];
    }
    case 'expect_table_columns_to_match_set':
      (given['column_set'] as string[] | undefined)?.forEach(columnOf);
      return given['exact_match'] === false ? [] : undefined;
    default:
      return undefined;
  }
}

function between(given: Foreign): DraftRule {
  const low = given['min_value'] ?? null;
  const high = given['max_value'] ?? null;
  if (low === null) return { mustBeLessOrEqualTo: high };
  return high === null ? { mustBeGreaterOrEqualTo: low } : { mustBeBetween: [low, high] };
}

/** Rules about one column, or what they set of the column itself. */
function columnRules(
  type: string,
  given: Foreign,
  column: Column,
  isWarning: boolean,
): DraftRule[] | undefined {
  const share = typeof given['mostly'] === 'number' ? given['mostly'] : 1;
  // what a property says of itself refuses; a warning has to be a rule of its own
  const isPlain = share === 1 && !isWarning;
  // the standard allows these letters in an id
  const name = `${String(given['column'])}-${type.replace(/^expect_column_values?_(to_)?/, '')}`.replace(
    /[^A-Za-z0-9_-]/g,
    '-',
  );
  switch (type) {
    case 'expect_column_to_exist':
      return [];
    case 'expect_column_values_to_not_be_null':
      if (isPlain) {
        column.required = true;
        return [];
      }
      return [{ metric: 'nullValues', mustBeLessOrEqualTo: percentOf(share), unit: 'percent' }];
    case 'expect_column_values_to_be_unique':
      if (isPlain) {
        column.unique = true;
        return [];
      }
      return isWarning && share === 1 ? [{ metric: 'duplicateValues', mustBe: 0 }] : undefined;
    case 'expect_column_values_to_be_between':
      return rangeRules(given, column, share, isPlain, name);
    case 'expect_column_values_to_be_in_set': {
      const values = given['value_set'] as (string | number)[];
      if (share === 1) return [{ metric: 'invalidValues', arguments: { validValues: values }, mustBe: 0 }];
      return [mostly(name, share, `{property} IN (${values.map(valueSql).join(', ')})`)];
    }
    case 'expect_column_values_to_match_regex': {
      const pattern = String(given['regex']);
      // Python's match begins at the start of the text
      const anchored = pattern.startsWith('^') ? pattern : `^(?:${pattern})`;
      if (share === 1) return [{ metric: 'invalidValues', arguments: { pattern: anchored }, mustBe: 0 }];
      return [mostly(name, share, `regexp_matches({property}, ${literal(anchored)})`)];
    }
    case 'expect_column_value_lengths_to_be_between':
      if (!isPlain) return undefined;
      column.type ??= 'string';
      if (typeof given['min_value'] === 'number') column.options['minLength'] = given['min_value'];
      if (typeof given['max_value'] === 'number') column.options['maxLength'] = given['max_value'];
      return [];
    case 'expect_column_values_to_be_of_type': {
      const found = typeOfDtype(given['type_']);
      if (found === undefined) return undefined;
      column.type = found;
      return [];
    }
    default:
      return undefined;
  }
}

const percentOf = (share: number): number => Number((100 * (1 - share)).toFixed(6));

function rangeRules(
  given: Foreign,
  column: Column,
  share: number,
  isPlain: boolean,
  name: string,
): DraftRule[] {
  const bounds = [
    { value: given['min_value'], isStrict: given['strict_min'] === true, key: 'Minimum', operator: '>' },
    { value: given['max_value'], isStrict: given['strict_max'] === true, key: 'Maximum', operator: '<' },
  ].filter(({ value }) => value !== null && value !== undefined);
  if (isPlain) {
    for (const { value, isStrict, key } of bounds) {
      column.options[isStrict ? `exclusive${key}` : key.toLowerCase()] = value;
    }
    column.type ??= bounds.every(({ value }) => typeof value === 'number') ? 'number' : undefined;
    return [];
  }
  const test = bounds.map(
    ({ value, isStrict, operator }) => `{property} ${operator}${isStrict ? '' : '='} ${valueSql(value)}`,
  );
  column.type ??= bounds.every(({ value }) => typeof value === 'number') ? 'number' : undefined;
  return [mostly(name, share, test.join(' AND ') || 'true')];
}

const valueSql = (value: unknown): string =>
  typeof value === 'number' ? String(value) : literal(String(value));
