import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { dumpJson, fromJson, str, type Value } from './jinja/values.ts';
import { askPython, needsCookiecutter, realCookiecutter } from './test-cookiecutter.ts';
import { expandPath, readReplay, readUserConfig, replayFileOf, saveReplay } from './user-config.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'tilth config ')));
const home = join(base, 'home');
const homeBefore = process.env['HOME'];
let real: ReturnType<typeof realCookiecutter>;

before(() => {
  mkdirSync(home);
  process.env['HOME'] = home;
  process.env['TILTH_TRY'] = 'tried';
  if (process.env['TILTH_TEST_PYTHON'] !== undefined) real = realCookiecutter();
});

after(() => {
  process.env['HOME'] = homeBefore;
  delete process.env['TILTH_TRY'];
  real?.close();
  rmSync(base, { recursive: true, force: true });
});

const settings = `
default_context:
  author: Ada Lövelace
  year: 2024
  date: 2024-01-05
  time: 12:30
  version: 0.10
  octal: 010
  big: 12345678901234567890
  yes_word: yes
  nothing: ~
  private: [a, 1]
  folded: >
    two
    lines
  quoted: 'no'
abbreviations:
  mine: https://git.example.com/{0}.git
  gh: https://mirror.example.com/{0}
cookiecutters_dir: "$TILTH_TRY/~/\${HOME}/$NONE/clones/"
replay_dir: ~/replays
`;

const script = `
import json, sys
from cookiecutter.config import get_user_config
def plain(v):
    if isinstance(v, dict): return {str(k): plain(i) for k, i in v.items()}
    if isinstance(v, list): return [plain(i) for i in v]
    return v if v is None or isinstance(v, bool) else str(v)
def read(file, standard):
    try: config = get_user_config(file, standard)
    except Exception as e: return {'error': str(e)}
    config['default_context'] = config['default_context'] or {}
    return plain({k: config[k] for k in ('cookiecutters_dir', 'replay_dir', 'default_context', 'abbreviations')})
print(json.dumps([read(*case) for case in json.load(sys.stdin)]))
`;

function plain(value: Value): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, item]) => [str(key), plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  return value === null || typeof value === 'boolean' ? value : str(value);
}

async function ours(configFile: string | undefined, defaultConfig = false): Promise<unknown> {
  try {
    const config = await readUserConfig({ configFile, defaultConfig });
    return {
      cookiecutters_dir: config.cookiecuttersFolder,
      replay_dir: config.replayFolder,
      default_context: plain(new Map<Value, Value>(config.defaults)),
      abbreviations: config.abbreviations,
    };
  } catch (thrown) {
    assert.ok(thrown instanceof TilthError, String(thrown));
    return { error: thrown.message };
  }
}

test("the user's settings say what they say to cookiecutter", needsCookiecutter, async () => {
  const given = join(base, 'given.yaml');
  const named = join(base, 'named.yaml');
  writeFileSync(given, settings);
  writeFileSync(named, 'replay_dir: /named\n');
  const same = async (file: string | undefined, standard = false): Promise<void> =>
    assert.deepEqual(
      await ours(file, standard),
      (askPython(script, [[file ?? null, standard]]) as unknown[])[0],
      String(file),
    );
  await same(undefined);
  await same(given);
  await same(given, true);
  await same(join(base, 'none.yaml'));
  process.env['COOKIECUTTER_CONFIG'] = named;
  await same(undefined);
  await same('');
  await same(given);
  process.env['COOKIECUTTER_CONFIG'] = '';
  await same(undefined);
  delete process.env['COOKIECUTTER_CONFIG'];
  writeFileSync(join(home, '.cookiecutterrc'), 'cookiecutters_dir: ~/own\n');
  await same(undefined);
  rmSync(join(home, '.cookiecutterrc'));
  const texts = [
    '',
    '[]',
    '- a',
    'a: [',
    'text',
    '3',
    'false',
    'a: b: c',
    '? x',
    'default_context:\n',
    'a: 1',
  ];
  const files = texts.map((text, index) => {
    const file = join(base, `${index}.yaml`);
    writeFileSync(file, text);
    return file;
  });
  const theirs = askPython(
    script,
    files.map((file) => [file, false]),
  );
  const read: unknown[] = [];
  for (const file of files) read.push(await ours(file));
  assert.deepEqual(read, theirs);
});

test('settings of a wrong kind are named, where cookiecutter breaks down', async () => {
  const file = join(base, 'wrong.yaml');
  for (const text of [
    'cookiecutters_dir: 3',
    'replay_dir:',
    'default_context: text',
    'abbreviations: [a]',
    'abbreviations: {a: 1}',
    'a: \x00',
    Buffer.from([0xff, 0xfe, 0x41]),
  ]) {
    writeFileSync(file, text);
    const outcome = (await ours(file)) as { error?: string };
    assert.ok(outcome.error?.includes(file), `${String(text)}: ${JSON.stringify(outcome)}`);
  }
});

test('paths are expanded as Python expands them', needsCookiecutter, () => {
  const paths = [
    '~',
    '~/a',
    '~root/a',
    '~nobody-here/a',
    'a/~',
    '$HOME/a',
    '${HOME}a',
    '$NONE/a',
    '${NONE}',
    '$',
    '$$HOME',
    '~$TILTH_TRY',
    '/a//b',
    '${}',
    'é$HOMEé',
  ];
  const theirs = askPython(
    'import json, sys; from cookiecutter.config import _expand_path as e; print(json.dumps([e(p) for p in json.load(sys.stdin)]))',
    paths,
  );
  assert.deepEqual(paths.map(expandPath), theirs);
});

test(
  'answers are kept where cookiecutter keeps them, in its bytes, and either replays those of the other',
  needsCookiecutter,
  async () => {
    const template = join(base, 'tpl');
    mkdirSync(join(template, '{{cookiecutter.name}}'), { recursive: true });
    const variables = {
      name: 'made',
      text: 'ä "b"\n',
      number: 1,
      flag: true,
      choice: ['b', 'a'],
      dict: { k: { '2': 'x', a: [] } },
      nothing: null,
      _private: [1, {}],
      __rendered: '{{cookiecutter.name}}!',
    };
    writeFileSync(join(template, 'cookiecutter.json'), JSON.stringify(variables));
    writeFileSync(
      join(template, '{{cookiecutter.name}}', 'file'),
      '{{cookiecutter.text}} {{cookiecutter.flag}} {{cookiecutter.__rendered}}',
    );
    const run = (...args: string[]): ReturnType<typeof real.run> =>
      real.run({ args: [template, '-f', '-o', join(base, 'out'), ...args], folder: base, home });
    assert.equal((await run('--no-input')).status, 0);
    const file = replayFileOf((await readUserConfig({})).replayFolder, 'tpl');
    const theirs = readFileSync(file, 'utf8');
    const answers = readReplay(file);
    const document = JSON.parse(theirs) as { _cookiecutter: object };
    saveReplay(
      file,
      new Map(answers),
      new Map(Object.entries(document._cookiecutter).map(([key, value]) => [key, fromJson(value)])),
    );
    assert.equal(readFileSync(file, 'utf8'), theirs);
    saveReplay(file, new Map([...answers, ['text', 'replayed']]), new Map());
    assert.equal((await run('--replay')).status, 0);
    assert.equal(readFileSync(join(base, 'out/made/file'), 'utf8'), 'replayed True made!');
    // the ending of a replay file is taken for .json, whatever it is
    assert.equal(
      dumpJson(readReplay(file.replace(/json$/, 'txt')).get('text') ?? null, undefined, false),
      '"replayed"',
    );
    assert.equal((await run('--replay-file', file.replace(/json$/, 'txt'))).status, 0);
    assert.throws(() => readReplay(join(base, 'none.json')), { code: 'TEMPLATE_REPLAY_MISSING' });
    assert.equal(homedir(), home);
  },
);
