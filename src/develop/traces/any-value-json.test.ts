import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyValueOfJson } from './any-value-json.ts';
import { jsonText, type AnyValue } from './traces.ts';

test('what JSON says of a number is kept, also where a JavaScript number can’t', () => {
  assert.deepEqual(anyValueOfJson('[1, 1.0, 9007199254740993, -9223372036854775808, 9223372036854775808, 1e400, NaN, -Infinity, "NaN"]'), {
    array_value: {
      values: [
        { int_value: '1' },
        { double_value: 1 },
        { int_value: '9007199254740993' },
        { int_value: '-9223372036854775808' },
        { string_value: '9223372036854775808' },
        { double_value: 'Infinity' },
        { double_value: 'NaN' },
        { double_value: '-Infinity' },
        { string_value: 'NaN' },
      ],
    },
  });
  assert.deepEqual(anyValueOfJson('{"a": {"b": null}, "": true}'), {
    kvlist_value: { values: [{ key: 'a', value: { kvlist_value: { values: [{ key: 'b', value: {} }] } } }, { key: '', value: { bool_value: true } }] },
  });
  assert.throws(() => anyValueOfJson('{'), SyntaxError);
});

/** No digits alone as a key: JavaScript puts those first. */
const key = fc.string({ unit: 'grapheme' }).filter((text) => !/^\d+$/.test(text) && text !== '__proto__');
const { value } = fc.letrec<{ value: AnyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }).map((text): AnyValue => ({ string_value: text })),
    fc.boolean().map((truth): AnyValue => ({ bool_value: truth })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((whole): AnyValue => ({ int_value: String(whole) })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number): AnyValue => ({ double_value: number })),
    fc.constantFrom<AnyValue>({ double_value: 'NaN' }, { double_value: 'Infinity' }, { double_value: '-Infinity' }, {}),
    fc.array(tie('value'), { maxLength: 4 }).map((values): AnyValue => ({ array_value: { values } })),
    fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 4, selector: ([name]) => name }).map(
      (pairs): AnyValue => ({ kvlist_value: { values: pairs.map(([name, item]) => ({ key: name, value: item })) } }),
    ),
  ),
}));

test('a value that is written as JSON and read again is the same', () => {
  fc.assert(fc.property(value, (before) => assert.deepEqual(anyValueOfJson(jsonText(before)), before)), { numRuns: 500 });
});
