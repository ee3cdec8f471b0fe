import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { examine, repair, type Check, type Finding } from './doctor.ts';
import { ProjectFiles } from './project-files.ts';
import { startChecks } from './start-checks.ts';
import { findingsIn, foundIn, placeOf, projectWith, removeProjects, sickProject } from './test-project.ts';

after(removeProjects);

let healed: ProjectFiles;
let fixed: readonly Finding[];
before(async () => {
  healed = new ProjectFiles(projectWith(sickProject));
  fixed = await repair(healed, startChecks, () => true);
});

// every fault that was put in, where it stands; + for those that may be fixed without asking anybody
const faults = `
error   .github/workflows/titles.yml:4       ci/retired-runner
error   .github/workflows/titles.yml:6       ci/retired-action
error   .pre-commit-config.yaml:6            pre-commit/old-rev
error   data/raw.dvc:2                       dvc/object-nowhere +
error   data/raw/.gitkeep:1                  dvc/output-in-git +
error   docker-compose.yml:6                 compose/listens-to-itself +
error   docker-compose.yml:7                 compose/env-file-missing +
error   docker-compose.yml:10                compose/build
error   docker-compose.yml:12                compose/env-file-missing +
error   Dockerfile:12                        docker/copy-source-missing
error   Dockerfile:13                        docker/readme-not-copied +
error   Dockerfile:13                        docker/root-without-source +
error   Dockerfile:18                        docker/listens-to-itself +
error   Makefile:9                           make/poetry-shell +
error   Makefile:16                          make/poetry-option +
error   pyproject.toml:1                     python/root-not-installable +
error   pyproject.toml:13                    python/dvc-2 +
error   settings/main.yml:1                  hydra/yml-ignored +
error   tests/test_clean.py:1                tests/none
warning .dvc/config:1                        dvc/no-remote
warning .github/workflows/titles.yml:1       ci/no-tests
warning .pre-commit-config.yaml:2            pre-commit/moved +
warning .pre-commit-config.yaml:3            pre-commit/old-rev +
warning .pre-commit-config.yaml:10           pre-commit/old-rev
warning Dockerfile:2                         docker/old-poetry +
warning Dockerfile:4                         docker/variable-too-early
warning Dockerfile:12                        docker/copy-without-slash +
warning Dockerfile:21                        docker/command-without-file
warning Makefile:13                          make/docs-never-end
warning pyproject.toml:1                     python/no-lock
warning pyproject.toml:1                     python/poetry-metadata +
warning pyproject.toml:3                     python/name +
warning pyproject.toml:17                    python/dev-dependencies +
warning pyproject.toml:30                    python/ruff-lint-keys
warning README.md:3                          readme/placeholder
warning README.md:4                          readme/dead-link
warning README.md:4                          readme/python
warning README.md:10                         readme/wrong-ending
warning README.md:15                         readme/no-make-target
warning README.md:15                         readme/poetry-shell
warning settings/cleaning/cleanin_fast.yml:1 hydra/misnamed-choice +
info    -                                    git/no-origin
info    .dvc/config:1                        dvc/no-stages
info    .dvcignore                           dvc/no-dvcignore +
info    .gitignore:2                         git/ignore-pattern +
info    .pre-commit-config.yaml:1            pre-commit/overlap
info    data/clean/.gitkeep:1                git/data-not-ignored
info    docker-compose.yml:1                 compose/version +
info    Dockerfile:10                        docker/copy-of-itself +
info    Dockerfile:15                        docker/no-healthcheck
info    Dockerfile:15                        docker/runs-as-root
info    Makefile:5                           make/git-init
info    Makefile:12                          make/pdoc3
info    pyproject.toml:6                     python/author-placeholder
info    pyproject.toml:11                    python/no-tracker
info    pyproject.toml:17                    python/heavy-dev-group
info    settings/main.yml:6                  hydra/no-record
info    src/app.py:3                         source/no-health
info    src/clean.py:1                       source/broken-docstring +
info    src/clean.py:5                       source/only-prints
`;

test('every fault of a sick project is told with its file and line, and nothing else is', async () => {
  const found = (await findingsIn(projectWith(sickProject))).map(
    (finding) =>
      `${finding.severity} ${finding.file ?? '-'}${finding.line === undefined ? '' : `:${finding.line}`} ${finding.id}${finding.fix === undefined ? '' : ' +'}`,
  );
  const expected = faults
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));
  assert.deepEqual(found.toSorted(), expected.toSorted());
});

test('each finding says what is seen, why, and what to do, in whole sentences', async () => {
  for (const { id, message, why, remedy } of await findingsIn(projectWith(sickProject))) {
    assert.ok(message.length > 10 && !message.includes('undefined'), id);
    assert.match(why, /^[A-Z"`\w].*[.?)]$/, id);
    assert.ok(remedy.length > 3 && !remedy.includes('undefined'), id);
  }
});

test('after the fixes no finding that has a fix is left, and a second round changes nothing', async () => {
  const files = healed;
  assert.ok(fixed.length > 20);
  assert.deepEqual(
    (await examine(files, startChecks)).filter(({ fix }) => fix !== undefined),
    [],
  );
  const before = files.changes();
  assert.deepEqual(await repair(files, startChecks, () => true), []);
  assert.deepEqual(files.changes(), before);
});

test('metadata moves to the standard table with its comments, and dependencies with the meaning they had', () => {
  assert.equal(
    healed.text('pyproject.toml'),
    `[project]
# what the shop window says
name = "house-prices"
version = "0.1.0"
description = "What a house is worth"
authors = [{ name = "Your Name" }, { name = "Bea", email = "bea@example.org" }]
readme = "README.md"
requires-python = ">=3.11,<3.13"
dependencies = [
    "scikit-learn (>=1.2.2,<2.0.0)", # the learner
    # pipelines
    "dvc (>=3,<4)",
    "hydra-core (>=1.3,<1.4)",
    "fastapi[standard] (>=0.115.5,<0.116.0)",
]

[tool.poetry]
packages = [{ include = "src" }]

[tool.poetry.group.dev.dependencies]
notebook = "*"
seaborn = "*"
plotly = "*"
pdoc3 = "*"
pytest = "^8"

[build-system]
requires = ["poetry-core>=2.0.0,<3.0.0"]
build-backend = "poetry.core.masonry.api"

[tool.ruff]
line-length = 100

[tool.ruff.lint]
# long lines are fine
ignore = ["E501"]
select = [
    "E", # pycodestyle
    "I",
]

[tool.ruff.lint.mccabe]
max-complexity = 9
`,
  );
});

test('a Dockerfile, a compose file, a Makefile and hooks keep everything but what was wrong', () => {
  const dockerfile = healed.text('Dockerfile');
  assert.match(dockerfile ?? '', /POETRY_VERSION=2\.5\.1 \\\n {4}HOUSE=\/house\n/);
  assert.match(
    dockerfile ?? '',
    /AS build\n# the environment first\nCOPY poetry\.lock pyproject\.toml README\.md \$\{HOUSE\}\/\nRUN poetry check && poetry install --no-root --only main\n/,
  );
  assert.match(
    dockerfile ?? '',
    /AS api\nEXPOSE 8000\nCMD \["poetry", "run", "uvicorn", "--host", "0\.0\.0\.0", "src\.app:app"/,
  );
  const compose = healed.text('docker-compose.yml');
  assert.equal(
    compose,
    `services:
  api:
    build: {context: ., target: api}
    command: poetry run fastapi dev --host 0.0.0.0 src/app.py   # reloads
    env_file: [{path: .env, required: false}]
    ports: ["8000:8000"]
  batch:
    build: {context: ., target: bach}
    env_file:
      - path: .env
        required: false  # yours
`,
  );
  const make = healed.text('Makefile');
  assert.match(
    make ?? '',
    /@echo "poetry shell comes later"\n[\s\S]*\tpoetry env activate\n[\s\S]*\tpoetry install --only main\n/,
  );
  const hooks = healed.text('.pre-commit-config.yaml');
  assert.match(
    hooks ?? '',
    /repo: https:\/\/github\.com\/astral-sh\/ruff-pre-commit {2}# fast\n {4}rev: "v0\.16\.4"\n/,
  );
});

test('Hydra files are renamed, the misspelt one too, and the data pointer that stands for nothing goes', () => {
  assert.deepEqual(
    healed
      .changedFiles()
      .filter(({ path }) => /^settings|^data/.test(path))
      .map(({ path, after: kept }) => `${path} ${kept === undefined ? 'gone' : 'there'}`),
    [
      'data/raw.dvc gone',
      'settings/cleaning/cleanin_fast.yml gone',
      'settings/cleaning/cleaning_fast.yaml there',
      'settings/cleaning/cleaning_slow.yaml there',
      'settings/cleaning/cleaning_slow.yml gone',
      'settings/main.yaml there',
      'settings/main.yml gone',
    ],
  );
});

test('a file with the line ends of Windows keeps them', async () => {
  const windows = Object.fromEntries(
    Object.entries(sickProject).map(([path, text]) => [path, text.replaceAll('\n', '\r\n')]),
  );
  const files = new ProjectFiles(projectWith(windows));
  await repair(files, startChecks, () => true);
  const bytes = files.bytes('docker-compose.yml')?.toString() ?? '';
  assert.ok(bytes.includes('required: false'));
  assert.equal(bytes.replaceAll('\r\n', '').includes('\n'), false);
});

test('a fix that is declined is asked for once and leaves no trace', async () => {
  const files = new ProjectFiles(projectWith(sickProject));
  const asked: string[] = [];
  const fixed = await repair(files, startChecks, ({ finding }) => {
    asked.push(`${placeOf(finding)} ${finding.message}`);
    return false;
  });
  assert.deepEqual([fixed, files.changedFiles()], [[], []]);
  assert.equal(new Set(asked).size, asked.length);
});

test('a fix that heals nothing is made once, not for ever', async () => {
  const hopeless: Check = {
    id: 'x',
    title: 'x',
    practice: 'start',
    find: () => [
      {
        id: 'x/x',
        severity: 'info',
        message: 'm',
        why: 'w',
        remedy: 'r',
        fix: (files) => files.write('x', 'x'),
      },
    ],
  };
  assert.equal((await repair(new ProjectFiles(projectWith({})), [hopeless], () => true)).length, 1);
});

test('nothing is found in an empty folder but that it is not a repository', async () => {
  assert.deepEqual(await foundIn({}, false), ['git/no-repository -']);
  assert.deepEqual(await foundIn({}), []);
});
