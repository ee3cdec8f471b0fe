import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { needsPython, runPython } from './test-python.ts';
import { readYamlMap } from './yaml-read.ts';
import { equalValues, isList, isMap, yamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

test('floats are written as Python writes them', () => {
  const text = writeYaml(yamlMap({ a: 1, b: 1e-5, c: 1e16, d: 0.1, e: 1e15, f: Infinity, g: NaN, h: -0, i: 1e22 }));
  assert.equal(text, 'a: 1.0\nb: 1e-05\nc: 1e+16\nd: 0.1\ne: 1000000000000000.0\nf: .inf\ng: .nan\nh: -0.0\ni: 1e+22\n');
});

test('a text that would be read as something else is quoted', () => {
  const text = writeYaml(yamlMap({ a: '2.0', b: 'yes', c: 'null', d: '', e: 'a: b #c', f: "it's", g: 'one\ntwo', h: null }));
  assert.equal(text, "a: '2.0'\nb: yes\nc: 'null'\nd: ''\ne: 'a: b #c'\nf: it's\ng: \"one\\ntwo\"\nh:\n");
});

test('what was read is the same after it was written: integers of any size, floats, order of keys', () => {
  const text = "schema: '2.0'\nbig: 12345678901234567890\nlr: 1e-05\nlist:\n- - 1\n  - 2.0\n- a: {}\n  b: []\n";
  assert.equal(writeYaml(readYamlMap(text, 'x')), text);
});

test('a date without quotes is refused, as dvc refuses it', () => {
  assert.throws(() => readYamlMap('day: 2020-01-01', 'params.yaml'), { code: 'DVC_FILE_UNREADABLE' });
});

test('1 equals 1.0, so a change of spelling runs nothing again', () => {
  assert.ok(equalValues(1n, 1));
  assert.ok(equalValues(new Map([['a', [1n]]]), new Map([['a', [1]]])));
  assert.ok(!equalValues(9007199254740993n, 9007199254740992));
});

const words = fc.constantFrom(
  'python', 'train.py', '--lr', '1e-05', 'yes', 'null', '~', 'true', "it's", '"q"', '#x', 'a:', ':b', '-', '- x', '?', '\n',
  ' ', '  ', 'é', '😀', '\t', '\\', '/a/long/path/that/goes/on/and/on', '12', '0o14', '.5', '2020-01-01', '=', '<<', '{', ']',
  ',', '&a', '*b', '!c', '|', '>', '%', '@', '`', 'x'.repeat(90), '\u00a0', '\ufeff', '\u2028', '---', '...', '\r', '&&',
);
const text = fc.array(words, { maxLength: 40 }).map((parts) => parts.join(' '));
const scalar: fc.Arbitrary<YamlScalar> = fc.oneof(text, text, fc.bigInt(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null));
const { map: document } = fc.letrec<{ value: YamlValue; map: ReadonlyMap<YamlScalar, YamlValue> }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', maxDepth: 3 }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('map')),
  map: fc.array(fc.tuple(text, tie('value')), { maxLength: 4 }).map((entries) => new Map<YamlScalar, YamlValue>(entries)),
}));

const program = `
import json, sys
from dvc.utils.serialize import dumps_yaml
def value(v):
    if isinstance(v, list): return [value(x) for x in v]
    if isinstance(v, dict):
        if "int" in v: return int(v["int"])
        if "float" in v: return float(v["float"])
        return {value(k): value(x) for k, x in v["map"]}
    return v
json.dump([dumps_yaml(value(d)) for d in json.load(sys.stdin)], sys.stdout)
`;

function forPython(value: YamlValue): unknown {
  if (isMap(value)) return { map: [...value].map(([key, item]) => [forPython(key), forPython(item)]) };
  if (isList(value)) return value.map(forPython);
  if (typeof value === 'bigint') return { int: String(value) };
  if (typeof value !== 'number') return value;
  return { float: Object.is(value, -0) ? '-0.0' : String(value).replace('Infinity', 'inf') };
}

test('a thousand documents are byte for byte what dvc writes', needsPython, () => {
  const documents = fc.sample(document, 1000).filter((one) => one.size > 0);
  const theirs = JSON.parse(runPython(['-c', program], { input: JSON.stringify(documents.map(forPython)) })) as string[];
  for (const [at, one] of documents.entries()) assert.equal(writeYaml(one), theirs[at]);
});
