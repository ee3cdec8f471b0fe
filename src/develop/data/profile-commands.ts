import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import { note, print, table } from '../../platform/terminal.ts';
import type { DataDifference } from './profile-api.ts';

interface ProfileFlags extends CommonFlags {
  readonly clear?: boolean;
}

/** `tilth data profile | compare`; they join the group that data made. */
export const addProfileCommands: AddCommands = (program) => {
  const data = program.commands.find((one) => one.name() === 'data') ?? program.command('data');
  withCommonFlags(
    data
      .command('profile <dataset>')
      .description('what a dataset or a path holds: types, nulls, ranges, frequent values'),
  )
    .option('--clear', 'also the values of classified columns; they are never sent')
    .action(profile);
  withCommonFlags(
    data
      .command('compare <dataset> [from] [to]')
      .description('what changed between two versions, and how far each column moved'),
  ).action(compare);
};

async function profile(word: string, flags: ProfileFlags): Promise<void> {
  const { localProfile } = await import('./profile-send.ts');
  const { columnRows, profileHeads } = await import('./profile-text.ts');
  const local = await localProfile(process.cwd(), word);
  if (local.dataset !== null) await send(flags, local.dataset, local.body);
  const shown = flags.clear === true ? local.profile : local.body.profile;
  print(flags, { dataset: local.dataset, ...shown }, ({ tables, others, unreadable }) => [
    ...tables.flatMap((one) => [
      `${one.name}: ${one.rowCount} rows, ${one.columns.length + (one.columnsLeftOut ?? 0)} columns, ${one.fileCount === 1 ? '1 file' : `${one.fileCount} files`}`,
      table(profileHeads, columnRows({ ...one, columnsLeftOut: one.columnsLeftOut ?? 0 })),
    ]),
    ...(others.fileCount === 0 ? [] : [`${others.fileCount} files that are no tables, ${others.size} bytes`]),
    ...unreadable.map(({ file, reason }) => `${file} can't be read: ${reason}`),
  ]);
}

/** A version that the server knows gets its profile; one that it does not, gets it when it is added. */
async function send(
  flags: CommonFlags,
  dataset: string,
  body: { readonly profile: { readonly md5: string } },
): Promise<void> {
  try {
    await call(
      flags,
      'PUT',
      `/api/v1/datasets/${encodeURIComponent(dataset)}/versions/${body.profile.md5}/profile`,
      body,
    );
  } catch (reason) {
    const isExpected =
      reason instanceof TilthError &&
      /^(SERVER_NOT_REACHABLE|DATASET_NOT_FOUND|DATASET_VERSION_NOT_FOUND)$/.test(reason.code);
    if (!isExpected) throw reason;
    note('Only shown here: the server gets it with the version, by tilth data add.');
  }
}

interface Drift {
  readonly tables: readonly {
    readonly columns: readonly {
      readonly name: string;
      readonly drifted: boolean;
      readonly method: string | null;
      readonly score: number | null;
    }[];
  }[];
}

async function compare(
  dataset: string,
  from: string | undefined,
  to: string | undefined,
  flags: CommonFlags,
): Promise<void> {
  const { differenceLines } = await import('./profile-text.ts');
  const query = new URLSearchParams({
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  const address = `/api/v1/datasets/${encodeURIComponent(dataset)}`;
  const difference = await call<DataDifference>(flags, 'GET', `${address}/difference?${query.toString()}`);
  const drift = await call<Drift>(flags, 'GET', `${address}/drift?${query.toString()}`);
  print(flags, { difference, drift }, () => {
    const moved = drift.tables.flatMap(({ columns }) => columns.filter((column) => column.drifted));
    return [
      ...differenceLines(difference),
      ...moved.map(
        ({ name, method, score }) =>
          `  column ${name} moved: ${method ?? ''} ${score === null ? '' : score.toPrecision(3)}`,
      ),
      ...(moved.length === 0 ? ['  no column moved'] : []),
    ];
  });
}
