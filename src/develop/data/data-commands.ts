import type { Command } from 'commander';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { note, print, table } from '../../platform/terminal.ts';
import { initRepository } from '../dvc-files/repository.ts';
import type { Dataset } from './data-api.ts';
import type { AddOutcome, Added } from './data.ts';

export const addDataCommands: AddCommands = (program) => {
  const data = program.command('data').description('version data and hold it to its contract (DVC files)');

  withCommonFlags(data.command('init').description('make this folder a DVC repository')).action(init);
  withCommonFlags(data.command('add <paths...>').description('put files or folders under version control')).action(add);
  withCommonFlags(data.command('status').description('compare the working tree with what is recorded')).action(status);
  withCommonFlags(data.command('checkout [paths...]').description('bring back what is recorded'))
    .option('-f, --force', 'give up changes that are stored nowhere else')
    .action(checkout);
  withCommonFlags(data.command('list').description('datasets: declared here, and versions on the server')).action(list);
};

/** The verbs of dvc that touch data; pipelines add theirs to the same group. */
export const addDvcDataCommands: AddCommands = (program) => {
  const dvc = program.commands.find((one) => one.name() === 'dvc') ?? program.command('dvc').description("dvc's own verbs");
  const quiet = (command: Command): Command => withCommonFlags(command).option('-q, --quiet').option('-v, --verbose');
  quiet(dvc.command('init')).option('-f, --force').option('--no-scm').action(init);
  quiet(dvc.command('add <targets...>')).action(add);
  quiet(dvc.command('checkout [targets...]')).option('-f, --force').option('-R, --recursive').action(checkout);
};

function init(flags: CommonFlags & { scm?: boolean }): void {
  const { root } = initRepository(process.cwd(), flags.scm !== false);
  print(flags, { root }, () => `${root} keeps its data versions now. Add some with: tilth data add PATH`);
}

async function add(paths: string[], flags: CommonFlags): Promise<void> {
  const { addPaths } = await import('./data.ts');
  const outcome = await addPaths(process.cwd(), paths);
  const recorded = await record(flags, outcome);
  print(flags, { added: outcome.added, recorded }, () => outcome.added.map(describeAdded));
}

function describeAdded(one: Added): string {
  const extent = one.nfiles === undefined ? `${one.size} bytes` : `${one.nfiles} files, ${one.size} bytes`;
  const kept = { passed: one.isRemembered ? ', contract kept (checked before)' : ', contract kept', broken: '', none: '' };
  return `${one.path}  ${one.md5}  ${extent}${kept[one.contractState]}`;
}

/** Tells the server of new dataset versions; a server that is away is no reason to fail. */
async function record(flags: CommonFlags, outcome: AddOutcome): Promise<string[]> {
  const recorded: string[] = [];
  for (const { dataset, version } of outcome.versions) {
    try {
      await call(flags, 'POST', `/api/v1/datasets/${encodeURIComponent(dataset)}/versions`, version);
      recorded.push(dataset);
      const { sendProfile } = await import('./profile-send.ts');
      await sendProfile(flags, process.cwd(), dataset, version.md5);
    } catch (reason) {
      const isAway = reason instanceof TilthError && reason.code === 'SERVER_NOT_REACHABLE';
      note(
        isAway
          ? `The server does not know of this version of ${dataset} yet (none answers); add it again when one runs.`
          : `The server did not take this version of ${dataset}: ${messageOf(reason)}`,
      );
    }
  }
  return recorded;
}

async function status(flags: CommonFlags): Promise<void> {
  const { dataStatus } = await import('./data.ts');
  const paths = await dataStatus(process.cwd());
  print(flags, paths, (all) =>
    all.length === 0
      ? 'Nothing is versioned yet. Begin with: tilth data add PATH'
      : table(
          ['path', 'state', 'md5', 'dataset', 'made by'],
          all.map((one) => [one.path, one.state, one.md5 ?? '', one.dataset ?? '', one.stage ?? '']),
        ),
  );
}

async function checkout(paths: string[], flags: CommonFlags & { force?: boolean }): Promise<void> {
  const { checkOut } = await import('./data.ts');
  const changed = await checkOut(process.cwd(), paths, flags.force === true);
  print(flags, changed, (all) =>
    all.length === 0 ? 'Everything is as recorded.' : all.map((one) => `${one.change === 'added' ? 'A' : 'M'}  ${one.path}`),
  );
}

async function list(flags: CommonFlags): Promise<void> {
  const { declaredDatasets } = await import('../contracts/declared-datasets.ts');
  const declared = await declaredDatasets(process.cwd());
  const known = await call<Dataset[]>(flags, 'GET', '/api/v1/datasets').catch((reason: unknown) => {
    if (reason instanceof TilthError && reason.code === 'SERVER_NOT_REACHABLE' && declared.length > 0) {
      note('No server answers: only what this project declares is listed.');
      return [];
    }
    throw reason;
  });
  const names = [...new Set([...declared.map(({ name }) => name), ...known.map(({ name }) => name)])];
  const rows = names.map((name) => {
    const here = declared.find((one) => one.name === name);
    const there = known.find((one) => one.name === name);
    return {
      name,
      path: here?.path ?? there?.path ?? null,
      owner: here?.owner ?? there?.owner ?? null,
      classification: here?.classification ?? there?.classification ?? null,
      isDeclaredHere: here !== undefined,
      versionCount: there?.versionCount ?? 0,
      latest: there?.latest ?? null,
    };
  });
  print(flags, rows, (all) =>
    all.length === 0
      ? 'No dataset yet: declare one under "datasets" in tilth.yaml.'
      : table(
          ['dataset', 'path', 'owner', 'class', 'versions', 'latest', 'contract'],
          all.map((one) => [
            one.name,
            one.path ?? '',
            one.owner ?? '',
            one.classification ?? '',
            String(one.versionCount),
            one.latest?.md5.slice(0, 12) ?? '',
            one.latest?.contractState ?? '',
          ]),
        ),
  );
}
