import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { examine, repair, type Finding } from './doctor.ts';
import { ProjectFiles } from './project-files.ts';
import { startChecks } from './start-checks.ts';

const folders: string[] = [];

/** A committed git repository with these files, in a folder whose name has a space. */
export function projectWith(files: Readonly<Record<string, string>>, usesGit = true): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'tilth-doctor-')), 'a project');
  folders.push(dirname(folder));
  mkdirSync(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  if (usesGit) {
    gitIn(folder, 'init', '--quiet');
    gitIn(folder, 'add', '--all', '--force');
    commit(folder);
  }
  return folder;
}

export const gitIn = (folder: string, ...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export const commit = (folder: string): string =>
  gitIn(
    folder,
    '-c',
    'user.name=T',
    '-c',
    'user.email=t@example.org',
    'commit',
    '--quiet',
    '--allow-empty',
    '-am',
    'x',
  );

export const removeProjects = (): void => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
};

export const findingsIn = (folder: string): Promise<Finding[]> =>
  examine(new ProjectFiles(folder), startChecks);

/** Ids and places of what is found in a project with these files. */
export async function foundIn(files: Readonly<Record<string, string>>, usesGit = true): Promise<string[]> {
  const findings = await findingsIn(projectWith(files, usesGit));
  return findings.filter(({ id }) => id !== 'git/no-origin').map(placeOf);
}

export const placeOf = ({ id, file, line }: Finding): string =>
  `${id} ${file ?? '-'}${line === undefined ? '' : `:${line}`}`;

/** The text of one file after every fix, with the ids of what is left. */
export async function repaired(
  files: Readonly<Record<string, string>>,
  path: string,
): Promise<{ readonly text: string | undefined; readonly left: string[] }> {
  const project = new ProjectFiles(projectWith(files));
  await repair(project, startChecks, () => true);
  return { text: project.text(path), left: (await examine(project, startChecks)).map(({ id }) => id) };
}

/** A project with every fault that the doctor knows of a first generation of data-science templates. */
export const sickProject: Readonly<Record<string, string>> = {
  'pyproject.toml': `[tool.poetry]
# what the shop window says
name = "House Prices"
version = "0.1.0"
description = "What a house is worth"
authors = ["Your Name", "Bea <bea@example.org>"]
readme = "README.md"

[tool.poetry.dependencies]
python = ">=3.11,<3.13"
scikit-learn = "^1.2.2"  # the learner
# pipelines
dvc = "^2.10"
hydra-core = "~1.3"
fastapi = {extras = ["standard"], version = "^0.115.5"}

[tool.poetry.dev-dependencies]
notebook = "*"
seaborn = "*"
plotly = "*"
pdoc3 = "*"
pytest = "^8"

[build-system]
requires = ["poetry-core>=1.0.0"]
build-backend = "poetry.core.masonry.api"

[tool.ruff]
# long lines are fine
ignore = ["E501"]
select = [
    "E", # pycodestyle
    "I",
]
line-length = 100

[tool.ruff.mccabe]
max-complexity = 9
`,
  'README.md': `# House Prices

[![build](https://github.com/github_user/github_repo/badge.svg)](https://example.org)
Needs Python 3.8 or later. See [the guide](docs/guide.md).

    git clone https://github.com/your-username/houses

\`\`\`
├── settings
│   ├── main.yaml
│   └── cleaning
└── src
\`\`\`

Run \`make everything\`, then \`poetry shell\`.
`,
  Makefile: `.PHONY: setup shell docs old

setup:
	@echo "poetry shell comes later"
	git init
	poetry install

shell: setup
	poetry shell

docs:
	poetry run pdoc src -o docs --force
	poetry run pdoc src --http localhost:8080

old:
	poetry install --no-dev
`,
  Dockerfile: `FROM python:3.11-slim AS base
ENV POETRY_VERSION=1.5.1 \\
    HOUSE=/house
ENV PATH="\${TOOLS}/bin:\${PATH}"
ENV TOOLS=/opt/tools
WORKDIR \${HOUSE}
RUN pip install poetry==\${POETRY_VERSION}

FROM base AS build
COPY --from=base /opt/tools /opt/tools
# the environment first
COPY poetry.lock pyproject.toml \${HOUSE}
RUN poetry check && poetry install --only main

FROM build AS api
COPY --from=build \${HOUSE} \${HOUSE}
EXPOSE 8000
CMD ["poetry", "run", "uvicorn", "src.app:app", "--port", "8000"]

FROM build AS batch
CMD ["python", "src/clean.py"]
`,
  'docker-compose.yml': `version: "3.8"

services:
  api:
    build: {context: ., target: api}
    command: poetry run fastapi dev src/app.py   # reloads
    env_file: .env
    ports: ["8000:8000"]
  batch:
    build: {context: ., target: bach}
    env_file:
      - .env  # yours
`,
  '.dvc/config': '',
  '.dvc/.gitignore': '/cache\n/tmp\n',
  'data/raw/.gitkeep': '',
  'data/clean/.gitkeep': '',
  'data/raw.dvc': `outs:
- md5: 6ffbaaad7b4ac6e1afabed19a80b2560.dir
  size: 0
  nfiles: 1
  path: raw
`,
  'settings/main.yml': `defaults:
  - cleaning: cleaning_slow
  - _self_
hydra:
  run:
    dir: .
  output_subdir: null
`,
  'settings/cleaning/cleaning_slow.yml': 'careful: true\n',
  'settings/cleaning/cleanin_fast.yml': 'careful: false\n',
  'src/__init__.py': '',
  'src/clean.py': `"""Cleans.${' '.repeat(60)}"""
import hydra

@hydra.main(config_path="../settings", config_name="main", version_base=None)
def process(config):
    """Clean the rows."""
    print(f"cleaning {config.cleaning.careful}")

if __name__ == "__main__":
    process()
`,
  'src/app.py': 'from fastapi import FastAPI\n\napp = FastAPI()\n',
  'tests/test_clean.py': 'from src.clean import *\n',
  '.pre-commit-config.yaml': `repos:
  - repo: https://github.com/charliermarsh/ruff-pre-commit  # fast
    rev: "v0.0.260"
    hooks: [{id: ruff}]
  - repo: https://github.com/pycqa/isort
    rev: 5.11.4
    hooks:
      - id: isort
  - repo: https://github.com/pre-commit/pre-commit-hooks
    rev: v4.0.0
    hooks:
      - id: end-of-file-fixer
`,
  '.github/workflows/titles.yml': `on: pull_request
jobs:
  title:
    runs-on: ubuntu-20.04
    steps:
      - uses: actions/upload-artifact@v3
  latest:
    runs-on: ubuntu-latest
    steps: []
`,
  '.gitignore': ".env\n*.egg'\n",
};
