import { relative } from 'node:path';
import { Option, type Command } from 'commander';
import { usage } from '../../platform/terminal.ts';
import type { DvcFlags } from '../dvc-files/dvc-dialect.ts';
import type { Dialect } from '../remotes/dialect.ts';
import type { DataDiff } from './data-diff.ts';
import type { DataStatus } from './data-status.ts';

interface StatusFlags extends DvcFlags {
  readonly granular?: boolean;
  readonly unchanged?: boolean;
  readonly untrackedFiles?: true | string;
  readonly notInRemote?: boolean;
  readonly remote?: string;
}

interface DiffFlags extends DvcFlags {
  readonly targets?: string[];
  readonly showHash?: boolean;
  readonly hideMissing?: boolean;
  readonly md?: boolean;
}

/** The verbs that only look. */
export function addDataReadVerbs(group: Command, dialect: Dialect): void {
  const { isDvc, verb, run } = dialect;
  const status = isDvc
    ? verb(
        group.command('data').description('what changed in the data'),
        'status [targets...]',
        'compare the last commit, what is recorded, and the workspace',
      )
    : verb(group, 'changes [targets...]', 'compare the last commit, what is recorded, and the workspace');
  status
    .option('--granular', 'file by file inside folders')
    .option('--unchanged', 'also what did not change')
    .addOption(
      new Option('--untracked-files [which]', 'also files that neither git nor DVC knows').choices([
        'all',
        'no',
      ]),
    )
    .option('--not-in-remote', 'also what the remote lacks')
    .option('-r, --remote <name>', 'which remote to ask')
    .option('--no-remote-refresh', 'ask what is remembered of the remote')
    .action(run((targets: string[], flags: StatusFlags) => dataChanges(dialect, targets, flags)));

  verb(group, 'diff [a_rev] [b_rev]', 'data that differs between two commits, or a commit and the workspace')
    .option('--targets <paths...>', 'only these')
    .option('--show-hash', 'with hashes')
    .option('--hide-missing', 'not what the cache lacks')
    .option('--md', 'as a table in Markdown')
    .action(
      run(
        (from: string | undefined, to: string | undefined, flags: DiffFlags) =>
          diff(dialect, from ?? 'HEAD', to, flags),
        1,
      ),
    );

  verb(group, 'check-ignore [targets...]', 'whether .dvcignore leaves paths out')
    .option('-d, --details', 'with the pattern that decides')
    .option('-a, --all', 'with every pattern that matches')
    .option('-n, --non-matching', 'also paths that no pattern matches')
    .option('--stdin', 'read paths from standard input')
    .action(run((targets: string[], flags: IgnoreFlags) => ignored(dialect, targets, flags)));

  verb(group, 'root', 'where the repository begins, from here').action(
    run((flags: DvcFlags) => root(dialect, flags)),
  );
}

async function dataChanges({ isDvc, print }: Dialect, targets: string[], flags: StatusFlags): Promise<void> {
  const { untrackedFiles } = flags;
  const withUntracked = untrackedFiles !== undefined && untrackedFiles !== 'no';
  const { inWorkspace } = await import('./in-workspace.ts');
  const { dataStatus, isGitDirty } = await import('./data-status.ts');
  const missingInRemote =
    flags.notInRemote === true ? (await import('./not-in-remote.ts')).missingInRemote : undefined;
  await inWorkspace(process.cwd(), false, async (workspace) => {
    const status = await dataStatus(workspace, {
      folder: process.cwd(),
      targets,
      isGranular: flags.granular === true,
      withUnchanged: flags.unchanged === true,
      withUntracked,
      ...(missingInRemote === undefined
        ? {}
        : {
            missingInRemote: (index, chosen, isGranular) =>
              missingInRemote(workspace, index, chosen, { isGranular, remote: flags.remote }),
          }),
    });
    const { statusLines } = await import('./data-status-text.ts');
    print<DataStatus>(flags, status, () =>
      statusLines(status, isDvc ? 'dvc' : 'tilth data', isGitDirty(workspace.repository, withUntracked)),
    );
  });
}

async function diff(
  { print }: Dialect,
  from: string,
  to: string | undefined,
  flags: DiffFlags,
): Promise<void> {
  const { inWorkspace } = await import('./in-workspace.ts');
  const { dataDiff } = await import('./data-diff.ts');
  const { diffLines, diffTable, shownDiff } = await import('./data-diff-text.ts');
  await inWorkspace(process.cwd(), false, (workspace) => {
    const found: DataDiff = dataDiff(workspace, from, to, {
      folder: process.cwd(),
      targets: flags.targets ?? [],
    });
    const shown = shownDiff(found, {
      withHash: flags.showHash === true,
      withMissing: to === undefined && flags.hideMissing !== true,
    });
    print(flags, shown, () =>
      flags.md === true ? diffTable(shown, flags.showHash === true) : diffLines(shown),
    );
  });
}

interface IgnoreFlags extends DvcFlags {
  readonly details?: boolean;
  readonly all?: boolean;
  readonly nonMatching?: boolean;
  readonly stdin?: boolean;
}

async function ignored({ print }: Dialect, targets: string[], flags: IgnoreFlags): Promise<void> {
  if (flags.stdin !== true && targets.length === 0) throw usage('`targets` or `--stdin` needed');
  if (flags.stdin === true && targets.length > 0) throw usage('cannot have both `targets` and `--stdin`');
  if (flags.nonMatching === true && flags.details !== true)
    throw usage('`--non-matching` is only valid with `--details`');
  if (flags.all === true && flags.details !== true) throw usage('`--all` is only valid with `--details`');
  if (flags.quiet === true && flags.details === true) throw usage('cannot use both `--details` and `--quiet`');
  const { checkIgnore } = await import('./check-ignore.ts');
  const { openRepository } = await import('../dvc-files/repository.ts');
  const repository = openRepository(process.cwd());
  const asked = flags.stdin === true ? await linesOfInput() : targets;
  const answers = asked.map((path) => checkIgnore(repository, process.cwd(), path));
  const hasMatch = answers.some(
    ({ isIgnored, pattern }) => pattern !== undefined && (isIgnored || flags.details === true),
  );
  print(flags, answers, () =>
    answers.flatMap(({ path, isIgnored, pattern }) => {
      if (flags.details !== true) return isIgnored ? [path] : [];
      const shown = pattern ?? (flags.nonMatching === true ? '::' : undefined);
      return shown === undefined ? [] : [`${shown}\t${path}`];
    }),
  );
  if (!hasMatch) process.exitCode = 1;
}

/** Lines of standard input up to an empty one. */
async function linesOfInput(): Promise<string[]> {
  const { createInterface } = await import('node:readline');
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === '') break;
    lines.push(line);
  }
  return lines;
}

async function root({ print }: Dialect, flags: DvcFlags): Promise<void> {
  const { openRepository } = await import('../dvc-files/repository.ts');
  const folder = openRepository(process.cwd()).root;
  print(flags, { root: folder }, () => relative(process.cwd(), folder) || '.');
}
