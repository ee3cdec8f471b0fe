import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePythonJson } from './python-json.ts';

test('what Python writes for a missing or endless number is understood, and text that looks like it stays text', () => {
  const text = '{"data": [[1.5, NaN], [-Infinity, "NaN is \\"not\\" a number"]]}';
  assert.deepEqual(parsePythonJson(text), { data: [[1.5, null], [-Infinity, 'NaN is "not" a number']] });
});

test('what is no JSON in any tongue is refused', () => {
  assert.throws(() => parsePythonJson('{"a": nan}'), SyntaxError);
});
