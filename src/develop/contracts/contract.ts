import { parseDocument } from 'yaml';
import { z } from 'zod';
import { contractInvalid } from './contract-errors.ts';

/** One thing that must hold; contract-sql.ts turns it into SQL. */
export interface Rule {
  readonly id: string;
  /** null for a rule about the rows as a whole */
  readonly column: string | null;
  readonly description: string;
  readonly severity: 'error' | 'warning';
  readonly test: RuleTest;
  readonly limit: Limit;
}

export type RuleTest =
  | { readonly kind: 'wrong-type' }
  | { readonly kind: 'null' }
  | { readonly kind: 'below' | 'above' | 'not-above' | 'not-below'; readonly bound: number | string }
  | { readonly kind: 'length-below' | 'length-above'; readonly bound: number }
  | { readonly kind: 'not-multiple'; readonly of: number }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'not-one-of'; readonly values: readonly Value[] }
  | { readonly kind: 'one-of'; readonly values: readonly Value[] }
  | { readonly kind: 'duplicate'; readonly columns: readonly string[] }
  | { readonly kind: 'row-count' };

type Value = string | number | boolean | null;

/** What the number of violating rows (or of all rows) must be; `percent` of all rows. */
export interface Limit {
  readonly operator: Operator;
  readonly bounds: readonly number[];
  readonly unit: 'rows' | 'percent';
}

export type LogicalType = 'string' | 'number' | 'integer' | 'boolean' | 'date' | 'timestamp' | 'other';

export interface Property {
  readonly name: string;
  readonly type: LogicalType;
}

/** The rows of one table of a contract. */
export interface ContractTable {
  readonly name: string;
  /** which files are its rows, `flights*.parquet`; all of them when the contract has one table */
  readonly files: string | undefined;
  readonly properties: readonly Property[];
  readonly rules: readonly Rule[];
}

export interface Contract {
  readonly id: string;
  readonly tables: readonly ContractTable[];
  readonly notChecked: readonly string[];
}

const operators = {
  mustBe: 'must be',
  mustNotBe: 'must not be',
  mustBeGreaterThan: 'must be greater than',
  mustBeGreaterOrEqualTo: 'must be at least',
  mustBeLessThan: 'must be less than',
  mustBeLessOrEqualTo: 'must be at most',
  mustBeBetween: 'must be between',
  mustNotBeBetween: 'must not be between',
} as const;
export type Operator = keyof typeof operators;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const bound = z.union([z.number(), z.string()]);

const quality = z.looseObject({
  type: z.string().optional(),
  metric: z.string().optional(),
  /** the name of `metric` in ODCS 3.0 */
  rule: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  severity: z.string().optional(),
  unit: z.enum(['rows', 'percent']).optional(),
  arguments: z
    .looseObject({
      validValues: z.array(scalar).optional(),
      missingValues: z.array(scalar).optional(),
      pattern: z.string().optional(),
      properties: z.array(z.string()).optional(),
    })
    .optional(),
  validValues: z.array(scalar).optional(),
});
type Quality = z.infer<typeof quality>;

const property = z.looseObject({
  name: z.string(),
  logicalType: z.string().optional(),
  required: z.boolean().optional(),
  unique: z.boolean().optional(),
  primaryKey: z.boolean().optional(),
  logicalTypeOptions: z
    .looseObject({
      minimum: bound.optional(),
      maximum: bound.optional(),
      exclusiveMinimum: bound.optional(),
      exclusiveMaximum: bound.optional(),
      minLength: z.number().optional(),
      maxLength: z.number().optional(),
      multipleOf: z.number().optional(),
      pattern: z.string().optional(),
    })
    .optional(),
  quality: z.array(quality).optional(),
});
type PropertyText = z.infer<typeof property>;

const contractText = z.looseObject({
  apiVersion: z.string().regex(/^v3\./, 'only ODCS 3 is known'),
  kind: z.literal('DataContract'),
  id: z.string(),
  version: z.string(),
  status: z.string(),
  schema: z
    .array(
      z.looseObject({
        name: z.string(),
        physicalName: z.string().optional(),
        properties: z.array(property).default([]),
        quality: z.array(quality).optional(),
      }),
    )
    .min(1),
});

/**
 * Reads an Open Data Contract Standard 3.1 document.
 *
 * @throws DATA_CONTRACT_INVALID with each problem
 * @see https://bitol-io.github.io/open-data-contract-standard/
 */
export function readContract(text: string, name: string): Contract {
  const document = parseDocument(text);
  const parsed = contractText.safeParse(document.toJS());
  const problems = [
    ...document.errors.map((error) => error.message),
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  ];
  if (!parsed.success || problems.length > 0) throw contractInvalid(name, problems);
  const { data } = parsed;
  const notChecked: string[] = [];
  const tables = data.schema.map((table): ContractTable => {
    const faults: string[] = [];
    const rules = withoutRepeats([
      ...table.properties.flatMap((one) => propertyRules(one, notChecked, faults)),
      ...keyRules(table.properties),
      ...(table.quality ?? []).flatMap((one) => qualityRule(one, null, notChecked, faults)),
    ]);
    if (faults.length > 0) throw contractInvalid(name, faults);
    return {
      name: table.name,
      files: data.schema.length === 1 ? undefined : (table.physicalName ?? `${table.name}*`),
      properties: table.properties.map((one) => ({ name: one.name, type: logicalType(one.logicalType) })),
      rules,
    };
  });
  return { id: data.id, tables, notChecked };
}

/** Contracts often say one thing twice, `unique` and `duplicateValues: 0`; one bad row should be named once. */
function withoutRepeats(rules: readonly Rule[]): Rule[] {
  const seen = new Set<string>();
  return rules.filter(({ column, test, limit, severity }) => {
    const key = JSON.stringify([column, test, limit.operator, limit.bounds, severity]);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

function logicalType(name: string | undefined): LogicalType {
  switch (name) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
    case 'date':
    case 'timestamp':
      return name;
    default:
      return 'other';
  }
}

const none: Limit = { operator: 'mustBe', bounds: [0], unit: 'rows' };

function propertyRules(one: PropertyText, notChecked: string[], faults: string[]): Rule[] {
  const { name } = one;
  const options = one.logicalTypeOptions ?? {};
  const rules: Rule[] = [];
  const add = (id: string, description: string, test: RuleTest): void =>
    void rules.push({ id: `${name}.${id}`, column: name, description: `${name} ${description}`, severity: 'error', test, limit: none });
  if (logicalType(one.logicalType) !== 'other') {
    add('type', `must be ${article(one.logicalType ?? '')}`, { kind: 'wrong-type' });
  }
  if (one.required === true) add('required', 'must have a value', { kind: 'null' });
  if (one.unique === true) add('unique', 'must not repeat', { kind: 'duplicate', columns: [name] });
  if (options.minimum !== undefined) add('minimum', `must be at least ${options.minimum}`, { kind: 'below', bound: options.minimum });
  if (options.maximum !== undefined) add('maximum', `must be at most ${options.maximum}`, { kind: 'above', bound: options.maximum });
  if (options.exclusiveMinimum !== undefined) {
    add('exclusiveMinimum', `must be above ${options.exclusiveMinimum}`, { kind: 'not-above', bound: options.exclusiveMinimum });
  }
  if (options.exclusiveMaximum !== undefined) {
    add('exclusiveMaximum', `must be below ${options.exclusiveMaximum}`, { kind: 'not-below', bound: options.exclusiveMaximum });
  }
  if (options.minLength !== undefined) {
    add('minLength', `must have at least ${options.minLength} characters`, { kind: 'length-below', bound: options.minLength });
  }
  if (options.maxLength !== undefined) {
    add('maxLength', `must have at most ${options.maxLength} characters`, { kind: 'length-above', bound: options.maxLength });
  }
  if (options.multipleOf !== undefined) add('multipleOf', `must be a multiple of ${options.multipleOf}`, { kind: 'not-multiple', of: options.multipleOf });
  if (options.pattern !== undefined) add('pattern', `must match ${options.pattern}`, { kind: 'pattern', pattern: options.pattern });
  return [...rules, ...(one.quality ?? []).flatMap((q) => qualityRule(q, name, notChecked, faults))];
}

const article = (type: string): string => (type === 'integer' ? 'an integer' : `a ${type}`);

/** The columns of a primary key have values, and no two rows have the same. */
function keyRules(properties: readonly PropertyText[]): Rule[] {
  const columns = properties.filter((one) => one.primaryKey === true).map((one) => one.name);
  if (columns.length === 0) return [];
  const described = columns.join(', ');
  return [
    ...columns.map(
      (name): Rule => ({ id: `${name}.primaryKey`, column: name, description: `${name} is part of the key and must have a value`, severity: 'error', test: { kind: 'null' }, limit: none }),
    ),
    { id: 'primaryKey', column: columns.length === 1 ? described : null, description: `the key (${described}) must not repeat`, severity: 'error', test: { kind: 'duplicate', columns }, limit: none },
  ];
}

/** One `quality` entry of type library; others are listed as not checked. */
function qualityRule(one: Quality, column: string | null, notChecked: string[], faults: string[]): Rule[] {
  const metric = one.metric ?? one.rule;
  const where = column ?? 'the table';
  if ((one.type ?? 'library') !== 'library' || metric === undefined) {
    notChecked.push(`${where}: ${one.name ?? one.description ?? 'a rule'} (type ${one.type ?? 'text'})`);
    return [];
  }
  const tested = testOf(metric, one, column);
  if (tested === undefined) {
    faults.push(`${where}: the metric ${metric} is not one we know here`);
    return [];
  }
  const limit = limitOf(one);
  if (limit === undefined) {
    faults.push(`${where}: ${metric} needs one operator with its number, for example mustBe: 0`);
    return [];
  }
  const unit = limit.unit === 'percent' ? ' percent of the rows' : '';
  const described = `${column === null ? '' : `${column}: `}${tested.words} ${operators[limit.operator]} ${limit.bounds.join(' and ')}${unit}`;
  return [
    {
      id: one.id ?? `${column ?? 'table'}.${metric}`,
      column,
      description: described,
      severity: /^(info|warn|warning)$/i.test(one.severity ?? '') ? 'warning' : 'error',
      test: tested.test,
      limit,
    },
  ];
}

function testOf(metric: string, one: Quality, column: string | null): { test: RuleTest; words: string } | undefined {
  const given = one.arguments ?? {};
  if (metric === 'rowCount') return { test: { kind: 'row-count' }, words: 'the number of rows' };
  if (metric === 'duplicateValues') {
    const columns = given.properties ?? (column === null ? [] : [column]);
    return columns.length === 0 ? undefined : { test: { kind: 'duplicate', columns }, words: `rows that repeat ${columns.join(', ')}` };
  }
  if (column === null) return undefined;
  if (metric === 'nullValues') return { test: { kind: 'null' }, words: 'rows without a value' };
  if (metric === 'missingValues') {
    return { test: { kind: 'one-of', values: given.missingValues ?? [null, ''] }, words: 'missing values' };
  }
  if (metric !== 'invalidValues') return undefined;
  const values = given.validValues ?? one.validValues;
  if (values !== undefined) return { test: { kind: 'not-one-of', values }, words: `values other than ${values.join(', ')}` };
  if (given.pattern === undefined) return undefined;
  return { test: { kind: 'pattern', pattern: given.pattern }, words: `values that do not match ${given.pattern}` };
}

function limitOf(one: Quality): Limit | undefined {
  const named = (Object.keys(operators) as Operator[]).filter((name) => one[name] !== undefined);
  const [operator] = named;
  if (operator === undefined || named.length > 1) return undefined;
  const bounds = [one[operator]].flat();
  const isPair = operator.endsWith('Between');
  if (bounds.length !== (isPair ? 2 : 1) || !bounds.every((value) => typeof value === 'number')) return undefined;
  return { operator, bounds: bounds as number[], unit: one.unit ?? 'rows' };
}

/** Whether a measured number is within the limit; the ends of "between" belong to it. */
export function meets(value: number, { operator, bounds: [low = 0, high = 0] }: Limit): boolean {
  switch (operator) {
    case 'mustBe':
      return value === low;
    case 'mustNotBe':
      return value !== low;
    case 'mustBeGreaterThan':
      return value > low;
    case 'mustBeGreaterOrEqualTo':
      return value >= low;
    case 'mustBeLessThan':
      return value < low;
    case 'mustBeLessOrEqualTo':
      return value <= low;
    case 'mustBeBetween':
      return value >= low && value <= high;
    case 'mustNotBeBetween':
      return value < low || value > high;
  }
}
