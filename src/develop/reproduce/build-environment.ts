import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { installEnvironment, pythonOf } from '../../start/project/environment.ts';
import { findProgram, runProgram } from '../../start/project/programs.ts';
import type { Lock } from '../repeatable/gather-environment.ts';
import { StepFailed } from './reproduce-errors.ts';

export interface BuildWish {
  /** root of the tilth home */
  readonly home: string;
  /** of the run: its Python */
  readonly tags: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
}

/** @returns what is worth saying. @throws StepFailed */
type Builder = (wish: BuildWish, lock: Lock) => Promise<string[]>;

/** How the environment of each lock is built into `.venv` beside it; of a lock that is not here it is said that it can't be. */
export const builders: Readonly<Record<string, Builder>> = {
  'poetry.lock': async ({ home, onLine }, { folder }) => {
    try {
      await installEnvironment({ folder, home, mayInstallPoetry: false, onLine });
    } catch (thrown) {
      if (!(thrown instanceof TilthError)) throw thrown;
      throw new StepFailed(
        'environment',
        thrown.message,
        thrown.hint ?? 'tilth reproduce RUN --environment here',
      );
    }
    return [];
  },
  'uv.lock': async ({ onLine, tags }, { folder }) => {
    if (findProgram('uv') === undefined) {
      throw new StepFailed(
        'environment',
        'uv.lock is built by uv, which is not here.',
        'pip install uv, or take what is here: tilth reproduce RUN --environment here',
      );
    }
    const version = tags['tilth.python']?.split(' ')[0];
    await must(
      'uv',
      ['sync', '--locked', ...(version === undefined ? [] : ['--python', version])],
      folder,
      onLine,
      { UV_PROJECT_ENVIRONMENT: '.venv', VIRTUAL_ENV: undefined },
    );
    return [];
  },
  'Pipfile.lock': (wish, { folder }) => {
    const { default: packages = {} } = JSON.parse(readFileSync(join(folder, 'Pipfile.lock'), 'utf8')) as {
      default?: Record<string, PipfilePackage>;
    };
    const { lines, left } = pipfileRequirements(packages);
    return fromPip(folder, wish, { lines, left, isWhole: true }, 'Pipfile.lock');
  },
  'requirements.txt': (wish, { folder }) =>
    fromPip(folder, wish, { file: join(folder, 'requirements.txt') }, 'requirements.txt'),
};

interface PipfilePackage {
  readonly version?: string;
  readonly hashes?: readonly string[];
  readonly markers?: string;
  readonly extras?: readonly string[];
}

/** What pip takes; what is not in an index (git, a path) is left, and said. */
export function pipfileRequirements(packages: Readonly<Record<string, PipfilePackage>>): {
  lines: string[];
  left: string[];
} {
  const lines: string[] = [];
  const left: string[] = [];
  for (const [name, { version, hashes = [], markers, extras = [] }] of Object.entries(packages)) {
    if (version === undefined || !version.startsWith('==')) {
      left.push(name);
      continue;
    }
    const wanted = `${name}${extras.length === 0 ? '' : `[${extras.join(',')}]`}${version}`;
    lines.push(
      [
        wanted,
        ...(markers === undefined ? [] : [`; ${markers}`]),
        ...hashes.map((hash) => `--hash=${hash}`),
      ].join(' '),
    );
  }
  return { lines, left };
}

interface Requirements {
  readonly file?: string;
  readonly lines?: readonly string[];
  /** packages that can't be named for pip */
  readonly left?: readonly string[];
  /** all of them: nothing further is looked for */
  readonly isWhole?: boolean;
}

/** Builds what was installed, package by package. @returns what is worth saying. @throws StepFailed */
export const buildFromPackages = (wish: BuildWish, folder: string, packages: string): Promise<string[]> =>
  fromPip(folder, wish, requirementsOf(packages), 'the recorded packages');

/** What pip can install again of what was installed; editable packages lie in a folder of somebody's. */
function requirementsOf(packages: string): Requirements {
  const lines = packages.split('\n').filter((line) => line !== '');
  // pip comes with the environment
  const isPart = (line: string): boolean => !line.startsWith('#') && !/^pip==/i.test(line);
  return {
    lines: lines.filter(isPart),
    left: lines.filter((line) => line.startsWith('#')).map((line) => line.slice(2)),
    isWhole: true,
  };
}

async function fromPip(
  folder: string,
  wish: BuildWish,
  wanted: Requirements,
  name: string,
): Promise<string[]> {
  const python = pythonOf(folder);
  const base = await basePython(wish.tags);
  const marker = join(folder, '.venv', '.tilth-built');
  if (!existsSync(marker)) {
    await must(base.program, ['-m', 'venv', '--clear', join(folder, '.venv')], folder, wish.onLine);
    const file = wanted.file ?? join(folder, '.venv', 'requirements.txt');
    if (wanted.lines !== undefined) writeFileSync(file, `${wanted.lines.join('\n')}\n`);
    const isEmpty = wanted.lines !== undefined && wanted.lines.length === 0;
    const options = [
      '--disable-pip-version-check',
      '--no-input',
      '--progress-bar',
      'off',
      ...(wanted.isWhole === true ? ['--no-deps'] : []),
    ];
    if (!isEmpty) await must(python, ['-m', 'pip', 'install', ...options, '-r', file], folder, wish.onLine);
    writeFileSync(marker, name);
  }
  const left = wanted.left ?? [];
  return [
    ...base.notes,
    ...(left.length === 0 ? [] : [`Not installed from ${name}, since no index has it: ${left.join(', ')}.`]),
  ];
}

/** The Python that the run had, where this machine has it: by its path, else by its version. */
async function basePython(
  tags: Readonly<Record<string, string>>,
): Promise<{ program: string; notes: string[] }> {
  const wanted = tags['tilth.python']?.split(' ')[0];
  const minor = wanted?.split('.').slice(0, 2).join('.');
  const candidates = [
    tags['tilth.python.path'],
    ...(minor === undefined ? [] : [`python${minor}`]),
    process.env['TILTH_PYTHON'],
    'python3',
    'python',
  ];
  const found: { program: string; version: string }[] = [];
  for (const program of new Set(candidates)) {
    if (program === undefined || program === '' || (isAbsolute(program) && !existsSync(program))) continue;
    const { status, output } = await runProgram(program, [
      '-c',
      'import platform; print(platform.python_version())',
    ]);
    if (status === 0) found.push({ program, version: output.trim() });
  }
  const best =
    found.find(({ version }) => version === wanted) ??
    found.find(({ version }) => version.startsWith(`${minor ?? ''}.`)) ??
    found[0];
  if (best === undefined)
    throw new StepFailed(
      'environment',
      `There is no Python here to build an environment with${wanted === undefined ? '' : `; it was ${wanted}`}.`,
      `Install Python ${minor ?? '3'}, or name one: TILTH_PYTHON=/path/to/python`,
    );
  return {
    program: best.program,
    notes:
      wanted === undefined || best.version === wanted
        ? []
        : [`Python ${wanted} is not here; the environment was built with ${best.version}.`],
  };
}

async function must(
  program: string,
  args: readonly string[],
  folder: string,
  onLine: (line: string) => void,
  variables: NodeJS.ProcessEnv = {},
): Promise<void> {
  const { VIRTUAL_ENV: _venv, PYTHONPATH: _path, PYTHONHOME: _home, ...rest } = process.env;
  const { status, output, errorOutput } = await runProgram(program, args, {
    folder,
    environment: { ...rest, ...variables },
    onLine,
  });
  if (status === 0) return;
  const said = `${output}\n${errorOutput}`.trim().split('\n').slice(-30).join('\n');
  throw new StepFailed(
    'environment',
    `${basename(program)} ${args.slice(0, 3).join(' ')} failed: ${said.split('\n').at(-1) ?? ''}`,
    'Take the environment that is here: tilth reproduce RUN --environment here',
    said,
  );
}
