import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfigText, writeConfigText, type ConfigSections } from './config-text.ts';
import { needsPython, runPython } from './test-python.ts';

const hardValues = [
  'plain',
  'a b',
  ' leading',
  'trailing ',
  'a,b',
  'a, b',
  'x#y',
  '#',
  "it's",
  'say "so"',
  `both ' and "`,
  "'quoted'",
  '"q"',
  '',
  'a=b',
  '[x]',
  'ü',
  '😀',
  'C:\\temp',
  's3://bucket/a b,c',
  "ends'",
  "'",
  '"',
  'tab\tinside',
  '100%',
  "a,'b",
  'a,"b',
  '\\,',
];

const roundTrip = `
import io, json, sys
from configobj import ConfigObj
written = []
for sections in json.load(sys.stdin):
    out = io.BytesIO()
    ConfigObj(sections, default_encoding='utf-8').write(out)
    text = out.getvalue().decode()
    written.append([text, ConfigObj(text.splitlines(True)).dict()])
print(json.dumps(written))
`;

test(
  'settings are written byte for byte as ConfigObj writes them, and read as it reads them',
  needsPython,
  () => {
    const cases = [
      ...hardValues.map((value) => ({
        core: { remote: value },
        [`remote "${value === '' ? 'x' : 'store'}"`]: { url: value, jobs: '4' },
      })),
      ...hardValues.map((value, index) => ({
        cache: {
          type: [value, hardValues[(index + 7) % hardValues.length] ?? ''].filter((one) => !/["']/.test(one)),
        },
      })),
    ];
    const theirs = JSON.parse(runPython(['-c', roundTrip], { input: JSON.stringify(cases) })) as [
      string,
      unknown,
    ][];
    for (const [index, [text, read]] of theirs.entries()) {
      const sections: ConfigSections = new Map(
        Object.entries(cases[index] ?? {}).map(([name, options]) => [name, new Map(Object.entries(options))]),
      );
      assert.equal(writeConfigText('', sections, 'config'), text);
      const ours = Object.fromEntries(
        [...readConfigText(text, 'config')].map(([name, options]) => [name, Object.fromEntries(options)]),
      );
      assert.deepEqual(ours, read, text);
    }
  },
);

test('a file with comments keeps them and every line that did not change', () => {
  const before =
    '# who may write here\n[core]\n  remote=store   # the default\n\n# behind the office\n[\'remote "store"\']\nurl = ../R\n\n# end\n';
  const sections = readConfigText(before, 'config');
  sections.get('remote "store"')?.set('jobs', '4');
  sections.set('cache', new Map([['type', 'hardlink,copy']]));
  assert.equal(
    writeConfigText(before, sections, 'config'),
    '# who may write here\n[core]\n  remote=store   # the default\n\n# behind the office\n[\'remote "store"\']\nurl = ../R\n' +
      '    jobs = 4\n\n# end\n[cache]\n    type = "hardlink,copy"\n',
  );
  sections.delete('remote "store"');
  sections.get('core')?.delete('remote');
  const after = writeConfigText(before, sections, 'config');
  assert.ok(after.includes('# behind the office') && !after.includes('url') && !after.includes('store'));
});

test('a line that is no setting is named with its number', () => {
  for (const [text, line] of [
    ['[core]\nremote\n', 2],
    ['remote = x\n', 1],
    ['[core]\na = "x\n', 2],
    ['[core]\na = 1\na = 2\n', 3],
    ['[core]\n[Core]\n', 2],
  ] as const)
    assert.throws(() => readConfigText(text, 'F'), {
      code: 'DVC_CONFIG_UNREADABLE',
      message: new RegExp(`^F .*line ${line}`),
    });
});
