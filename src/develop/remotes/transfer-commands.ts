import type { Command } from 'commander';
import { note } from '../../platform/terminal.ts';
import type { DvcFlags } from '../dvc-files/dvc-dialect.ts';
import type { Dialect } from './dialect.ts';
import type { FetchOptions, MissingObject } from './transfer.ts';

interface TransferFlags extends DvcFlags {
  readonly remote?: string;
  readonly jobs?: string;
  readonly allBranches?: boolean;
  readonly allTags?: boolean;
  readonly allCommits?: boolean;
  readonly withDeps?: boolean;
  readonly recursive?: boolean;
  readonly runCache?: boolean;
  readonly glob?: boolean;
  readonly force?: boolean;
  readonly allowMissing?: boolean;
  readonly maxSize?: string;
  readonly type?: string[];
}

/** What ends a pull; it lives above the remotes and is handed in. */
export type CheckOut = (
  folder: string,
  targets: readonly string[],
  options: { readonly isForced: boolean; readonly withDeps: boolean; readonly isRecursive: boolean },
) => Promise<{
  readonly changes: readonly {
    readonly path: string;
    readonly isFolder: boolean;
    readonly change: 'added' | 'modified' | 'deleted';
  }[];
  /** paths that could not be brought back */
  readonly failed: readonly string[];
  /** paths of which no content is recorded yet */
  readonly unrecorded: readonly string[];
  readonly fileCounts: Readonly<Record<'added' | 'modified' | 'deleted', number>>;
}>;

/** `push`, `fetch` and `pull`. */
export function addTransferVerbs(group: Command, dialect: Dialect, checkOut: CheckOut): void {
  const { verb, run } = dialect;
  const both = (command: Command): Command =>
    command
      .option('-r, --remote <name>', 'another remote than the default one')
      .option('-j, --jobs <number>', 'how many files at once')
      .option('-a, --all-branches', 'also what the tips of all branches record')
      .option('-T, --all-tags', 'also what all tags record')
      .option('-A, --all-commits', 'also what every commit records')
      .option('-d, --with-deps', 'also what the targets are made from')
      .option('-R, --recursive', 'all that is recorded below the given folders')
      .option('--run-cache', 'also what runs of stages left behind')
      .option('--no-run-cache', 'not what runs of stages left behind')
      .option('--glob', 'targets may hold * and ?');
  both(verb(group, 'push [targets...]', 'send data to a remote')).action(
    run((targets: string[], flags: TransferFlags) => push(dialect, targets, flags), 1),
  );
  both(verb(group, 'fetch [targets...]', 'bring data from a remote into the cache'))
    .option('--max-size <bytes>', 'nothing larger')
    .option('--type <kind...>', 'only metrics, or plots')
    .action(run((targets: string[], flags: TransferFlags) => fetch(dialect, targets, flags), 1));
  both(verb(group, 'pull [targets...]', 'bring data from a remote into the working tree'))
    .option('-f, --force', 'give up changes that are stored nowhere else')
    .option('--allow-missing', 'go on where a remote lacks something')
    .action(run((targets: string[], flags: TransferFlags) => pull(dialect, targets, flags, checkOut), 1));
}

async function push({ print }: Dialect, targets: string[], flags: TransferFlags): Promise<void> {
  const { push: send } = await import('./push.ts');
  const { repository, options, end } = await begin(targets, flags);
  const pushed = await send(repository, options).finally(end);
  tellMissing(pushed.missing);
  print(flags, { pushed: pushed.sentCount, missing: pushed.missing }, () =>
    summary({ pushed: pushed.sentCount }),
  );
}

async function fetch({ print }: Dialect, targets: string[], flags: TransferFlags): Promise<void> {
  const fetched = await bring(targets, flags);
  print(flags, { fetched: fetched.broughtCount, missing: fetched.missing }, () =>
    summary({ fetched: fetched.broughtCount }),
  );
  await failWhenMissing(fetched.missing, 'fetch');
}

async function pull(
  { isDvc, print }: Dialect,
  targets: string[],
  flags: TransferFlags,
  checkOut: CheckOut,
): Promise<void> {
  const fetched = await bring(targets, flags);
  const done = await checkOut(process.cwd(), targets, {
    isForced: flags.force === true,
    withDeps: flags.withDeps === true,
    isRecursive: flags.recursive === true,
  });
  print(flags, { fetched: fetched.broughtCount, ...done }, ({ changes, fileCounts }) => [
    ...changes.map(({ path, isFolder, change }) => `${letters[change]}       ${path}${isFolder ? '/' : ''}`),
    summary({
      fetched: fetched.broughtCount,
      modified: fileCounts.modified,
      added: fileCounts.added,
      deleted: fileCounts.deleted,
    }),
  ]);
  if (flags.allowMissing === true) {
    tellMissing(fetched.missing);
    return;
  }
  await failWhenMissing(fetched.missing, 'pull');
  const failed = [...done.failed, ...(isDvc ? done.unrecorded : [])];
  if (failed.length > 0) throw (await import('./remote-errors.ts')).notPulled(failed);
}

const letters = { added: 'A', modified: 'M', deleted: 'D' } as const;

async function bring(targets: string[], flags: TransferFlags) {
  const { fetch: receive } = await import('./fetch.ts');
  const { repository, options, end } = await begin(targets, flags);
  return receive(repository, options).finally(end);
}

/** `5 files fetched and 4 files added`, as dvc says it. */
function summary(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).flatMap(([what, count]) =>
    count === 0 ? [] : [`${count} file${count === 1 ? '' : 's'} ${what}`],
  );
  if (parts.length === 0) return 'Everything is up to date.';
  return parts.length === 1 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

const mostNamed = 10;

function tellMissing(missing: readonly MissingObject[]): void {
  if (missing.length === 0) return;
  note(
    `${missing.length} ${missing.length === 1 ? 'file is' : 'files are'} recorded, but neither in the cache nor at the remote:`,
  );
  for (const { path, md5 } of missing.slice(0, mostNamed)) note(`  ${path} (md5 ${md5})`);
  if (missing.length > mostNamed) note(`  and ${missing.length - mostNamed} more`);
}

async function failWhenMissing(missing: readonly MissingObject[], verb: string): Promise<void> {
  if (missing.length === 0) return;
  tellMissing(missing);
  const { missingAtRemote } = await import('./remote-errors.ts');
  throw missingAtRemote(missing, verb);
}

async function begin(targets: string[], flags: TransferFlags) {
  const [{ openRepository }, { terminalProgress }, { expandTargets }] = await Promise.all([
    import('../dvc-files/repository.ts'),
    import('../dvc-files/progress.ts'),
    import('./used.ts'),
  ]);
  const folder = process.cwd();
  const repository = openRepository(folder);
  const progress = terminalProgress();
  const end = (): void => progress.end();
  const options: FetchOptions = {
    targets: flags.glob === true ? expandTargets(targets, folder) : targets,
    folder,
    remote: flags.remote,
    jobs: flags.jobs === undefined ? undefined : Math.max(1, Number(flags.jobs) || 1),
    allBranches: flags.allBranches === true,
    allTags: flags.allTags === true,
    allCommits: flags.allCommits === true,
    withDeps: flags.withDeps === true,
    isRecursive: flags.recursive === true,
    runCache: flags.runCache === true,
    onUnversioned: (out, stage) =>
      note(
        `WARNING: Output '${out}'(stage: '${stage}') is missing version info. Cache for it will not be collected. ` +
          'Use `dvc repro` to get your pipeline up to date.',
      ),
    onProgress: flags.quiet === true ? undefined : progress.onProgress,
    ...(flags.maxSize === undefined ? {} : { mostBytes: Number(flags.maxSize) }),
    ...(flags.type === undefined
      ? {}
      : { kinds: flags.type.map((type) => (type === 'metrics' ? 'metric' : 'plot')) }),
  };
  return { repository, options, end };
}
