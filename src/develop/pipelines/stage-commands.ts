import type { Command } from 'commander';
import { basename, dirname, join, relative } from 'node:path';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { print, usage } from '../../platform/terminal.ts';
import { asDvc, dvcGroup, dvcVerb, printAsDvc, type DvcFlags } from '../dvc-files/dvc-dialect.ts';
import { ignoreInGit, isGit, openRepository } from '../dvc-files/repository.ts';
import type { NewOut, NewStage } from './stage-writing.ts';

interface ListFlags extends CommonFlags {
  readonly all?: boolean;
  readonly recursive?: boolean;
  readonly nameOnly?: boolean;
  readonly namesOnly?: boolean;
}

interface AddFlags extends CommonFlags {
  readonly name?: string;
  readonly deps?: readonly string[];
  readonly outs?: readonly string[];
  readonly outsNoCache?: readonly string[];
  readonly outsPersist?: readonly string[];
  readonly outsPersistNoCache?: readonly string[];
  readonly params?: readonly string[];
  readonly metrics?: readonly string[];
  readonly metricsNoCache?: readonly string[];
  readonly plots?: readonly string[];
  readonly plotsNoCache?: readonly string[];
  readonly wdir?: string;
  readonly force?: boolean;
  readonly alwaysChanged?: boolean;
  readonly desc?: string;
  readonly run?: boolean;
  readonly quiet?: boolean;
}

const each = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const withAddFlags = (command: Command): Command =>
  command
    .requiredOption('-n, --name <name>', 'of the stage')
    .option('-d, --deps <path>', 'a file or folder it reads; again for more', each)
    .option('-p, --params <params>', 'params it reads: lr,depth or file.json:key; again for more', each)
    .option('-o, --outs <path>', 'a file or folder it makes; again for more', each)
    .option('-O, --outs-no-cache <path>', 'one that git keeps', each)
    .option('--outs-persist <path>', 'one that is not deleted before it runs', each)
    .option('--outs-persist-no-cache <path>', 'one that is neither deleted nor cached', each)
    .option('-m, --metrics <path>', 'a file of metrics', each)
    .option('-M, --metrics-no-cache <path>', 'one that git keeps', each)
    .option('--plots <path>', 'a file of points to draw', each)
    .option('--plots-no-cache <path>', 'one that git keeps', each)
    .option('-w, --wdir <path>', 'the folder it runs in')
    .option('-f, --force', 'take the place of a stage of this name')
    .option('--always-changed', 'it runs every time')
    .option('--desc <text>', 'what it is for')
    .option('--run', 'run it at once')
    .passThroughOptions();

export const addPipelineStageCommands: AddCommands = (pipeline) => {
  addVerbs(
    pipeline as Command,
    pipeline as Command,
    (group, words, description) => withCommonFlags(group.command(words).description(description)),
    (action) => action,
  );
};

export const addDvcStageCommands: AddCommands = (program) => {
  const dvc = dvcGroup(program);
  const stage =
    dvc.commands.find((one) => one.name() === 'stage') ??
    dvc.command('stage').description('stages of dvc.yaml').enablePositionalOptions();
  addVerbs(stage, dvc, dvcVerb, (action) => asDvc(action, 1));
};

type Act = (...args: never[]) => Promise<void>;

function addVerbs(
  stages: Command,
  others: Command,
  verb: (group: Command, words: string, description: string) => Command,
  wrap: (action: (...args: never[]) => Promise<void>) => Act,
): void {
  stages.enablePositionalOptions();
  withAddFlags(verb(stages, 'add [command...]', 'write a stage into dvc.yaml')).action(
    wrap(add as Act) as (...args: unknown[]) => Promise<void>,
  );
  verb(stages, 'list [targets...]', 'stages and what they are for')
    .option('--all', 'of the whole repository')
    .option('-R, --recursive', 'also below the given folders')
    .option('--name-only, --names-only', 'only their names')
    .action(wrap(list as Act) as (...args: unknown[]) => Promise<void>);
  for (const [name, isFrozen] of [
    ['freeze', true],
    ['unfreeze', false],
  ] as const) {
    verb(
      others,
      `${name} <targets...>`,
      isFrozen ? 'keep stages from running' : 'let frozen stages run again',
    ).action(
      wrap((async (targets: string[], flags: DvcFlags) =>
        freeze(targets, flags, isFrozen)) as unknown as Act) as (...args: unknown[]) => Promise<void>,
    );
  }
}

async function list(targets: string[], flags: ListFlags & DvcFlags): Promise<void> {
  const { listStages } = await import('./stage-listing.ts');
  const found = listStages(openRepository(process.cwd()), {
    targets,
    folder: process.cwd(),
    isAll: flags.all === true,
    isRecursive: flags.recursive === true,
  });
  const width = Math.max(0, ...found.map(({ name }) => name.length));
  const isShort = flags.nameOnly === true || flags.namesOnly === true;
  printAsDvc(flags, found, () =>
    found.map(({ name, about }) => (isShort ? name : `${name.padEnd(width)}  ${about}`.trimEnd())),
  );
}

async function add(words: string[], flags: AddFlags & DvcFlags): Promise<void> {
  const { writeStage } = await import('./stage-writing.ts');
  const repository = openRepository(process.cwd());
  const file = join(process.cwd(), 'dvc.yaml');
  const stage = newStage(words, flags);
  const folder = join(dirname(file), stage.wdir ?? '.');
  const outcome = writeStage(file, stage, flags.force === true);
  const ignored = stage.outs
    .filter(({ isCached, path }) => isCached && ignoreInGit(join(folder, path)) === 'added')
    .map(({ path }) => relative(process.cwd(), join(folder, dirname(path), '.gitignore')));
  const files = [...new Set([basename(file), ...ignored])];
  printAsDvc(flags, { stage: stage.name, outcome, file }, () => [
    `Added stage '${stage.name}' in 'dvc.yaml'`,
    ...(isGit(repository.root) && flags.run !== true
      ? [
          '',
          'To track the changes with git, run:',
          '',
          `\tgit add ${files.join(' ')}`,
          '',
          'To enable auto staging, run:',
          '',
          '\tdvc config core.autostage true',
        ]
      : []),
  ]);
  if (flags.run === true) await (await import('./repro-commands.ts')).runOne(stage.name, flags);
}

function newStage(words: readonly string[], flags: AddFlags): NewStage {
  if (words.length === 0) throw usage('command is not specified');
  const outs = (
    paths: readonly string[] = [],
    kind: NewOut['kind'],
    isCached: boolean,
    isKept = false,
  ): NewOut[] => paths.map((path) => ({ path, kind, isCached, isKept }));
  return {
    name: flags.name ?? '',
    cmd: words.length === 1 ? (words[0] ?? '') : words.map(quoted).join(' '),
    wdir: flags.wdir,
    deps: [...new Set(flags.deps ?? [])],
    params: paramsOf(flags.params ?? []),
    outs: [
      // in dvc's order, in which .gitignore names them
      ...outs(flags.outsPersist, 'out', true, true),
      ...outs(flags.outsPersistNoCache, 'out', false, true),
      ...outs(flags.metricsNoCache, 'metric', false),
      ...outs(flags.metrics, 'metric', true),
      ...outs(flags.plots, 'plot', true),
      ...outs(flags.plotsNoCache, 'plot', false),
      ...outs(flags.outsNoCache, 'out', false),
      ...outs(flags.outs, 'out', true),
    ],
    isAlwaysChanged: flags.alwaysChanged === true,
    description: flags.desc,
  };
}

/** As dvc joins the words of a command: those with a space or quote between quotes. */
const quoted = (word: string): string => (word.includes(' ') && !word.includes('"') ? `"${word}"` : word);

/** `lr,train.depth`, `file.json:key,key`, `file.json:` for the whole file */
function paramsOf(entries: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const entry of entries) {
    const colon = entry.lastIndexOf(':');
    const file = colon === -1 ? 'params.yaml' : entry.slice(0, colon);
    const keys = entry
      .slice(colon + 1)
      .split(',')
      .filter((key) => key !== '');
    found.set(file, [...new Set([...(found.get(file) ?? []), ...keys])]);
  }
  return found;
}

async function freeze(targets: string[], flags: DvcFlags, isFrozen: boolean): Promise<void> {
  const [{ readableIndex }, { chooseTargets }, { writeFrozen }, { saveDvcFile }] = await Promise.all([
    import('../dvc-files/stored.ts'),
    import('../dvc-files/targets.ts'),
    import('./stage-writing.ts'),
    import('../dvc-files/dvc-file.ts'),
  ]);
  const index = readableIndex(openRepository(process.cwd()));
  const changed: string[] = [];
  for (const { stage } of chooseTargets(index, targets, { folder: process.cwd() })) {
    if (stage.record.kind === 'stage') {
      writeFrozen(stage.file, stage.record.stage.name, isFrozen);
      changed.push(`Modifying stage '${stage.name ?? ''}' in '${relative(process.cwd(), stage.file)}'`);
    } else {
      const fields = [...stage.record.dvcFile.fields].filter(([key]) => key !== 'frozen');
      saveDvcFile(stage.file, new Map(isFrozen ? [...fields, ['frozen', true]] : fields));
    }
  }
  if (flags.json === true) print(flags, { changed: targets, isFrozen }, () => '');
  else if (changed.length > 0) printAsDvc(flags, changed, (lines) => lines);
}
