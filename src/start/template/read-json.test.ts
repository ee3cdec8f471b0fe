import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from './read-json.ts';
import { dumpJson } from './jinja/values.ts';
import { askPython, needsCookiecutter } from './test-cookiecutter.ts';

const written = (text: string): string => {
  try {
    return dumpJson(parseJson(text), undefined, false);
  } catch (thrown) {
    return thrown instanceof SyntaxError ? thrown.message : assert.fail(String(thrown));
  }
};

const script = `
import json, sys
def written(text):
    try: return json.dumps(json.loads(text))
    except ValueError as fault: return str(fault)
print(json.dumps([written(text) for text in json.load(sys.stdin)]))
`;

test('keys keep the order of the text, even where they look like numbers', () => {
  assert.equal(written('{"10": 1, "9": 2, "a": 3, "10": 4}'), '{"10": 4, "9": 2, "a": 3}');
});

test('JSON, right or wrong, is read as Python reads it', needsCookiecutter, () => {
  const byHand = [
    '{"b": [1, 1.0, -0, 1e3, true, null], "1": {}, "0": []}',
    ' [ ] ',
    '[NaN, Infinity, -Infinity]',
    '"\\u00e9\\ud83d\\ude00\\n\\/"',
    '',
    '{"a": 1,}',
    '{"a" 1}',
    '{a: 1}',
    '[1 2]',
    '[1,]',
    '"open',
    '"tab\there"',
    '"\\x"',
    '{}\n{}',
    'nul',
    '01',
    '{"a":\n  tru}',
    '\ufeff{}',
    '-',
    '1.',
    '[1',
    '{"a": 1',
    '{"a"',
    '{',
  ];
  const texts = [...byHand, ...fc.sample(fc.json({ maxDepth: 4 }), { numRuns: 200, seed: 4 })];
  const broken = fc.sample(fc.tuple(fc.json(), fc.nat(40)), { numRuns: 200, seed: 5 });
  for (const [text, at] of broken) texts.push(text.slice(0, at), text.slice(0, at) + text.slice(at + 1));
  // whole numbers of Python have no end; where a wrong escape is found differs by what is around it
  const usable = texts.filter((text) => !/\d{16}/.test(text));
  const theirs = askPython(script, usable) as string[];
  const alike = (said: string): string => said.replace(/^Invalid \\.*/, 'Invalid escape');
  assert.deepEqual(
    usable.map((text) => alike(written(text))),
    theirs.map(alike),
  );
});
