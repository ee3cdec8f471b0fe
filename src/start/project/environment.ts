import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environmentFailed, poetryMissing, poetryNotInstalled } from './environment-errors.ts';
import { runProgram } from './programs.ts';

export interface EnvironmentRequest {
  readonly folder: string;
  /** root of the tilth home; a Poetry of its own lives in `tools/poetry` there */
  readonly home: string;
  /** the user agreed that tilth installs Poetry into its home */
  readonly mayInstallPoetry: boolean;
  /** each line of progress */
  readonly onLine?: (line: string) => void;
}

export type Environment =
  | {
      readonly outcome: 'installed' | 'in-step';
      readonly python: string;
      readonly packageCount: number;
      readonly seconds: number;
    }
  | { readonly outcome: 'no-lock'; readonly reason: string };

const poetryRequirements = ['poetry==2.5.1', 'poetry-plugin-pypi-mirror==0.6.5'];

/** The Python of a project's environment, whether it is there or not. */
export const pythonOf = (folder: string): string => join(folder, '.venv', 'bin', 'python');

/**
 * Brings `.venv` of a project in step with its committed `poetry.lock`; answers at once when it already is.
 *
 * @throws POETRY_MISSING, POETRY_NOT_INSTALLED, ENVIRONMENT_NOT_INSTALLED
 */
export async function installEnvironment(request: EnvironmentRequest): Promise<Environment> {
  const { folder } = request;
  const lockFile = join(folder, 'poetry.lock');
  if (!existsSync(lockFile)) return { outcome: 'no-lock', reason: `${folder} has no poetry.lock` };
  const startedAt = performance.now();
  const packageCount = countInstalled(folder);
  const python = pythonOf(folder);
  const finished = (outcome: 'installed' | 'in-step'): Environment => ({
    outcome,
    python,
    packageCount,
    seconds: (performance.now() - startedAt) / 1000,
  });
  const marker = join(folder, '.venv', '.tilth-lock');
  const wanted = lockHash(folder);
  if (existsSync(python) && existsSync(marker) && readFileSync(marker, 'utf8') === wanted)
    return finished('in-step');

  const poetry = await findPoetry(request);
  const environment = { ...projectEnvironment(), ...poetry.environment, ...(await sameIndexAsPip()) };
  const wantedPython = await pythonAskedFor(folder);
  // where it can't, Poetry takes another Python that the lock covers
  if (wantedPython !== undefined)
    await runProgram(poetry.program, [...poetry.args, 'env', 'use', '--no-ansi', wantedPython], {
      folder,
      environment,
    });
  request.onLine?.(`installing ${packageCount} packages of poetry.lock`);
  const result = await runProgram(
    poetry.program,
    // compiled once here: a first import of the libraries takes seconds of every later start otherwise
    [...poetry.args, 'install', '--compile', '--no-interaction', '--no-ansi'],
    {
      folder,
      environment,
      onLine: request.onLine,
    },
  );
  if (result.status !== 0) {
    const said = `${result.output}\n${result.errorOutput}`.trim().split('\n').slice(-12).join('\n');
    throw environmentFailed(folder, said);
  }
  writeFileSync(marker, wanted);
  return finished('installed');
}

/** `python3.11` for a `.python-version` of 3.11 or 3.11.7, where the machine has it; Poetry does not read that file. */
async function pythonAskedFor(folder: string): Promise<string | undefined> {
  const file = join(folder, '.python-version');
  const minor = existsSync(file) ? /^3\.\d+/.exec(readFileSync(file, 'utf8'))?.[0] : undefined;
  if (minor === undefined) return undefined;
  const program = `python${minor}`;
  return (await runProgram(program, ['--version'])).status === 0 ? program : undefined;
}

/** Packages of the lock without those that only optional groups ask for. */
function countInstalled(folder: string): number {
  const asked = readFileSync(join(folder, 'pyproject.toml'), 'utf8');
  const optional = new Set(
    [...asked.matchAll(/^\[tool\.poetry\.group\.([\w-]+)\]\s+optional = true$/gm)].map(([, group]) => group),
  );
  const [, ...packages] = readFileSync(join(folder, 'poetry.lock'), 'utf8').split(/^\[\[package\]\]$/m);
  return packages.filter((text) => {
    const groups = /^groups = \[(.*)\]$/m.exec(text)?.[1]?.match(/[\w-]+/g) ?? ['main'];
    return groups.some((group) => !optional.has(group));
  }).length;
}

const lockHash = (folder: string): string => {
  const hash = createHash('sha256');
  for (const file of ['poetry.lock', 'pyproject.toml']) hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex');
};

/** The user's environment without what would lead Poetry into an environment that is not the project's. */
function projectEnvironment(): NodeJS.ProcessEnv {
  const {
    VIRTUAL_ENV: _venv,
    CONDA_PREFIX: _prefix,
    CONDA_DEFAULT_ENV: _conda,
    POETRY_ACTIVE: _active,
    ...rest
  } = process.env;
  return {
    ...rest,
    POETRY_VIRTUALENVS_IN_PROJECT: '1',
    POETRY_VIRTUALENVS_CREATE: '1',
    POETRY_NO_INTERACTION: '1',
  };
}

interface Poetry {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** `TILTH_POETRY`, else the one on PATH, else the one in our home, which is installed where the user agreed. */
async function findPoetry(request: EnvironmentRequest): Promise<Poetry> {
  let found: string | undefined;
  for (const program of [process.env['TILTH_POETRY'], 'poetry']) {
    if (program === undefined || program === '') continue;
    const { status, output, errorOutput } = await runProgram(program, ['--version']);
    const version = /(\d+)\.\d+(?:\.\d+)?/.exec(output);
    if (status === 0 && Number(version?.[1]) >= 2) return { program, args: [], environment: {} };
    if (status === 0) found = `${program} is ${version?.[0] ?? output}`;
    else if (status !== 127)
      found = `${program} does not run (${errorOutput.trim().split('\n').at(-1) ?? ''})`;
    else if (program !== 'poetry') found = `${program} is not there`;
  }
  const tools = join(request.home, 'tools', 'poetry');
  const python = join(tools, 'bin', 'python');
  // `-m` and not the script beside it: a path with spaces must not matter
  const own: Poetry = {
    program: python,
    args: ['-m', 'poetry'],
    environment: { POETRY_KEYRING_ENABLED: 'false' },
  };
  const complete = join(tools, '.complete');
  const wanted = poetryRequirements.join(' ');
  if (existsSync(python) && existsSync(complete) && readFileSync(complete, 'utf8') === wanted) return own;
  if (!request.mayInstallPoetry) throw poetryMissing(found);

  request.onLine?.(`installing Poetry into ${tools}`);
  rmSync(tools, { recursive: true, force: true });
  mkdirSync(dirname(tools), { recursive: true });
  const venv = await runProgram(userPython(), ['-m', 'venv', tools]);
  if (venv.status !== 0)
    throw poetryNotInstalled('python3 -m venv', `${venv.output}\n${venv.errorOutput}`.trim());
  const pip = await runProgram(
    python,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...poetryRequirements],
    {
      onLine: request.onLine,
    },
  );
  if (pip.status !== 0)
    throw poetryNotInstalled('pip install', pip.errorOutput.trim().split('\n').slice(-4).join('\n'));
  writeFileSync(complete, wanted);
  return own;
}

const userPython = (): string => process.env['TILTH_PYTHON'] ?? 'python3';

const askPip = `
from pip._internal.commands import create_command
options = create_command("install").parser.get_default_values()
print(options.index_url or "")
print(options.cert or "")
`;

/**
 * What makes Poetry read the index that pip reads: the mirror plugin takes it from the environment, so that no
 * address ends up in a file. pip is asked for what its own settings come to.
 */
async function sameIndexAsPip(): Promise<NodeJS.ProcessEnv> {
  const { status, output } = await runProgram(userPython(), ['-c', askPip]);
  const [index = '', certificate = ''] = status === 0 ? output.split('\n').map((line) => line.trim()) : [];
  return {
    ...(index === '' || process.env['POETRY_PYPI_MIRROR_URL'] !== undefined
      ? {}
      : { POETRY_PYPI_MIRROR_URL: `${index.replace(/\/$/, '')}/` }),
    ...(certificate === '' || process.env['REQUESTS_CA_BUNDLE'] !== undefined
      ? {}
      : { REQUESTS_CA_BUNDLE: certificate }),
  };
}
