import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Database } from '../../platform/database/database.ts';
import { openTestDatabase } from '../../platform/database/test-database.ts';
import { completeFilter } from './run-completions.ts';
import { insertRuns, type PlainRun } from './test-runs.ts';
import { trackingMigrations } from './tracking-store.ts';

const run = (id: number, rest: Partial<PlainRun>): PlainRun => ({
  id: `run${id}`,
  name: `night ${id}`,
  experiment: 1,
  status: 'FINISHED',
  startedAt: id,
  endedAt: null,
  metrics: {},
  params: {},
  tags: {},
  datasets: [],
  ...rest,
});

let database: Database;
before(async () => {
  database = await openTestDatabase(trackingMigrations);
  await insertRuns(database, [
    run(1, { metrics: { auc: 1, 'val loss': 2 }, params: { model: 'tree' }, tags: { 'mlflow.user': 'ana', stage: "it's" } }),
    run(2, { metrics: { auc: 1 }, params: { model: 'tree' }, datasets: [{ name: 'jan', digest: '1', context: 'train' }] }),
    run(3, { metrics: { auc: 1 }, params: { model: 'linear' } }),
    run(4, { experiment: 2, metrics: { other: 1 } }),
  ]);
});
after(() => database.close());

/** A filter with its cursor at `|`, and what is offered there. */
async function offered(marked: string): Promise<string[]> {
  const cursor = marked.indexOf('|');
  const { options } = await completeFilter(database.read, ['1'], marked.replace('|', ''), cursor);
  return options.map((option) => option.text);
}

/** The filter after the first option was taken. */
async function taken(marked: string): Promise<string> {
  const cursor = marked.indexOf('|');
  const filter = marked.replace('|', '');
  const { from, to, options } = await completeFilter(database.read, ['1'], filter, cursor);
  return filter.slice(0, from) + (options[0]?.text ?? '') + filter.slice(to);
}

describe('the filter box', () => {
  test('offers the fields that runs of this experiment have, the most used first', async () => {
    const fields = await offered('|');
    assert.deepEqual(fields.slice(0, 4), ['metrics.auc', 'metrics.`val loss`', 'params.model', 'tags.stage']);
    assert.ok(!fields.includes('metrics.other'));
    assert.ok(fields.includes('dataset.name') && fields.includes('tags.mlflow.user') && fields.includes('NOT') && fields.includes('number('));
  });

  test('completes the word at the cursor, quotes included, wherever it stands', async () => {
    assert.equal(await taken('au|'), 'metrics.auc');
    assert.equal(await taken('metrics.va|'), 'metrics.`val loss`');
    assert.equal(await taken('metrics.`val l|'), 'metrics.`val loss`');
    assert.equal(await taken('metrics.auc > 0.5 AND mod| = \'x\''), "metrics.auc > 0.5 AND params.model = 'x'");
    assert.equal(await taken("params.model = 'tr|"), "params.model = 'tree'");
    assert.equal(await taken('metrics.auc > 0.5 a|'), 'metrics.auc > 0.5 AND');
  });

  test('offers the values that a field has, and how many runs have each', async () => {
    assert.deepEqual(await offered('params.model = |'), ["'tree'", "'linear'"]);
    assert.deepEqual(await offered('params.model NOT IN (\'tree\', |'), ["'tree'", "'linear'"]);
    assert.deepEqual(await offered('tags.stage = |'), ['"it\'s"']);
    assert.deepEqual(await offered('dataset.context = |'), ["'train'"]);
    assert.deepEqual((await offered('status != |')).slice(0, 2), ["'RUNNING'", "'SCHEDULED'"]);
    const { options } = await completeFilter(database.read, ['1'], 'params.model = ', 15);
    assert.deepEqual(options.map((option) => option.runCount), [2, 1]);
  });

  test('offers the operators that fit the type', async () => {
    const ofNumber = await offered('metrics.auc |');
    assert.ok(ofNumber.includes('>=') && ofNumber.includes('BETWEEN') && ofNumber.includes('-') && !ofNumber.includes('LIKE'));
    assert.deepEqual(await offered('params.model |'), ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT', 'IS']);
    assert.deepEqual(await offered('tags.stage IS |'), ['NOT', 'NULL']);
    assert.deepEqual((await offered("(params.model = 'tree' |")), ['AND', 'OR', ')']);
  });

  test('offers nothing after a mistake, and says where that is', async () => {
    assert.deepEqual(await offered('metrics.auc >> 1 AND |'), []);
    const { problem } = await completeFilter(database.read, ['1'], 'metrics.auc >> 1 AND ', 21);
    assert.deepEqual([problem?.at, problem?.length], [13, 1]);
    assert.match(problem?.message ?? '', /Expected here: a number, a field/);
    assert.equal((await completeFilter(database.read, ['1'], 'metrics.auc > 1', 3)).problem, null);
  });
});
