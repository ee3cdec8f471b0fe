import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Database } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { openTestDatabase } from '../../platform/database/test-database.ts';
import { groupRuns, parseAggregate, type Group } from './run-groups.ts';
import { insertRuns, type PlainRun } from './test-runs.ts';
import { trackingMigrations } from './tracking-store.ts';

const candidates = ['linear', 'tree', 'boost'] as const;
const someRun: fc.Arbitrary<PlainRun> = fc.record({
  id: fc.uuid().map((id) => id.replaceAll('-', '')),
  name: fc.constant('run'),
  experiment: fc.constantFrom(1, 2),
  status: fc.constantFrom('FINISHED', 'FAILED'),
  startedAt: fc.integer({ min: 0, max: 50 }),
  endedAt: fc.option(fc.integer({ min: 50, max: 99 })),
  metrics: fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), fc.constant(Number.NaN)), { maxKeys: 2 }),
  params: fc.oneof(fc.constant({}), fc.constantFrom(...candidates).map((candidate) => ({ candidate, size: String(candidate.length) }))),
  tags: fc.dictionary(fc.constant('kept'), fc.constant('yes'), { maxKeys: 1 }),
  datasets: fc.constant([]),
});

const runs = fc.sample(someRun, { numRuns: 400, seed: 11 });
let database: Database;
before(async () => {
  database = await openTestDatabase(trackingMigrations);
  await insertRuns(database, runs);
});
after(() => database.close());

const group = async (wanted: Partial<Parameters<typeof groupRuns>[1]>): Promise<Group[]> => {
  const all = { experimentIds: ['1', '2'], groupBy: [], aggregates: [], orderBy: [], view: 'ACTIVE_ONLY', limit: 100 } as const;
  return (await groupRuns(database.read, { ...all, ...wanted })).groups;
};

/** What pandas and a pocket calculator say. */
const figures: Readonly<Record<string, (values: readonly number[]) => number | null>> = {
  count: (values) => values.length,
  min: (values) => (values.length === 0 ? null : Math.min(...values)),
  max: (values) => (values.length === 0 ? null : Math.max(...values)),
  mean: (values) => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length),
  median: (values) => {
    const inOrder = values.toSorted((a, b) => a - b);
    const middle = inOrder.length / 2;
    if (inOrder.length === 0) return null;
    return inOrder.length % 2 === 1 ? (inOrder[Math.floor(middle)] as number) : ((inOrder[middle - 1] as number) + (inOrder[middle] as number)) / 2;
  },
  std: (values) => {
    if (values.length < 2) return null;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  },
};

const closeTo = (seen: number | null | undefined, expected: number | null, what: string): void => {
  if (expected === null || seen === null || seen === undefined) assert.equal(seen, expected, what);
  else assert.ok(Math.abs(seen - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${what}: ${seen} is not ${expected}`);
};

describe('runs in groups', () => {
  test('have the figures that their own runs give, NaN left out', async () => {
    const names = Object.keys(figures);
    const terms: readonly [string, (run: PlainRun) => number | undefined][] = [
      ['metrics.a', (run) => run.metrics['a']],
      ['metrics.a - 2 * metrics.b', (run) => (run.metrics['a'] === undefined || run.metrics['b'] === undefined ? undefined : run.metrics['a'] - 2 * run.metrics['b'])],
      ['number(params.size)', (run) => (run.params['size'] === undefined ? undefined : Number(run.params['size']))],
      ['end_time - start_time', (run) => (run.endedAt === null ? undefined : run.endedAt - run.startedAt)],
    ];
    for (const [text, of] of terms) {
      const groups = await group({ groupBy: ['params.candidate', 'attributes.status'], aggregates: names.map((name) => `${name}(${text})`) });
      assert.equal(groups.reduce((sum, { runCount }) => sum + runCount, 0), runs.length);
      for (const { keys, runCount, values } of groups) {
        const members = runs.filter((run) => (run.params['candidate'] ?? null) === keys[0] && run.status === keys[1]);
        assert.equal(runCount, members.length);
        const numbers = members.map(of).filter((value) => value !== undefined && !Number.isNaN(value)) as number[];
        for (const [index, name] of names.entries()) closeTo(values[index], figures[name]?.(numbers) ?? null, `${name} of ${text} in ${keys.join()}`);
      }
    }
  });

  test('hold only runs that the filter finds; without a field they are one group', async () => {
    const filter = "params.candidate IN ('tree', 'boost') AND NOT tags.kept = 'no'";
    const expected = runs.filter((run) => run.tags['kept'] === 'yes' && /tree|boost/.test(run.params['candidate'] ?? ''));
    assert.deepEqual(await group({ filter, aggregates: ['count'] }), [{ keys: [], runCount: expected.length, values: [expected.length] }]);
  });

  test('come by size, or by an aggregate that need not be shown; those without a value last', async () => {
    const bySize = await group({ groupBy: ['params.candidate'] });
    assert.deepEqual(bySize.map((each) => each.runCount), bySize.map((each) => each.runCount).toSorted((a, b) => b - a));
    const byMax = await group({ groupBy: ['params.candidate'], aggregates: ['max(metrics.a)'], orderBy: ['max(metrics.a) DESC'] });
    assert.deepEqual(byMax.map((each) => each.values[0]), byMax.map((each) => each.values[0]).toSorted((a, b) => Number(b) - Number(a)));
    const hidden = await group({ groupBy: ['params.candidate'], orderBy: ['max(metrics.a) DESC'] });
    assert.deepEqual(hidden.map((each) => each.keys), byMax.map((each) => each.keys));
    const byName = await group({ groupBy: ['params.candidate'], orderBy: ['params.candidate'] });
    assert.deepEqual(byName.map((each) => each.keys[0]), ['boost', 'linear', 'tree', null]);
    const { hasMore } = await groupRuns(database.read, { experimentIds: ['1', '2'], groupBy: ['params.candidate'], aggregates: [], orderBy: [], view: 'ACTIVE_ONLY', limit: 2 });
    assert.equal(hasMore, true);
  });

  test('show their first runs, in an order of runs', async () => {
    const groups = await group({ groupBy: ['params.candidate'], top: { count: 2, orderBy: ['metrics.a DESC'] } });
    assert.equal(groups.length, 4);
    for (const { keys, runs: firsts = [] } of groups) {
      const members = runs.filter((run) => (run.params['candidate'] ?? null) === keys[0] && run.metrics['a'] !== undefined && !Number.isNaN(run.metrics['a']));
      const best = members.toSorted((a, b) => (b.metrics['a'] as number) - (a.metrics['a'] as number)).slice(0, 2);
      assert.deepEqual(firsts.map((run) => run.id), best.map((run) => run.id));
    }
  });

  test('are refused where they make no sense, with the place', async () => {
    const refused: readonly [Parameters<typeof group>[0], RegExp][] = [
      [{ groupBy: ['metrics.a'] }, /grouped by params, tags and text attributes/],
      [{ groupBy: ['dataset.name'] }, /grouped by params, tags and text attributes/],
      [{ aggregates: ['mode(metrics.a)'] }, /no aggregate: .*MEDIAN/],
      [{ aggregates: ['max(params.candidate)'] }, /is a text/],
      [{ aggregates: ['max(metrics.a) DESC'] }, /no aggregate/],
      [{ orderBy: ['metrics.a'] }, /ordered by an aggregate/],
      [{ groupBy: ['params.candidate'], orderBy: ['tags.kept'] }, /ordered by an aggregate/],
    ];
    for (const [wanted, reason] of refused) {
      await assert.rejects(group(wanted), (thrown) => thrown instanceof TilthError && thrown.status === 400 && reason.test(thrown.message), String(reason));
    }
    assert.deepEqual(parseAggregate('COUNT(*)'), { kind: 'runs' });
  });
});
