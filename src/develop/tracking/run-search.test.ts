import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { CompiledQuery, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Database, Tables } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { isTestedOnPostgres, openTestDatabase } from '../../platform/database/test-database.ts';
import { experimentGrammar } from './experiment-store.ts';
import { loggedModelGrammar } from './logged-model-store.ts';
import { runGrammar } from './run-grammar.ts';
import { searchRuns } from './run-search.ts';
import { parseFilter } from './search-filter.ts';
import type { SearchProblem } from './search-errors.ts';
import { insertRuns, type PlainRun } from './test-runs.ts';
import { trackingMigrations } from './tracking-store.ts';

// The expected answers come from an evaluator of its own, over plain objects: it shares no line with the product.

type Truth = boolean | null;
type Value = number | null;

interface Term {
  readonly text: string;
  readonly of: (run: PlainRun) => Value;
}
interface Filter {
  readonly text: string;
  readonly of: (run: PlainRun) => Truth;
}

const seed = Number(process.env['TILTH_SEED'] ?? 20_260);
const runCount = Number(process.env['TILTH_RUNS'] ?? 250);

const texts = ['1', '2', '2.5', '-1', '1e-1', 'auto', 'Auto', 'a_b', '50%', '', "it's", '[x]', '*'] as const;
const numbers = [0, 1, 2, -1, 0.5, 2.5, 1e-1, 1e300] as const;
const logged = fc.constantFrom(...numbers, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
const some = <T>(arbitrary: fc.Arbitrary<T>, keys: readonly string[]): fc.Arbitrary<Record<string, T>> =>
  fc.tuple(...keys.map(() => fc.option(arbitrary, { freq: 3 }))).map((values) => {
    const record: Record<string, T> = {};
    for (const [index, value] of values.entries()) if (value !== null) record[keys[index] as string] = value as T;
    return record;
  });

const anyRun: fc.Arbitrary<PlainRun> = fc.record({
  id: fc.uuid().map((id) => id.replaceAll('-', '')),
  name: fc.constantFrom(...texts.filter((text) => text !== '')),
  experiment: fc.constantFrom(1, 2, 3),
  status: fc.constantFrom('RUNNING', 'FINISHED', 'FAILED'),
  startedAt: fc.constantFrom(1, 2, 3, 1000),
  endedAt: fc.option(fc.constantFrom(2, 3, 2000), { freq: 2 }),
  metrics: some(logged, ['a', 'b', 'c d']),
  params: some(fc.constantFrom(...texts), ['x', 'y']),
  tags: some(fc.constantFrom(...texts), ['t', 'u-v']),
  datasets: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('jan', 'feb'), digest: fc.constantFrom('1', '2'), context: fc.option(fc.constantFrom('train', 'test')) }),
    { maxLength: 2, selector: ({ name, digest }) => `${name} ${digest}` },
  ),
});

const fieldTerm: fc.Arbitrary<Term> = fc.constantFrom<Term>(
  { text: 'metrics.a', of: (run) => run.metrics['a'] ?? null },
  { text: 'metric.`b`', of: (run) => run.metrics['b'] ?? null },
  { text: 'metrics."c d"', of: (run) => run.metrics['c d'] ?? null },
  { text: 'start_time', of: (run) => run.startedAt },
  { text: 'attributes.end_time', of: (run) => run.endedAt },
  { text: 'number(params.x)', of: (run) => numberOf(run.params['x']) },
  { text: 'NUMBER(tags.`u-v`)', of: (run) => numberOf(run.tags['u-v']) },
);
const numberOf = (text: string | undefined): Value => (text !== undefined && /^-?\d+(\.\d+)?(e-?\d+)?$/.test(text) ? Number(text) : null);
const literal: fc.Arbitrary<Term> = fc.constantFrom(...numbers, -2.5, 7).map((value) => ({ text: String(value), of: () => value }));

const binary = (sign: string, left: Term, right: Term): Term => ({
  text: `(${left.text} ${sign} ${right.text})`,
  of: (run) => {
    const [a, b] = [left.of(run), right.of(run)];
    if (a === null || b === null) return null;
    if (sign === '+') return a + b;
    if (sign === '-') return a - b;
    if (sign === '*') return a * b;
    return b === 0 ? Number.NaN : a / b;
  },
});
const { term } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: fieldTerm },
    { weight: 1, arbitrary: literal },
    fc.tuple(fc.constantFrom('+', '-', '*', '/'), tie('term'), tie('term')).map(([sign, left, right]) => binary(sign, left, right)),
    tie('term').map((inner) => ({ text: `-${inner.text.startsWith('-') ? `(${inner.text})` : inner.text}`, of: (run: PlainRun) => negative(inner.of(run)) })),
    tie('term').map((inner) => ({ text: `abs(${inner.text})`, of: (run: PlainRun) => absolute(inner.of(run)) })),
  ),
}));
const negative = (value: Value): Value => (value === null ? null : -value);
const absolute = (value: Value): Value => (value === null ? null : Math.abs(value));

const compare = (left: Value, sign: string, right: Value): Truth => {
  if (left === null || right === null) return null;
  if (sign === '=') return left === right;
  if (sign === '!=') return left !== right;
  if (sign === '<') return left < right;
  if (sign === '<=') return left <= right;
  return sign === '>' ? left > right : left >= right;
};
const not = (truth: Truth): Truth => (truth === null ? null : !truth);
const and = (...truths: readonly Truth[]): Truth => (truths.includes(false) ? false : truths.includes(null) ? null : true);
const or = (...truths: readonly Truth[]): Truth => (truths.includes(true) ? true : truths.includes(null) ? null : false);

const sign = fc.constantFrom('=', '!=', '<', '<=', '>', '>=');
const namesField = (text: string): boolean => /[a-z]{4}/i.test(text.replaceAll('abs', ''));

const numberFilter: fc.Arbitrary<Filter> = fc.oneof(
  fc.tuple(term, sign, term).map(([left, each, right]) => ({ text: `${left.text} ${each} ${right.text}`, of: (run: PlainRun) => compare(left.of(run), each, right.of(run)) })),
  fc.tuple(fieldTerm, sign, literal).map(([left, each, right]) => ({ text: `${left.text}${each}${right.text}`, of: (run: PlainRun) => compare(left.of(run), each, right.of(run)) })),
  fc.tuple(fieldTerm, term, literal, fc.boolean()).map(([left, low, high, isNot]) => ({
    text: `${left.text} ${isNot ? 'not ' : ''}BETWEEN ${low.text} and ${high.text}`,
    of: (run: PlainRun) => {
      const truth = and(compare(left.of(run), '>=', low.of(run)), compare(left.of(run), '<=', high.of(run)));
      return isNot ? not(truth) : truth;
    },
  })),
  fc.tuple(fieldTerm, fc.array(literal, { minLength: 1, maxLength: 3 }), fc.boolean()).map(([left, list, isNot]) => ({
    text: `${left.text} ${isNot ? 'NOT IN' : 'in'} (${list.map((each) => each.text).join(', ')})`,
    of: (run: PlainRun) => {
      const truth = or(...list.map((each) => compare(left.of(run), '=', each.of(run))));
      return isNot ? not(truth) : truth;
    },
  })),
);

interface TextField {
  readonly text: string;
  /** all its values; more than one for datasets */
  readonly of: (run: PlainRun) => readonly string[];
}
const textField = fc.constantFrom<TextField>(
  { text: 'params.x', of: (run) => listed(run.params['x']) },
  { text: 'parameters.`y`', of: (run) => listed(run.params['y']) },
  { text: 'tag.t', of: (run) => listed(run.tags['t']) },
  { text: 'tags.`u-v`', of: (run) => listed(run.tags['u-v']) },
  { text: 'run_name', of: (run) => [run.name] },
  { text: 'attributes.status', of: (run) => [run.status] },
  { text: 'experiment_id', of: (run) => [String(run.experiment)] },
  { text: 'dataset.name', of: (run) => run.datasets.map((dataset) => dataset.name) },
  { text: 'datasets.context', of: (run) => run.datasets.flatMap((dataset) => dataset.context ?? []) },
);
const listed = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);
/** True when one value fits, false when none of them does, unknown when there are none. */
const anyOf = (values: readonly string[], fits: (value: string) => boolean): Truth => (values.length === 0 ? null : values.some(fits));

const constant: fc.Arbitrary<string> = fc.constantFrom(...texts, 'FINISHED', 'FAILED', '3', 'jan', 'train');
const quoted = (text: string): string => (text.includes("'") ? `"${text}"` : `'${text}'`);
const pattern = fc.constantFrom('%a%', 'a_b', 'A%', '%', '_', 'F%D', '50%', '[x]', '*', 'auto', '%n');
const likeness = (like: string, flags: string): RegExp =>
  new RegExp(`^${Array.from(like, (char) => (char === '%' ? '.*' : char === '_' ? '.' : char.replace(/[^\w]/, '\\$&'))).join('')}$`, `s${flags}`);

const textFilter: fc.Arbitrary<Filter> = fc.oneof(
  fc.tuple(textField, fc.constantFrom('=', '!='), constant).map(([field, each, value]) => ({
    text: `${field.text} ${each} ${quoted(value)}`,
    of: (run: PlainRun) => anyOf(field.of(run), (own) => (own === value) === (each === '=')),
  })),
  fc.tuple(textField, fc.constantFrom('LIKE', 'ilike'), pattern, fc.boolean()).map(([field, each, like, isNot]) => ({
    text: `${field.text} ${isNot ? 'NOT ' : ''}${each} ${quoted(like)}`,
    of: (run: PlainRun) => {
      const truth = anyOf(field.of(run), (own) => likeness(like, each === 'ilike' ? 'i' : '').test(own));
      return isNot ? not(truth) : truth;
    },
  })),
  fc.tuple(textField, fc.array(constant, { minLength: 1, maxLength: 3 }), fc.boolean()).map(([field, list, isNot]) => ({
    text: `${field.text} ${isNot ? 'NOT ' : ''}IN (${list.map(quoted).join(',')})`,
    // as MLflow has it: a dataset that is none of the list is enough
    of: (run: PlainRun) => anyOf(field.of(run), (own) => list.includes(own) !== isNot),
  })),
  fc.tuple(textField, fc.boolean()).map(([field, isNot]) => ({
    text: `${field.text} IS ${isNot ? 'NOT ' : ''}NULL`,
    of: (run: PlainRun) => (field.of(run).length === 0) !== isNot,
  })),
  fc.tuple(fieldTerm.filter(({ text }) => !/number/i.test(text)), fc.boolean()).map(([field, isNot]) => ({
    text: `${field.text} is ${isNot ? 'not ' : ''}null`,
    of: (run: PlainRun) => (field.of(run) === null) !== isNot,
  })),
);

const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    { weight: 2, arbitrary: numberFilter.filter(({ text }) => namesField(text)) },
    { weight: 2, arbitrary: textFilter },
    fc.array(tie('filter'), { minLength: 2, maxLength: 3 }).map((parts) => ({ text: parts.map(inside).join(' AND '), of: (run: PlainRun) => and(...parts.map((part) => part.of(run))) })),
    fc.array(tie('filter'), { minLength: 2, maxLength: 3 }).map((parts) => ({ text: parts.map(inside).join(' or '), of: (run: PlainRun) => or(...parts.map((part) => part.of(run))) })),
    tie('filter').map((part) => ({ text: `NOT ${inside(part)}`, of: (run: PlainRun) => not(part.of(run)) })),
  ),
}));
const inside = ({ text }: Filter): string => `(${text})`;

interface Order {
  readonly text: string;
  readonly of: (run: PlainRun) => readonly [rank: number, value: string | number];
  readonly isAscending: boolean;
}
const ranked = (value: string | number | null | undefined): readonly [number, string | number] =>
  value === null || value === undefined ? [2, 0] : Number.isNaN(value) ? [1, 0] : [0, value];
const order: fc.Arbitrary<Order> = fc
  .tuple(
    fc.constantFrom<Pick<Order, 'text' | 'of'>>(
      { text: 'metrics.a', of: (run) => ranked(run.metrics['a']) },
      { text: 'metrics.`c d`', of: (run) => ranked(run.metrics['c d']) },
      { text: 'params.x', of: (run) => ranked(run.params['x']) },
      { text: 'tags."u-v"', of: (run) => ranked(run.tags['u-v']) },
      { text: 'attributes.run_name', of: (run) => ranked(run.name) },
      { text: 'end_time', of: (run) => ranked(run.endedAt) },
      { text: 'start_time', of: (run) => ranked(run.startedAt) },
    ),
    fc.constantFrom('', ' ASC', ' desc'),
  )
  .map(([field, way]) => ({ text: field.text + way, of: field.of, isAscending: way !== ' desc' }));

/** By code points of UTF-8, as the database compares. */
const below = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);

function sorted(runs: readonly PlainRun[], orders: readonly Order[]): string[] {
  return runs
    .toSorted((left, right) => {
      for (const each of orders) {
        const [[leftRank, leftValue], [rightRank, rightValue]] = [each.of(left), each.of(right)];
        if (leftRank !== rightRank) return leftRank - rightRank;
        const way = below(leftValue, rightValue);
        if (way !== 0) return each.isAscending ? way : -way;
      }
      return right.startedAt - left.startedAt || below(left.id, right.id);
    })
    .map((run) => run.id);
}

const runs = fc.sample(anyRun, { numRuns: runCount, seed });
let database: Database;
before(async () => {
  database = await openTestDatabase(trackingMigrations);
  await insertRuns(database, runs);
});
after(() => database.close());

async function search(text: string, orders: readonly Order[], limit: number): Promise<string[]> {
  const found: string[] = [];
  let position: Awaited<ReturnType<typeof searchRuns>>['next'];
  do {
    const page = await searchRuns(database.read, {
      experimentIds: ['1', '2'],
      filter: text,
      orderBy: orders.map((each) => each.text),
      view: 'ACTIVE_ONLY',
      limit,
      after: position,
    });
    found.push(...page.runs.map((run) => run.id));
    position = page.next;
  } while (position !== undefined);
  return found;
}

const inScope = runs.filter((run) => run.experiment !== 3);

describe('a search of runs', () => {
  test('finds what the filter says, in the order asked for, whatever the size of its pages', async () => {
    const orders = fc.uniqueArray(order, { maxLength: 2, selector: ({ text }) => text.split(' ')[0] });
    await fc.assert(
      fc.asyncProperty(filter, orders, fc.constantFrom(1_000, 30, 7), async (wanted, by, limit) => {
        const expected = sorted(inScope.filter((run) => wanted.of(run) === true), by);
        assert.deepEqual(await search(wanted.text, by, limit), expected, wanted.text);
      }),
      { numRuns: Number(process.env['TILTH_FILTERS'] ?? 300), seed },
    );
  });

  test('knows three truths: what a run lacks is neither so nor not so', async () => {
    const has = inScope.filter((run) => run.metrics['a'] !== undefined).map((run) => run.id);
    const isOne = await search('metrics.a = 1', [], 1_000);
    const isNotOne = await search('NOT metrics.a = 1', [], 1_000);
    assert.deepEqual(isNotOne, await search('metrics.a != 1', [], 1_000));
    assert.deepEqual([...isOne, ...isNotOne].sort(), has.sort());
    const lacks = await search('metrics.a IS NULL', [], 1_000);
    assert.equal(has.length + lacks.length, inScope.length);
    const wider = await search('NOT (metrics.a = 1) OR metrics.a IS NULL', [], 1_000);
    assert.equal(wider.length, isNotOne.length + lacks.length);
  });

  test('every pair of laws of De Morgan holds, in what is found', async () => {
    await fc.assert(
      fc.asyncProperty(filter, filter, async (left, right) => {
        const split = await search(`NOT (${left.text}) AND NOT (${right.text})`, [], 1_000);
        assert.deepEqual(await search(`NOT ((${left.text}) OR (${right.text}))`, [], 1_000), split);
      }),
      { numRuns: 60, seed },
    );
  });

  test('takes long lists and many conditions', async () => {
    const wanted = inScope.slice(0, 40);
    const others = Array.from({ length: 9_000 }, (_, index) => `'none${index}'`);
    const list = [...wanted.map((run) => `'${run.id}'`), ...others].join(', ');
    const expected = sorted(wanted, []);
    assert.deepEqual(await search(`run_id IN (${list}) AND attributes.run_id IN (${list})`, [], 1_000), expected);
    assert.deepEqual(await search(`run_id NOT IN (${list})`, [], 1_000), sorted(inScope.slice(40), []));
    const conditions = wanted.flatMap((run) => [`run_id = '${run.id}'`, `(params.x = '${run.id}' AND NOT metrics.a - metrics.b > 1)`, `tags.t LIKE '${run.id}'`]);
    assert.deepEqual(await search(conditions.join(' OR '), [], 1_000), expected);
    assert.deepEqual(await search(`${'NOT ('.repeat(24)}${conditions.join(' OR ')}${')'.repeat(24)}`, [], 1_000), expected);
  });

  test('never breaks on a text that is no filter: it says where', () => {
    const pieces = fc.constantFrom(...'metrics.a params.`x y` tags. status ( ) ( AND OR NOT IN IS NULL LIKE BETWEEN = != < > 1 -2.5 \'t\' "u" \'open + - * / , number abs ö 1x ; run_id creation_time name creation_timestamp'.split(' '));
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (words) => {
        const text = words.join(' ');
        for (const grammar of [runGrammar, experimentGrammar, loggedModelGrammar]) {
          try {
            const tree = JSON.stringify(parseFilter(text, grammar));
            assert.ok(grammar.hasArithmetic === true || !tree.includes('"calculate"'), text);
          } catch (thrown) {
            assert.ok(thrown instanceof TilthError && thrown.status === 400, `${text}: ${String(thrown)}`);
            const { at, length } = thrown.details as SearchProblem;
            assert.ok(at >= 0 && length >= 0 && at + length <= text.length, text);
          }
        }
      }),
      { numRuns: 3_000, seed },
    );
  });
});

describe('a page of runs', () => {
  const ofSqlite = { skip: isTestedOnPostgres && 'these are plans of SQLite' };

  /** The plans of all statements that a search asks, with names of the indexes. */
  async function plans(wanted: string, orderBy: readonly string[]): Promise<string> {
    const asked: CompiledQuery[] = [];
    const logging = new Kysely<Tables>({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (kysely) => new SqliteIntrospector(kysely),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      },
      log: ({ query }) => void asked.push(query),
    });
    await searchRuns(logging, { experimentIds: ['1'], filter: wanted, orderBy, view: 'ACTIVE_ONLY', limit: 100 });
    const details = await Promise.all(
      asked.map(async (query) => {
        const { rows } = await database.read.executeQuery(CompiledQuery.raw(`EXPLAIN QUERY PLAN ${query.sql}`, [...query.parameters]));
        return rows.map((row) => (row as { detail: string }).detail).join('\n');
      }),
    );
    return details.join('\n');
  }

  test('is walked along the index of its metric, and sorts only equal values', ofSqlite, async () => {
    const plan = await plans('metrics.b - metrics.a > 0.1', ['metrics.a DESC']);
    assert.match(plan, /SEARCH o0 USING COVERING INDEX latest_metric_value \(key=\? AND is_nan=\?\)/);
    assert.match(plan, /USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY/);
  });

  test('asks every field of a filter through an index', ofSqlite, async () => {
    const plan = await plans("metrics.a > 1 OR NOT params.x = '3' AND (tags.t IS NULL OR number(params.y) + metrics.b > end_time)", []);
    for (const line of plan.split('\n').filter((each) => each.startsWith('SCAN'))) assert.match(line, /^SCAN (near|run|few|counted|CONSTANT ROW|\(subquery-\d+\))/, plan);
    assert.match(plan, /run_of_experiment/);
  });
});
