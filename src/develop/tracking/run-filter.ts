import { sql, type RawBuilder } from 'kysely';
import { isNumberText, numberOfText } from '../../platform/database/sql-words.ts';
import { fieldsOf, type Comparison, type Filter, type Name, type NumberOperator, type Term } from './search-filter.ts';
import { comparisonSql, filterSql, numbersSql, outcomeSql, termSql, type Condition, type Leaf } from './search-sql.ts';

/**
 * How a condition on what a run logged is asked: as the `set` of all runs that fulfil it, made once from an index,
 * or by a `probe` of each run that the statement comes by. Few runs are looked at: probe; many: set.
 */
export type Asking = 'set' | 'probe';

/** True for the runs that a filter finds, in a statement that has the table `run`. */
export const runFilterSql = (filter: Filter, asking: Asking): Condition =>
  filterSql(filter, (leaf, outcome) => (leaf.kind === 'compare' ? compareSql(leaf.compare, outcome, asking) : calculateSql(leaf, outcome, asking)));

function compareSql(comparison: Comparison, outcome: boolean, asking: Asking): Condition {
  if (comparison.family === 'attribute') return outcomeSql(comparisonSql(attributeSql('run', comparison.key), comparison), outcome);
  if (comparison.operator === 'IS NULL' || comparison.operator === 'IS NOT NULL') {
    const isMissing = (comparison.operator === 'IS NULL') === outcome;
    return asking === 'probe' && comparison.family !== 'dataset'
      ? sql`${isMissing ? sql`NOT EXISTS` : sql`EXISTS`} (${ownersOf(comparison)} AND run_id = run.id)`
      : sql`run.id ${isMissing ? sql`NOT IN` : sql`IN`} (${ownersOf(comparison)})`;
  }
  if (comparison.family === 'dataset') {
    const fitting = sql`${ownersOf(comparison)} AND ${comparisonSql(sql.ref(comparison.key), comparison)}`;
    return outcome ? sql`run.id IN (${fitting})` : sql`run.id IN (${ownersOf(comparison)}) AND run.id NOT IN (${fitting})`;
  }
  return ask(sql`${tableOf(comparison.family)} AS f0`, sql`f0.key = ${comparison.key}`, valueTest(comparison, outcome), asking);
}

/** The runs that fulfil one comparison with an id or a logged value, off its index; undefined for other comparisons. */
export function matchingSql(comparison: Comparison): RawBuilder<unknown> | undefined {
  const { family, key, operator } = comparison;
  if (family === 'attribute' && key === 'id' && (operator === '=' || operator === 'IN')) {
    return sql`SELECT id AS run_id FROM run WHERE ${comparisonSql(sql.ref('id'), comparison)}`;
  }
  if (family === 'attribute' || family === 'dataset' || comparison.value === null) return undefined;
  return sql`SELECT f0.run_id FROM ${tableOf(family)} AS f0 WHERE f0.key = ${key} AND ${valueTest(comparison, true)}`;
}

const valueTest = (comparison: Comparison, outcome: boolean): Condition =>
  typeof comparison.value === 'number'
    ? metricTest(comparison.operator as NumberOperator, comparison.value, outcome)
    : outcomeSql(comparisonSql(sql.ref('f0.value'), comparison), outcome);

/** A NaN is unequal to every number, and neither above nor below one; written so that an index over the values serves. */
function metricTest(operator: NumberOperator, value: number, outcome: boolean): Condition {
  const isTrueForNan = (operator === '!=') === outcome;
  const test = sql<boolean>`f0.value ${sql.raw(outcome ? operator : opposite[operator])} ${value}`;
  return isTrueForNan ? sql`(f0.is_nan = 1 OR ${test})` : sql`f0.is_nan = 0 AND ${test}`;
}

const opposite = { '=': '!=', '!=': '=', '<': '>=', '<=': '>', '>': '<=', '>=': '<' } as const;

/** Runs that have a metric, param or tag, or a dataset with a name, digest or context. */
const ownersOf = ({ family, key }: Comparison): RawBuilder<unknown> =>
  family === 'dataset'
    ? sql`SELECT run_id FROM run_dataset JOIN logged_dataset ON logged_dataset.id = run_dataset.dataset_id WHERE ${sql.ref(key)} IS NOT NULL`
    : sql`SELECT run_id FROM ${tableOf(family)} WHERE key = ${key}`;

function calculateSql(leaf: Leaf & { kind: 'calculate' }, outcome: boolean, asking: Asking): Condition {
  const operands = new Operands(fieldsOf(leaf.left, leaf.right));
  const test = numbersSql(operands.valueOf(leaf.left), leaf.operator, operands.valueOf(leaf.right), outcome);
  if (operands.isOfRunAlone) return sql`${operands.arePresent} AND ${test}`;
  return ask(operands.tables, operands.arePresent, test, asking);
}

/** @param tables the first is called f0 and has the run's id */
const ask = (tables: RawBuilder<unknown>, isRow: RawBuilder<unknown>, test: Condition, asking: Asking): Condition =>
  asking === 'set'
    ? sql`run.id IN (SELECT f0.run_id FROM ${tables} WHERE ${isRow} AND ${test})`
    : sql`(SELECT ${test} FROM ${tables} WHERE f0.run_id = run.id AND ${isRow})`;

/** The fields of a calculation, each a row of a table of its own, joined by the run. */
class Operands {
  readonly #fields: readonly (Term & { kind: 'field' })[];
  readonly isOfRunAlone: boolean;

  constructor(fields: readonly (Term & { kind: 'field' })[]) {
    // what the run itself has comes last, so that f0 is a logged value
    this.#fields = fields.toSorted((a, b) => Number(a.field.family === 'attribute') - Number(b.field.family === 'attribute'));
    this.isOfRunAlone = fields.every(({ field }) => field.family === 'attribute');
  }

  get tables(): RawBuilder<unknown> {
    const [first, ...others] = this.#logged().map(({ field }, index) => ({ table: tableOf(field.family), alias: sql.table(`f${index}`), key: field.key }));
    if (first === undefined) return sql``;
    const joins = others.map(({ table, alias, key }) => sql`JOIN ${table} AS ${alias} ON ${alias}.run_id = f0.run_id AND ${alias}.key = ${key}`);
    if (this.#logged().length < this.#fields.length) joins.push(sql`JOIN run AS owner ON owner.id = f0.run_id`);
    return sql.join([sql`${first.table} AS f0`, ...joins], sql` `);
  }

  /** True where each field is there; a text that is no number is not there as one. */
  get arePresent(): RawBuilder<boolean> {
    const conditions = this.#fields.map((term, index): RawBuilder<boolean> => {
      const { family, key } = term.field;
      if (family === 'attribute') return sql`${this.#attribute(key)} IS NOT NULL`;
      const isKey = index === 0 ? sql<boolean>`f0.key = ${key}` : sql<boolean>`1 = 1`;
      return term.isNumber ? sql`${isKey} AND ${isNumberText(sql.ref(`f${index}.value`))}` : isKey;
    });
    return sql.join(conditions, sql` AND `) as RawBuilder<boolean>;
  }

  valueOf(term: Term): RawBuilder<unknown> {
    return termSql(term, ({ field, isNumber }) => {
      if (field.family === 'attribute') return sql`CAST(${this.#attribute(field.key)} AS double precision)`;
      const index = this.#fields.findIndex((each) => each.field.family === field.family && each.field.key === field.key);
      return loggedNumber(`f${index}`, isNumber);
    });
  }

  #logged(): readonly (Term & { kind: 'field' })[] {
    return this.#fields.filter(({ field }) => field.family !== 'attribute');
  }

  #attribute(key: string): RawBuilder<unknown> {
    return attributeSql(this.isOfRunAlone ? 'run' : 'owner', key);
  }
}

/** The number in a row of metrics, NULL for a NaN, or in a row of params or tags. */
const loggedNumber = (alias: string, isText: boolean): RawBuilder<unknown> => {
  const value = sql.ref(`${alias}.value`);
  return isText ? numberOfText(value) : sql`CASE WHEN ${sql.ref(`${alias}.is_nan`)} = 0 THEN ${value} END`;
};

/**
 * Terms of each run as columns: NULL where a field of it is missing or no number.
 *
 * @returns the joins that they need after the table `run`, and one expression per term
 */
export function runTermsSql(terms: readonly Term[]): { joins: RawBuilder<unknown>; values: RawBuilder<unknown>[] } {
  const fields = fieldsOf(...terms).filter(({ field }) => field.family !== 'attribute');
  const joins = fields.map(({ field }, index) => {
    const alias = sql.table(`t${index}`);
    return sql`LEFT JOIN ${tableOf(field.family)} AS ${alias} ON ${alias}.run_id = run.id AND ${alias}.key = ${field.key}`;
  });
  const values = terms.map((term) =>
    termSql(term, ({ field, isNumber }) => {
      if (field.family === 'attribute') return sql`CAST(${attributeSql('run', field.key)} AS double precision)`;
      const alias = `t${fields.findIndex((each) => each.field.family === field.family && each.field.key === field.key)}`;
      const value = loggedNumber(alias, isNumber);
      return isNumber ? sql`CASE WHEN ${isNumberText(sql.ref(`${alias}.value`))} THEN ${value} END` : value;
    }),
  );
  return { joins: joins.length === 0 ? sql`` : sql.join(joins, sql` `), values };
}

/** The table of what runs logged: `run_id`, `key`, `value`. */
export const tableOf = (family: Name['family']): RawBuilder<unknown> =>
  sql.table(family === 'metric' ? 'latest_metric' : family === 'param' ? 'run_param' : 'run_tag');

/** A column of the run; the experiment's number is a text to those who search. */
export const attributeSql = (table: string, key: string): RawBuilder<unknown> =>
  key === 'experiment_id' ? sql`CAST(${sql.ref(`${table}.experiment_id`)} AS text)` : sql.ref(`${table}.${key}`);
