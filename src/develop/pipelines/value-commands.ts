import type { Command } from 'commander';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { note } from '../../platform/terminal.ts';
import { asDvc, dvcGroup, dvcVerb } from '../dvc-files/dvc-dialect.ts';
import { headCommit, isGit, openRepository } from '../dvc-files/repository.ts';
import { yamlMap } from '../dvc-files/yaml-value.ts';
import { findUp } from '../../platform/home.ts';
import type { YamlMap, YamlScalar, YamlValue } from '../dvc-files/yaml-value.ts';
import type { Difference } from './value-difference.ts';
import type { ValueKind, Values } from './value-files.ts';

interface ValueFlags extends CommonFlags {
  readonly md?: boolean;
  readonly precision?: string;
  readonly quiet?: boolean;
}

interface ShowFlags extends ValueFlags {
  readonly allBranches?: boolean;
  readonly allTags?: boolean;
  readonly allCommits?: boolean;
  readonly deps?: boolean;
}

interface DiffFlags extends ValueFlags {
  readonly targets?: readonly string[];
  readonly all?: boolean;
  readonly path?: boolean;
  readonly deps?: boolean;
}

/** `show` and `diff` of metrics and of params, alike in both groups; dvc has no `params show`. */
function addValueCommands(
  parent: Command,
  verb: (group: Command, usage: string, description: string) => Command,
): void {
  const metrics = groupOf(parent, 'metrics', 'numbers that stages left');
  withShowFlags(verb(metrics, 'show [targets...]', 'metrics as they are, or in revisions'))
    .option('-R, --recursive', 'all files below the given folders')
    .action(asDvc((targets: string[], flags: ShowFlags) => showValues('metrics', targets, flags), 1));
  const diff = verb(
    metrics,
    'diff [old] [new]',
    'metrics of two revisions; HEAD and the working tree unless given',
  );
  withDiffFlags(diff)
    .option('-R, --recursive', 'all files below the given folders')
    .action(asDvc((old, now, flags) => showDifference('metrics', old, now, flags), 1));
  const params = groupOf(parent, 'params', 'parameters that stages have');
  withShowFlags(verb(params, 'show [targets...]', 'params as they are, or in revisions'))
    .option('--deps', 'only params that stages depend on')
    .action(asDvc((targets: string[], flags: ShowFlags) => showValues('params', targets, flags), 1));
  const paramsDiff = verb(
    params,
    'diff [old] [new]',
    'params of two revisions; HEAD and the working tree unless given',
  );
  withDiffFlags(paramsDiff)
    .option('--deps', 'only params that stages depend on')
    .action(asDvc((old, now, flags) => showDifference('params', old, now, flags), 1));
}

const groupOf = (parent: Command, name: string, description: string): Command =>
  parent.commands.find((one) => one.name() === name) ?? parent.command(name).description(description);

const withTextFlags = (command: Command): Command =>
  command
    .option('--md', 'as a table in Markdown')
    .option('--precision <digits>', 'digits after the point; 5 unless given');

const withShowFlags = (command: Command): Command =>
  withTextFlags(command)
    .option('-a, --all-branches', 'of every branch')
    .option('-T, --all-tags', 'of every tag')
    .option('-A, --all-commits', 'of every commit');

const withDiffFlags = (command: Command): Command =>
  withTextFlags(command)
    .option('--targets <paths...>', 'only these files')
    .option('--all', 'also what did not change')
    .option('--no-path', 'without the column of files');

export const addPipelineValueCommands: AddCommands = (pipeline) =>
  addValueCommands(pipeline, (group, usage, description) =>
    withCommonFlags(group.command(usage).description(description)),
  );

export const addDvcValueCommands: AddCommands = (program) => addValueCommands(dvcGroup(program), dvcVerb);

async function showValues(kind: ValueKind, targets: string[], flags: ShowFlags): Promise<void> {
  const found = await valuesFound(kind, targets, flags);
  const revisions = [...found.keys()];
  tellFaults(flags, found, revisions.length === 1);
  if (flags.json === true) {
    const key = (name: string): string => (revisions.length === 1 ? '' : name);
    await printJson(
      flags,
      new Map([...found].map(([name, values]) => [key(name), new Map([['data', shownFiles(values)]])])),
    );
    return;
  }
  const { plainTable } = await import('./plain-table.ts');
  const rows = [...found].flatMap(([name, values]) =>
    [...values].flatMap(([path, file]) =>
      ({ name, path, cells: 'error' in file ? new Map<string, YamlScalar>() : leaves(file.values) }),
    ),
  );
  const keys = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))].sort();
  const hasNames = revisions.length > 1;
  const digits = digitsOf(flags);
  printText(
    flags,
    rows.length === 0
      ? ''
      : plainTable(
          [...(hasNames ? ['Revision'] : []), 'Path', ...keys],
          rows.map(({ name, path, cells }) => [
            ...(hasNames ? [name] : []),
            path,
            ...keys.map((key) => cellText(cells.get(key), digits)),
          ]),
          flags.md === true,
        ),
  );
}

async function valuesFound(
  kind: ValueKind,
  targets: string[],
  flags: ShowFlags,
): Promise<ReadonlyMap<string, Values>> {
  const { openRevision, valuesAt, valuesOutside } = await import('./value-files.ts');
  const scope = { folder: process.cwd(), targets, isDepsOnly: flags.deps === true };
  // a file of values needs no repository
  if (targets.length > 0 && findUp('.dvc') === undefined)
    return new Map([['workspace', valuesOutside(kind, scope)]]);
  const repository = openRepository(process.cwd());
  const revisions = await revisionsOf(repository.root, flags);
  const found = revisions
    .map((name) => ({ name, revision: openRevision(repository, name) }))
    // the repository may be a folder that older commits do not have
    .filter(({ name, revision }) => name === 'workspace' || revision.index.tree.names('').length > 0);
  return new Map(found.map(({ name, revision }) => [name, valuesAt(kind, revision, scope)]));
}

async function revisionsOf(root: string, flags: ShowFlags): Promise<string[]> {
  const { git } = await import('../dvc-files/repository.ts');
  const lines = (args: readonly string[]): string[] =>
    git(root, args)
      .output.split('\n')
      .filter((line) => line !== '');
  return [
    'workspace',
    ...(flags.allBranches === true ? lines(['for-each-ref', '--format=%(refname:short)', 'refs/heads']) : []),
    ...(flags.allTags === true ? lines(['for-each-ref', '--format=%(refname:short)', 'refs/tags']) : []),
    ...(flags.allCommits === true ? lines(['rev-list', '--all']) : []),
  ];
}

async function showDifference(
  kind: ValueKind,
  old: string | undefined,
  now: string | undefined,
  flags: DiffFlags,
): Promise<void> {
  const [{ openRevision, valuesAt }, { differencesMap, differencesOf }] = await Promise.all([
    import('./value-files.ts'),
    import('./value-difference.ts'),
  ]);
  const repository = openRepository(process.cwd());
  const scope = {
    folder: process.cwd(),
    targets: flags.targets ?? [],
    isDepsOnly: flags.deps === true,
  };
  const [from, to] = [old ?? 'HEAD', now ?? 'workspace'];
  // before the first commit nothing can differ from it
  const isUnborn = isGit(repository.root) && headCommit(repository.root) === undefined;
  const found = new Map(isUnborn ? [] : [from, to].map((name) => [name, valuesAt(kind, openRevision(repository, name), scope)]));
  tellFaults(flags, found, false);
  const differences = differencesOf(found.get(from) ?? new Map(), found.get(to) ?? new Map(), flags.all === true);
  if (flags.json === true) await printJson(flags, differencesMap(differences));
  else await printDifferences(kind, from, to, differences, flags);
}

async function printDifferences(
  kind: ValueKind,
  from: string,
  to: string,
  differences: readonly Difference[],
  flags: DiffFlags,
): Promise<void> {
  if (differences.length === 0) return;
  const { plainTable } = await import('./plain-table.ts');
  const digits = digitsOf(flags);
  const head = [
    ...(flags.path === false ? [] : ['Path']),
    kind === 'metrics' ? 'Metric' : 'Param',
    from,
    to,
    ...(kind === 'metrics' ? ['Change'] : []),
  ];
  const rows = differences.map((one) => [
    ...(flags.path === false ? [] : [one.path]),
    one.key,
    cellText(one.old ?? undefined, digits),
    cellText(one.new ?? undefined, digits),
    ...(kind === 'metrics' ? [cellText(one.diff, digits)] : []),
  ]);
  printText(flags, plainTable(head, rows, flags.md === true));
}

const digitsOf = ({ precision }: ValueFlags): number => (precision === undefined ? 5 : Number(precision));

function shownFiles(values: Values): YamlMap {
  return new Map(
    [...values].map(([path, file]): [string, YamlValue] => [
      path,
      'error' in file
        ? new Map([['error', yamlMap({ type: file.error.type, msg: file.error.message })]])
        : new Map([['data', file.values]]),
    ]),
  );
}

/** Which files could not be read, and in which revisions; dvc names those only. */
function tellFaults(flags: ValueFlags, found: ReadonlyMap<string, Values>, isOne: boolean): void {
  if (flags.quiet === true) return;
  const names = [...found].filter(([, values]) => [...values.values()].some((file) => 'error' in file));
  for (const [name, values] of names)
    for (const [path, file] of values)
      if ('error' in file) note(`WARNING: ${path}${isOne ? '' : ` (${name})`}: ${file.error.message}`);
  if (names.length === 0) return;
  const shown = isOne ? '' : names.map(([name]) => name).join(', ');
  note(`DVC failed to load some metrics for following revisions: '${shown}'.`);
}

function leaves(value: YamlValue, prefix = ''): Map<string, YamlScalar> {
  if (value instanceof Map) {
    return new Map(
      [...value].flatMap(([key, item]) => [
        ...leaves(item as YamlValue, prefix === '' ? String(key) : `${prefix}.${String(key)}`),
      ]),
    );
  }
  return new Map([[prefix, Array.isArray(value) ? null : (value as YamlScalar)]]);
}

/** As Python prints it, floats rounded. */
function cellText(value: YamlScalar | undefined, digits: number): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'number') return String(value);
  const rounded = roundedToEven(value, digits);
  return Number.isInteger(rounded) && Math.abs(rounded) < 1e16 ? `${rounded}.0` : String(rounded);
}

async function printJson(flags: ValueFlags, value: YamlValue): Promise<void> {
  const { valueJson } = await import('../dvc-files/value-json.ts');
  if (flags.quiet !== true) process.stdout.write(`${valueJson(value)}\n`);
}

function printText(flags: ValueFlags, text: string): void {
  if (flags.quiet !== true && text !== '') process.stdout.write(`${text}\n`);
}

/** As Python rounds: what lies exactly in the middle goes to the even digit. */
function roundedToEven(value: number, digits: number): number {
  const scaled = value * 10 ** digits;
  if (Math.abs(scaled % 1) !== 0.5) return Number(value.toFixed(digits));
  const below = Math.floor(scaled);
  return (below % 2 === 0 ? below : below + 1) / 10 ** digits;
}
