import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { startProject } from '../start-project.ts';
import { ownTemplate } from '../template/template-source.ts';
import { examine, repair } from './doctor.ts';
import { ProjectFiles } from './project-files.ts';
import { startChecks } from './start-checks.ts';
import {
  commit,
  findingsIn,
  gitIn,
  placeOf,
  projectWith,
  removeProjects,
  sickProject,
} from './test-project.ts';
import { writeChanges } from './write-fixes.ts';

// what we say of other programs is held against those programs
const python = process.env['TILTH_TEST_PYTHON'];
const needsPython = {
  skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false,
};
const folders: string[] = [];
after(() => {
  removeProjects();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function run(
  folder: string,
  ...args: readonly string[]
): { readonly status: number | null; readonly said: string } {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with dvc and hydra-core');
  const { status, stdout, stderr } = spawnSync(python, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, DVC_NO_ANALYTICS: '1' },
  });
  return { status, said: `${stdout}\n${stderr}` };
}

async function heal(folder: string): Promise<ProjectFiles> {
  const files = new ProjectFiles(folder);
  await repair(files, startChecks, () => true);
  writeChanges(files, files.changedFiles());
  commit(folder);
  return new ProjectFiles(folder);
}

test(
  'Hydra says what we say, and after the fixes the script runs with each choice',
  needsPython,
  async () => {
    const folder = projectWith(sickProject);
    const before = run(folder, 'src/clean.py');
    assert.notEqual(before.status, 0);
    assert.match(before.said, /Cannot find primary config 'main'/);
    assert.ok(
      (await findingsIn(folder)).some(({ message }) => message.includes("Cannot find primary config 'main'")),
    );
    await heal(folder);
    assert.match(run(folder, 'src/clean.py').said, /cleaning True/);
    assert.match(run(folder, 'src/clean.py', 'cleaning=cleaning_fast').said, /cleaning False/);
  },
);

test('Hydra misses the choice that we miss', needsPython, async () => {
  const folder = projectWith({
    ...sickProject,
    'settings/main.yml': '',
    'settings/main.yaml': 'defaults:\n  - cleaning: cleaning_none\n  - _self_\n',
    'settings/cleaning/cleaning_slow.yaml': 'careful: true\n',
  });
  const [said] = /Could not find '[^']+'/.exec(run(folder, 'src/clean.py').said) ?? [];
  const found = (await findingsIn(folder)).find(({ id }) => id === 'hydra/no-choice');
  assert.ok(
    said !== undefined && found?.message.includes(said) === true,
    `${said ?? 'nothing'} / ${found?.message ?? 'nothing'}`,
  );
});

test('DVC refuses the output that we say it refuses, and takes it after the fix', needsPython, async () => {
  const folder = projectWith(sickProject);
  const before = run(folder, '-m', 'dvc', 'add', 'data/raw');
  assert.match(before.said, /already tracked by SCM/);
  gitIn(folder, 'checkout', '--', '.');
  rmSync(join(folder, '.dvc', 'cache'), { recursive: true, force: true });
  await heal(folder);
  assert.equal(existsSync(join(folder, 'data', 'raw.dvc')), false);
  assert.match(run(folder, '-m', 'dvc', 'status').said, /no data or pipelines tracked/);
  writeFileSync(join(folder, 'data', 'rows.csv'), 'a\n1\n');
  assert.equal(run(folder, '-m', 'dvc', 'add', 'data/rows.csv').status, 0);
});

test(
  'Poetry warns of what we warn of, and of nothing after the fixes',
  { skip: process.env['TILTH_POETRY'] === undefined ? 'needs TILTH_POETRY' : false },
  async () => {
    const check = (folder: string): string => {
      const { stdout, stderr } = spawnSync(process.env['TILTH_POETRY'] ?? '', ['check'], {
        cwd: folder,
        encoding: 'utf8',
      });
      return stdout + stderr;
    };
    const folder = projectWith(sickProject);
    const before = check(folder);
    for (const key of ['name', 'version', 'description', 'readme', 'authors'])
      assert.ok(before.includes(`[tool.poetry.${key}]`), before);
    assert.ok(before.includes('dev-dependencies'), before);
    await heal(folder);
    assert.match(check(folder), /All set!/);
  },
);

test('what our own template renders is healthy', async () => {
  const outputFolder = mkdtempSync(join(tmpdir(), 'tilth-doctor-'));
  folders.push(outputFolder);
  const { folder } = await startProject({
    source: { template: ownTemplate, checkout: undefined, directory: undefined },
    config: {
      defaults: new Map(),
      abbreviations: {},
      cookiecuttersFolder: outputFolder,
      replayFolder: outputFolder,
    },
    outputFolder,
    answers: new Map(),
    ifExists: 'refuse',
    hooks: 'yes',
    keepsProjectOnFailure: false,
    usesGit: true,
    onLine: () => undefined,
  });
  const found = await findingsIn(folder);
  assert.deepEqual(found.filter(({ severity }) => severity !== 'info').map(placeOf), []);
});

// the template that this practice was measured against; clones are not kept in the repository
const clones = process.env['TILTH_TEMPLATES'];
const anchor = ['data-science-cookiecutter', 'rgalindor+data-science-cookiecutter']
  .map((name) => join(clones ?? '', name))
  .find((path) => clones !== undefined && existsSync(path));

test(
  'all that is broken in rgalindor/data-science-cookiecutter is told',
  {
    skip:
      anchor === undefined || python === undefined ? 'needs TILTH_TEMPLATES and TILTH_TEST_PYTHON' : false,
  },
  async () => {
    const outputFolder = mkdtempSync(join(tmpdir(), 'tilth-doctor-'));
    folders.push(outputFolder);
    const rendered = run(
      dirname(anchor ?? ''),
      '-m',
      'cookiecutter',
      '--no-input',
      '-o',
      outputFolder,
      '--default-config',
      anchor ?? '',
    );
    assert.equal(rendered.status, 0, rendered.said);
    const folder = join(outputFolder, 'cookiecutter_personal');
    const files = new ProjectFiles(folder);
    const places = (await examine(files, startChecks)).map((found) => `${found.severity} ${placeOf(found)}`);
    const expected = `
error hydra/yml-ignored config/main.yml:1
error dvc/object-nowhere data/raw.dvc:2
error dvc/output-in-git data/raw/.gitkeep:1
error compose/listens-to-itself docker-compose.yml:8
error compose/env-file-missing docker-compose.yml:17
error compose/env-file-missing docker-compose.yml:32
error docker/copy-source-missing Dockerfile:38
error docker/readme-not-copied Dockerfile:39
error docker/root-without-source Dockerfile:48
error docker/root-without-source Dockerfile:65
error docker/root-without-source Dockerfile:75
error docker/listens-to-itself Dockerfile:78
error make/poetry-shell Makefile:16
error python/root-not-installable pyproject.toml:1
error python/dvc-2 pyproject.toml:14
error tests/none tests/test_process_data.py:1
warning dvc/no-remote .dvc/config:1
warning ci/no-tests .github/workflows/semantic-pr.yml:1
warning pre-commit/moved .pre-commit-config.yaml:2
warning pre-commit/old-rev .pre-commit-config.yaml:3
warning pre-commit/old-rev .pre-commit-config.yaml:23
warning hydra/misnamed-choice config/process/proces_b.yml:1
warning docker/old-poetry Dockerfile:4
warning docker/variable-too-early Dockerfile:10
warning docker/copy-without-slash Dockerfile:38
warning docker/command-without-file Dockerfile:78
warning make/docs-never-end Makefile:25
warning python/poetry-metadata pyproject.toml:1
warning python/no-lock pyproject.toml:1
warning python/name pyproject.toml:2
warning python/ruff-lint-keys pyproject.toml:46
warning readme/wrong-ending README.md:42
warning readme/placeholder README.md:152
warning readme/python README.md:157
info git/no-origin -
info dvc/no-stages .dvc/config:1
info dvc/no-dvcignore .dvcignore
info git/ignore-pattern .gitignore:25
info pre-commit/overlap .pre-commit-config.yaml:1
info hydra/no-record config/main.yml:4
info git/data-not-ignored data/final/.gitkeep:1
info compose/version docker-compose.yml:1
info docker/copy-of-itself Dockerfile:37
info docker/runs-as-root Dockerfile:43
info docker/no-healthcheck Dockerfile:43
info make/git-init Makefile:5
info make/pdoc3 Makefile:23
info python/author-placeholder pyproject.toml:5
info python/no-tracker pyproject.toml:13
info python/heavy-dev-group pyproject.toml:18
info source/no-health src/app.py:9
info source/only-prints src/process_data.py:12
info source/broken-docstring src/train_model.py:2
info source/only-prints src/train_model.py:12
`
      .trim()
      .split('\n');
    assert.deepEqual(places.toSorted(), expected.toSorted());
    await repair(files, startChecks, () => true);
    const errors = (await examine(files, startChecks)).filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      errors.map(({ id }) => id),
      ['docker/copy-source-missing', 'tests/none'],
      'a lock and tests are left to people',
    );
  },
);
