import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createTestWorld } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import { searchModels, searchVersions, type RegistrySearch } from './registry-search.ts';
import { promptTag } from './registry-store.ts';
import { createModel, describe as describeThing, registerVersion } from './versions.ts';

type World = Awaited<ReturnType<typeof createTestWorld>>;

const models = [
  { name: 'churn', tags: { team: 'sales', tier: 'gold' } },
  { name: 'fraud', tags: { team: 'risk' } },
  { name: 'Fraud-old', tags: { team: 'risk', tier: 'gold' } },
  { name: 'late', tags: {} },
  { name: 'greeting', tags: { [promptTag]: 'true', team: 'sales' } },
] as const;

const whole = { orderBy: [], limit: 100 } as const;

describe('a search in the registry', () => {
  let world: World;
  before(async () => {
    world = await createTestWorld();
    for (const { name, tags } of models) await createModel(world, localActor, { name, tags });
    for (const [model, count] of [
      ['churn', 2],
      ['fraud', 3],
    ] as const) {
      for (let version = 1; version <= count; version += 1) {
        await registerVersion(world, localActor, {
          model,
          source: `s3://bucket/${model}/${version}`,
          ...(version === 2 ? { runId: 'a'.repeat(32) } : {}),
        });
      }
    }
    await describeThing(world, localActor, { model: 'fraud', version: 3 }, { putTags: { checked: 'yes' } });
    await describeThing(world, localActor, { model: 'churn', version: 1 }, { putTags: { checked: 'no' } });
  });
  after(() => world.close());

  const modelNames = async (filter: string, more: Partial<RegistrySearch> = {}): Promise<string[]> =>
    (await searchModels(world.database.read, { ...whole, ...more, filter })).rows.map(({ name }) => name);
  const versions = async (filter: string): Promise<string[]> =>
    (
      await searchVersions(world.database.read, { ...whole, orderBy: ['name', 'version_number'], filter })
    ).rows.map(({ model, version }) => `${model}/${version}`);

  it('joins conditions on models by AND, OR, NOT and parentheses', async () => {
    assert.deepEqual(await modelNames("tags.team = 'risk' AND tags.tier = 'gold'"), ['Fraud-old']);
    assert.deepEqual(await modelNames("tags.tier = 'gold' OR name = 'late'"), ['Fraud-old', 'churn', 'late']);
    assert.deepEqual(await modelNames("NOT (tags.team = 'sales' OR name ILIKE 'fraud-%')"), ['fraud']);
    assert.deepEqual(await modelNames("name IN ('late', 'churn') AND tags.tier IS NULL"), ['late']);
    assert.deepEqual(await modelNames('tags.team IS NOT NULL AND creation_timestamp BETWEEN 1 AND 9e15'), [
      'Fraud-old',
      'churn',
      'fraud',
    ]);
    assert.deepEqual(await modelNames("name NOT LIKE 'f%' AND description IS NULL"), [
      'Fraud-old',
      'churn',
      'late',
    ]);
  });

  it('joins conditions on versions by AND, OR, NOT and parentheses', async () => {
    assert.deepEqual(await versions("name = 'fraud' AND version_number >= 2"), ['fraud/2', 'fraud/3']);
    assert.deepEqual(await versions('version_number IN (1, 3)'), ['churn/1', 'fraud/1', 'fraud/3']);
    assert.deepEqual(await versions("tags.checked = 'no' OR (name = 'fraud' AND NOT version_number < 3)"), [
      'churn/1',
      'fraud/3',
    ]);
    assert.deepEqual(
      await versions("NOT tags.checked = 'yes'"),
      ['churn/1'],
      'a version without the tag is neither',
    );
    assert.deepEqual(await versions("run_id IS NULL AND source_path LIKE '%/1' AND current_stage = 'None'"), [
      'churn/1',
      'fraud/1',
    ]);
    assert.deepEqual(await versions("status != 'READY'"), []);
  });

  it('shows prompts only to a filter that names their tag', async () => {
    assert.deepEqual(await modelNames("tags.team = 'sales'"), ['churn']);
    assert.deepEqual(await modelNames(`tags.\`${promptTag}\` = 'true'`), ['greeting']);
    assert.deepEqual(
      await modelNames(`tags.team = 'sales' AND (tags.\`${promptTag}\` = 'true' OR name = 'churn')`),
      ['churn', 'greeting'],
    );
    assert.deepEqual(
      await modelNames(`NOT tags.\`${promptTag}\` = 'true'`),
      ['Fraud-old', 'churn', 'fraud', 'late'],
      'what has no such tag is no prompt',
    );
  });

  it('goes through pages in any order and meets each model once', async () => {
    const seen: string[] = [];
    let after: RegistrySearch['after'];
    do {
      const page = await searchModels(world.database.read, {
        filter: "NOT name = 'late'",
        orderBy: ['name DESC'],
        limit: 2,
        after,
      });
      seen.push(...page.rows.map(({ name }) => name));
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual(seen, ['fraud', 'churn', 'Fraud-old']);
  });

  it('finds what a filter says, whatever it is built of', async () => {
    await fc.assert(
      fc.asyncProperty(filters, async ({ text, holds }) => {
        const expected = models
          .filter((model) => !(promptTag in model.tags) && holds(model) === true)
          .map(({ name }) => name);
        assert.deepEqual((await modelNames(text)).toSorted(), expected.toSorted(), text);
      }),
      { numRuns: 300 },
    );
  });
});

type Model = (typeof models)[number];
/** undefined: unknown, as of a tag that a model does not have */
type Truth = boolean | undefined;

interface Said {
  readonly text: string;
  readonly holds: (model: Model) => Truth;
}

const value = fc.constantFrom('sales', 'risk', 'gold', 'churn', 'fraud', 'late');
const field = fc.constantFrom('name', 'tags.team', 'tags.tier', 'tags.nothing');
const of =
  (name: string) =>
  (model: Model): string | undefined =>
    name === 'name'
      ? model.name
      : (model.tags as Readonly<Record<string, string>>)[name.slice('tags.'.length)];

const condition: fc.Arbitrary<Said> = fc
  .tuple(field, value, value, fc.constantFrom('=', '!=', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'))
  .map(([name, one, other, operator]) => {
    const known =
      (test: (found: string) => boolean) =>
      (model: Model): Truth => {
        const found = of(name)(model);
        return found === undefined ? undefined : test(found);
      };
    switch (operator) {
      case 'IS NULL':
        return { text: `${name} IS NULL`, holds: (model) => of(name)(model) === undefined };
      case 'IS NOT NULL':
        return { text: `${name} IS NOT NULL`, holds: (model) => of(name)(model) !== undefined };
      case 'IN':
      case 'NOT IN':
        return {
          text: `${name} ${operator} ('${one}', '${other}')`,
          holds: known((found) => [one, other].some((each) => each === found) === (operator === 'IN')),
        };
      default:
        return {
          text: `${name} ${operator} '${one}'`,
          holds: known((found) => (found === one) === (operator === '=')),
        };
    }
  });

const { filters } = fc.letrec<{ filters: Said }>((tie) => ({
  filters: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    condition,
    tie('filters').map(({ text, holds }): Said => ({
      text: `NOT (${text})`,
      holds: (model) => {
        const truth = holds(model);
        return truth === undefined ? undefined : !truth;
      },
    })),
    fc.tuple(tie('filters'), tie('filters'), fc.boolean()).map(([left, right, isAnd]): Said => ({
      text: `(${left.text} ${isAnd ? 'AND' : 'OR'} ${right.text})`,
      holds: (model) => {
        const truths = [left.holds(model), right.holds(model)];
        // what decides: a false of AND, a true of OR
        if (truths.includes(!isAnd)) return !isAnd;
        return truths.includes(undefined) ? undefined : isAnd;
      },
    })),
  ),
}));
