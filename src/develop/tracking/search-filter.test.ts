import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import type { SearchProblem } from './search-errors.ts';
import { parseFilter, parseOrder, type Comparison, type Filter, type SearchGrammar } from './search-filter.ts';

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
  hasLogic: true,
  hasArithmetic: true,
};

/** All conditions of a filter that joins them by AND alone. */
function conditionsOf(filter: Filter): readonly Comparison[] {
  if (filter.kind === 'compare') return [filter.compare];
  assert.equal(filter.kind, 'and');
  return filter.kind === 'and' ? filter.parts.flatMap(conditionsOf) : [];
}

const parse = (source: string) => conditionsOf(parseFilter(source, grammar));

test('a filter is a list of conditions joined by AND', () => {
  assert.deepEqual(parse(`metrics.auc >= 0.5 and params."max depth" = "3" AND tags.mlflow.user LIKE 'an%'`), [
    { family: 'metric', key: 'auc', operator: '>=', value: 0.5 },
    { family: 'param', key: 'max depth', operator: '=', value: '3' },
    { family: 'tag', key: 'mlflow.user', operator: 'LIKE', value: 'an%' },
  ]);
  assert.deepEqual(parse(''), []);
});

test('keys are bare words, or quoted', () => {
  assert.deepEqual(parse('metrics.`val-auc/fold.1` < -1e3')[0]?.key, 'val-auc/fold.1');
  assert.deepEqual(parse("params.größe = 'x'")[0]?.key, 'größe');
  assert.deepEqual(parse('metrics.1st.top_5 < .5')[0]?.key, '1st.top_5');
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

/** MLflow's own grammar, where nothing of ours is on top. */
const plain: SearchGrammar = { families: grammar.families, attributes: grammar.attributes, datasetKeys: ['name'] };

function refusal(source: string, of: SearchGrammar = grammar): { message: string; hint: string; at: number; found: string; expected: readonly string[] } {
  try {
    parseFilter(source, of);
  } catch (thrown) {
    assert.ok(thrown instanceof TilthError && thrown.status === 400 && thrown.code === 'INVALID_PARAMETER_VALUE', String(thrown));
    const { at, length, expected } = thrown.details as SearchProblem;
    return { message: thrown.message, hint: thrown.hint ?? '', at, found: source.slice(at, at + length), expected };
  }
  return assert.fail(`${source} is taken`);
}

test('what is not in the grammar is refused with the reason and the place', () => {
  const wrong: readonly [source: string, reason: RegExp, found: string][] = [
    ["metrics.auc = 'x'", /numeric/, "'x'"],
    ['params.x = 3', /quoted string/, '3'],
    ["params.x > '3'", /Invalid comparator '>'/, '>'],
    ["metrics.auc LIKE '3'", /Invalid comparator 'LIKE'/, 'LIKE'],
    ['metrics.auc == 3', /Invalid comparator '=='/, '=='],
    ['metrics.auc <> 3', /Invalid comparator '<>'/, '<>'],
    ["nonsense.x = 'a'", /entity type/, 'nonsense'],
    ["colour = 'a'", /attribute key/, 'colour'],
    ["status = 'a", /not closed/, "'a"],
    ['status', /Expected here: .*LIKE/, ''],
    ["dataset.size = '1'", /dataset key/, 'dataset.size'],
    ["status = 'a'; DROP TABLE run", /Expected here: AND, OR/, ';'],
    ['metrics.auc > 1 AND', /a field/, ''],
    ['AND metrics.auc > 1', /a field/, 'AND'],
    ['metrics.a > 1 metrics.b > 2', /AND, OR/, 'metrics.b'],
    ['metrics.auc > 1and params.x = \'a\'', /a number/, '1and'],
    ['(metrics.auc > 1', /\)/, ''],
    ['metrics.auc > params.x', /is a text/, 'params.x'],
    ['params.x + 1 > 2', /LIKE/, '+'],
    ['1 > 2', /at least one field/, ''],
    ['run_id IN ()', /quoted string/, ')'],
    ["run_id IN ('a', 1)", /quoted string/, '1'],
    [`${'NOT '.repeat(60)}metrics.a > 1`, /50 levels/, 'NOT'],
    [Array.from({ length: 251 }, () => 'metrics.a > 1').join(' OR '), /250 conditions/, 'metrics.a'],
  ];
  for (const [source, reason, found] of wrong) {
    const refused = refusal(source);
    assert.match(refused.message, reason, source);
    assert.equal(refused.found, found, source);
  }
});

test('a refusal helps: an example, a quoted key, a param read as a number', () => {
  assert.match(refusal('metrics.auc >').hint, /For example: metrics\.auc > 0\.7 AND/);
  assert.match(refusal('metrics.val-auc > 1').hint, /metrics\.`val-auc/);
  assert.match(refusal('params.x > 3').hint, /number\(params\.x\) > 3/);
  assert.match(refusal('metrics.a > params.`my x`').hint, /number\(params\.`my x`\)/);
});

test('a grammar without logic stays MLflow’s', () => {
  for (const source of [
    "status = 'a' OR status = 'b'",
    "NOT status = 'a'",
    "(status = 'a')",
    'metrics.a - metrics.b > 1',
    'metrics.a BETWEEN 1 AND 2',
    'tags.x IS NULL',
    "tags.x NOT LIKE 'a'",
    "status IN ('a')",
    '1 < metrics.a',
  ]) {
    refusal(source, plain);
  }
  assert.deepEqual(conditionsOf(parseFilter("metrics.a > -1 AND run_id NOT IN ('a',)", plain)), [
    { family: 'metric', key: 'a', operator: '>', value: -1 },
    { family: 'attribute', key: 'run_id', operator: 'NOT IN', value: ['a'] },
  ]);
});

const a = { kind: 'field', field: { family: 'metric', key: 'a' }, isNumber: false } as const;
const b = { kind: 'field', field: { family: 'metric', key: 'b' }, isNumber: false } as const;
const is = (value: string): Filter => ({ kind: 'compare', compare: { family: 'param', key: 'x', operator: '=', value } });

test('NOT binds closer than AND, AND closer than OR', () => {
  assert.deepEqual(parseFilter("params.x = '1' OR NOT params.x = '2' AND params.x = '3'", grammar), {
    kind: 'or',
    parts: [is('1'), { kind: 'and', parts: [{ kind: 'not', part: is('2') }, is('3')] }],
  });
  assert.deepEqual(parseFilter("(params.x = '1' or params.x = '2') and params.x = '3'", grammar), {
    kind: 'and',
    parts: [{ kind: 'or', parts: [is('1'), is('2')] }, is('3')],
  });
});

test('numbers are calculated with, products before sums', () => {
  assert.deepEqual(parseFilter('metrics.a - metrics.b * 2 > 0.1', grammar), {
    kind: 'calculate',
    left: { kind: '-', left: a, right: { kind: '*', left: b, right: { kind: 'number', value: 2 } } },
    operator: '>',
    right: { kind: 'number', value: 0.1 },
  });
  assert.deepEqual(parseFilter('(metrics.a + metrics.b) / 2 >= metrics.a', grammar), {
    kind: 'calculate',
    left: { kind: '/', left: { kind: '+', left: a, right: b }, right: { kind: 'number', value: 2 } },
    operator: '>=',
    right: a,
  });
  assert.deepEqual(parse('0.5 < metrics.a AND metrics.b < 60 * -2'), [
    { family: 'metric', key: 'a', operator: '>', value: 0.5 },
    { family: 'metric', key: 'b', operator: '<', value: -120 },
  ]);
});

test('an order names a field and a direction, upwards by default', () => {
  assert.deepEqual(parseOrder('metrics.`my auc` DESC', grammar), { family: 'metric', key: 'my auc', isAscending: false });
  assert.deepEqual(parseOrder('start_time', grammar), { family: 'attribute', key: 'start_time', isAscending: true });
  assert.throws(() => parseOrder('start_time sideways', grammar));
});
