import pc from 'picocolors';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { confirmed, print, table, usage } from '../../platform/terminal.ts';
import { timeOf } from '../tracking/run-list-command.ts';
import type { AssessmentView, SpanView, TraceDetail, TracePage, TraceView } from './traces-api.ts';

interface ListFlags extends CommonFlags {
  readonly experiment?: string;
  readonly filter?: string;
  readonly orderBy?: string;
  readonly limit: string;
}

interface DeleteFlags extends CommonFlags {
  readonly yes?: boolean;
}

/** As many as one call answers. */
const pageSize = 500;

const grammarHelp = `
A filter compares what MLflow's filters of traces do: name, status, timestamp, execution_time, tags.KEY, metadata.KEY,
run_id, span.name, span.type, span.attributes.KEY, feedback.NAME, expectation.NAME; joined by AND, OR, NOT and
parentheses. Conditions on spans that AND joins are about the same span.

  tilth trace list --filter "status = 'ERROR' OR execution_time > 5000"
  tilth trace list --filter "span.type = 'LLM' AND span.name LIKE 'chat%'" --order-by "execution_time DESC"
`;

/** `tilth trace`: what applications did for each request. */
export const addTraceCommands: AddCommands = (program) => {
  const trace = program.command('trace').description('traces: list, show, delete what applications did for each request');

  withCommonFlags(trace.command('list').description('traces that a filter finds, newest first'))
    .option('--experiment <id or name>')
    .option('--filter <expression>', `for example "status = 'ERROR' and span.type = 'LLM'"`)
    .option('--order-by <fields>', 'for example "execution_time DESC"')
    .option('--limit <n>', 'at most this many', '50')
    .addHelpText('after', grammarHelp)
    .action(async (flags: ListFlags) => {
      const limit = Number(flags.limit);
      if (!Number.isSafeInteger(limit) || limit < 1) throw usage(`--limit ${flags.limit} is no number of traces.`);
      print(flags, await tracesUpTo(flags, limit), ({ traces, nextCursor }) => {
        if (traces.length === 0) return flags.filter === undefined ? 'No traces.' : 'No trace fits this filter.';
        return [
          table(['trace', 'name', 'state', 'at', 'took', 'tokens', 'request'], traces.map(rowOf)),
          ...(nextCursor === undefined ? [] : ['… there are more: raise --limit, or narrow with --filter']),
        ];
      });
    });

  withCommonFlags(trace.command('show <id>').description('one trace: its spans as a tree with their times, and what was said of it')).action(
    async (id: string, flags: CommonFlags) => print(flags, await traceOf(flags, id), describe),
  );

  withCommonFlags(trace.command('delete <ids...>').description('delete traces for good, with their spans and files'))
    .option('--yes', 'do it without asking')
    .action(async (named: string[], flags: DeleteFlags) => {
      const ids = [...new Set(named)];
      // one that is not there is told before anything is gone
      for (const id of ids) await traceOf(flags, id);
      const what = ids.length === 1 ? `trace ${ids[0]}` : `${ids.length} traces`;
      if (flags.yes !== true && !(await confirmed(`Delete ${what} for good?`))) throw usage('Nothing was deleted.');
      for (const id of ids) await call(flags, 'DELETE', pathOf(id));
      print(flags, { deleted: ids }, () => `Deleted ${what}.`);
    });
};

const pathOf = (id: string): string => `/api/v1/traces/${encodeURIComponent(id)}`;

const traceOf = (flags: CommonFlags, id: string): Promise<TraceDetail> => call<TraceDetail>(flags, 'GET', pathOf(id));

async function tracesUpTo(flags: ListFlags, limit: number): Promise<TracePage> {
  const traces: TraceView[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(pageSize, limit - traces.length)) });
    if (flags.experiment !== undefined) query.set('experiment', flags.experiment);
    if (flags.filter !== undefined) query.set('filter', flags.filter);
    if (flags.orderBy !== undefined) query.set('orderBy', flags.orderBy);
    if (cursor !== undefined) query.set('cursor', cursor);
    const page = await call<TracePage>(flags, 'GET', `/api/v1/traces?${query.toString()}`);
    traces.push(...page.traces);
    cursor = page.nextCursor;
  } while (cursor !== undefined && traces.length < limit);
  return cursor === undefined ? { traces } : { traces, nextCursor: cursor };
}

const rowOf = (trace: TraceView): string[] => [
  trace.id,
  trace.name ?? '–',
  stateOf(trace),
  timeOf(trace.requestedAt),
  durationOf(trace.durationMs),
  trace.tokenCount === null ? '' : String(trace.tokenCount),
  shortened(trace.requestPreview ?? '', 50),
];

function describe(trace: TraceDetail): string[] {
  const section = (title: string, rows: readonly (readonly string[])[]): string[] => (rows.length === 0 ? [] : ['', table([title, ''], rows)]);
  const facts: readonly (readonly [string, string | null])[] = [
    ['request', trace.requestPreview],
    ['response', trace.responsePreview],
    ['tokens', trace.tokenCount === null ? null : String(trace.tokenCount)],
    ['user', trace.user],
    ['session', trace.sessionId],
    ['run', trace.runId],
    ['linked runs', trace.linkedRunIds.join(' ')],
  ];
  return [
    `${trace.name ?? trace.id}  ${stateOf(trace)}  in ${trace.experimentName}, at ${timeOf(trace.requestedAt)}, took ${durationOf(trace.durationMs)}`,
    ...facts.flatMap(([title, text]) => (text === null || text === '' ? [] : [`  ${title.padEnd(11)} ${shortened(text, 100)}`])),
    ...(trace.spans.length === 0 ? ['', 'No spans.'] : ['', ...treeOf(trace.spans)]),
    ...section('said of it', trace.assessments.map((each) => [each.name, assessmentText(each)])),
    ...section('tag', Object.entries(trace.tags).filter(([key]) => !key.startsWith('mlflow.'))),
  ];
}

/** Each span below the one that called it; an error with its message on a line of its own. */
function treeOf(spans: readonly SpanView[]): string[] {
  const below = Map.groupBy(spans, (span) => span.parentId ?? '');
  const known = new Set(spans.map(({ id }) => id));
  const rows: { readonly span: SpanView; readonly start: string; readonly branch: string }[] = [];
  const seen = new Set<string>();
  const visit = (span: SpanView, start: string, branch: string): void => {
    if (seen.has(span.id)) return;
    seen.add(span.id);
    rows.push({ span, start, branch });
    const children = below.get(span.id) ?? [];
    for (const [index, child] of children.entries()) {
      const isLast = index === children.length - 1;
      visit(child, `${branch}${isLast ? '└─ ' : '├─ '}`, `${branch}${isLast ? '   ' : '│  '}`);
    }
  };
  for (const span of spans) if (span.parentId === null || !known.has(span.parentId)) visit(span, '', '');
  // spans that name each other as parents hang below nothing
  for (const span of spans) visit(span, '', '');
  const cells = rows.map(({ span, start }) => [
    `${start}${span.name}`,
    span.type.toLowerCase(),
    `+${durationOf(span.startMs)}`,
    span.durationMs === null ? 'runs' : durationOf(span.durationMs),
    span.status === 'UNSET' ? '' : span.status.toLowerCase(),
  ]);
  const [header = '', ...lines] = table(['span', 'type', 'from', 'took', 'status'], cells).split('\n');
  const errors = rows.map(({ span, branch }) => (span.statusMessage === '' ? [] : [`${branch}${pc.red('✗')} ${shortened(span.statusMessage, 100)}`]));
  return [header, ...lines.flatMap((line, index) => [line, ...(errors[index] ?? [])])];
}

function assessmentText({ value, error, rationale, sourceType, sourceId, isValid }: AssessmentView): string {
  const said = error === null ? (typeof value === 'string' ? value : JSON.stringify(value)) : `failed: ${error}`;
  const by = [sourceType.toLowerCase(), sourceId].filter((text) => text !== '').join(' ');
  return shortened([`${said} by ${by}`, ...(isValid ? [] : ['overridden']), ...(rationale === null ? [] : [rationale])].join(', '), 120);
}

const stateOf = (trace: TraceView): string => trace.state.replace('STATE_', '').replaceAll('_', ' ').toLowerCase();

const durationOf = (ms: number | null): string => (ms === null ? '' : ms < 1_000 ? `${Number(ms.toPrecision(3))} ms` : `${(ms / 1_000).toFixed(2)} s`);

/** One line of at most so many letters. */
function shortened(text: string, most: number): string {
  const letters = Array.from(text.replaceAll(/\s+/g, ' '));
  return letters.length <= most ? letters.join('') : `${letters.slice(0, most - 1).join('')}…`;
}
