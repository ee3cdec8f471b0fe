import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePythonJson } from '../../platform/python-json.ts';
import { parseRequestJson, type NumberOrder } from './number-lists.ts';

const padding = 'p'.repeat(4000);
const bodyOf = (data: string): Buffer => Buffer.from(`{"é": "${padding}", "inputs": [{"data" : ${data} }, {"data": [1, 2]}], "x": "\\"data"}`);
const plainData = (body: Buffer) => (parsePythonJson(body.toString()) as { inputs: [{ data: unknown[] }] }).inputs[0].data.flat(1);

function dataOf(body: Buffer, order: NumberOrder = 'rows') {
  const { document, numbersIn } = parseRequestJson(body, order);
  return numbersIn((document as { inputs: [{ data: unknown }] }).inputs[0].data);
}

const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
  fc.tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.stringMatching(/^\d{1,12}$/)).map(([whole, decimals]) => `${whole}.${decimals}`),
  fc.constantFrom('-0', '0.1', '1e5', '-2.5E-3', '1e22', '123456789012345', '9007199254740993', '1e-400', 'null', 'NaN'),
);

test('numbers read in place are the numbers that JSON.parse reads, to the last bit', () => {
  fc.assert(
    fc.property(fc.array(numberText, { minLength: 1, maxLength: 60 }), fc.integer({ min: 0, max: 9 }), (texts, width) => {
      const rows = width === 0 ? undefined : Array.from({ length: Math.ceil(texts.length / width) }, (_, row) => texts.slice(row * width, row * width + width));
      const isEven = rows === undefined || rows.at(-1)?.length === rows[0]?.length;
      const body = bodyOf(rows === undefined ? `[ ${texts.join(' ,\n')}]` : `[${rows.map((row) => `[${row.join(', ')} ]`).join(',')} ]`);
      const found = dataOf(body);
      if (!isEven) assert.equal(found, undefined);
      else assert.deepEqual(Array.from(found?.values ?? []), plainData(body).map((value) => value ?? Number.NaN));
      assert.equal(found?.rowLength, isEven ? rows?.[0]?.length : undefined);
    }),
  );
});

test('what is no list of numbers is left to JSON.parse', () => {
  for (const data of ['[]', '[[]]', '["a"]', '[1, "a"]', '[[1], [1, 2]]', '[[[1]]]', '[true]', '[Infinity]', '"text"', '[1, [2]]', '{"data": 1}']) {
    assert.equal(dataOf(bodyOf(data)), undefined, data);
  }
  for (const data of ['[01]', '[1.]', '[.5]', '[1,]', '[1', '[+1]', '[1e]', '[-]', '[1 2]', '[nul]']) assert.throws(() => parseRequestJson(bodyOf(data), 'rows'), SyntaxError, data);
});

test('a request that holds the words of the key in a text is read as it is', () => {
  const document = { 'odd "data': [1, 2], note: `"data": [1, 2] ${padding}`, data: ['"data": [3]'] };
  assert.deepEqual(parseRequestJson(Buffer.from(JSON.stringify(document)), 'rows').document, document);
});

test('rows are given column by column to who asks for columns', () => {
  assert.deepEqual([...(dataOf(bodyOf('[[1, 2, 3], [4, null, 6]]'), 'columns')?.values ?? [])], [1, 4, 2, Number.NaN, 3, 6]);
});
