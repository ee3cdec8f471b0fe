import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePythonJson } from '../../../platform/python-json.ts';
import { parseRequestJson, readNumbers, type NumberOrder } from './number-lists.ts';

const padding = 'p'.repeat(4000);
const bodyOf = (data: string): Buffer =>
  Buffer.from(`{"é": "${padding}", "inputs": [{"data" : ${data} }, {"data": [1, 2]}], "x": "\\"data"}`);
const plainData = (body: Buffer) =>
  (parsePythonJson(body.toString()) as { inputs: [{ data: unknown[] }] }).inputs[0].data.flat(1);

function dataOf(body: Buffer, order: NumberOrder = 'rows') {
  const { document, numbersIn } = parseRequestJson(body, order);
  return numbersIn((document as { inputs: [{ data: unknown }] }).inputs[0].data);
}

const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
  fc
    .tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.stringMatching(/^\d{1,12}$/))
    .map(([whole, decimals]) => `${whole}.${decimals}`),
  fc.constantFrom(
    '-0',
    '0.1',
    '1e5',
    '-2.5E-3',
    '1e22',
    '123456789012345',
    '9007199254740993',
    '1e-400',
    'null',
    'NaN',
  ),
);

test('numbers read in place are the numbers that JSON.parse reads, to the last bit', () => {
  fc.assert(
    fc.property(
      fc.array(numberText, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 9 }),
      (texts, width) => {
        const rows =
          width === 0
            ? undefined
            : Array.from({ length: Math.ceil(texts.length / width) }, (_, row) =>
                texts.slice(row * width, row * width + width),
              );
        const isEven = rows === undefined || rows.at(-1)?.length === rows[0]?.length;
        const body = bodyOf(
          rows === undefined
            ? `[ ${texts.join(' ,\n')}]`
            : `[${rows.map((row) => `[${row.join(', ')} ]`).join(',')} ]`,
        );
        const found = dataOf(body);
        if (!isEven) assert.equal(found, undefined);
        else
          assert.deepEqual(
            Array.from(found?.values ?? []),
            plainData(body).map((value) => value ?? Number.NaN),
          );
        assert.equal(found?.rowLength, isEven ? rows?.[0]?.length : undefined);
      },
    ),
  );
});

/** Doubles as they are in data: of any size that numbers of the world have, and neighbours of what lies between two doubles. */
const longText = fc.oneof(
  fc
    .tuple(fc.double({ min: 1, max: 10, noNaN: true }), fc.integer({ min: -7, max: 16 }))
    .map(([digits, exponent]) => String(digits * 10 ** exponent)),
  fc.double({ min: -1, max: 1, noNaN: true }).map(String),
  fc.double({ min: 1e-7, max: 1e15, noNaN: true }).map((value) => value.toPrecision(18)),
  fc.double({ min: 1e-7, max: 1e-3, noNaN: true }).map((value) => value.toExponential()),
  // as exact as two doubles' middle can be written in so many digits
  fc.integer({ min: 2 ** 52, max: 2 ** 53 - 1 }).map((whole) => `${whole}.5`),
  fc
    .tuple(fc.bigInt({ min: 2n ** 53n, max: 10n ** 18n }), fc.integer({ min: 1, max: 17 }))
    .map(([whole, decimals]) => {
      const digits = String(whole);
      return decimals < digits.length ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits;
    }),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 17n }), fc.integer({ min: -30, max: 30 }))
    .map(([whole, exponent]) => `${whole}e${exponent}`),
);

test('numbers of 17 digits, as Python writes them, are read in place, to the last bit', () => {
  fc.assert(
    fc.property(fc.array(longText, { minLength: 200, maxLength: 300 }), (texts) => {
      const found = readNumbers(Buffer.from(`[${texts.join(',')}]`), 0, 'rows')?.values;
      const wanted = JSON.parse(`[${texts.join(',')}]`) as number[];
      if (found !== undefined) assert.deepEqual([...found], wanted);
    }),
    { numRuns: 300 },
  );
  const doubles = Array.from(
    { length: 20_000 },
    () => Math.sqrt(-2 * Math.log(Math.random())) * Math.cos(2 * Math.PI * Math.random()),
  );
  const found = readNumbers(Buffer.from(JSON.stringify(doubles)), 0, 'rows');
  assert.deepEqual([...(found?.values ?? [])], doubles);
});

test('what is no list of numbers is left to JSON.parse', () => {
  for (const data of [
    '[]',
    '[[]]',
    '["a"]',
    '[1, "a"]',
    '[[1], [1, 2]]',
    '[[[1]]]',
    '[true]',
    '[Infinity]',
    '"text"',
    '[1, [2]]',
    '{"data": 1}',
  ]) {
    assert.equal(dataOf(bodyOf(data)), undefined, data);
  }
  for (const data of [
    '[01]',
    '[1.]',
    '[.5]',
    '[1,]',
    '[1',
    '[+1]',
    '[1e]',
    '[-]',
    '[1 2]',
    '[nul]',
    '[1234567890123456789.]',
    '[12345678901234567890e]',
    '[0.1234567890123456789.5]',
    '[-01]',
  ])
    assert.throws(() => parseRequestJson(bodyOf(data), 'rows'), SyntaxError, data);
});

test('a request that holds the words of the key in a text is read as it is', () => {
  const document = { 'odd "data': [1, 2], note: `"data": [1, 2] ${padding}`, data: ['"data": [3]'] };
  assert.deepEqual(parseRequestJson(Buffer.from(JSON.stringify(document)), 'rows').document, document);
});

test('rows are given column by column to who asks for columns', () => {
  assert.deepEqual(
    [...(dataOf(bodyOf('[[1, 2, 3], [4, null, 6]]'), 'columns')?.values ?? [])],
    [1, 4, 2, Number.NaN, 3, 6],
  );
});
