import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { installEnvironment, pythonOf } from '../../start/project/environment.ts';
import { findProgram, runProgram } from '../../start/project/programs.ts';
import { findLock, gatherPython, tellingVariables, type Lock } from '../repeatable/gather-environment.ts';
import { commandFiles } from '../repeatable/repeatable.ts';
import { StepFailed } from './reproduce-errors.ts';
import type { Place } from './place.ts';

export const environmentSources = ['lock', 'packages', 'here'] as const;
/** From the lock of the commit, from the list of packages that was recorded with the run, or the one that is here. */
export type EnvironmentSource = (typeof environmentSources)[number];

export interface EnvironmentWish {
  readonly source: EnvironmentSource;
  /** the one that is here will do where it is the recorded one, package by package */
  readonly mayReuse: boolean;
  /** root of the tilth home */
  readonly home: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly words: readonly string[];
  /** `name==version` lines as they were recorded; undefined where they were not */
  readonly packages: string | undefined;
  readonly onLine: (line: string) => void;
}

/** What a command runs in. */
export interface Ready {
  /** Python of an environment that was built; undefined: the one that is here */
  readonly python: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly notes: readonly string[];
}

/** @throws StepFailed when the environment can't be built */
export async function environmentFor(place: Place, wish: EnvironmentWish): Promise<Ready> {
  const { tags, source } = wish;
  const folder = join(place.folder, tags['tilth.folder'] ?? '.');
  const variables = recordedVariables(place, tags);
  const here: Ready = { python: undefined, environment: variables, notes: [] };
  const lock = findLock(existsSync(folder) ? folder : place.folder, place.folder);
  if (source === 'here')
    return { ...here, notes: ['The environment that is here was asked for; nothing was built.'] };
  if (wish.mayReuse) {
    const differing = await differenceHere(place, wish, lock);
    if (differing === undefined)
      return { ...here, notes: ['The environment that is here is the recorded one; it was used again.'] };
    wish.onLine(`the environment here is not the recorded one: ${differing}`);
  }
  if (source === 'packages') {
    if (wish.packages === undefined)
      throw new StepFailed(
        'environment',
        'No list of packages was recorded with the run.',
        'tilth reproduce RUN --environment lock',
      );
    return built(
      variables,
      await fromPip(place, wish, requirementsOf(wish.packages), 'the recorded packages'),
      place.folder,
    );
  }
  if (lock === undefined) {
    return {
      ...here,
      notes: [
        'There is no lock: it ran in the environment that is here. From what was recorded it is built by: --environment packages',
      ],
    };
  }
  const builder = builders[lock.name];
  if (builder === undefined)
    return {
      ...here,
      notes: [`${lock.name} can not be built from here: it ran in the environment that is here.`],
    };
  wish.onLine(`environment from ${lock.name}`);
  return built(variables, await builder(place, wish, lock), lock.folder);
}

function built(variables: NodeJS.ProcessEnv, notes: readonly string[], folder: string): Ready {
  const venv = join(folder, '.venv');
  const path = [join(venv, 'bin'), process.env['PATH'] ?? ''].join(delimiter);
  return {
    python: pythonOf(folder),
    environment: {
      ...variables,
      VIRTUAL_ENV: venv,
      PATH: path,
      PYTHONHOME: undefined,
      CONDA_PREFIX: undefined,
    },
    notes,
  };
}

type Builder = (place: Place, wish: EnvironmentWish, lock: Lock) => Promise<string[]>;

const builders: Readonly<Record<string, Builder>> = {
  'poetry.lock': async (_, { home, onLine }, { folder }) => {
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
  'uv.lock': async (_, { onLine, tags }, { folder }) => {
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
  'Pipfile.lock': (place, wish, { folder }) => {
    const { default: packages = {} } = JSON.parse(readFileSync(join(folder, 'Pipfile.lock'), 'utf8')) as {
      default?: Record<string, PipfilePackage>;
    };
    const { lines, left } = pipfileRequirements(packages);
    return fromPip({ ...place, folder }, wish, { lines, left, isWhole: true }, 'Pipfile.lock');
  },
  'requirements.txt': (place, wish, { folder }) =>
    fromPip({ ...place, folder }, wish, { file: join(folder, 'requirements.txt') }, 'requirements.txt'),
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

/** What pip can install again of what was installed; editable packages lie in a folder of somebody's. */
function requirementsOf(packages: string): Requirements {
  const lines = packages.split('\n').filter((line) => line !== '');
  // pip and its like come with the environment
  const isPart = (line: string): boolean =>
    !line.startsWith('#') && !/^(?:pip|setuptools|wheel)==/i.test(line);
  return {
    lines: lines.filter(isPart),
    left: lines.filter((line) => line.startsWith('#')).map((line) => line.slice(2)),
    isWhole: true,
  };
}

async function fromPip(
  place: Pick<Place, 'folder'>,
  wish: EnvironmentWish,
  wanted: Requirements,
  name: string,
): Promise<string[]> {
  const { folder } = place;
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

/** Why the environment here is not the recorded one; undefined when it is. */
async function differenceHere(
  place: Place,
  { words, tags, packages }: EnvironmentWish,
  lock: Lock | undefined,
): Promise<string | undefined> {
  const folder = place.here === undefined ? process.cwd() : join(place.here, tags['tilth.folder'] ?? '.');
  const { tags: found, files } = await gatherPython(
    words,
    existsSync(folder) ? folder : process.cwd(),
    process.env,
    lock,
  );
  if (found['tilth.python'] === undefined) return 'its Python does not answer';
  if (tags['tilth.python'] !== undefined && found['tilth.python'] !== tags['tilth.python'])
    return `Python ${found['tilth.python']}, recorded was ${tags['tilth.python']}`;
  const list = files.find(({ path }) => path === commandFiles.packages)?.content.toString() ?? '';
  if (packages !== undefined) {
    const [was, is] = [new Set(packages.split('\n')), new Set(list.split('\n'))];
    const [differing] = [...was.symmetricDifference(is)];
    return differing;
  }
  return lock === undefined ? 'what it had was not recorded' : found['tilth.lock.differs']?.split('\n')[0];
}

/** Variables that change what is computed, as they were: threads, time zone, language, hashes. */
function recordedVariables(place: Place, tags: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const lines = (tags['tilth.environment'] ?? '').split('\n');
  const recorded = new Map(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const top = tags['tilth.top'];
  const value = (name: string): string | undefined => {
    const text = recorded.get(name);
    return top === undefined || text === undefined ? text : text.replaceAll(top, place.folder);
  };
  const hashSeed = tags['tilth.hash_seed'];
  // of runs that recorded none, what is here stays
  const variables =
    tags['tilth.version'] === undefined ? [] : tellingVariables.map((name) => [name, value(name)] as const);
  return {
    ...Object.fromEntries(variables),
    ...(hashSeed === undefined ? {} : { PYTHONHASHSEED: hashSeed }),
  };
}

/** The same command with the place's paths and Python. */
export function wordsFor(
  place: Place,
  ready: Ready,
  tags: Readonly<Record<string, string>>,
  words: readonly string[],
): string[] {
  const [top, python] = [tags['tilth.top'], tags['tilth.python.path']];
  const folder = tags['tilth.folder'] ?? '.';
  return words.map((word, at) => {
    const isPython =
      at === 0 && (word === python || (word.includes('/') && /^(?:python|pypy)[\d.]*$/.test(basename(word))));
    if (isPython && ready.python !== undefined) return ready.python;
    // an environment that git does not know lies beside the code here
    if (
      at === 0 &&
      word.includes('/') &&
      !isAbsolute(word) &&
      place.here !== undefined &&
      !existsSync(join(place.folder, folder, word))
    ) {
      const beside = resolve(place.here, folder, word);
      return existsSync(beside) ? beside : word;
    }
    if (isPython || top === undefined || top === '/') return word;
    return word === top ? place.folder : word.replaceAll(`${top}/`, `${place.folder}/`);
  });
}
