import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delimited, gridOfJson } from './delimited.ts';

test('CSV is read with its quotes, line ends and empty cells', () => {
  const grid = delimited('a,b,c\r\n1,"x, ""y""\nz",\n,,\n', ',', 10);
  assert.deepEqual(grid, { columns: ['a', 'b', 'c'], rows: [['1', 'x, "y"\nz', ''], ['', '', '']] });
  assert.deepEqual(delimited('a\tb\n1\t2', '\t', 10).rows, [['1', '2']]);
  assert.deepEqual(delimited('a,b\n1,', ',', 10).rows, [['1', '']]);
});

test('of a text that breaks off no half row is shown, and no more rows than asked for', () => {
  assert.deepEqual(delimited('a,b\n1,2\n3,4', ',', 10, false).rows, [['1', '2']]);
  assert.equal(delimited(`a\n${'1\n'.repeat(50)}`, ',', 7).rows.length, 7);
  assert.deepEqual(delimited('', ',', 7), { columns: [], rows: [] });
});

test('tables in JSON are shown as tables, other JSON is not', () => {
  assert.deepEqual(gridOfJson({ columns: ['q', 'n'], data: [['a', 1]] }, 5), { columns: ['q', 'n'], rows: [['a', '1']] });
  assert.deepEqual(gridOfJson([{ a: 1 }, { b: null }], 5), { columns: ['a', 'b'], rows: [['1', ''], ['', 'null']] });
  assert.equal(gridOfJson({ a: 1 }, 5), undefined);
  assert.equal(gridOfJson([], 5), undefined);
});
