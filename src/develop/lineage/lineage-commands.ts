import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import { print, table, usage } from '../../platform/terminal.ts';
import type { OpenLineageEvents } from './openlineage-api.ts';

/** As the server answers; its shapes lie above this folder. */
interface LiveModel {
  readonly model: string;
  readonly version: number;
  readonly endpoint: string;
  readonly variant: string;
  readonly dataVersions: readonly string[];
}

interface Provenance {
  readonly model: string;
  readonly version: number;
  readonly prediction: { readonly requestId: string } | null;
  readonly runs: readonly { readonly id: string; readonly name: string; readonly commit: string | null }[];
  readonly data: readonly {
    readonly dataset: string;
    readonly md5: string;
    readonly contractState: string | null;
    readonly owner: string | null;
  }[];
  readonly stages: readonly {
    readonly project: string;
    readonly stage: string;
    readonly commit: string | null;
  }[];
  readonly approvals: readonly {
    readonly alias: string;
    readonly state: string;
    readonly decidedBy: string | null;
  }[];
  readonly external: readonly { readonly kind: string; readonly id: string }[];
}

export const addLineageCommands: AddCommands = (program) => {
  const data = program.commands.find((one) => one.name() === 'data') ?? program.command('data');
  withCommonFlags(
    data
      .command('lineage [thing]')
      .description(
        'which live models saw a dataset (flights, flights@MD5); what a model version (late/3) or a prediction came from',
      ),
  )
    .option('--openlineage', 'what happened, as OpenLineage events, one a line')
    .action(lineage);
};

async function lineage(
  thing: string | undefined,
  flags: CommonFlags & { openlineage?: boolean },
): Promise<void> {
  if (flags.openlineage === true) return printEvents(flags);
  if (thing === undefined)
    throw usage(
      'Name a dataset, a model version or a prediction.',
      'For example: tilth data lineage flights',
    );
  if (await isDataset(flags, thing)) return printLiveModels(flags, thing);
  const found = await call<Provenance>(
    flags,
    'GET',
    `/api/v1/lineage/provenance?of=${encodeURIComponent(thing)}`,
  );
  print(flags, found, describe);
}

/** `name` or `name@md5` of a dataset that the server knows. */
async function isDataset(flags: CommonFlags, thing: string): Promise<boolean> {
  try {
    await call(flags, 'GET', `/api/v1/datasets/${encodeURIComponent(partsOf(thing).dataset)}`);
    return true;
  } catch (reason) {
    if (reason instanceof TilthError && reason.code === 'DATASET_NOT_FOUND') return false;
    throw reason;
  }
}

function partsOf(thing: string): { dataset: string; md5: string | undefined } {
  const [, dataset = thing, md5] = /^(.+)@([0-9a-f]{4,32}(?:\.dir)?)$/.exec(thing) ?? [];
  return { dataset, md5 };
}

async function printLiveModels(flags: CommonFlags, thing: string): Promise<void> {
  const { dataset, md5 } = partsOf(thing);
  const query = new URLSearchParams({ dataset, ...(md5 === undefined ? {} : { md5 }) });
  const models = await call<LiveModel[]>(flags, 'GET', `/api/v1/lineage/live-models?${query.toString()}`);
  print(flags, models, (all) =>
    all.length === 0
      ? `No model that answers now saw ${thing}.`
      : table(
          ['model', 'endpoint', 'as', 'learned from'],
          all.map((one) => [
            `${one.model}/${one.version}`,
            one.endpoint,
            one.variant,
            one.dataVersions.map((each) => each.slice(0, 12)).join(', '),
          ]),
        ),
  );
}

const describe = (found: Provenance): string[] => [
  `${found.prediction === null ? '' : `prediction ${found.prediction.requestId}, by `}${found.model}/${found.version}`,
  ...found.data.map(
    (one) =>
      `  data      ${one.dataset}@${one.md5}  contract ${one.contractState ?? 'unknown'}${one.owner === null ? '' : `, owner ${one.owner}`}`,
  ),
  ...found.stages.map((one) => `  stage     ${one.project}:${one.stage}  commit ${one.commit ?? 'unknown'}`),
  ...found.runs.map((one) => `  run       ${one.id} (${one.name})  commit ${one.commit ?? 'unknown'}`),
  ...found.approvals.map(
    (one) => `  approval  ${one.alias}: ${one.state}${one.decidedBy === null ? '' : ` by ${one.decidedBy}`}`,
  ),
  ...found.external.map((one) => `  elsewhere ${one.kind} ${one.id}`),
];

/** All pages, one event a line, so that a pipe can begin with the first. */
async function printEvents(flags: CommonFlags): Promise<void> {
  const all: unknown[] = [];
  let after = '';
  for (;;) {
    const query = new URLSearchParams({ limit: '1000', ...(after === '' ? {} : { after }) });
    const page = await call<OpenLineageEvents>(flags, 'GET', `/api/v1/lineage/events?${query.toString()}`);
    if (flags.json === true) all.push(...page.events);
    else for (const event of page.events) process.stdout.write(`${JSON.stringify(event)}\n`);
    if (page.next === null) break;
    after = page.next;
  }
  if (flags.json === true) print(flags, all, () => '');
}
