import type { Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import { TilthError } from '../../platform/errors.ts';
import { note, print, table, usage } from '../../platform/terminal.ts';
import { runGrammar } from './run-grammar.ts';
import type { SearchProblem } from './search-errors.ts';
import { Parser } from './search-filter.ts';
import { Reader, listOf } from './search-tokens.ts';
import type { RunGroups, RunGroupsRequest, RunPage, RunView } from './tracking-api.ts';

interface ListFlags extends CommonFlags {
  readonly experiment?: string;
  readonly filter?: string;
  readonly orderBy?: string;
  readonly columns?: string;
  readonly limit: string;
  readonly csv?: boolean;
  readonly groupBy?: string;
  readonly agg?: string;
  readonly top?: string;
  readonly topBy?: string;
}

/** As many as one call answers. */
const pageSize = 1_000;

const grammarHelp = `
A filter compares fields: metrics.KEY, params.KEY, tags.KEY, dataset.name, status, run_name, start_time, …
  numbers   = != < <= > >=  BETWEEN 1 AND 2  IN (1, 2)     with + - * / abs() and number(params.KEY)
  texts     = != LIKE ILIKE IN ('a', 'b')                   % stands for any letters, _ for one
  both      IS NULL, IS NOT NULL, and NOT before IN, LIKE, BETWEEN
They are joined by NOT, AND, OR (NOT binds closest, OR loosest) and parentheses. A key with other characters than
letters, digits, _ and . is quoted: metrics.\`val loss\`. A run without the field is found by IS NULL only, not by NOT.

  tilth run list --filter "metrics.auc - metrics.auc_train > -0.05 AND (params.model = 'tree' OR tags.kept IS NOT NULL)"
  tilth run list --order-by "metrics.auc DESC" --columns run_name,metrics.auc,params.depth --csv
  tilth run list --group-by params.candidate --agg "max(metrics.auc), std(metrics.auc)" --top 2 --top-by "metrics.auc DESC"
`;

/** `tilth run list`: runs as rows, or grouped. */
export function addRunListCommand(run: Command): void {
  withCommonFlags(run.command('list').description('runs that a filter finds, or groups of them with figures'))
    .option('--experiment <id or name>')
    .option('--filter <expression>', `for example "metrics.auc > 0.7 and params.depth = '3'"`)
    .option('--order-by <fields>', 'for example "metrics.auc DESC"; of groups an aggregate')
    .option('--columns <fields>', 'what to show of each run: "run_name, metrics.auc, params.depth"')
    .option('--limit <n>', 'at most this many', '50')
    .option('--csv', 'print comma-separated values')
    .option('--group-by <fields>', 'params, tags or text attributes: "params.candidate"')
    .option('--agg <aggregates>', 'of each group: count, min, max, sum, mean, median, std: "max(metrics.auc)"')
    .option('--top <n>', 'the first runs of each group')
    .option('--top-by <fields>', 'which runs come first in a group: "metrics.auc DESC"')
    .addHelpText('after', grammarHelp)
    .action(async (_: ListFlags, command: { optsWithGlobals(): ListFlags }) => {
      const flags = command.optsWithGlobals();
      const limit = Number(flags.limit);
      if (!Number.isSafeInteger(limit) || limit < 1) throw usage(`--limit ${flags.limit} is no number of runs.`);
      if (flags.csv === true && flags.json === true) throw usage('--csv and --json exclude each other.');
      await pointingAt(flags, () => (isGrouped(flags) ? listGroups(flags, limit) : listRuns(flags, limit)));
    });
}

const isGrouped = (flags: ListFlags): boolean => flags.groupBy !== undefined || flags.agg !== undefined || flags.top !== undefined;

async function listRuns(flags: ListFlags, limit: number): Promise<void> {
  const page = await runsUpTo(flags, limit);
  if (flags.csv === true) {
    const columns = columnsOf(flags.columns) ?? everyColumn(page.runs);
    process.stdout.write(csv([columns.map((column) => column.title), ...page.runs.map((run) => columns.map((column) => column.exact(run)))]));
    return;
  }
  const columns = columnsOf(flags.columns);
  print(flags, page, ({ runs, nextCursor }) => {
    if (runs.length === 0) return flags.filter === undefined ? 'No runs. Log one with: tilth run -- python train.py' : 'No run fits this filter.';
    const shown =
      columns === undefined
        ? table(['run', 'name', 'status', 'started', 'took', 'metrics'], runs.map(rowOf))
        : table(['run', ...columns.map((column) => column.title)], runs.map((run) => [run.id, ...columns.map((column) => column.short(run))]));
    return [shown, ...(nextCursor === undefined ? [] : ['… there are more: raise --limit, or narrow with --filter'])];
  });
}

async function runsUpTo(flags: ListFlags, limit: number): Promise<RunPage> {
  const runs: RunView[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(pageSize, limit - runs.length)) });
    if (flags.experiment !== undefined) query.set('experiment', flags.experiment);
    if (flags.filter !== undefined) query.set('filter', flags.filter);
    if (flags.orderBy !== undefined) query.set('orderBy', flags.orderBy);
    if (cursor !== undefined) query.set('cursor', cursor);
    const page = await call<RunPage>(flags, 'GET', `/api/v1/runs?${query.toString()}`);
    runs.push(...page.runs);
    cursor = page.nextCursor;
  } while (cursor !== undefined && runs.length < limit);
  return cursor === undefined ? { runs } : { runs, nextCursor: cursor };
}

async function listGroups(flags: ListFlags, limit: number): Promise<void> {
  if (flags.columns !== undefined) throw usage('--columns is for runs; what is shown of groups comes from --agg.');
  const request: RunGroupsRequest = {
    groupBy: listOf(flags.groupBy ?? ''),
    aggregates: listOf(flags.agg ?? ''),
    orderBy: listOf(flags.orderBy ?? ''),
    limit: Math.min(limit, pageSize),
    ...(flags.experiment === undefined ? {} : { experiment: flags.experiment }),
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
    ...(flags.top === undefined ? {} : { top: { count: Number(flags.top), orderBy: listOf(flags.topBy ?? '') } }),
  };
  const answer = await call<RunGroups>(flags, 'POST', '/api/v1/runs/aggregate', request);
  const header = [...answer.groupBy, 'runs', ...answer.aggregates];
  if (flags.csv === true) {
    const rows = answer.groups.map((group) => [...group.keys.map((key) => key ?? ''), String(group.runCount), ...group.values.map((value) => String(value ?? ''))]);
    process.stdout.write(csv([header, ...rows]));
    return;
  }
  print(flags, answer, ({ groups, hasMore }) => {
    if (groups.length === 0) return 'No run fits this filter.';
    const rows = groups.map((group) => [...group.keys.map((key) => key ?? '–'), String(group.runCount), ...group.values.map(shortNumber)]);
    const [title = '', ...lines] = table(header, rows).split('\n');
    const withRuns = lines.flatMap((line, index) => [line, ...(groups[index]?.runs ?? []).map((each) => `  ${each.id}  ${each.name}`)]);
    return [title, ...withRuns, ...(hasMore ? ['… there are more groups: raise --limit, or narrow with --filter'] : [])];
  });
}

/** Under a filter that is none: the filter, and a mark below the part that does not fit. */
async function pointingAt(flags: ListFlags, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    const problem = thrown instanceof TilthError ? (thrown.details as Partial<SearchProblem> | undefined) : undefined;
    const source = [flags.filter, flags.orderBy, flags.groupBy, flags.agg, flags.topBy].filter((text) => text !== undefined);
    if (problem?.at !== undefined && source.length === 1 && !source[0]?.includes('\n')) {
      note(`  ${source[0]}`);
      note(`  ${' '.repeat(problem.at)}${'^'.repeat(Math.max(1, problem.length ?? 1))}`);
    }
    throw thrown;
  }
}

interface Column {
  readonly title: string;
  /** for eyes */
  readonly short: (run: RunView) => string;
  /** for programs: every digit, times in ISO 8601 */
  readonly exact: (run: RunView) => string;
}

function columnsOf(source: string | undefined): Column[] | undefined {
  return source === undefined ? undefined : listOf(source).map(columnOf);
}

function columnOf(source: string): Column {
  const reader = new Reader(source);
  const { family, key } = new Parser(reader, runGrammar).readName();
  reader.requireEnd();
  if (family === 'metric') return metricColumn(source, key);
  if (family === 'param') return textColumn(source, (run) => run.params[key]);
  if (family === 'tag') return textColumn(source, (run) => run.tags[key]);
  if (family === 'dataset') {
    const part = key as 'name' | 'digest' | 'context';
    return textColumn(source, (run) => run.datasets.map((dataset) => dataset[part] ?? '').join(' '));
  }
  const own = attributeColumns[key];
  if (own === undefined) throw usage(`${source} can't be shown.`, `Attributes that can: ${Object.keys(attributeColumns).join(', ')}`);
  return { title: source, short: own, exact: own };
}

const attributeColumns: Readonly<Record<string, (run: RunView) => string>> = {
  id: (run) => run.id,
  name: (run) => run.name,
  status: (run) => run.status,
  user_id: (run) => run.userId,
  experiment_id: (run) => run.experimentId,
  started_at: (run) => new Date(run.startedAt).toISOString(),
  ended_at: (run) => (run.endedAt === null ? '' : new Date(run.endedAt).toISOString()),
};

const textColumn = (title: string, of: (run: RunView) => string | undefined): Column => ({
  title,
  short: (run) => of(run) ?? '–',
  exact: (run) => of(run) ?? '',
});

const metricColumn = (title: string, key: string): Column => ({
  title,
  short: (run) => (run.metrics[key] === undefined ? '–' : shortNumber(run.metrics[key].value)),
  exact: (run) => (run.metrics[key] === undefined ? '' : String(run.metrics[key].value ?? 'NaN')),
});

/** All that some runs have, for a file that someone else will read. */
function everyColumn(runs: readonly RunView[]): Column[] {
  const keysOf = (of: (run: RunView) => object): string[] => [...new Set(runs.flatMap((run) => Object.keys(of(run))))].sort();
  return [
    ...['run_id', 'run_name', 'experiment_id', 'status', 'start_time', 'end_time'].map(columnOf),
    ...keysOf((run) => run.params).map((key) => textColumn(`params.${key}`, (run) => run.params[key])),
    ...keysOf((run) => run.metrics).map((key) => metricColumn(`metrics.${key}`, key)),
  ];
}

const csv = (rows: readonly (readonly string[])[]): string => rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');

const csvCell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const shortNumber = (value: number | null): string => (value === null ? '–' : String(Number(value.toPrecision(5))));

const rowOf = (run: RunView): string[] => [
  run.id,
  run.name,
  run.status.toLowerCase(),
  timeOf(run.startedAt),
  run.endedAt === null ? '' : `${((run.endedAt - run.startedAt) / 1000).toFixed(1)} s`,
  Object.entries(run.metrics)
    .slice(0, 4)
    .map(([key, { value }]) => `${key} ${value === null ? 'not finite' : Number(value.toPrecision(5))}`)
    .join('  '),
];

export const timeOf = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');
