import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { installEnvironment } from './environment.ts';

// The real Poetry installs in the quickstart and in the journey of a new project; here a stand-in notes how it was called.
let folder = '';
let before: NodeJS.ProcessEnv = {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tilth env '));
  before = { ...process.env };
});
afterEach(() => {
  process.env = before;
  rmSync(folder, { recursive: true, force: true });
});

function standIn(version: string, status = 0): string {
  const program = join(folder, 'poetry');
  writeFileSync(
    program,
    `#!/bin/sh
if [ "$1" = --version ]; then echo "Poetry (version ${version})"; exit 0; fi
echo "$@ in-project=$POETRY_VIRTUALENVS_IN_PROJECT venv=$VIRTUAL_ENV mirror=$POETRY_PYPI_MIRROR_URL" >> "${folder}/calls"
mkdir -p .venv/bin && touch .venv/bin/python
echo "  - Installing six (1.17.0)"
exit ${status}
`,
  );
  chmodSync(program, 0o755);
  return program;
}

function lockedProject(): string {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'poetry.lock'), '[[package]]\nname = "six"\n');
  writeFileSync(join(project, 'pyproject.toml'), '');
  return project;
}

const calls = (): string[] =>
  existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : [];
const fails = (code: string) => (thrown: unknown) => thrown instanceof TilthError && thrown.code === code;

test('the environment is installed from the lock once, and again only when the lock changes', async () => {
  const project = lockedProject();
  Object.assign(process.env, {
    TILTH_POETRY: standIn('2.5.1'),
    VIRTUAL_ENV: '/somewhere/else',
    PIP_INDEX_URL: 'http://index.invalid/simple',
  });
  const lines: string[] = [];
  const request = {
    folder: project,
    home: folder,
    mayInstallPoetry: false,
    onLine: (line: string) => lines.push(line),
  };
  const first = await installEnvironment(request);
  assert.equal(first.outcome, 'installed');
  assert.ok(lines.includes('  - Installing six (1.17.0)'));
  const [call = ''] = calls();
  assert.match(call, /^install --compile --no-interaction --no-ansi in-project=1 venv= mirror=/);
  assert.match(call, /mirror=http:\/\/index\.invalid\/simple\/$/, 'Poetry reads the index that pip reads');
  assert.equal((await installEnvironment(request)).outcome, 'in-step');
  assert.equal(calls().length, 1);
  writeFileSync(join(project, 'poetry.lock'), '[[package]]\nname = "seven"\n');
  assert.equal((await installEnvironment(request)).outcome, 'installed');
  assert.equal(calls().length, 2);
});

test('an old Poetry, or none, is refused with the way to get one', async () => {
  const project = lockedProject();
  const request = { folder: project, home: folder, mayInstallPoetry: false };
  Object.assign(process.env, { TILTH_POETRY: standIn('1.8.3'), PATH: '/nowhere' });
  await assert.rejects(
    installEnvironment(request),
    (thrown) => fails('POETRY_MISSING')(thrown) && String(thrown).includes('1.8.3'),
  );
  process.env['TILTH_POETRY'] = join(folder, 'absent');
  await assert.rejects(installEnvironment(request), fails('POETRY_MISSING'));
});

test('a failed installation shows the last lines and leaves no mark of success', async () => {
  const project = lockedProject();
  process.env['TILTH_POETRY'] = standIn('2.5.1', 1);
  const request = { folder: project, home: folder, mayInstallPoetry: false };
  await assert.rejects(
    installEnvironment(request),
    (thrown) => fails('ENVIRONMENT_NOT_INSTALLED')(thrown) && String(thrown).includes('six'),
  );
  await assert.rejects(installEnvironment(request), fails('ENVIRONMENT_NOT_INSTALLED'));
});

test('packages that only optional groups ask for are not counted as installed', async () => {
  const project = lockedProject();
  const groups = [undefined, '"main"', '"dev", "docs"', '"docs"', '"docs", "dvc"'];
  const lock = groups.map(
    (names, at) => `[[package]]\nname = "p${at}"\n${names === undefined ? '' : `groups = [${names}]\n`}`,
  );
  writeFileSync(join(project, 'poetry.lock'), lock.join('\n'));
  const optional = ['docs', 'dvc'].map((name) => `[tool.poetry.group.${name}]\noptional = true\n`);
  writeFileSync(
    join(project, 'pyproject.toml'),
    `[tool.poetry.group.dev.dependencies]\n${optional.join('')}`,
  );
  process.env['TILTH_POETRY'] = standIn('2.5.1');
  const made = await installEnvironment({ folder: project, home: folder, mayInstallPoetry: false });
  assert.equal(made.outcome === 'installed' && made.packageCount, 3);
});

test('the Python of .python-version is taken where the machine has it', async () => {
  const project = lockedProject();
  process.env['TILTH_POETRY'] = standIn('2.5.1');
  const python = join(folder, 'python3.12');
  writeFileSync(python, '#!/bin/sh\necho Python 3.12.1\n');
  chmodSync(python, 0o755);
  process.env['PATH'] = `${folder}:${process.env['PATH'] ?? ''}`;
  const request = { folder: project, home: folder, mayInstallPoetry: false };
  writeFileSync(join(project, '.python-version'), '3.12.7\n');
  await installEnvironment(request);
  assert.match(calls()[0] ?? '', /^env use --no-ansi python3\.12 in-project=1/);
  writeFileSync(join(project, '.python-version'), '3.99\n');
  writeFileSync(join(project, 'pyproject.toml'), '# changed');
  await installEnvironment(request);
  assert.deepEqual(
    calls().map((call) => call.split(' ')[0]),
    ['env', 'install', 'install'],
  );
});

test('a project without a lock has no environment to install', async () => {
  const made = await installEnvironment({ folder, home: folder, mayInstallPoetry: false });
  assert.equal(made.outcome, 'no-lock');
});
