import { relative } from 'node:path';
import type { Command } from 'commander';
import { toTrackInGit, type DvcFlags } from '../dvc-files/dvc-dialect.ts';
import type { Dialect } from './dialect.ts';
import type { GetOptions } from './get-data.ts';
import type { Imported, ImportOptions } from './import-data.ts';

interface ImportFlags extends DvcFlags {
  readonly out?: string;
  readonly rev?: string;
  readonly force?: boolean;
  readonly exec?: boolean;
  readonly download?: boolean;
  readonly jobs?: string;
  readonly config?: string;
  readonly remote?: string;
  readonly fsConfig?: string[];
  readonly recursive?: boolean;
  readonly showUrl?: boolean;
}

/** `import`, `import-url`, `update`, `get` and `get-url`. */
export function addImportVerbs(group: Command, dialect: Dialect): void {
  const { verb, run } = dialect;
  const withJobs = (command: Command): Command =>
    command.option('-j, --jobs <number>', 'how many files at once');
  const making = (command: Command): Command =>
    withJobs(command)
      .option('-f, --force', 'in place of what is there')
      .option('--no-exec', 'only write the .dvc file')
      .option('--no-download', 'write what there is, without bringing it');
  making(
    verb(
      group,
      'import <url> <path>',
      'take data over from another repository, and remember from which commit',
    ),
  )
    .option('-o, --out <path>', 'where to put it')
    .option('--rev <commit>', 'a branch, a tag or a commit of the other repository')
    .option('--config <path>', 'settings to use with the other repository')
    .option('--remote <name>', 'another remote of the other repository than its default one')
    .action(run((url: string, path: string, flags: ImportFlags) => importRepo(dialect, url, path, flags), 1));
  making(verb(group, 'import-url <url> [out]', 'take data over from an address, and remember it'))
    .option('--fs-config <name=value...>', 'how to get there: options of a remote')
    .action(
      run(
        (url: string, out: string | undefined, flags: ImportFlags) => importUrl(dialect, url, out, flags),
        1,
      ),
    );
  withJobs(
    verb(group, 'update <targets...>', 'look whether imported data changed where it came from, and bring it'),
  )
    .option('--rev <commit>', 'a branch, a tag or a commit of the other repository')
    .option('-R, --recursive', 'all that was imported below the given folders')
    .option('--no-download', 'only write down what there is')
    .action(run((targets: string[], flags: ImportFlags) => update(dialect, targets, flags), 1));
  withJobs(verb(group, 'get <url> <path>', 'bring data from another repository, without remembering it'))
    .option('-o, --out <path>', 'where to put it')
    .option('-f, --force', 'in place of what is there')
    .option('--rev <commit>', 'a branch, a tag or a commit of the other repository')
    .option('--remote <name>', 'another remote of the other repository than its default one')
    .option('--show-url', 'only say where it is kept')
    .action(run((url: string, path: string, flags: ImportFlags) => get(dialect, url, path, flags), 1));
  withJobs(verb(group, 'get-url <url> [out]', 'bring data from an address, without remembering it'))
    .option('-f, --force', 'in place of what is there')
    .option('--fs-config <name=value...>', 'how to get there: options of a remote')
    .action(
      run((url: string, out: string | undefined, flags: ImportFlags) => getUrl(dialect, url, out, flags), 1),
    );
}

async function importRepo(dialect: Dialect, url: string, path: string, flags: ImportFlags): Promise<void> {
  const { importFromRepository } = await import('./import-data.ts');
  const { rev, remote, config } = flags;
  const done = await withProgress(flags, (options) =>
    importFromRepository(process.cwd(), { url, path, rev, remote, config, ...options, ...effortOf(flags) }),
  );
  tell(dialect, flags, done);
}

async function importUrl(
  dialect: Dialect,
  url: string,
  out: string | undefined,
  flags: ImportFlags,
): Promise<void> {
  const { importFromUrl } = await import('./import-data.ts');
  const done = await withProgress({ ...flags, ...(out === undefined ? {} : { out }) }, (options) =>
    importFromUrl(process.cwd(), { url, fsConfig: pairsOf(flags), ...options, ...effortOf(flags) }),
  );
  tell(dialect, flags, done);
}

const effortOf = ({ exec, download }: ImportFlags): Pick<ImportOptions, 'effort'> => ({
  effort: exec === false ? 'no-exec' : download === false ? 'no-download' : 'whole',
});

function tell({ isDvc, print }: Dialect, flags: ImportFlags, done: Imported): void {
  const place = relative(process.cwd(), done.path);
  const isBrought = flags.exec !== false;
  print(flags, done, () => {
    const first = isBrought ? [`Importing '${done.source}' -> '${place}'`] : [];
    return isDvc
      ? [...first, ...toTrackInGit(done.toStage, process.cwd())]
      : [`${place} comes from ${done.source} now.`, ...keepHint(done)];
  });
}

const keepHint = ({ toStage }: Pick<Imported, 'toStage'>): string[] =>
  toStage.length === 0
    ? []
    : [`Keep that in git: git add ${toStage.map((file) => relative(process.cwd(), file)).join(' ')}`];

async function update({ isDvc, print }: Dialect, targets: string[], flags: ImportFlags): Promise<void> {
  const { updateImports } = await import('./update-imports.ts');
  const done = await withProgress(flags, (options) =>
    updateImports(process.cwd(), targets, {
      ...options,
      rev: flags.rev,
      isRecursive: flags.recursive === true,
      isWithoutData: flags.download === false,
    }),
  );
  print(flags, done, (all) =>
    all.flatMap((one) => {
      const [file, place] = [relative(process.cwd(), one.file), relative(process.cwd(), one.path)];
      if (isDvc)
        return [
          one.isChanged ? `Importing '${one.source}' -> '${place}'` : `'${file}' didn't change, skipping`,
        ];
      return one.isChanged
        ? [`${place} is as in ${one.source} again.`, ...keepHint(one)]
        : [`${place} has not changed in ${one.source}.`];
    }),
  );
}

async function get({ isDvc, print }: Dialect, url: string, path: string, flags: ImportFlags): Promise<void> {
  const { addressOf, getFromRepository } = await import('./get-data.ts');
  const { rev, remote } = flags;
  if (flags.showUrl === true) {
    const address = await addressOf(process.cwd(), { url, path, rev, remote });
    print(flags, { url: address }, () => address);
    return;
  }
  const got = await withProgress(flags, (options) =>
    getFromRepository(process.cwd(), { url, path, rev, remote }, options),
  );
  print(flags, got, () => (isDvc ? [] : `${relative(process.cwd(), got.path)} is here.`));
}

async function getUrl(
  { isDvc, print }: Dialect,
  url: string,
  out: string | undefined,
  flags: ImportFlags,
): Promise<void> {
  const { getFromUrl } = await import('./get-data.ts');
  const got = await withProgress({ ...flags, ...(out === undefined ? {} : { out }) }, (options) =>
    getFromUrl(process.cwd(), url, pairsOf(flags), options),
  );
  print(flags, got, () => (isDvc ? [] : `${relative(process.cwd(), got.path)} is here.`));
}

/** `--fs-config endpointurl=http://…` */
const pairsOf = ({ fsConfig = [] }: ImportFlags): ReadonlyMap<string, string> =>
  new Map(
    fsConfig.map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return at === -1 ? [pair.toLowerCase(), ''] : [pair.slice(0, at).toLowerCase(), pair.slice(at + 1)];
    }),
  );

async function withProgress<T>(flags: ImportFlags, work: (options: GetOptions) => Promise<T>): Promise<T> {
  const { terminalProgress } = await import('../dvc-files/progress.ts');
  const progress = terminalProgress();
  try {
    return await work({
      out: flags.out,
      isForced: flags.force === true,
      jobs: flags.jobs === undefined ? undefined : Math.max(1, Number(flags.jobs) || 1),
      onProgress: flags.quiet === true ? undefined : progress.onProgress,
    });
  } finally {
    progress.end();
  }
}
