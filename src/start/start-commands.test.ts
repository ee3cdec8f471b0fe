import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { programEntry } from '../platform/package-root.ts';
import { needsCookiecutter, realCookiecutter, testPython } from './template/test-cookiecutter.ts';

const fixtures = join(import.meta.dirname, '../../test/fixtures/templates');

let folder = '';
let cookiecutter: ReturnType<typeof realCookiecutter> | undefined;

before(() => {
  if (needsCookiecutter.skip === false) cookiecutter = realCookiecutter();
});
after(() => cookiecutter?.close());
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'tilth start ')));
  for (const name of ['home', 'ours', 'theirs', 'temporary']) mkdirSync(join(folder, name));
});
afterEach(() => {
  const left = readdirSync(join(folder, 'temporary'));
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(left, [], 'temporary files are removed');
});

type Files = Readonly<Record<string, string>>;

/** Files in a folder; a first line that names a program makes one executable. */
function write(root: string, files: Files): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    if (text.startsWith('#!')) chmodSync(join(root, path), 0o755);
  }
  return root;
}

const template = (files: Files, name = 'template'): string =>
  write(join(folder, name), { 'cookiecutter.json': '{"name": "box"}', ...files });

/** What is below a folder: kind, executable bits and content of each path. */
function treeOf(root: string, at = ''): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const name of readdirSync(join(root, at))) {
    const path = join(at, name);
    const stats = lstatSync(join(root, path));
    if (name === '.cruft.json') continue;
    if (stats.isSymbolicLink()) tree[path] = `link to ${readlinkSync(join(root, path))}`;
    else if (stats.isDirectory()) Object.assign(tree, { [path]: 'folder' }, treeOf(root, path));
    else
      tree[path] = `${(stats.mode & 0o111).toString(8)} ${readFileSync(join(root, path)).toString('latin1')}`;
  }
  return tree;
}

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  HOME: join(folder, 'home'),
  TMPDIR: join(folder, 'temporary'),
  NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
  XDG_DATA_HOME: join(folder, 'home/data'),
  TILTH_HOME: join(folder, 'home/tilth'),
  TILTH_URL: 'http://127.0.0.1:9',
  GIT_CONFIG_GLOBAL: '/dev/null',
  PYTHONDONTWRITEBYTECODE: '1',
  NO_COLOR: '1',
  ...(process.env['TILTH_TEST_PYTHON'] === undefined
    ? {}
    : { TILTH_PYTHON: process.env['TILTH_TEST_PYTHON'] }),
  ...more,
});

/** `tilth start`, without a terminal. */
const tilth = (args: readonly string[], more: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [programEntry, 'start', '--no-git', '--no-install', ...args], {
    cwd: join(folder, 'ours'),
    env: environment(more),
    encoding: 'utf8',
  });

// types everything at once, after `await`: what is typed ahead of a question answers it
const terminal = `
import json, os, pty, sys
call = json.load(sys.stdin)
child, fd = pty.fork()
if child == 0:
    os.chdir(call['folder'])
    os.execve(call['args'][0], call['args'], call['environment'])
output = b''
typed = False
while True:
    if not typed and call['await'].encode() in output:
        os.write(fd, call['typed'].encode())
        typed = True
    try: data = os.read(fd, 65536)
    except OSError: break
    if not data: break
    output += data
_, status = os.waitpid(child, 0)
print(json.dumps({'status': os.waitstatus_to_exitcode(status), 'output': output.decode()}))
`;

/** A program in a terminal in which these lines are typed. */
function atTerminal(
  args: readonly string[],
  typed: readonly string[],
  after: string,
): { status: number; output: string } {
  const call = {
    folder: join(folder, 'ours'),
    args,
    environment: environment({ TERM: 'xterm' }),
    typed: typed.map((line) => `${line}\n`).join(''),
    await: after,
  };
  const run = spawnSync(testPython(), ['-c', terminal], { input: JSON.stringify(call), encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as { status: number; output: string };
}

const tilthAtTerminal = (
  args: readonly string[],
  typed: readonly string[],
  after = '',
): { status: number; output: string } =>
  atTerminal([process.execPath, programEntry, 'start', '--no-git', '--no-install', ...args], typed, after);

/** The same call by both: equal trees, and both succeed or both fail. */
async function bothMake(
  args: readonly string[],
  options: { status?: number; typed?: readonly string[]; existing?: Files } = {},
): Promise<{ ours: string; theirs: string; tree: Record<string, string> }> {
  for (const each of ['ours', 'theirs']) write(join(folder, each), options.existing ?? {});
  const typed = options.typed === undefined ? undefined : tilthAtTerminal(args, options.typed);
  const run = typed ?? tilth(['--accept-hooks', 'yes', ...args]);
  const ours =
    'output' in run && typeof run.output === 'string' ? run.output : (run as { stderr: string }).stderr;
  assert.ok(cookiecutter !== undefined);
  const reference = await cookiecutter.run({
    args: [...args],
    folder: join(folder, 'theirs'),
    home: join(folder, 'home'),
    input: (options.typed ?? []).map((line) => `${line}\n`).join(''),
  });
  const status = options.status ?? 0;
  assert.deepEqual([run.status, reference.status], [status, status], `${ours}\n${reference.output}`);
  const tree = treeOf(join(folder, 'ours'));
  assert.deepEqual(tree, treeOf(join(folder, 'theirs')));
  return { ours, theirs: reference.output, tree };
}

const plainFiles = { '{{cookiecutter.name}}/a.txt': 'new a', '{{cookiecutter.name}}/b/c.txt': 'new c' };

test(
  'a folder that is there is refused, rendered over with -f, filled up with -f -s',
  needsCookiecutter,
  async () => {
    const root = template(plainFiles);
    const existing = { 'box/a.txt': 'mine', 'box/other.txt': 'mine too' };
    const refused = await bothMake(['--no-input', root], { status: 1, existing });
    for (const said of [refused.ours, refused.theirs])
      assert.match(said, /"(.*\/)?box" directory already exists/);
    const alone = await bothMake(['--no-input', '-s', root], { status: 1 });
    assert.match(alone.ours, /-f -s/);
    const filled = await bothMake(['--no-input', '-f', '-s', root]);
    assert.match(filled.tree['box/a.txt'] ?? '', /mine/);
    const over = await bothMake(['--no-input', '--overwrite-if-exists', root], { existing });
    assert.match(over.tree['box/a.txt'] ?? '', /new a/);
    assert.match(over.tree['box/other.txt'] ?? '', /mine too/);
  },
);

test(
  'flags that contradict each other, and answers that do not fit, end as they do with cookiecutter',
  needsCookiecutter,
  async () => {
    const root = template({
      'cookiecutter.json': '{"name": "box", "kind": ["a", "b"], "sure": true}',
      ...plainFiles,
    });
    await bothMake(['--no-input', '--replay', root], { status: 1 });
    await bothMake(['--replay', root, 'name=x'], { status: 1 });
    await bothMake(['--no-input', root, 'word'], { status: 2 });
    await bothMake(['--no-input', '--accept-hooks', 'maybe', root], { status: 2 });
    await bothMake(['--no-input', root, 'kind=c'], { status: 1 });
    await bothMake(['--no-input', root, 'sure=perhaps'], { status: 1 });
    await bothMake(['--no-input', join(folder, 'nowhere')], { status: 1 });
    await bothMake(['--no-input', root, 'kind=b', 'sure=off', 'unknown-one=x']);
  },
);

test('an undefined variable is named with what was to be made of it', needsCookiecutter, async () => {
  const inFile = template({ '{{cookiecutter.name}}/a.txt': '{{ cookiecutter.missing }}' }, 'one');
  const { ours, theirs } = await bothMake(['--no-input', inFile], { status: 1 });
  for (const said of [ours, theirs]) {
    assert.match(said, /Unable to create file 'a\.txt'/);
    assert.match(said, /'collections\.OrderedDict object' has no attribute 'missing'/);
  }
  const inDefault = template(
    { 'cookiecutter.json': '{"name": "{{ cookiecutter.nope }}"}', ...plainFiles },
    'two',
  );
  const second = await bothMake(['--no-input', inDefault], { status: 1 });
  for (const said of [second.ours, second.theirs]) assert.match(said, /Unable to render variable 'name'/);
  const { stdout } = tilth(['--no-input', inFile, '--json']);
  const { error } = JSON.parse(stdout) as { error: { details: { context: Record<string, unknown> } } };
  assert.equal(error.details.context['name'], 'box');
});

test('hooks run in the project before and after its files are made', needsCookiecutter, async () => {
  const root = template({
    '{{cookiecutter.name}}/a.txt': 'from the template',
    '{{cookiecutter.name}}/drop.txt': 'dropped',
    '{{cookiecutter.name}}/run.sh': '#!/bin/sh\n',
    '{{cookiecutter.name}}/optional/x.txt': 'x',
    'hooks/pre_gen_project.sh':
      '#!/bin/sh\nls -A > before.txt\necho hook > a.txt\nchmod 755 a.txt\nmkdir empty\nbasename "$PWD" >> before.txt\n',
    'hooks/post_gen_project.py': [
      'import os, shutil, pathlib, sys',
      'print("{{ cookiecutter.name }}", os.path.basename(os.getcwd()), len(sys.argv))',
      'os.remove("drop.txt"); shutil.rmtree("optional"); os.symlink("a.txt", "link")',
      'os.chmod("run.sh", 0o644); os.rename("run.sh", "moved.sh")',
      'pathlib.Path("made").mkdir(); pathlib.Path("made/é.txt").write_text("{{ cookiecutter.name|upper }}")',
    ].join('\n'),
    'hooks/post_gen_project.py~': 'raise SystemExit(1)',
    'hooks/notes.txt': 'not a hook',
  });
  const { tree } = await bothMake(['--no-input', root]);
  assert.equal(tree['box/link'], 'link to a.txt');
});

test('with -s a file that a hook has made before us is kept', needsCookiecutter, async () => {
  const root = template({
    ...plainFiles,
    'hooks/pre_gen_project.sh': '#!/bin/sh\necho hook > a.txt\n',
  });
  const { tree } = await bothMake(['--no-input', '-s', root]);
  assert.match(tree['box/a.txt'] ?? '', /hook/);
});

test(
  'a hook of Windows line ends runs, one without a program in its first line does not',
  needsCookiecutter,
  async () => {
    await bothMake([
      '--no-input',
      template({ ...plainFiles, 'hooks/post_gen_project.sh': '#!/bin/sh\r\necho a > x\r\n' }, 'one'),
    ]);
    for (const [index, text] of ['', 'echo hello > x\n', '#!\necho > x\n'].entries()) {
      const root = template(
        { 'cookiecutter.json': '{"name": "no"}', ...plainFiles, 'hooks/post_gen_project.sh': text },
        `no${index}`,
      );
      const { ours, tree } = await bothMake(['--no-input', root], { status: 1 });
      assert.match(ours, /names no program/);
      assert.equal(tree['no'], undefined);
    }
  },
);

test(
  'a failing hook leaves nothing of the project, or all of it when asked to',
  needsCookiecutter,
  async () => {
    for (const [name, hook] of [
      ['before', 'hooks/pre_gen_project.py'],
      ['after', 'hooks/post_gen_project.py'],
    ] as const) {
      const root = template({ ...plainFiles, [hook]: 'import sys\nopen("half", "w")\nsys.exit(7)' }, name);
      const { ours, theirs, tree } = await bothMake(['--no-input', root], { status: 1 });
      for (const said of [ours, theirs]) assert.match(said, /exit status:? 7/);
      assert.deepEqual(tree, {});
    }
    await bothMake(['--no-input', '--keep-project-on-failure', join(folder, 'after')], { status: 1 });
    const undefinedIn = template(
      { ...plainFiles, 'hooks/post_gen_project.sh': '#!/bin/sh\n{{ cookiecutter.nope }}' },
      'bad',
    );
    await bothMake(['--no-input', '-f', undefinedIn], { status: 1 });
    rmSync(join(folder, 'ours/box'), { recursive: true });
    const run = tilth(['--accept-hooks', 'yes', '-o', 'new/place', undefinedIn]);
    assert.match(run.stderr, /nope/);
    assert.deepEqual(readdirSync(join(folder, 'ours')), []);
  },
);

test("a hook that fails over the user's own folder leaves their files as they were", () => {
  const root = template({
    ...plainFiles,
    'hooks/pre_gen_project.sh': '#!/bin/sh\nrm other.txt; echo spoilt >> data/kept.txt\n',
    'hooks/post_gen_project.sh': '#!/bin/sh\nchmod 600 a.txt; exit 3\n',
  });
  const ours = write(join(folder, 'ours'), {
    'box/a.txt': 'mine',
    'box/other.txt': 'mine',
    'box/data/kept.txt': 'mine',
  });
  symlinkSync('a.txt', join(ours, 'box/link'));
  const before = treeOf(ours);
  const run = tilth(['-f', '--accept-hooks', 'yes', root]);
  assert.equal(run.status, 1, run.stderr);
  assert.deepEqual(treeOf(ours), before);
});

test('pre_prompt changes a copy of the template before anything is asked', needsCookiecutter, async () => {
  const root = template({
    ...plainFiles,
    'hooks/pre_prompt.py': [
      'import json, pathlib',
      'file = pathlib.Path("cookiecutter.json")',
      'file.write_text(json.dumps({**json.loads(file.read_text()), "name": "from-hook"}))',
      'print("{{ cookiecutter.not_rendered }}")',
    ].join('\n'),
  });
  const { tree } = await bothMake(['--no-input', root]);
  assert.ok('from-hook/a.txt' in tree);
  assert.match(readFileSync(join(root, 'cookiecutter.json'), 'utf8'), /"box"/);
  write(root, { 'hooks/pre_prompt.py': 'raise SystemExit(5)' });
  assert.match((await bothMake(['--no-input', '-o', 'x', root], { status: 1 })).ours, /exit status 5/);
});

test('of several templates in a repository each runs its own hooks', needsCookiecutter, async () => {
  const root = template({
    'cookiecutter.json': '{"templates": {"a": {"path": "./one"}, "b": {"path": "./two", "title": "Second"}}}',
    'hooks/post_gen_project.sh': '#!/bin/sh\nexit 1\n',
  });
  for (const name of ['one', 'two']) {
    template({ ...plainFiles, 'cookiecutter.json': `{"name": "${name}"}` }, `template/${name}`);
    write(root, { [`${name}/hooks/post_gen_project.sh`]: `#!/bin/sh\necho ${name} > hook\n` });
  }
  const first = await bothMake(['--no-input', root]);
  assert.match(first.tree['one/hook'] ?? '', /one/);
  const second = await bothMake(['--accept-hooks', 'yes', root], { typed: ['3', '2', ''] });
  assert.match(second.tree['two/hook'] ?? '', /two/);
});

test('the same lines typed make the same project', needsCookiecutter, async () => {
  const variables = join(fixtures, 'variables');
  const conversations: Record<string, readonly string[]> = {
    defaults: ['', '', '', '', '', ' ', '', '', ''],
    other: [
      '  My Thing ',
      'x y',
      ' 2 ',
      'OFF',
      't',
      'full',
      '1.50',
      '"q"',
      '{"z": {"b": 1.0}, "a": [true, null]}',
    ],
    mistakes: [
      '{{ cookiecutter }}',
      'd',
      '0',
      '02',
      'MIT',
      '3',
      'maybe',
      '  ',
      'n',
      '',
      '',
      '',
      'x',
      '7',
      ' ',
      '[]',
      '{',
      '{}',
    ],
  };
  for (const [name, typed] of Object.entries(conversations))
    await bothMake(['-o', name, variables], { typed });
});

const typing = (...choices: string[][]): fc.Arbitrary<string[]> => fc.constantFrom(...choices);

/** A variable of some kind, and the lines that are typed until it has an answer. */
const question: fc.Arbitrary<{ raw: unknown; typed: string[] }> = fc.oneof(
  fc.record({
    raw: fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constant('{{ cookiecutter.v0 }}-x'),
    ),
    typed: typing([''], [' '], ['  Some text '], ['é ü 你好'], ['{{ 1 + 1 }}'], ['"q\\\\'], ['- [x] y']),
  }),
  fc.record({
    raw: fc.boolean(),
    typed: typing([''], ['Y'], ['no '], ['0'], ['TRUE'], ['2', 'x', ' ', 'off']),
  }),
  fc.record({
    raw: fc.array(fc.oneof(fc.constantFrom('a', 'b', '{{ cookiecutter.v0 }}'), fc.boolean(), fc.integer()), {
      minLength: 1,
      maxLength: 4,
    }),
    typed: typing([''], ['1'], [' 1 '], ['0', '1'], ['-1', '01', '1.0', '9', 'a', '1']),
  }),
  fc.record({
    raw: fc.dictionary(fc.constantFrom('k', '1', '{{ cookiecutter.v0 }}'), fc.jsonValue({ maxDepth: 1 })),
    typed: typing(
      [''],
      ['{}'],
      ['{"b": 1, "a": [1.0, null]}'],
      ['[]', '"x"', '{', 'nope', '{"10": 1, "9": {"z": 1}}'],
    ),
  }),
);

test('whatever is asked and typed means the same', needsCookiecutter, async () => {
  const questions = fc.sample(question, { numRuns: 120, seed: 11 });
  // what looks like a template would have to be one, or is an error of both
  const usable = questions.filter(
    ({ raw }) =>
      !/[{}]|\[(?=[a-z#/@])/.test(JSON.stringify(raw).replace(/\{\{ cookiecutter\.v0 \}\}|^\{|\}$/g, '')),
  );
  const variables = usable.map(({ raw }, index): [string, unknown] => [`v${index + 1}`, raw]);
  const root = template({
    'cookiecutter.json': JSON.stringify(Object.fromEntries([['v0', 'first'], ...variables])),
    '{{cookiecutter.v0}}/all.txt': variables
      .map(([name]) => `{{ cookiecutter.${name} }} {{ cookiecutter.${name}|jsonify }}\n`)
      .join(''),
  });
  // dictionaries are asked last
  const isLast = (raw: unknown): boolean => typeof raw === 'object' && !Array.isArray(raw);
  const inOrder = [...usable.filter(({ raw }) => !isLast(raw)), ...usable.filter(({ raw }) => isLast(raw))];
  const { tree } = await bothMake([root], { typed: ['', ...inOrder.flatMap(({ typed }) => typed)] });
  assert.ok(usable.length > 60 && 'first/all.txt' in tree);
});

test('typed at a terminal, < goes back to the question before', needsCookiecutter, () => {
  const root = template({
    'cookiecutter.json': JSON.stringify({
      title: 'A B',
      name: "{{ cookiecutter.title|replace(' ', '-') }}",
      kind: ['a', 'b'],
      __prompts__: { title: '[bold]What[/] is it?', kind: { __prompt__: 'Which?', b: 'the second' } },
    }),
    '{{cookiecutter.name}}/a.txt': '{{ cookiecutter.title }} {{ cookiecutter.kind }}',
  });
  const { status, output } = tilthAtTerminal(
    [root],
    ['<', 'C D', '', '2', '--'].slice(0, 3).concat(['<', '<', 'E F', '', '2']),
  );
  assert.equal(status, 0, output);
  assert.equal(readFileSync(join(folder, 'ours/E-F/a.txt'), 'utf8'), 'E F b');
  assert.match(output, /< goes back/);
  assert.match(output, /This is the first question/);
  assert.match(output, /\[1\/3\] What is it\? \(C D\)/);
  assert.match(output, /2 - the second/);
});

test('at a terminal an answer that the template breaks on is asked for again', needsCookiecutter, () => {
  const root = template({
    'cookiecutter.json': JSON.stringify({
      name: 'box',
      port: '8000',
      __checked:
        '{% if not cookiecutter.port.isdigit() %}{{ cookiecutter.port_must_be_a_number }}{% endif %}',
    }),
    '{{cookiecutter.name}}/a.txt': '{{ cookiecutter.port }}',
  });
  const { status, output } = tilthAtTerminal([root], ['', 'http', '81']);
  assert.equal(status, 0, output);
  assert.match(output, /does not take these answers: .*port_must_be_a_number/);
  assert.equal(readFileSync(join(folder, 'ours/box/a.txt'), 'utf8'), '81');
  assert.match(tilth(['--no-input', root, 'port=http']).stderr, /Unable to render variable '__checked'/);
});

test('Ctrl-C or the end of input at a question stops with nothing written', needsCookiecutter, () => {
  const root = template(plainFiles);
  for (const key of ['\u0003', '\u0004']) {
    const { status, output } = tilthAtTerminal([root], [key], 'name (box)');
    assert.equal(status, 1, output);
    assert.match(output, /nothing was written/);
    assert.deepEqual(readdirSync(join(folder, 'ours')), []);
  }
});

test('at a terminal hooks are shown and asked about once', needsCookiecutter, () => {
  const root = template({ ...plainFiles, 'hooks/post_gen_project.sh': '#!/bin/sh\necho ran > ran\n' });
  const no = tilthAtTerminal([root, '-o', 'no'], ['', '']);
  assert.match(no.output, /code of its own.*hooks\/post_gen_project\.sh/);
  assert.ok(!existsSync(join(folder, 'ours/no/box/ran')));
  const yes = tilthAtTerminal([root, '-o', 'yes'], ['s', 'y', '']);
  assert.match(yes.output, /echo ran > ran/);
  assert.ok(existsSync(join(folder, 'ours/yes/box/ran')));
  const again = tilthAtTerminal([root, '-o', 'again'], ['']);
  assert.doesNotMatch(again.output, /code of its own/);
  assert.ok(existsSync(join(folder, 'ours/again/box/ran')));
  assert.equal(tilth(['--no-input', root, '-o', 'unasked']).status, 0);
});

test('a hook may ask the user itself', needsCookiecutter, () => {
  const root = template({
    ...plainFiles,
    'hooks/post_gen_project.sh': '#!/bin/sh\n[ -t 0 ] && echo terminal > in\n',
  });
  const { status, output } = tilthAtTerminal(['--accept-hooks', 'yes', root], ['']);
  assert.equal(status, 0, output);
  assert.ok(existsSync(join(folder, 'ours/box/in')));
});

test('what a hook prints does not mix with our result', () => {
  const root = template({ ...plainFiles, 'hooks/post_gen_project.sh': '#!/bin/sh\necho words\n' });
  const run = tilth(['--accept-hooks', 'yes', '--json', root]);
  assert.equal((JSON.parse(run.stdout) as { fileCount: number }).fileCount, 2);
  assert.match(run.stderr, /^words$/m);
});

test('a Python hook without a Python is said before anything is written', () => {
  const root = template({ ...plainFiles, 'hooks/post_gen_project.py': '' });
  const run = tilth(['--accept-hooks', 'yes', '-o', 'new', root], { TILTH_PYTHON: '/nowhere/python3' });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /post_gen_project\.py is Python, and \/nowhere\/python3 is not there/);
  assert.deepEqual(readdirSync(join(folder, 'ours')), []);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} while a hook runs leaves nothing of the project`, async () => {
    const root = template({
      ...plainFiles,
      'hooks/post_gen_project.sh': '#!/bin/sh\necho begun >&2\nexec sleep 30\n',
    });
    const child = spawn(
      process.execPath,
      [programEntry, 'start', '--no-git', '--no-install', '--accept-hooks', 'yes', root],
      { cwd: join(folder, 'ours'), env: environment(), stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (text.includes('begun')) child.kill(signal);
    });
    const status = await new Promise((done) => child.on('close', done));
    assert.equal(status, 1, said);
    assert.match(said, /Stopped before the project was complete/);
    assert.deepEqual(readdirSync(join(folder, 'ours')), []);
  });
}

test('answers are replayed by either from what the other was told', needsCookiecutter, async () => {
  const root = template({
    'cookiecutter.json': '{"name": "box", "more": ["a", "b"], "_private": 1}',
    '{{cookiecutter.name}}/a.txt': '{{ cookiecutter.name }} {{ cookiecutter.more }} {{ _cookiecutter }}',
  });
  assert.ok(cookiecutter !== undefined);
  const call = { folder: join(folder, 'theirs'), home: join(folder, 'home') };
  assert.equal(
    (await cookiecutter.run({ ...call, args: ['--no-input', root, 'name=told', 'more=b'] })).status,
    0,
  );
  const replayFile = join(folder, 'home/.cookiecutter_replay/template.json');
  const theirs = readFileSync(replayFile, 'utf8');
  for (const args of [
    ['--replay'],
    ['--replay-file', replayFile],
    ['--replay-file', replayFile.replace('.json', '.any')],
  ]) {
    rmSync(join(folder, 'ours/told'), { recursive: true, force: true });
    const run = tilth([...args, root]);
    assert.equal(run.status, 0, run.stderr);
  }
  const inOurs = (text: string): string => text.replaceAll(join(folder, 'ours'), join(folder, 'theirs'));
  assert.equal(
    inOurs(readFileSync(replayFile, 'utf8')),
    inOurs(theirs.replace(/"more": \[\n.*?\n {4}\]/s, '"more": "b"')),
  );
  rmSync(join(folder, 'theirs/told'), { recursive: true });
  const back = await cookiecutter.run({ ...call, args: ['--replay', root] });
  assert.equal(back.status, 0, back.output);
  assert.deepEqual(treeOf(join(folder, 'ours')), treeOf(join(folder, 'theirs')));
});

test('a template sees the word that it was named with', needsCookiecutter, async () => {
  template({ '{{cookiecutter.name}}/a.txt': '{{ cookiecutter._template }} {{ cookiecutter._checkout }}' });
  const { tree } = await bothMake(['--no-input', '../template']);
  assert.equal(tree['box/a.txt'], '0 ../template None');
});

test('the debug file tells the decisions and how long they took', () => {
  const root = template({ ...plainFiles, 'hooks/post_gen_project.sh': '#!/bin/sh\n' });
  const run = tilth(['--accept-hooks', 'yes', '--debug-file', 'debug.log', '-v', root]);
  assert.equal(run.status, 0, run.stderr);
  const log = readFileSync(join(folder, 'ours/debug.log'), 'utf8');
  for (const said of [
    /opened .*template/,
    /the hooks run \(yes\)/,
    /name = "box"/,
    /rendered 2 files .* ms/,
    /our own engine/,
    /post_gen_project\.sh ran in .*"status":0/,
  ]) {
    assert.match(log, said);
    assert.match(run.stderr, said);
  }
  const refused = tilth(['--debug-file', 'no/such/debug.log', root]);
  assert.match(refused.stderr, /DEBUG_FILE_NOT_WRITTEN/);
});

test('a repository that a hook makes is left to it, with our file in a commit of its own', () => {
  const root = template({
    ...plainFiles,
    'hooks/post_gen_project.sh':
      '#!/bin/sh\ngit init -q && git add . && git -c user.name=T -c user.email=t@example.com commit -qm theirs\n',
  });
  const run = spawnSync(
    process.execPath,
    [programEntry, 'start', '--no-install', '--accept-hooks', 'yes', root],
    {
      cwd: join(folder, 'ours'),
      env: environment(),
      encoding: 'utf8',
    },
  );
  assert.equal(run.status, 0, run.stderr);
  const git = (...args: string[]): string =>
    spawnSync('git', ['-C', join(folder, 'ours/box'), ...args], { encoding: 'utf8' }).stdout;
  assert.equal(git('status', '--porcelain'), '');
  assert.deepEqual(git('log', '--format=%s').trim().split('\n'), [
    'Remember where the project came from',
    'theirs',
  ]);
  const noGit = spawnSync(process.execPath, [programEntry, 'start', '--no-install', '-o', 'x', root], {
    cwd: join(folder, 'ours'),
    env: environment({ PATH: join(folder, 'home') }),
    encoding: 'utf8',
  });
  assert.match(noGit.stderr, /git is not installed; nothing was written/);
  assert.ok(!existsSync(join(folder, 'ours/x')));
});

test('help and the list of installed templates need no template', needsCookiecutter, async () => {
  for (const args of [['help'], ['-h']]) assert.match(tilth(args).stdout, /--keep-project-on-failure/);
  assert.match(tilth(['-V']).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(tilth(['-l']).status, 1);
  write(join(folder, 'home/.cookiecutters'), { 'one/cookiecutter.json': '{}', 'two/readme': '' });
  const { stdout } = tilth(['--list-installed']);
  assert.ok(cookiecutter !== undefined);
  const reference = await cookiecutter.run({ args: ['-l'], folder, home: join(folder, 'home') });
  assert.equal(stdout.replace(/ +$/gm, ''), reference.output.replace(/ +$/gm, ''));
});

test(
  'a template without hooks can not run code through Python either, unless it is trusted',
  needsCookiecutter,
  async () => {
    const root = template({
      '{{cookiecutter.name}}/a.txt': "{{ lipsum.__globals__['os'].path.join('a', 'b') }} {{ ''.__class__ }}",
    });
    const run = tilth(['--no-input', root]);
    assert.equal(run.status, 1);
    assert.match(run.stderr, /TEMPLATE_REACHES_PYTHON/);
    assert.deepEqual(readdirSync(join(folder, 'ours')), []);
    await bothMake(['--no-input', root]);
  },
);

test('a password is not shown while it is typed', needsCookiecutter, () => {
  const script = `
    import { terminalPrompts } from ${JSON.stringify(join(import.meta.dirname, 'terminal-prompts.ts'))};
    const ask = terminalPrompts();
    const password = await ask.secret('Password');
    const name = await ask.text('Name', null);
    ask.close();
    console.log(password.length, name);`;
  const { status, output } = atTerminal(
    [process.execPath, '--input-type=module', '--eval', script],
    ['s3cret', 'Ana'],
    'Password: ',
  );
  assert.equal(status, 0, output);
  assert.match(output, /6 Ana/);
  assert.doesNotMatch(output, /s3cret/);
});

test("the user's defaults hold up to the first that does not fit", needsCookiecutter, async () => {
  const root = template({
    'cookiecutter.json': '{"name": "box", "kind": ["a", "b"], "last": "x"}',
    '{{cookiecutter.name}}/a.txt': '{{ cookiecutter.kind }} {{ cookiecutter.last }}',
  });
  const config = join(folder, 'config.yaml');
  writeFileSync(config, 'default_context:\n  name: mine\n  kind: c\n  last: "y"\n');
  const { tree } = await bothMake(['--no-input', '--config-file', config, root]);
  assert.equal(tree['mine/a.txt'], '0 a x');
});

test(
  'where both the hook and a file would fail, the hook does, which knows what is wrong',
  needsCookiecutter,
  async () => {
    const root = template({
      '{{cookiecutter.name}}/a.txt': 'a',
      '{{cookiecutter.name}}/b.txt': '{{ cookiecutter.missing }}',
      'hooks/pre_gen_project.sh':
        '#!/bin/sh\necho made > hook.txt\necho "said by the hook"\nexit {{ cookiecutter.name|length }}\n',
    });
    const hookFails = await bothMake(['--no-input', root], { status: 1 });
    for (const said of [hookFails.ours, hookFails.theirs])
      assert.match(said, /said by the hook[^]*exit status:? 3/);
    const hook = join(root, 'hooks/pre_gen_project.sh');
    writeFileSync(hook, readFileSync(hook, 'utf8').replace(/exit.*/, 'exit 0'));
    const fileFails = await bothMake(['--no-input', root], { status: 1 });
    for (const said of [fileFails.ours, fileFails.theirs])
      assert.match(said, /said by the hook[^]*Unable to create file 'b\.txt'/);
    assert.deepEqual(fileFails.tree, {});
    const kept = await bothMake(['--no-input', '--keep-project-on-failure', root], { status: 1 });
    assert.deepEqual(Object.keys(kept.tree).toSorted(), ['box', 'box/a.txt', 'box/hook.txt']);
  },
);

test(
  'a list of templates may be changed by its own hook, and each template by its own',
  needsCookiecutter,
  async () => {
    const root = template({
      'cookiecutter.json': '{"template": ["Not this (none)"]}',
      'hooks/pre_prompt.sh': `#!/bin/sh\necho '{"template": ["First (deep/one)", "Second (two)"]}' > cookiecutter.json\n`,
    });
    for (const name of ['deep/one', 'two']) {
      write(join(root, name), {
        'cookiecutter.json': `{"name": "x", "_extensions": ["local_extensions.Loud"]}`,
        'local_extensions.py':
          'from jinja2.ext import Extension\nclass Loud(Extension):\n    def __init__(self, env):\n        super().__init__(env)\n        env.filters["loud"] = lambda text: text.upper() + "!"\n',
        'hooks/pre_prompt.py': `open("cookiecutter.json", "w").write('{"name": "${name.replace('/', '-')}", "_extensions": ["local_extensions.Loud"]}')`,
        'hooks/post_gen_project.sh': '#!/bin/sh\necho "{{ cookiecutter.name|loud }}" > hook\n',
        '{{cookiecutter.name}}/a.txt': "{{ 'a'|loud }}",
      });
    }
    const first = await bothMake(['--no-input', root]);
    assert.equal(first.tree['deep-one/hook'], '0 DEEP-ONE!\n');
    const second = await bothMake(['--accept-hooks', 'yes', root], { typed: ['2', ''] });
    assert.equal(second.tree['two/hook'], '0 TWO!\n');
    assert.equal(tilth(['--no-input', '-f', root]).status, 0);
  },
);
