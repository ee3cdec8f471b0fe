import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { conditionsOf, parseFilter, parseOrder, type SearchGrammar } from './search-filter.ts';

const grammar: SearchGrammar = {
  families: { metrics: 'metric', metric: 'metric', params: 'param', tags: 'tag', attributes: 'attribute', dataset: 'dataset' },
  attributes: {
    status: { name: 'status', type: 'text' },
    run_id: { name: 'run_id', type: 'text', takesList: true },
    start_time: { name: 'start_time', type: 'number' },
    created: { name: 'start_time', type: 'number' },
    'run name': { name: 'run_name', type: 'text' },
  },
  datasetKeys: ['name', 'digest', 'context'],
  allowsNull: true,
};

const parse = (source: string) => conditionsOf(parseFilter(source, grammar));

test('a filter is a list of conditions joined by AND', () => {
  assert.deepEqual(parse(`metrics.auc >= 0.5 and params."max depth" = "3" AND tags.mlflow.user LIKE 'an%'`), [
    { family: 'metric', key: 'auc', operator: '>=', value: 0.5 },
    { family: 'param', key: 'max depth', operator: '=', value: '3' },
    { family: 'tag', key: 'mlflow.user', operator: 'LIKE', value: 'an%' },
  ]);
  assert.deepEqual(parse(''), []);
});

test('keys may be bare, dashed, with slashes, or quoted by backticks', () => {
  assert.deepEqual(parse('metrics.val-auc/fold.1 < -1e3')[0]?.key, 'val-auc/fold.1');
  assert.deepEqual(parse("tags.`a b` != 'x'")[0]?.key, 'a b');
});

test('attributes know their other names, lists and quoted names', () => {
  assert.deepEqual(parse(`created > 5 and attributes."run name" ILIKE '%X%' and run_id IN ('a', 'b')`), [
    { family: 'attribute', key: 'start_time', operator: '>', value: 5 },
    { family: 'attribute', key: 'run_name', operator: 'ILIKE', value: '%X%' },
    { family: 'attribute', key: 'run_id', operator: 'IN', value: ['a', 'b'] },
  ]);
  assert.deepEqual(parse(`tags.x IS NOT NULL and params.y is null and dataset.name NOT IN ('a')`), [
    { family: 'tag', key: 'x', operator: 'IS NOT NULL', value: null },
    { family: 'param', key: 'y', operator: 'IS NULL', value: null },
    { family: 'dataset', key: 'name', operator: 'NOT IN', value: ['a'] },
  ]);
});

test('what is not in the grammar is refused with the reason', () => {
  const wrong: readonly [string, RegExp][] = [
    ['metrics.auc > 0.5 OR metrics.auc < 0.1', /expected AND/],
    ["metrics.auc = 'x'", /numeric/],
    ['params.x = 3', /quoted string/],
    ["params.x > '3'", /comparator/],
    ["metrics.auc LIKE '3'", /comparator/],
    ["nonsense.x = 'a'", /entity type/],
    ["colour = 'a'", /attribute key/],
    ["status = 'a", /not closed/],
    ['status', /comparison/],
    ["status IN ('a')", /list/],
    ["dataset.size = '1'", /dataset key/],
    ["status = 'a'; DROP TABLE run", /expected AND/],
  ];
  for (const [source, reason] of wrong) {
    assert.throws(() => parse(source), (thrown) => thrown instanceof TilthError && thrown.status === 400 && reason.test(thrown.message), source);
  }
});

test('an order names a field and a direction, upwards by default', () => {
  assert.deepEqual(parseOrder('metrics.`my auc` DESC', grammar), { family: 'metric', key: 'my auc', isAscending: false });
  assert.deepEqual(parseOrder('start_time', grammar), { family: 'attribute', key: 'start_time', isAscending: true });
  assert.throws(() => parseOrder('start_time sideways', grammar));
});
