import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Float, repr, type Value } from './jinja/values.ts';
import { parsePythonYaml } from './python-yaml.ts';
import { askPython, needsCookiecutter } from './test-cookiecutter.ts';

const words = `
yes No ON off y n Y true TRUE tRUE null Null ~ 1 010 0 00 08 0o10 0x1F -0x1f 0b101 1_000 +7 -012 1:30 12:30:45 1:99
1.0 1. .5 -.5 1e3 1.0e3 1.0e+3 1.5E-7 1_0.5 1:30.5 .inf -.INF .NaN 1.2.3 12345678901234567890
2024-01-31 2024-02-30 2024-1-5 2024-13-01 2024-01-05T01:02:03Z 2001-12-14t21:59:43.10-05:00
3.11 3.10 >=3.11,<3.13 << = 0_ 0b 0x_ 1_ _1 . - +.5 0. 00.5 a#b 'yes' "010" 1,000 @x \`x café
`;

const scalars = [
  ...words.trim().split(/\s/),
  '',
  '2024-01-05 1:02:03',
  '2001-12-14 21:59:43.1 +5',
  '2001-12-15 2:59:43.123456789',
  'a: b',
  'a #b',
  '!!str 010',
  '!!int "7"',
  '!!float 3',
  '!!bool "yes"',
  '!!null x',
  '!!timestamp "2024-01-01"',
  '!custom x',
  '- yes\n- 010',
  '[1, 0x2, yes]',
  '{a: 1, a: 2}',
  '|\n  text\n  more',
  '>\n  folded\n  text',
  '"\\u00e9\\x41\\n"',
  'a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3',
  'a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd:\n  <<: [*x, *y]',
  'a: b\n---\nc: d',
  '---\na: b\n...',
  '=: a',
  '# nothing',
  'a: b: c',
  'a:\n\t- b',
  '\ufeffa: 1',
  'a: *nobody',
  'a: \x07',
  'a: "\u{1F600}"',
  'default_context:\n  year: 2024\n  date: 2024-01-01\n  flag: no\n  choice: [1, two]\n  nested: {k: 1.10}',
];

const script = `
import json, sys, yaml, datetime
def plain(v):
    if v is None or isinstance(v, bool): return v
    if isinstance(v, int): return {'int': str(v)} if abs(v) <= 2**53 - 1 else str(v)
    if isinstance(v, float): return {'float': repr(v)}
    if isinstance(v, (datetime.date, datetime.datetime, str)): return str(v)
    if isinstance(v, list): return [plain(i) for i in v]
    if isinstance(v, dict): return {'map': [[plain(k), plain(i)] for k, i in v.items()]}
    return {'error': True}
def load(text):
    try: return plain(yaml.safe_load(text))
    except Exception: return {'error': True}
print(json.dumps([load(text) for text in json.load(sys.stdin)]))
`;

function plain(value: Value): unknown {
  if (typeof value === 'number') return { int: String(value) };
  if (value instanceof Float) return { float: repr(value) };
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [plain(key), plain(item)]) };
  return Array.isArray(value) ? value.map(plain) : value;
}

function ours(text: string): unknown {
  try {
    return plain(parsePythonYaml(text));
  } catch {
    return { error: true };
  }
}

test('settings mean what they mean to PyYAML', needsCookiecutter, () => {
  const theirs = askPython(script, scalars) as unknown[];
  assert.deepEqual(
    scalars.map((text) => [text, ours(text)]),
    scalars.map((text, index) => [text, theirs[index]]),
  );
});

test('any plain word, number or time is read as PyYAML reads it', needsCookiecutter, () => {
  const word = fc.string({
    unit: fc.constantFrom(
      ...'0 1 2 3 4 5 6 7 8 9 0 1 + - . _ : e E x b T Z a F yes no 20 2024- ~ inf'.split(' '),
      ' ',
    ),
    minLength: 1,
    maxLength: 12,
  });
  const texts = fc.sample(word, { numRuns: 4000, seed: 7 }).map((text) => `k: ${text}`);
  const theirs = askPython(script, texts) as unknown[];
  for (const [index, text] of texts.entries())
    assert.deepEqual(ours(text), theirs[index], `${JSON.stringify(text)}`);
});
