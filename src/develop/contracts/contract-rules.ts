import type { PropertyText, QualityText, TableText } from './contract-text.ts';
import { patternOfFormat, rangeOfFormat, strptimeFormat } from './formats.ts';
import { limitOf, limitWords, none } from './limit.ts';
import type { LogicalType, Rule, RuleTest } from './rule.ts';
import { identifier } from '../../platform/sql-text.ts';

/** What comes up while a contract is read: rules that we don't evaluate, and what is wrong with it. */
export interface Gathered {
  readonly notChecked: string[];
  readonly faults: string[];
}

export function logicalType(name: string | undefined): LogicalType {
  switch (name) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
    case 'date':
    case 'timestamp':
    case 'time':
      return name;
    default:
      return 'other';
  }
}

/** The rules that a property's own keys ask for, then those of its `quality`. */
export function propertyRules(one: PropertyText, gathered: Gathered): Rule[] {
  const { name } = one;
  const type = logicalType(one.logicalType);
  const options = one.logicalTypeOptions ?? {};
  const rules: Rule[] = [];
  const add = (id: string, description: string, test: RuleTest): void =>
    void rules.push({
      id: `${name}.${id}`,
      column: name,
      description: `${name} ${description}`,
      severity: 'error',
      test,
      limit: none,
    });
  if (type !== 'other') add('type', `must be ${article(type)}`, { kind: 'wrong-type' });
  else if (one.logicalType !== undefined)
    gathered.notChecked.push(`${name}: what is inside an ${one.logicalType}`);
  if (one.required === true) add('required', 'must have a value', { kind: 'null' });
  if (one.unique === true) add('unique', 'must not repeat', { kind: 'duplicate', columns: [name] });
  for (const { key, kind, words } of bounds) {
    const bound = options[key];
    if (bound !== undefined) add(key, `must be ${words} ${bound}`, { kind, bound });
  }
  if (options.minLength !== undefined) {
    add('minLength', `must have at least ${options.minLength} characters`, {
      kind: 'length-below',
      bound: options.minLength,
    });
  }
  if (options.maxLength !== undefined) {
    add('maxLength', `must have at most ${options.maxLength} characters`, {
      kind: 'length-above',
      bound: options.maxLength,
    });
  }
  if (options.multipleOf !== undefined) {
    add('multipleOf', `must be a multiple of ${options.multipleOf}`, {
      kind: 'not-multiple',
      of: options.multipleOf,
    });
  }
  if (options.pattern !== undefined && isPattern(options.pattern, name, gathered)) {
    add('pattern', `must match ${options.pattern}`, { kind: 'pattern', pattern: options.pattern });
  }
  if (options.format !== undefined) addFormat(options.format, name, type, add, gathered);
  const values = options.enum ?? one.enum?.map(({ value }) => value);
  if (values !== undefined)
    add('enum', `must be one of ${values.join(', ')}`, { kind: 'not-one-of', values });
  return [...rules, ...(one.quality ?? []).flatMap((q) => qualityRule(q, name, gathered))];
}

const bounds = [
  { key: 'minimum', kind: 'below', words: 'at least' },
  { key: 'maximum', kind: 'above', words: 'at most' },
  { key: 'exclusiveMinimum', kind: 'not-above', words: 'above' },
  { key: 'exclusiveMaximum', kind: 'not-below', words: 'below' },
] as const;

function addFormat(
  format: string,
  name: string,
  type: LogicalType,
  add: (id: string, description: string, test: RuleTest) => void,
  { notChecked }: Gathered,
): void {
  const pattern = type === 'string' ? patternOfFormat(format) : undefined;
  const range = type === 'integer' ? rangeOfFormat(format) : undefined;
  if (pattern !== undefined) add('format', `must be in the format ${format}`, { kind: 'pattern', pattern });
  else if (range !== undefined) {
    add('format', `must fit ${format}`, { kind: 'below', bound: range.minimum });
    add('format', `must fit ${format}`, { kind: 'above', bound: range.maximum });
  } else if (!isTimeType(type) || strptimeFormat(format) === undefined)
    notChecked.push(`${name}: the format ${format}`);
}

const isTimeType = (type: LogicalType): boolean => type === 'date' || type === 'timestamp' || type === 'time';
const article = (type: string): string => (type === 'integer' ? 'an integer' : `a ${type}`);

/** The columns of a primary key have values, and no two rows have the same. */
export function keyRules(properties: readonly PropertyText[]): Rule[] {
  const columns = properties
    .filter((one) => one.primaryKey === true)
    .toSorted((one, other) => (one.primaryKeyPosition ?? 0) - (other.primaryKeyPosition ?? 0))
    .map((one) => one.name);
  if (columns.length === 0) return [];
  const described = columns.join(', ');
  const common = { severity: 'error', limit: none } as const;
  return [
    ...columns.map((name): Rule => ({
      ...common,
      id: `${name}.primaryKey`,
      column: name,
      description: `${name} is part of the key and must have a value`,
      test: { kind: 'null' },
    })),
    {
      ...common,
      id: 'primaryKey',
      column: columns.length === 1 ? described : null,
      description: `the key (${described}) must not repeat`,
      test: { kind: 'duplicate', columns },
    },
  ];
}

/** A property that points to one of another table, `customers.id`, has only values that are there. */
export function relationshipRules(
  one: PropertyText,
  tables: readonly TableText[],
  gathered: Gathered,
): Rule[] {
  return (one.relationships ?? []).flatMap(({ to }): Rule[] => {
    const [table = '', column = ''] = typeof to === 'string' ? to.split('.') : [];
    const target = tables.find(({ name }) => name === table)?.properties.some(({ name }) => name === column);
    if (target !== true) {
      gathered.notChecked.push(`${one.name}: relationship to ${JSON.stringify(to)}`);
      return [];
    }
    const query = `SELECT count(*) FROM {object} WHERE {property} NOT IN (SELECT ${identifier(column)} FROM ${identifier(table)} WHERE ${identifier(column)} IS NOT NULL)`;
    const description = `${one.name} must be one of ${table}.${column}`;
    return [
      {
        id: `${one.name}.relationship`,
        column: one.name,
        description,
        severity: 'error',
        test: { kind: 'sql', query },
        limit: none,
      },
    ];
  });
}

/** One `quality` entry; those of type text and custom are listed as not checked. */
export function qualityRule(one: QualityText, column: string | null, gathered: Gathered): Rule[] {
  const metric = one.metric ?? one.rule;
  const where = column ?? 'the table';
  const type = one.type ?? (metric === undefined ? 'text' : 'library');
  if (type === 'text' || type === 'custom') {
    const engine = one.engine === undefined ? '' : ` for ${one.engine}`;
    gathered.notChecked.push(
      `${where}: ${one.name ?? one.description ?? one.id ?? 'a rule'} (type ${type}${engine})`,
    );
    return [];
  }
  const tested = type === 'sql' ? queryTest(one, column) : libraryTest(metric, one, column, gathered);
  if (tested === undefined) {
    gathered.faults.push(
      type === 'sql'
        ? `${where}: a rule of type sql needs a query`
        : `${where}: the metric ${metric ?? '(none)'} is not one we know here, or lacks its arguments`,
    );
    return [];
  }
  const limit = limitOf(one);
  if (limit === undefined) {
    gathered.faults.push(
      `${where}: ${metric ?? 'the query'} needs one operator with its number, for example mustBe: 0`,
    );
    return [];
  }
  return [
    {
      id: one.id ?? `${column ?? 'table'}.${metric ?? 'sql'}`,
      column,
      description: `${column === null ? '' : `${column}: `}${tested.words} ${limitWords(limit)}`,
      severity: /^(info|warn|warning|low)$/i.test(one.severity ?? '') ? 'warning' : 'error',
      test: tested.test,
      limit,
    },
  ];
}

type Tested = { readonly test: RuleTest; readonly words: string };

function queryTest(one: QualityText, column: string | null): Tested | undefined {
  if (one.query === undefined || one.query.trim() === '') return undefined;
  const query = one.query.trim().replace(/;\s*$/, '');
  return {
    test: { kind: 'sql', query },
    words: one.name ?? one.description ?? `the query ${column ?? ''}`.trim(),
  };
}

function libraryTest(
  metric: string | undefined,
  one: QualityText,
  column: string | null,
  gathered: Gathered,
): Tested | undefined {
  const given = one.arguments ?? {};
  if (metric === 'rowCount') return { test: { kind: 'row-count' }, words: 'the number of rows' };
  if (metric === 'duplicateValues') {
    const columns = given.properties ?? (column === null ? [] : [column]);
    return columns.length === 0
      ? undefined
      : { test: { kind: 'duplicate', columns }, words: `rows that repeat ${columns.join(', ')}` };
  }
  if (column === null) return undefined;
  if (metric === 'nullValues') return { test: { kind: 'null' }, words: 'rows without a value' };
  if (metric === 'missingValues') {
    return { test: { kind: 'one-of', values: given.missingValues ?? [null, ''] }, words: 'missing values' };
  }
  if (metric !== 'invalidValues') return undefined;
  const values = given.validValues ?? one.validValues;
  if (values !== undefined)
    return { test: { kind: 'not-one-of', values }, words: `values other than ${values.join(', ')}` };
  if (given.pattern === undefined) return undefined;
  isPattern(given.pattern, column, gathered);
  return {
    test: { kind: 'pattern', pattern: given.pattern },
    words: `values that do not match ${given.pattern}`,
  };
}

/** Whether a pattern can be read at all; the data's engine knows no look-around and no back references besides. */
function isPattern(pattern: string, column: string, { faults }: Gathered): boolean {
  try {
    void new RegExp(pattern, 'u');
    return true;
  } catch {
    faults.push(`${column}: ${pattern} is not a regular expression`);
    return false;
  }
}
