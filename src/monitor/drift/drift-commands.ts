import { InvalidArgumentError, Option, type Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { note, print, table } from '../../platform/terminal.ts';
import type { DriftReport } from './drift-files.ts';
import type { DriftMethod } from './methods.ts';

interface DriftFlags extends CommonFlags {
  readonly compat?: 'evidently';
  readonly method: readonly string[];
  readonly decide: readonly string[];
  readonly column: readonly string[];
  readonly importance?: string;
  readonly driftShare?: number;
  readonly multivariate?: boolean;
  readonly html?: string;
  readonly check?: boolean;
}

const gather = (value: string, before: readonly string[]): string[] => [...before, value];

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('A number above 0 and up to 1.');
  return value;
}

/** `tilth monitor drift`: two files and nothing else. */
export function addDriftCommand(monitor: Command): void {
  withCommonFlags(
    monitor
      .command('drift <reference> <current>')
      .description('compare two Parquet or CSV files column by column'),
  )
    .addOption(new Option('--compat <peer>', 'decide as this tool does').choices(['evidently']))
    .option('--method <name>', 'tell this method too, or "all"; more than once', gather, [])
    .option(
      '--decide <column=method>',
      'what decides for a column; "=method" for all; more than once',
      gather,
      [],
    )
    .option('--column <name>', 'only this column; more than once', gather, [])
    .option('--importance <file>', 'JSON object: how much each column matters to the model')
    .option('--drift-share <share>', 'the whole has drifted when so much of it has (default 0.5)', share)
    .option('--multivariate', 'also ask whether all columns together tell the files apart')
    .option('--html <file>', 'write a report that opens in any browser')
    .option('--check', 'exit with 1 when the whole has drifted')
    .action(async (reference: string, current: string, flags: DriftFlags) => {
      const [{ Analytics }, { compareFiles }, asked] = await Promise.all([
        import('../windows/analytics.ts'),
        import('./drift-files.ts'),
        readFlags(flags),
      ]);
      const { DriftPage } = await import('./drift-page.ts');
      const page = flags.html === undefined ? undefined : new DriftPage(reference, current);
      const analytics = new Analytics();
      try {
        const report = await compareFiles(analytics, reference, current, {
          ...asked,
          onProgress: (done, total) => {
            if (process.stderr.isTTY && total > 20)
              process.stderr.write(`\r${done} of ${total} columns${done === total ? '\n' : ''}`);
          },
          ...(page === undefined ? {} : { onColumn: (name, old, fresh) => page.add(name, old, fresh) }),
        });
        print(flags, report, draw);
        if (page !== undefined && flags.html !== undefined) {
          const { writeFile } = await import('node:fs/promises');
          await writeFile(flags.html, page.write(report));
          note(`The report is in ${flags.html}`);
        }
        if (flags.check === true && report.dataset.dataset_drift) process.exitCode = 1;
      } finally {
        await analytics.close();
      }
    });
}

/** @throws DRIFT_METHOD_UNKNOWN, DRIFT_WEIGHTS_UNREADABLE */
async function readFlags(flags: DriftFlags) {
  const [{ methodNames }, errors] = await Promise.all([import('./methods.ts'), import('./drift-errors.ts')]);
  const known = (name: string): DriftMethod => {
    const found = methodNames.find((each) => each === name.toLowerCase());
    if (found === undefined) throw errors.unknownMethod(name, methodNames);
    return found;
  };
  const decided = flags.decide.map((text): [string, DriftMethod] => {
    const at = text.lastIndexOf('=');
    return [at === -1 ? '' : text.slice(0, at), known(text.slice(at + 1))];
  });
  return {
    rule: flags.compat ?? ('tilth' as const),
    methods: flags.method.flatMap((name) => (name === 'all' ? methodNames : [known(name)])),
    decidedBy: decided.findLast(([column]) => column === '')?.[1],
    decidedFor: new Map(decided.filter(([column]) => column !== '')),
    columns: flags.column.length === 0 ? undefined : flags.column,
    weights: flags.importance === undefined ? undefined : await readWeights(flags.importance),
    driftShare: flags.driftShare,
    isMultivariate: flags.multivariate === true,
  };
}

async function readWeights(path: string): Promise<ReadonlyMap<string, number>> {
  const [{ readFile }, { z }, { weightsUnreadable }] = await Promise.all([
    import('node:fs/promises'),
    import('zod'),
    import('./drift-errors.ts'),
  ]);
  try {
    return new Map(
      Object.entries(z.record(z.string(), z.number().min(0)).parse(JSON.parse(await readFile(path, 'utf8')))),
    );
  } catch (cause) {
    throw weightsUnreadable(path, cause);
  }
}

function draw(report: DriftReport): string[] {
  const rows = Object.entries(report.columns).map(([name, { type, n_ref, n_cur, default: verdict }]) => [
    name,
    type,
    String(n_ref),
    String(n_cur),
    verdict?.method ?? '',
    verdict === null || verdict.score === null ? 'no values' : verdict.score.toPrecision(3),
    chance(verdict?.adjustedPvalue),
    verdict?.drifted === true ? 'drifted' : '',
  ]);
  const texts = Object.entries(report.texts).map(([name, found]) => [
    name,
    'text',
    String(found?.rows.reference ?? ''),
    String(found?.rows.current ?? ''),
    'domain classifier',
    found === null ? 'too few' : found.auc.toPrecision(3),
    chance(found?.pvalue),
    found?.drifted === true ? 'drifted' : '',
  ]);
  const {
    drifted,
    columns,
    share: driftedShare,
    drift_share: least,
    dataset_drift: hasDrifted,
  } = report.dataset;
  return [
    table(
      ['column', 'type', 'reference', 'current', 'method', 'score', 'p, adjusted', ''],
      [...rows, ...texts],
    ),
    ...(report.multivariate === undefined ? [] : ['', togetherLine(report.multivariate)]),
    ...(report.violations.length === 0
      ? []
      : ['', ...report.violations.map(({ check, column, message }) => `${check}  ${column}: ${message}`)]),
    '',
    `${drifted} of ${columns} columns drifted: ${Math.round(driftedShare * 100)} % of the weight, and ${hasDrifted ? 'the whole has drifted' : `less than the ${Math.round(least * 100)} % that would make it drift as a whole`}.`,
  ];
}

const chance = (pvalue: number | null | undefined): string =>
  typeof pvalue !== 'number' ? '' : pvalue === 0 ? '0' : pvalue.toPrecision(2);

const togetherLine = (found: DriftReport['multivariate']): string =>
  found === null || found === undefined
    ? 'All columns together: too few rows to tell.'
    : `All columns together tell the files apart with an area of ${found.auc.toFixed(3)} (0.5 is a guess)${
        found.drifted
          ? `: drifted, most by ${found.tellers
              .slice(0, 3)
              .map(({ name }) => name)
              .join(', ')}`
          : ''
      }.`;
