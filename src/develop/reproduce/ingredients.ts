import { datasetTagPrefix, type Run } from '../tracking/tracking.ts';
import { isSeed, isSeedName } from '../repeatable/repeatable.ts';
import type { Ingredient, IngredientSubject } from './reproduce-api.ts';

/** What one run had to work with: its tags, params and datasets, and the list of packages that its command left. */
export interface Circumstances {
  readonly run: Run;
  /** `name==version` lines; undefined when they were not recorded */
  readonly packages: string | undefined;
}

const dataTag = 'tilth.data.';
const foundDataTag = 'tilth.found_data.';

/** Ingredient by ingredient, what was recorded with a run and what was found when it ran again. */
export function compareIngredients(was: Circumstances, is: Circumstances): Ingredient[] {
  return [
    ...code(was.run, is.run),
    ...data(was.run, is.run),
    ...environment(was, is),
    ...seeds(was.run, is.run),
    ...hardware(was.run, is.run),
  ];
}

type Value = string | undefined;

function pair(subject: IngredientSubject, name: string, recorded: Value, found: Value): Ingredient[] {
  if (recorded === undefined && found === undefined) return [];
  const state =
    recorded === undefined
      ? 'not recorded'
      : found === undefined
        ? 'not found'
        : recorded === found
          ? 'equal'
          : 'differs';
  return [{ subject, name, state, recorded: recorded ?? null, found: found ?? null }];
}

const tagsOf = (run: Run): ReadonlyMap<string, string> =>
  new Map(run.tags.map(({ key, value }) => [key, value]));
const linesOf = (text: Value): string[] => (text ?? '').split('\n').filter((line) => line !== '');

/** The files count, not what the commit is called: a rewritten history may have the same ones. */
function code(was: Run, is: Run): Ingredient[] {
  const [before, after] = [tagsOf(was), tagsOf(is)];
  const commit = (tags: ReadonlyMap<string, string>): Value =>
    tags.get('mlflow.source.git.commit') ?? tags.get('tilth.commit');
  const isSameTree =
    before.has('tilth.code.tree') && before.get('tilth.code.tree') === after.get('tilth.code.tree');
  const files = isSameTree
    ? pair('code', 'files of the commit', before.get('tilth.code.tree'), after.get('tilth.code.tree'))
    : pair('code', 'commit', commit(before), commit(after));
  const changes = (tags: ReadonlyMap<string, string>): Value =>
    tags.get('tilth.dirty') === undefined
      ? undefined
      : tags.get('tilth.dirty') === 'true'
        ? (tags.get('tilth.changes.sha256') ?? 'not kept')
        : 'none';
  const lost = linesOf(before.get('tilth.changes.lost'));
  return [
    ...files,
    ...pair('code', 'changes since the commit', changes(before), changes(after)),
    ...lost.map((name): Ingredient => ({
      subject: 'code',
      name,
      state: 'not found',
      recorded: 'was not kept',
      found: null,
    })),
    ...pair(
      'code',
      'command',
      withoutPlace(before, before.get('tilth.command')),
      withoutPlace(after, after.get('tilth.command')),
    ),
  ];
}

/** The same words, wherever the repository lies; which Python they name is the environment's. */
function withoutPlace(tags: ReadonlyMap<string, string>, text: Value): Value {
  const [top, python] = [tags.get('tilth.top'), tags.get('tilth.python.path')];
  const inside = top === undefined ? text : text?.replaceAll(top, '.');
  const words = inside?.split(' ') ?? [];
  const isPython = /(?:^|\/)(?:python|pypy)[\d.]*$/.test(words[0] ?? '');
  return inside === undefined
    ? undefined
    : [words[0] === python || isPython ? 'python' : words[0], ...words.slice(1)].join(' ');
}

function data(was: Run, is: Run): Ingredient[] {
  const [before, after] = [versionsOf(was), versionsOf(is)];
  const versioned = [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .flatMap((name) => pair('data', name, before.get(name), after.get(name)));
  const logged = (run: Run): Map<string, string> =>
    new Map(
      run.datasets.map(({ dataset, tags }) => [
        `${dataset.name}${tags.map(({ value }) => ` (${value})`).join('')}`,
        dataset.digest,
      ]),
    );
  const [loggedBefore, loggedAfter] = [logged(was), logged(is)];
  const given = [...new Set([...loggedBefore.keys(), ...loggedAfter.keys()])].sort();
  return [
    ...versioned,
    ...given.flatMap((name) => pair('data', `logged ${name}`, loggedBefore.get(name), loggedAfter.get(name))),
  ];
}

/** Data by path or dataset, with the hash that it really had when the run began. */
function versionsOf(run: Run): Map<string, string> {
  const found = new Map<string, string>();
  const really = new Map<string, string>();
  for (const { key, value } of run.tags) {
    if (key.startsWith(datasetTagPrefix)) found.set(key.slice(datasetTagPrefix.length), value);
    if (key.startsWith(dataTag)) found.set(key.slice(dataTag.length), value);
    if (key.startsWith(foundDataTag)) really.set(key.slice(foundDataTag.length), value);
  }
  for (const [path, md5] of really) {
    // a dataset that tilth.yaml declares is known by its name, and measured by its path
    found.delete(path);
    found.set(path, md5);
  }
  return found;
}

function environment(was: Circumstances, is: Circumstances): Ingredient[] {
  const [before, after] = [tagsOf(was.run), tagsOf(is.run)];
  const same = (name: string, tag: string): Ingredient[] =>
    pair('environment', name, before.get(tag), after.get(tag));
  return [
    ...same('Python', 'tilth.python'),
    ...same('C library', 'tilth.libc'),
    ...same('lock', 'tilth.lock'),
    ...packages(was.packages, is.packages),
    ...variables(before, after),
  ];
}

function packages(was: Value, is: Value): Ingredient[] {
  if (was === undefined || is === undefined) return pair('environment', 'packages', was, is);
  if (was === is)
    return pair('environment', `${linesOf(was).length} packages`, 'the same versions', 'the same versions');
  const [before, after] = [byName(was), byName(is)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const differing = names.filter((name) => before.get(name) !== after.get(name));
  return [
    ...pair(
      'environment',
      `${names.length - differing.length} packages`,
      'the same versions',
      'the same versions',
    ),
    ...differing.map((name): Ingredient => {
      const [recorded = 'not installed', found = 'not installed'] = [before.get(name), after.get(name)];
      return { subject: 'environment', name, state: 'differs', recorded, found };
    }),
  ];
}

const byName = (text: string): Map<string, string> =>
  new Map(
    linesOf(text).map((line) => {
      const [, name = line, version = ''] = /^(?:# editable: )?([\w.-]+)\s*(?:==|@)\s*(.*)$/.exec(line) ?? [];
      return [
        name.toLowerCase().replaceAll(/[-_.]+/g, '-'),
        line.startsWith('# editable') ? `${version} (editable)` : version,
      ];
    }),
  );

/** Variables that change what the same code computes; threads are the machine's. */
function variables(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Ingredient[] {
  // neither run was gathered by a tilth that records them
  if (!before.has('tilth.version') || !after.has('tilth.version')) return [];
  const read = (tags: ReadonlyMap<string, string>): Map<string, string> => {
    const top = tags.get('tilth.top');
    return new Map(
      linesOf(tags.get('tilth.environment')).map((line) => {
        const at = line.indexOf('=');
        const value = line.slice(at + 1);
        return [line.slice(0, at), top === undefined ? value : value.replaceAll(top, '.')];
      }),
    );
  };
  const [was, is] = [read(before), read(after)];
  const names = [...new Set([...was.keys(), ...is.keys()])].sort();
  return names.flatMap((name) =>
    pair(
      /THREADS|DEVICES/.test(name) ? 'hardware' : 'environment',
      name,
      was.get(name) ?? 'not set',
      is.get(name) ?? 'not set',
    ),
  );
}

function seeds(was: Run, is: Run): Ingredient[] {
  const read = (run: Run): Map<string, string> => {
    const given = run.tags.flatMap(({ key, value }) =>
      key.startsWith('tilth.seed.') ? [[key.slice('tilth.seed.'.length), value] as const] : [],
    );
    const logged = run.params.flatMap(({ key, value }) =>
      isSeedName(key) && isSeed(value) ? [[key, value] as const] : [],
    );
    return new Map([...given, ...logged]);
  };
  const [before, after] = [read(was), read(is)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const hash = (run: Run): Value => tagsOf(run).get('tilth.hash_seed');
  return [
    ...names.flatMap((name) => pair('seed', name, before.get(name), after.get(name))),
    ...pair('seed', 'PYTHONHASHSEED', hash(was), hash(is)),
  ];
}

function hardware(was: Run, is: Run): Ingredient[] {
  const [before, after] = [tagsOf(was), tagsOf(is)];
  const same = (name: string, tag: string): Ingredient[] =>
    pair('hardware', name, before.get(tag), after.get(tag));
  return [
    ...same('processor', 'tilth.cpu'),
    ...same('instructions', 'tilth.cpu.features'),
    ...same('threads', 'tilth.cores'),
    ...same('BLAS', 'tilth.blas'),
    ...same('graphics', 'tilth.gpu'),
    // its version says nothing of what is calculated
    ...pair('hardware', 'system', systemOf(before.get('tilth.os')), systemOf(after.get('tilth.os'))),
  ];
}

const systemOf = (text: Value): Value =>
  text
    ?.split(' ')
    .filter((_, at, words) => at === 0 || at === words.length - 1)
    .join(' ');

/** Subjects of which something is not as it was recorded. */
export const differingSubjects = (ingredients: readonly Ingredient[]): IngredientSubject[] => [
  ...new Set(
    ingredients
      .filter(({ state }) => state === 'differs' || state === 'not found')
      .map(({ subject }) => subject),
  ),
];
