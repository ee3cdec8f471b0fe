import { Link, useParams } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';
import type { AssessmentView, SpanView, TraceDetail } from '../../../src/develop/traces/traces-api.ts';
import { segment, withParams } from '../platform/api.ts';
import { count, many } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Copy, Empty, Facts, Id, Page, Panel, When } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';
import { stateName, stateTone, took, useTrace } from './traces.ts';

export function TracePage() {
  const { id = '' } = useParams({ strict: false });
  const query = useTrace(id);
  const trace = query.data;
  const name = trace?.name ?? id;
  return (
    <Page
      name={name}
      title={
        <>
          {name}
          {trace === undefined ? null : <Badge tone={stateTone[trace.state] ?? 'plain'}>{stateName(trace.state)}</Badge>}
        </>
      }
      cli={`curl -s '${location.origin}/api/v1/traces/${segment(id)}'`}
    >
      <Answer
        query={query}
        empty={
          <div className="card">
            <Empty title={`No trace has the id ${id}.`}>
              <Link to="/develop/traces" className="link">
                See all traces
              </Link>
            </Empty>
          </div>
        }
      >
        {(data) => <Shown trace={data} />}
      </Answer>
    </Page>
  );
}

function Shown({ trace }: { trace: TraceDetail }) {
  const [chosen, setChosen] = useUrlState('span');
  const span = trace.spans.find((each) => each.id === chosen) ?? trace.spans[0];
  return (
    <>
      <Panel title="What it was">
        <Facts
          facts={[
            {
              label: 'Trace id',
              value: (
                <span className="flex items-center gap-1">
                  <Id text={trace.id} letters={12} />
                  <Copy text={trace.id} />
                </span>
              ),
            },
            { label: 'Started', value: <When at={trace.requestedAt} /> },
            { label: 'Took', value: took(trace.durationMs) },
            { label: 'Spans', value: count(trace.spans.length) },
            { label: 'Tokens', value: trace.tokenCount === null ? '–' : count(trace.tokenCount) },
            { label: 'User', value: trace.user ?? '–' },
            { label: 'Session', value: trace.sessionId === null ? '–' : <Session id={trace.sessionId} /> },
            {
              label: 'Experiment',
              value: (
                <Link to={withParams('/develop/traces', { experiment: trace.experimentId })} className="link">
                  {trace.experimentName}
                </Link>
              ),
            },
            { label: 'Run', value: <Runs trace={trace} /> },
          ]}
        />
      </Panel>
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]">
        <Panel title={`Spans (${count(trace.spans.length)})`} flush aside={took(trace.durationMs)}>
          {trace.spans.length === 0 ? (
            <p className="px-4 py-6 text-sm text-ink-2">No span of this trace has come yet.</p>
          ) : (
            <Waterfall spans={trace.spans} chosen={span?.id ?? ''} onChoose={setChosen} />
          )}
        </Panel>
        <div className="flex min-w-0 flex-col gap-5">{span === undefined ? <Previews trace={trace} /> : <SpanParts span={span} />}</div>
      </div>
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <Panel title={`What was said of it (${count(trace.assessments.length)})`} flush>
          <Assessments trace={trace} onChoose={setChosen} />
        </Panel>
        <Panel title="Tags and metadata" flush>
          <Pairs
            pairs={[
              ...Object.entries(trace.tags).filter(([key]) => !isPlumbing(key)),
              ...Object.entries(trace.metadata).filter(([key]) => !isPlumbing(key)),
            ]}
            empty="No tags of its own."
          />
        </Panel>
      </div>
    </>
  );
}

const isPlumbing = (key: string): boolean =>
  /^mlflow\.(artifactLocation|trace\.(spansLocation|infoFinalized|sizeBytes)|traceInputs|traceOutputs|trace_schema\.version|traceName)$/.test(key);

const Session = ({ id }: { id: string }) => (
  <Link to={withParams('/develop/traces', { filter: `metadata.\`mlflow.trace.session\` = '${id}'` })} className="link break-all">
    {id}
  </Link>
);

function Runs({ trace }: { trace: TraceDetail }) {
  const ids = [...new Set([...(trace.runId === null ? [] : [trace.runId]), ...trace.linkedRunIds])];
  if (ids.length === 0) return '–';
  return (
    <span className="flex flex-wrap gap-x-2">
      {ids.map((id) => (
        <Link key={id} to={`/develop/runs/${segment(id)}`} className="link">
          <Id text={id} letters={10} />
        </Link>
      ))}
    </span>
  );
}

const rowPx = 30;

interface Row {
  readonly span: SpanView;
  readonly depth: number;
}

/** Each span where it belongs in the tree, and when it ran; only the rows in sight are in the document. */
function Waterfall(props: { spans: readonly SpanView[]; chosen: string; onChoose: (id: string) => void }) {
  const { spans, chosen, onChoose } = props;
  const holder = useRef<HTMLDivElement>(null);
  const list = useMemo(() => withDepths(spans), [spans]);
  const wholeMs = Math.max(...spans.map((span) => span.startMs + (span.durationMs ?? 0)), 1e-6);
  const rows = useVirtualizer({ count: list.length, getScrollElement: () => holder.current, estimateSize: () => rowPx, overscan: 12 });
  const move = (event: React.KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const next = list[list.findIndex(({ span }) => span.id === chosen) + step];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onChoose(next.span.id);
    rows.scrollToIndex(list.indexOf(next));
  };
  return (
    <div ref={holder} role="tree" aria-label="Spans" tabIndex={0} onKeyDown={move} className="max-h-[560px] overflow-auto text-sm">
      <div className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => {
          const row = list[item.index];
          if (row === undefined) return null;
          const { span, depth } = row;
          const isChosen = span.id === chosen;
          return (
            <div
              key={span.id}
              role="treeitem"
              aria-level={depth + 1}
              aria-selected={isChosen}
              onClick={() => onChoose(span.id)}
              className={`absolute inset-x-0 grid cursor-pointer grid-cols-[minmax(0,1fr)_minmax(0,1fr)_76px] items-center gap-2 border-b border-line px-3 ${
                isChosen ? 'bg-accent-soft' : 'hover:bg-sunken'
              }`}
              style={{ height: rowPx, transform: `translateY(${item.start}px)` }}
            >
              <span className="flex min-w-0 items-center gap-1.5" style={{ paddingLeft: Math.min(depth, 12) * 14 }}>
                <span className={`truncate ${span.status === 'ERROR' ? 'font-medium text-bad' : ''}`} title={span.name}>
                  {span.name}
                </span>
                {span.type === 'UNKNOWN' ? null : <span className="hidden shrink-0 text-2xs text-ink-3 sm:inline">{span.type}</span>}
              </span>
              <span className="relative h-2.5 rounded-sm bg-sunken" aria-hidden="true">
                <span
                  className={`absolute inset-y-0 rounded-sm ${span.status === 'ERROR' ? 'bg-bad' : colourOf(span.type)}`}
                  style={{
                    left: `${Math.min((span.startMs / wholeMs) * 100, 99)}%`,
                    width: `max(3px, ${((span.durationMs ?? wholeMs - span.startMs) / wholeMs) * 100}%)`,
                    maxWidth: `${100 - Math.min((span.startMs / wholeMs) * 100, 99)}%`,
                  }}
                />
              </span>
              <span className="num text-xs whitespace-nowrap text-ink-2">{span.durationMs === null ? 'runs' : took(span.durationMs)}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function withDepths(spans: readonly SpanView[]): readonly Row[] {
  const depths = new Map<string, number>();
  return spans.map((span) => {
    const above = span.parentId === null ? undefined : depths.get(span.parentId);
    const depth = above === undefined ? 0 : above + 1;
    depths.set(span.id, depth);
    return { span, depth };
  });
}

const colours: Readonly<Record<string, string>> = {
  LLM: 'bg-(--series-2)',
  CHAT_MODEL: 'bg-(--series-2)',
  TOOL: 'bg-(--series-3)',
  RETRIEVER: 'bg-(--series-5)',
  EMBEDDING: 'bg-(--series-7)',
  AGENT: 'bg-(--series-6)',
};
const colourOf = (type: string): string => colours[type] ?? 'bg-(--series-1)';

function SpanParts({ span }: { span: SpanView }) {
  return (
    <Panel
      title={span.name}
      aside={
        <>
          {span.type === 'UNKNOWN' ? null : <Badge tone="accent">{span.type}</Badge>}
          {span.status === 'UNSET' ? null : <Badge tone={span.status === 'ERROR' ? 'bad' : 'good'}>{span.status}</Badge>}
          <span>{took(span.durationMs)}</span>
          <span className="text-ink-3">after {took(span.startMs)}</span>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {span.statusMessage === '' ? null : <p className="rounded-md bg-bad-soft px-3 py-2 text-sm break-words text-bad">{span.statusMessage}</p>}
        <Value title="Inputs" value={span.inputs} />
        <Value title="Outputs" value={span.outputs} />
        {Object.keys(span.attributes).length === 0 ? null : (
          <div className="min-w-0">
            <h3 className="pb-1">Attributes</h3>
            <div className="-mx-4 border-t border-line">
              <Pairs pairs={Object.entries(span.attributes).map(([key, value]) => [key, textOf(value)] as const)} empty="" />
            </div>
          </div>
        )}
        {span.events.length === 0 ? null : (
          <div className="min-w-0">
            <h3 className="pb-1">{many(span.events.length, 'event')}</h3>
            <ul className="flex flex-col gap-2">
              {span.events.map((event, index) => (
                <li key={`${event.atMs}/${index}`} className="min-w-0 text-sm">
                  <span className="font-medium">{event.name}</span> <span className="text-ink-3">after {took(event.atMs)}</span>
                  {Object.keys(event.attributes).length === 0 ? null : <Json value={event.attributes} />}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Panel>
  );
}

const Previews = ({ trace }: { trace: TraceDetail }) => (
  <Panel title="Request and response">
    <div className="flex flex-col gap-4">
      <Value title="Request" value={trace.requestPreview} />
      <Value title="Response" value={trace.responsePreview} />
    </div>
  </Panel>
);

const Value = ({ title, value }: { title: string; value: unknown }) => (
  <div className="min-w-0">
    <div className="flex items-center justify-between pb-1">
      <h3>{title}</h3>
      {value === null ? null : <Copy text={textOf(value)} />}
    </div>
    {value === null ? <p className="text-sm text-ink-3">none</p> : <Json value={value} />}
  </div>
);

const Json = ({ value }: { value: unknown }) => (
  <pre className="max-h-80 overflow-auto rounded-md border border-line bg-sunken px-3 py-2 text-xs break-words whitespace-pre-wrap" tabIndex={0}>
    {textOf(value)}
  </pre>
);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function Pairs({ pairs, empty }: { pairs: readonly (readonly [string, string])[]; empty: string }) {
  if (pairs.length === 0) return <p className="px-4 py-4 text-sm text-ink-2">{empty}</p>;
  return (
    <div className="max-h-[420px] overflow-auto" tabIndex={0}>
      <table className="data-table">
        <tbody>
          {pairs.map(([key, value]) => (
            <tr key={key}>
              <th scope="row" className="w-2/5 !text-sm !font-normal !whitespace-normal !text-ink-2 break-all">
                {key}
              </th>
              <td className="break-all whitespace-pre-wrap">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Assessments({ trace, onChoose }: { trace: TraceDetail; onChoose: (span: string) => void }) {
  if (trace.assessments.length === 0)
    return (
      <p className="px-4 py-4 text-sm text-ink-2">
        Nobody judged it yet: <code>mlflow.log_feedback(trace_id, name, value)</code>
      </p>
    );
  return (
    <Table heads={['Name', 'Value', 'By', 'When']} caption="Assessments">
      {trace.assessments.map((each) => (
        <tr key={each.id} className={each.isValid ? '' : 'opacity-60'}>
          <td>
            {each.name} <span className="block text-xs text-ink-3">{each.kind}</span>
            {each.spanId === null ? null : (
              <button type="button" className="link text-xs" onClick={() => onChoose(each.spanId ?? '')}>
                {trace.spans.find((span) => span.id === each.spanId)?.name ?? 'its span'}
              </button>
            )}
          </td>
          <td className="max-w-72 break-words">
            <Judgement assessment={each} />
          </td>
          <td>
            {each.sourceId === '' ? '–' : each.sourceId}
            <span className="block text-xs text-ink-3">{each.sourceType.toLowerCase().replace('_', ' ')}</span>
          </td>
          <td>
            <When at={each.updatedAt} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Judgement({ assessment }: { assessment: AssessmentView }) {
  const { value, isValid } = assessment;
  return (
    <>
      {assessment.error !== null ? (
        <Badge tone="bad">{assessment.error}</Badge>
      ) : typeof value === 'boolean' ? (
        <Badge tone={value ? 'good' : 'bad'}>{value ? 'yes' : 'no'}</Badge>
      ) : (
        <span className="whitespace-pre-wrap">{textOf(value)}</span>
      )}
      {isValid ? null : <span className="ml-2 text-xs text-ink-3">corrected later</span>}
      {assessment.rationale === null ? null : <span className="mt-1 block text-xs text-ink-2">{assessment.rationale}</span>}
    </>
  );
}
