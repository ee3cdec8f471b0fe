import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { TraceView } from '../../../src/develop/traces/traces-api.ts';
import { segment, withParams } from '../platform/api.ts';
import { count, many } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Failure } from '../parts/answer.tsx';
import { Badge, Empty, FilterBox, Page, Segmented, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { stateName, stateTone, took, traceFilterOf, useTraces } from './traces.ts';
import { useExperiments } from './tracking.ts';

const states = [
  { value: '', label: 'All' },
  { value: 'OK', label: 'OK' },
  { value: 'ERROR', label: 'Error' },
  { value: 'IN_PROGRESS', label: 'In progress' },
] as const;
const orders = [
  { value: '', label: 'Newest first' },
  { value: 'timestamp ASC', label: 'Oldest first' },
  { value: 'execution_time DESC', label: 'Slowest first' },
  { value: 'execution_time ASC', label: 'Fastest first' },
  { value: 'name ASC', label: 'By name' },
] as const;

export function TracesPage() {
  const [experiment, setExperiment] = useUrlState('experiment');
  const [filter, setFilter] = useUrlState('filter');
  const [state, setState] = useUrlState('state');
  const [order, setOrder] = useUrlState('order');
  const experiments = useExperiments();
  const query = useTraces(experiment, traceFilterOf(filter, state), order);
  const traces = query.data?.pages.flatMap((page) => page.traces) ?? [];
  const isEmpty = filter === '' && state === '' && traces.length === 0 && !query.isFetching && query.error === null;
  const asked = withParams('/api/v1/traces', { experiment, filter: traceFilterOf(filter, state), orderBy: order });

  return (
    <Page
      title="Traces"
      name="Traces"
      lead="What an application did for each request, step by step: any MLflow or OpenTelemetry client sends them."
      cli={`curl -s '${location.origin}${asked.replaceAll("'", '%27')}'`}
    >
      <div className="flex flex-wrap items-center gap-2">
        <SlowFilterBox value={filter} onChange={setFilter} />
        <select
          className="field max-w-full"
          aria-label="Experiment"
          value={experiment}
          onChange={(event) => setExperiment(event.target.value)}
        >
          <option value="">All experiments</option>
          {(experiments.data ?? []).map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
        <select className="field max-w-full" aria-label="Order" value={order} onChange={(event) => setOrder(event.target.value)}>
          {orders.map((each) => (
            <option key={each.value} value={each.value}>
              {each.label}
            </option>
          ))}
        </select>
        <Segmented label="State" value={state} options={states} onChange={setState} />
      </div>
      <section className="card min-w-0 overflow-hidden" aria-label="Traces">
        {query.error === null && experiments.error === null ? null : (
          <div className="p-4">
            <Failure error={query.error ?? experiments.error} />
          </div>
        )}
        {isEmpty ? (
          <Empty title="No trace was logged yet" command={`MLFLOW_TRACKING_URI=${location.origin} python app.py`}>
            Put <code>@mlflow.trace</code> before a function, or <code>mlflow.openai.autolog()</code> before the first call. Programs with
            OpenTelemetry send to <code>{location.origin}/v1/traces</code> with the header <code>x-mlflow-experiment-id</code>.
          </Empty>
        ) : traces.length === 0 ? (
          query.isFetching || query.error !== null ? null : <p className="px-4 py-8 text-ink-2">No trace fits this filter.</p>
        ) : (
          <Table heads={['Trace', 'State', 'Request', 'Response', 'Session', 'Started', figure('Took'), figure('Tokens'), figure('Judged')]} caption="Traces">
            {traces.map((trace) => (
              <Row key={trace.id} trace={trace} />
            ))}
          </Table>
        )}
        {query.hasNextPage ? (
          <div className="border-t border-line p-2 text-center">
            <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show more
            </button>
          </div>
        ) : null}
      </section>
      {traces.length === 0 ? null : (
        <p className="text-xs text-ink-3" aria-live="polite">
          {many(traces.length, 'trace')}
          {query.hasNextPage ? ' shown, and there are more' : ''}
        </p>
      )}
    </Page>
  );
}

const Row = ({ trace }: { trace: TraceView }) => (
  <tr>
    <td className="max-w-64 min-w-32">
      <Link to={`/develop/traces/${segment(trace.id)}`} className="link block truncate">
        {trace.name ?? trace.id.slice(0, 16)}
      </Link>
    </td>
    <td>
      <Badge tone={stateTone[trace.state] ?? 'plain'}>{stateName(trace.state)}</Badge>
    </td>
    <Preview text={trace.requestPreview} />
    <Preview text={trace.responsePreview} />
    <td className="max-w-32 truncate text-ink-2">{trace.sessionId ?? '–'}</td>
    <td>
      <When at={trace.requestedAt} />
    </td>
    <td className="num whitespace-nowrap">{took(trace.durationMs)}</td>
    <td className="num">{trace.tokenCount === null ? '–' : count(trace.tokenCount)}</td>
    <td className="num">{trace.assessmentCount === 0 ? '–' : count(trace.assessmentCount)}</td>
  </tr>
);

const Preview = ({ text }: { text: string | null }) => (
  <td className="max-w-80 min-w-40">
    <span className="line-clamp-2 break-words text-ink-2" title={text ?? undefined}>
      {text ?? '–'}
    </span>
  </td>
);

const patienceMs = 350;

/** Asks once the typing pauses: half a filter is none. */
function SlowFilterBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), patienceMs);
    return () => clearTimeout(timer);
    // only typing starts the clock
  }, [typed]);
  return (
    <FilterBox
      value={typed}
      onChange={setTyped}
      placeholder="A word, or: tags.stage = 'prod' AND execution_time > 1000"
      className="w-full lg:w-[30rem]"
    />
  );
}
