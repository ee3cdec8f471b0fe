import type { Command } from 'commander';
import { version } from '../../platform/package-root.ts';
import { confirmed, note, usage } from '../../platform/terminal.ts';
import type { DvcFlags } from '../dvc-files/dvc-dialect.ts';
import type { Dialect } from '../remotes/dialect.ts';
import type { Garbage } from './collect-garbage.ts';
import type { ListedEntry } from './list-repository.ts';

export interface ListFlags extends DvcFlags {
  readonly recursive?: boolean;
  readonly level?: string;
  readonly dvcOnly?: boolean;
  readonly rev?: string;
  readonly size?: boolean;
  readonly showHash?: boolean;
  readonly tree?: boolean;
}

interface GarbageFlags extends DvcFlags {
  readonly workspace?: boolean;
  readonly allBranches?: boolean;
  readonly allTags?: boolean;
  readonly allCommits?: boolean;
  readonly allExperiments?: boolean;
  readonly rev?: string;
  readonly num?: string;
  readonly date?: string;
  readonly notInRemote?: boolean;
  readonly cloud?: boolean;
  readonly remote?: string;
  readonly projects?: string[];
  readonly skipFailed?: boolean;
  readonly dry?: boolean;
  readonly force?: boolean;
}

/** The verbs about what the cache and whole repositories hold. */
export function addDataStoreVerbs(group: Command, dialect: Dialect): void {
  const { isDvc, verb, run } = dialect;
  verb(group, 'gc', 'remove objects from the cache that nothing needs')
    .option('-w, --workspace', 'keep what the workspace needs')
    .option('--rev <commit>', 'keep what a revision needs')
    .option('-n, --num <num>', 'how many commits back from --rev or from each branch')
    .option('-a, --all-branches', 'keep what the tips of all branches need')
    .option('-T, --all-tags', 'keep what all tags need')
    .option('-A, --all-commits', 'keep what every commit needs')
    .option('--date <date>', 'keep what commits since YYYY-MM-DD need')
    .option('--all-experiments', 'keep what all experiments need')
    .option('--not-in-remote', 'keep only what the remote lacks')
    .option('-c, --cloud', 'also at the remote')
    .option('-r, --remote <name>', 'another remote than the default one')
    .option('-j, --jobs <number>', 'how many files at once')
    .option('-p, --projects <paths...>', 'keep what these repositories need too')
    .option('--skip-failed', 'leave out revisions that cannot be read')
    .option('--dry', 'only tell what would be removed')
    .option('-f, --force', 'do not ask')
    .action(run((flags: GarbageFlags) => gc(dialect, flags)));
  if (!isDvc) return;
  withListFlags(verb(group, 'list <url> [path]', 'what a repository holds, data and all'))
    .alias('ls')
    .action(
      run(
        (url: string, path: string | undefined, flags: ListFlags) =>
          listRepository(dialect, url, path, flags),
        1,
      ),
    );
  verb(group, 'version', 'which tilth this is')
    .alias('doctor')
    .action(run((flags: DvcFlags) => describeVersion(dialect, flags)));
}

export const withListFlags = (command: Command): Command =>
  command
    .option('-R, --recursive', 'folders too')
    .option('-L, --level <depth>', 'how deep')
    .option('-T, --tree', 'as a tree')
    .option('--dvc-only', 'only data, not what git keeps')
    .option('--rev <commit>', 'as it was in a revision')
    .option('--size', 'with sizes')
    .option('--show-hash', 'with hashes');

async function gc({ isDvc, print }: Dialect, flags: GarbageFlags): Promise<void> {
  if (flags.notInRemote === true && flags.cloud === true)
    throw usage('`--not-in-remote` and `--cloud` are mutually exclusive');
  const isAsked = flags.force !== true && flags.dry !== true;
  if (!isAsked && flags.remote !== undefined && flags.cloud !== true && flags.notInRemote !== true)
    throw usage('`--remote` requires `--cloud` or `--not-in-remote`');
  const { inWorkspace } = await import('./in-workspace.ts');
  const { findGarbage, removeGarbage } = await import('./collect-garbage.ts');
  const remote = flags.cloud === true || flags.notInRemote === true ? (flags.remote ?? '') : undefined;
  await inWorkspace(process.cwd(), flags.dry !== true, async (workspace) => {
    const garbage = await findGarbage(workspace, {
      ...flags,
      num: flags.num === undefined ? undefined : Number(flags.num),
      mayLoseFolders: flags.force === true || flags.dry === true,
      remote,
      isOnlyNotInRemote: flags.notInRemote === true,
    });
    note(`This will remove all cache except items used in ${garbage.scope}.`);
    if (
      flags.dry !== true &&
      flags.force !== true &&
      !(
        process.stdin.isTTY &&
        (await confirmed(`${describeGarbage(garbage)} Are you sure you want to proceed?`))
      )
    ) {
      process.exitCode = 1;
      note('Nothing was removed. Say yes when asked, or --force.');
      return;
    }
    if (flags.dry !== true) await removeGarbage(workspace.repository, garbage, remote);
    const told = {
      removed: flags.dry !== true,
      objectCount: garbage.objects.length,
      size: garbage.size,
      remoteObjectCount: garbage.remoteKeys.length,
      objects: garbage.objects,
    };
    print(flags, told, () =>
      isDvc
        ? dvcGarbageLines(garbage)
        : [`${flags.dry === true ? 'To remove: ' : 'Removed: '}${describeGarbage(garbage)}`],
    );
  });
}

const describeGarbage = ({ objects, size, remoteKeys, remote }: Garbage): string =>
  `${objects.length} objects of ${humanSize(size) || '0'}B in the cache${remote === undefined ? '' : ` and ${remoteKeys.length} at ${remote}`}.`;

function dvcGarbageLines({ objects, remoteKeys, remote }: Garbage): string[] {
  const local =
    objects.length === 0
      ? "No unused 'repo' cache to remove."
      : `Removed ${objects.length} objects from repo cache.`;
  if (remote === undefined) return [local];
  return [
    local,
    remoteKeys.length === 0
      ? 'No unused cache to remove from remote.'
      : `Removed ${remoteKeys.length} objects from remote.`,
  ];
}

/** As dvc: three digits and a letter from 1024 on. */
function humanSize(size: number): string {
  let value = size;
  if (value < 1024) return String(value);
  for (const unit of ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z']) {
    if (value < 999.5) {
      if (value < 99.95) return value < 9.995 ? `${value.toFixed(2)}${unit}` : `${value.toFixed(1)}${unit}`;
      return `${value.toFixed(0)}${unit}`;
    }
    value /= 1024;
  }
  return `${value.toFixed(1)}Y`;
}

/** What a repository holds, printed. */
export async function listRepository(
  { print }: Dialect,
  url: string,
  path: string | undefined,
  flags: ListFlags,
): Promise<void> {
  if (flags.tree === true && flags.json === true)
    throw usage('Cannot use --tree and --json options together.');
  const { listRepository: list } = await import('./list-repository.ts');
  const entries = list(url, {
    path,
    rev: flags.rev,
    isRecursive: flags.recursive === true || flags.tree === true,
    isOnlyData: flags.dvcOnly === true,
    level: flags.level === undefined ? undefined : Number(flags.level),
  });
  print(flags, entries, () => entries.map((entry) => listedLine(entry, entries, flags)));
}

function listedLine(entry: ListedEntry, all: readonly ListedEntry[], flags: ListFlags): string {
  const sizeText = ({ size, isdir }: ListedEntry): string =>
    size === null || (size <= 0 && isdir) ? '' : humanSize(size);
  const width = Math.max(...all.map((one) => sizeText(one).length));
  return [
    ...(flags.size === true ? [sizeText(entry).padStart(width)] : []),
    ...(flags.showHash === true ? [(entry.md5 ?? '').padEnd(36)] : []),
    entry.path,
  ].join('  ');
}

function describeVersion({ print }: Dialect, flags: DvcFlags): void {
  const told = {
    tilth: version,
    format: 'DVC 3',
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
  };
  print(flags, told, () => [
    `tilth version: ${told.tilth} (reads and writes the files of ${told.format})`,
    `Platform: Node ${told.node} on ${told.platform}`,
  ]);
}
