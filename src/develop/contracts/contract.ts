import { parseDocument } from 'yaml';
import { ageRules, type AgeRule } from './age-rules.ts';
import { contractInvalid } from './contract-errors.ts';
import {
  keyRules,
  logicalType,
  propertyRules,
  qualityRule,
  relationshipRules,
  type Gathered,
} from './contract-rules.ts';
import { contractText, type ContractText, type PropertyText } from './contract-text.ts';
import { strptimeFormat } from './formats.ts';
import type { LogicalType, Rule } from './rule.ts';

export interface Property {
  readonly name: string;
  /** its name in the files */
  readonly column: string;
  readonly type: LogicalType;
  /** of a date or time in text files, in the letters of `strptime` */
  readonly format: string | undefined;
  readonly classification: string | undefined;
}

/** The rows of one table of a contract. */
export interface ContractTable {
  readonly name: string;
  /** which files are its rows, `flights*.parquet`; all of them when the contract has one table */
  readonly files: string | undefined;
  readonly properties: readonly Property[];
  readonly rules: readonly Rule[];
  /** how old its rows or files may be */
  readonly ages: readonly AgeRule[];
}

export interface Contract {
  readonly id: string;
  readonly tables: readonly ContractTable[];
  readonly notChecked: readonly string[];
  /** the document itself, for those who export it */
  readonly text: ContractText;
}

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
  const gathered: Gathered = { notChecked: [], faults: [] };
  const ages = ageRules(data, gathered);
  const tables = data.schema.map((table): ContractTable => {
    const properties = table.properties.map(propertyOf);
    refuseTwins(properties, table.name, gathered);
    for (const one of table.relationships ?? []) {
      gathered.notChecked.push(`${table.name}: relationship to ${JSON.stringify(one.to)}`);
    }
    const rules = withDistinctIds(
      withoutRepeats([
        ...table.properties.flatMap((one) => propertyRules(one, gathered)),
        ...keyRules(table.properties),
        ...table.properties.flatMap((one) => relationshipRules(one, data.schema, gathered)),
        ...(table.quality ?? []).flatMap((one) => qualityRule(one, null, gathered)),
      ]),
    );
    return {
      name: table.name,
      files: data.schema.length === 1 ? undefined : (table.physicalName ?? `${table.name}*`),
      properties,
      rules,
      ages: ages.filter((age) => age.table === table.name),
    };
  });
  for (const table of tables) {
    const unknown = unknownColumns(table);
    if (unknown.length > 0)
      gathered.faults.push(`${table.name} has rules on undeclared ${unknown.join(', ')}`);
  }
  if (gathered.faults.length > 0) throw contractInvalid(name, gathered.faults);
  return { id: data.id, tables, notChecked: gathered.notChecked, text: data };
}

function propertyOf(one: PropertyText): Property {
  const type = logicalType(one.logicalType);
  const format = one.logicalTypeOptions?.format;
  const isTime = type === 'date' || type === 'timestamp' || type === 'time';
  return {
    name: one.name,
    column: one.physicalName ?? one.name,
    type,
    format: isTime && format !== undefined ? strptimeFormat(format) : undefined,
    classification: one.classification,
  };
}

function refuseTwins(properties: readonly Property[], table: string, { faults }: Gathered): void {
  const names = properties.map((one) => one.name);
  const twin = names.find((name, at) => names.indexOf(name) !== at);
  if (twin !== undefined) faults.push(`${table} declares ${twin} twice`);
}

/** Contracts often say one thing twice, `unique` and `duplicateValues: 0`; one bad row should be named once. */
function withoutRepeats(rules: readonly Rule[]): Rule[] {
  const seen = new Set<string>();
  return rules.filter(({ column, test, limit, severity }) => {
    const key = JSON.stringify([column, test, limit.operator, limit.bounds, limit.unit, severity]);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** Two rules of one column may measure the same thing; the second is told apart by its number. */
function withDistinctIds(rules: readonly Rule[]): Rule[] {
  const used = new Map<string, number>();
  return rules.map((rule) => {
    const count = (used.get(rule.id) ?? 0) + 1;
    used.set(rule.id, count);
    return count === 1 ? rule : { ...rule, id: `${rule.id}-${count}` };
  });
}

/** Columns that the rules name and the contract does not declare. */
function unknownColumns(table: ContractTable): string[] {
  const declared = new Set(table.properties.map((one) => one.name));
  const named = [
    ...table.rules.flatMap((rule) =>
      rule.test.kind === 'duplicate' ? rule.test.columns : [rule.column ?? ''],
    ),
    ...table.ages.map((age) => age.column ?? ''),
  ];
  return [...new Set(named)].filter((one) => one !== '' && !declared.has(one));
}
