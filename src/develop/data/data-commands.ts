import type { Command } from 'commander';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import { note, print, table } from '../../platform/terminal.ts';
import { dvcDialect, tilthDialect } from '../remotes/dialect.ts';
import { dvcGroup } from '../dvc-files/dvc-dialect.ts';
import type { SettleStage } from './commit-data.ts';
import type { Dataset } from './data-api.ts';
import { addDataReadVerbs } from './data-read-verbs.ts';
import { addDataStoreVerbs, listRepository, withListFlags, type ListFlags } from './data-store-verbs.ts';
import { addDataVerbs } from './data-verbs.ts';

/** @param settleStage what `commit` does with stages; it lives with the pipelines */
export function addDataCommands(program: Command, settleStage: SettleStage): void {
  const data = program.command('data').description('version data and hold it to its contract (DVC files)');
  addDataVerbs(data, tilthDialect, settleStage);
  addDataReadVerbs(data, tilthDialect);
  addDataStoreVerbs(data, tilthDialect);
  withCommonFlags(
    data.command('status').description('compare the working tree with what is recorded'),
  ).action(status);
  withListFlags(
    withCommonFlags(
      data
        .command('list [url] [path]')
        .description('datasets declared here and on the server; with a URL what a repository holds'),
    ),
  ).action((url: string | undefined, path: string | undefined, flags: ListFlags) =>
    url === undefined ? listDatasets(flags) : listRepository(tilthDialect, url, path, flags),
  );
}

/** The verbs of dvc that touch data; pipelines and remotes add theirs to the same group. */
export function addDvcDataCommands(program: Command, settleStage: SettleStage): void {
  const dvc = dvcGroup(program);
  addDataVerbs(dvc, dvcDialect, settleStage);
  addDataReadVerbs(dvc, dvcDialect);
  addDataStoreVerbs(dvc, dvcDialect);
}

async function status(flags: CommonFlags): Promise<void> {
  const { versionedPaths } = await import('./versioned-paths.ts');
  const paths = await versionedPaths(process.cwd());
  print(flags, paths, (all) =>
    all.length === 0
      ? 'Nothing is versioned yet. Begin with: tilth data add PATH'
      : table(
          ['path', 'state', 'md5', 'dataset', 'made by'],
          all.map((one) => [one.path, one.state, one.md5 ?? '', one.dataset ?? '', one.stage ?? '']),
        ),
  );
}

async function listDatasets(flags: CommonFlags): Promise<void> {
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
