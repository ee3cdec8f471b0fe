import { existsSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path';
import { pythonOf } from '../../start/project/environment.ts';
import { findLock, gatherPython, tellingVariables, type Lock } from '../repeatable/gather-environment.ts';
import { commandFiles } from '../repeatable/repeatable.ts';
import { buildFromPackages, builders, type BuildWish } from './build-environment.ts';
import type { Place } from './place.ts';
import { StepFailed } from './reproduce-errors.ts';

export const environmentSources = ['lock', 'packages', 'here'] as const;
/** From the lock of the commit, from the list of packages that was recorded with the run, or the one that is here. */
export type EnvironmentSource = (typeof environmentSources)[number];

export interface EnvironmentWish extends BuildWish {
  readonly source: EnvironmentSource;
  /** the one that is here will do where it is the recorded one, package by package */
  readonly mayReuse: boolean;
  readonly words: readonly string[];
  /** `name==version` lines as they were recorded; undefined where they were not */
  readonly packages: string | undefined;
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
    return built(variables, await buildFromPackages(wish, place.folder, wish.packages), place.folder);
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
  return built(variables, await builder(wish, lock), lock.folder);
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
