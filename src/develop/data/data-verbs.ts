import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { findUp } from '../../platform/home.ts';
import { confirmed, usage } from '../../platform/terminal.ts';
import { toTrackInGit, type DvcFlags } from '../dvc-files/dvc-dialect.ts';
import type { Dialect } from '../remotes/dialect.ts';
import type { CheckOutOutcome } from './check-out.ts';
import type { SettleStage } from './commit-data.ts';

interface AddFlags extends DvcFlags {
  readonly glob?: boolean;
  readonly out?: string;
  readonly force?: boolean;
  readonly commit?: boolean;
  readonly desc?: string;
  readonly type?: string;
  readonly label?: string[];
}

interface ScopeFlags extends DvcFlags {
  readonly force?: boolean;
  readonly withDeps?: boolean;
  readonly recursive?: boolean;
}

/**
 * The verbs that change data and its `.dvc` files.
 *
 * @param settleStage what `commit` does with stages; it lives with the pipelines and is handed in
 */
export function addDataVerbs(group: Command, dialect: Dialect, settleStage: SettleStage): void {
  const { verb, run } = dialect;
  verb(group, 'init [directory]', 'make a folder a DVC repository')
    .option('-f, --force', 'replace a .dvc that is there, with its settings and its cache')
    .option('--no-scm', 'do without git')
    .option('--subdir', 'in a folder inside a git repository')
    .action(
      run(
        (
          directory: string | undefined,
          flags: DvcFlags & { force?: boolean; scm?: boolean; subdir?: boolean },
        ) => init(dialect, directory, flags),
        1,
      ),
    );

  verb(group, 'add <targets...>', 'put files or folders under version control')
    .option('--glob', 'targets are patterns such as data/*.csv')
    .option('-o, --out <path>', 'copy the one target to this place in the repository')
    .option('-f, --force', 'replace what is at --out')
    .option('--no-commit', 'write the .dvc file, and leave the cache alone')
    .option('--no-relink', 'leave the files in the workspace as they are')
    .option('--desc <text>', 'what the data is')
    .option('--type <type>', 'what kind of data it is')
    .option('--label <labels...>', 'labels of the data')
    .action(run((targets: string[], flags: AddFlags) => add(dialect, targets, flags), 1));

  verb(group, 'checkout [targets...]', 'bring back what is recorded')
    .option('-f, --force', 'give up changes that are stored nowhere else')
    .option('-d, --with-deps', 'also what the targets are made from')
    .option('-R, --recursive', 'all that is recorded below the given folders')
    .option('--relink', 'make every file the link or copy that cache.type asks for')
    .option('--summary', 'only how many files changed')
    .option('--allow-missing', 'what the cache does not have is no failure')
    .action(run((targets: string[], flags: CheckOutFlags) => checkout(dialect, targets, flags)));

  verb(group, 'commit [targets...]', 'record data as it is now, and put it into the cache')
    .option('-f, --force', 'do not ask')
    .option('-d, --with-deps', 'also what the targets are made from')
    .option('-R, --recursive', 'all that is recorded below the given folders')
    .option('--no-relink', 'leave the files in the workspace as they are')
    .action(run((targets: string[], flags: ScopeFlags) => commit(dialect, targets, flags, settleStage), 1));

  const move = verb(group, 'move <src> <dst>', 'move or rename versioned data with its .dvc file');
  const remove = verb(
    group,
    'remove <targets...>',
    'stop versioning what .dvc files or stages record',
  ).option('--outs', 'delete the data from the workspace too');
  if (dialect.isDvc) {
    move.alias('mv');
    remove.alias('rm');
  }
  move.action(run((from: string, to: string, flags: DvcFlags) => moveTo(dialect, from, to, flags), 1));
  remove.action(
    run(
      (targets: string[], flags: DvcFlags & { outs?: boolean }) => removeTargets(dialect, targets, flags),
      1,
    ),
  );

  verb(group, 'unprotect <targets...>', 'give files that are links to the cache bytes of their own').action(
    run((targets: string[], flags: DvcFlags) => unprotect(dialect, targets, flags)),
  );
}

async function init(
  { isDvc, print }: Dialect,
  directory = '.',
  flags: DvcFlags & { force?: boolean; scm?: boolean; subdir?: boolean },
): Promise<void> {
  const { startRepository } = await import('./start-repository.ts');
  const { initRepository, isGit } = await import('../dvc-files/repository.ts');
  const { root } =
    isDvc || flags.force === true || flags.subdir === true
      ? startRepository(directory, {
          isForced: flags.force === true,
          isWithoutGit: flags.scm === false,
          isSubfolder: flags.subdir === true,
        })
      : initRepository(resolve(directory), flags.scm !== false);
  print(flags, { root }, () =>
    isDvc
      ? [
          'Initialized DVC repository.',
          '',
          ...(isGit(root) ? ['You can now commit the changes to git.', ''] : []),
        ]
      : `${root} keeps its data versions now. Add some with: tilth data add PATH`,
  );
}

async function add({ isDvc, print }: Dialect, targets: string[], flags: AddFlags): Promise<void> {
  if (flags.out !== undefined) refuseTogether(targets, flags);
  const { addPaths } = await import('./add-data.ts');
  const notes = {
    ...(flags.desc === undefined ? {} : { desc: flags.desc }),
    ...(flags.type === undefined ? {} : { type: flags.type }),
    ...(flags.label === undefined ? {} : { labels: flags.label }),
  };
  const outcome = await addPaths(process.cwd(), targets, {
    isGlob: flags.glob === true,
    ...(flags.out === undefined ? {} : { out: flags.out }),
    isForced: flags.force === true,
    isWithoutCache: flags.commit === false,
    ...(Object.keys(notes).length === 0 ? {} : { notes }),
  }).catch(async (reason: unknown) =>
    (await import('./refusal-send.ts')).toldRefusal(flags, process.cwd(), reason),
  );
  const { recordVersions } = await import('./record-versions.ts');
  const recorded = await recordVersions(flags, outcome);
  const { describeAdded } = await import('./describe-added.ts');
  print(flags, { added: outcome.added, recorded }, () =>
    isDvc ? toTrackInGit(outcome.toStage, process.cwd()) : outcome.added.map(describeAdded),
  );
}

function refuseTogether(targets: readonly string[], flags: AddFlags): void {
  const other =
    targets.length !== 1
      ? 'multiple targets'
      : flags.glob === true
        ? '--glob option'
        : flags.commit === false
          ? '--no-commit option'
          : undefined;
  if (other !== undefined) throw usage(`${other} can't be used with --out`);
}

interface CheckOutFlags extends ScopeFlags {
  readonly relink?: boolean;
  readonly summary?: boolean;
  readonly allowMissing?: boolean;
}

async function checkout({ isDvc, print }: Dialect, targets: string[], flags: CheckOutFlags): Promise<void> {
  const { checkOut } = await import('./check-out.ts');
  const outcome = await checkOut(process.cwd(), targets, {
    isForced: flags.force === true,
    withDeps: flags.withDeps === true,
    isRecursive: flags.recursive === true,
    isRelinked: flags.relink === true,
  });
  // to dvc, what was never made could not be brought back either
  const failed = [...outcome.failed, ...(isDvc ? outcome.unrecorded : [])];
  const isFailed = failed.length > 0 && flags.allowMissing !== true;
  if (!isFailed || isDvc) {
    print(flags, outcome.changes, () =>
      flags.summary === true ? summaryOf(outcome) : changeLines(outcome, isDvc, flags.relink === true),
    );
  }
  if (!isFailed) return;
  const { checkOutFailed } = await import('./data-errors.ts');
  throw checkOutFailed(failed);
}

const letters = { modified: 'M', added: 'A', deleted: 'D' } as const;

function changeLines({ changes }: CheckOutOutcome, isDvc: boolean, isRelinked: boolean): string[] {
  const lines = (['modified', 'added', 'deleted'] as const).flatMap((kind) =>
    changes
      .filter(({ change }) => change === kind)
      .map(({ path, isFolder }) => `${letters[kind]}       ${fromHere(path)}${isFolder ? '/' : ''}`),
  );
  if (isRelinked) return [...lines, 'Relinked successfully'];
  return lines.length === 0 && !isDvc ? ['Everything is as recorded.'] : lines;
}

/** Paths come relative to the repository; people read them from where they stand. */
function fromHere(path: string): string {
  const root = findUp('.dvc');
  return root === undefined ? path : relative(process.cwd(), resolve(root, path));
}

function summaryOf({ fileCounts }: CheckOutOutcome): string {
  const parts = (['modified', 'added', 'deleted'] as const)
    .filter((kind) => fileCounts[kind] > 0)
    .map((kind) => `${fileCounts[kind]} file${fileCounts[kind] > 1 ? 's' : ''} ${kind}`);
  if (parts.length === 0) return 'No changes.';
  return parts.length === 1 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}

async function commit(
  { isDvc, print }: Dialect,
  targets: string[],
  flags: ScopeFlags,
  settleStage: SettleStage,
): Promise<void> {
  const { commitData } = await import('./commit-data.ts');
  const done = await commitData(process.cwd(), targets, {
    isForced: flags.force === true,
    withDeps: flags.withDeps === true,
    isRecursive: flags.recursive === true,
    settleStage,
    ...(process.stdin.isTTY ? { mayRecord: confirmed } : {}),
  });
  print(flags, { committed: done }, () =>
    isDvc ? '' : done.length === 0 ? 'Nothing is versioned here.' : `Recorded: ${done.join(', ')}`,
  );
}

async function moveTo({ isDvc, print }: Dialect, from: string, to: string, flags: DvcFlags): Promise<void> {
  const { moveData } = await import('./move-data.ts');
  const moved = await moveData(process.cwd(), from, to);
  print(flags, { from: moved.from, to: moved.to, file: moved.file }, () =>
    isDvc ? toTrackInGit(moved.toStage, process.cwd()) : `${moved.from} → ${moved.to} (${moved.file})`,
  );
}

async function removeTargets(
  { isDvc, print }: Dialect,
  targets: string[],
  flags: DvcFlags & { outs?: boolean },
): Promise<void> {
  const { removeData } = await import('./remove-data.ts');
  const removed = await removeData(process.cwd(), targets, flags.outs === true);
  print(flags, { removed }, () =>
    isDvc
      ? ''
      : `No longer versioned: ${removed.join(', ')}. ${undoHint(removed)}`,
  );
}

/** Files of git tell the way back; a stage lies in its dvc.yaml and dvc.lock. */
function undoHint(removed: readonly string[]): string {
  const files = removed.flatMap((one) => (one.endsWith('.dvc') ? [one] : ['dvc.yaml', 'dvc.lock']));
  return `To undo it, where it was committed: git checkout -- ${[...new Set(files)].join(' ')}`;
}

async function unprotect({ isDvc, print }: Dialect, targets: string[], flags: DvcFlags): Promise<void> {
  const { unprotectData } = await import('./unprotect-data.ts');
  const fileCount = await unprotectData(process.cwd(), targets);
  print(flags, { fileCount }, () =>
    isDvc ? '' : `${fileCount} ${fileCount === 1 ? 'file has' : 'files have'} bytes of their own now.`,
  );
}
