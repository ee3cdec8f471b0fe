import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spanViewsOf } from './trace-views.ts';
import { jsonText, plainValue, previewOf, sumOverTree, type AnyValue, type Attribute, type Span } from './traces.ts';
import { translated } from './translation.ts';

const text = (value: string): AnyValue => ({ string_value: value });
const whole = (value: number): AnyValue => ({ int_value: String(value) });
const record = (fields: Record<string, AnyValue>): AnyValue => ({
  kvlist_value: { values: Object.entries(fields).map(([key, value]) => ({ key, value })) },
});
const listOf = (...values: AnyValue[]): AnyValue => ({ array_value: { values } });

const span = (id: string, parentId: string | null, attributes: readonly Attribute[] = [], startNanos = '1'): Span => ({
  traceId: 'f'.repeat(32),
  id,
  parentId,
  name: id,
  startNanos,
  endNanos: '9',
  status: 'OK',
  statusMessage: '',
  attributes,
  events: [],
  links: [],
});

test('a preview of a chat is the last message of the role', () => {
  const chat = record({
    messages: listOf(record({ role: text('user'), content: text('first') }), record({ role: text('user'), content: text('second') }), record({ role: text('assistant'), content: text('third') })),
  });
  assert.equal(previewOf(chat, 'user'), 'second');
  assert.equal(previewOf(chat, 'assistant'), 'third');
  const parts = record({ messages: listOf(record({ role: text('user'), content: listOf(record({ type: text('text'), text: text('in parts') })) })) });
  assert.equal(previewOf(parts, 'user'), 'in parts');
});

test('a preview of anything else is its JSON as Python writes it, cut to a thousand letters', () => {
  assert.equal(previewOf(record({ a: whole(1), b: { double_value: 1 }, c: listOf({}, { bool_value: true }, text('é"')) }), 'user'), '{"a": 1, "b": 1.0, "c": [null, true, "é\\""]}');
  const long = previewOf(text('🌱'.repeat(1_200)), 'user') ?? '';
  assert.equal(Array.from(long).length, 1_000);
  assert.ok(long.startsWith('"🌱') && long.endsWith('🌱...'));
  assert.equal(previewOf(undefined, 'user'), null);
});

test('JSON text of any value reads back as that value', () => {
  const value: fc.Arbitrary<AnyValue> = fc.letrec<{ value: AnyValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'binary' }).map(text),
      fc.boolean().map((bool_value) => ({ bool_value })),
      fc.maxSafeInteger().map(whole),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((double_value) => ({ double_value })),
      fc.array(tie('value'), { maxLength: 4 }).map((values) => listOf(...values)),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }).map(record),
    ),
  })).value;
  fc.assert(fc.property(value, (each) => assert.deepEqual(JSON.parse(jsonText(each)), JSON.parse(JSON.stringify(plainValue(each), keepMinusZero)))), { numRuns: 50 });
});

const keepMinusZero = (_: string, value: unknown): unknown => (Object.is(value, -0) ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('-0') : value);

test('tokens of a parent stand for those of all below it', () => {
  const usage = (total: number): Attribute[] => [{ key: 'u', value: record({ total: whole(total), extra: whole(1) }) }];
  const sum = (spans: Span[]) => sumOverTree(spans, 'u', ['total'], ['extra']);
  assert.deepEqual(sum([span('a', null), span('b', 'a', usage(3)), span('c', 'a', usage(4))]), { total: 7, extra: 2 });
  assert.deepEqual(sum([span('a', null, usage(10)), span('b', 'a'), span('c', 'b', usage(4))]), { total: 10, extra: 1 });
  assert.deepEqual(sum([span('c', 'not here', usage(4))]), { total: 4, extra: 1 });
  assert.deepEqual(sum([span('a', 'b', usage(1)), span('b', 'a')]), { total: 1, extra: 1 }, 'spans that name each other as parents');
  assert.equal(sum([span('a', null)]), undefined);
});

test('spans are shown as a tree, each once, whatever their parents say', () => {
  const shown = (spans: Span[]): string[] => spanViewsOf(spans).map((view) => view.id);
  const tree = [span('d', 'b', [], '4'), span('c', 'a', [], '3'), span('b', 'a', [], '2'), span('a', null, [], '1'), span('lost', 'gone', [], '9')];
  assert.deepEqual(shown(tree), ['a', 'b', 'd', 'c', 'lost']);
  assert.deepEqual(shown([span('x', 'y'), span('y', 'x'), span('z', 'z')]).sort(), ['x', 'y', 'z']);
  const deep = Array.from({ length: 20_000 }, (_, index) => span(String(index), index === 0 ? null : String(index - 1), [], String(index)));
  assert.equal(shown(deep).length, 20_000);
});

test('what other conventions say is added under MLflow’s keys, and nothing is taken away', () => {
  const foreign = span('a', null, [
    { key: 'gen_ai.operation.name', value: text('chat') },
    { key: 'gen_ai.request.model', value: text('tiny') },
    { key: 'gen_ai.usage.input_tokens', value: whole(7) },
    { key: 'gen_ai.usage.output_tokens', value: whole(5) },
    { key: 'input.value', value: text('hello') },
  ]);
  const after = Object.fromEntries(translated(foreign).attributes.map(({ key, value }) => [key, plainValue(value)]));
  assert.equal(after['mlflow.spanType'], 'CHAT_MODEL');
  assert.equal(after['mlflow.llm.model'], 'tiny');
  assert.deepEqual(after['mlflow.chat.tokenUsage'], { input_tokens: 7, output_tokens: 5, total_tokens: 12 });
  assert.equal(after['mlflow.spanInputs'], 'hello');
  assert.equal(after['input.value'], 'hello');
  const own = span('a', null, [{ key: 'mlflow.spanType', value: text('TOOL') }]);
  assert.equal(translated(own), own);
});
