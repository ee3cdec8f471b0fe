import { Link, useParams } from '@tanstack/react-router';
import { number, absolute, duration } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Copy, Empty, Facts, FilterBox, Id, Page, Panel, When } from '../parts/basics.tsx';
import { Curves } from './curves.tsx';
import { statusTone } from './run-columns.tsx';
import { isFactTag } from '../../../src/develop/repeatable/fact-tags-api.ts';
import { Repeatable } from './repeatable.tsx';
import { RunArtifacts } from './run-artifacts.tsx';
import { noteTag, RunNotes } from './run-notes.tsx';
import { RunTraces } from './run-traces.tsx';
import { useRun, type Run } from './tracking.ts';

export function RunPage() {
  const { id = '' } = useParams({ strict: false });
  const query = useRun(id);
  const [filter, setFilter] = useUrlState('filter');
  const [metric, setMetric] = useUrlState('metric');
  const run = query.data;
  return (
    <Page
      name={run?.name ?? 'Run'}
      title={
        <>
          {run?.name ?? id}
          {run === undefined ? null : <Badge tone={statusTone[run.status] ?? 'plain'}>{run.status}</Badge>}
        </>
      }
      cli={`tilth run show ${id}`}
      actions={
        <>
          <FilterBox value={filter} onChange={setFilter} placeholder="Filter keys" className="w-44" />
          <Link to="/develop/lineage" search={{ of: `run:${id}` } as never} className="button">
            Lineage
          </Link>
          <Copy
            text={`import mlflow\n\nmlflow.set_tracking_uri(${JSON.stringify(location.origin)})\nrun = mlflow.get_run(${JSON.stringify(id)})\n`}
            label="Copy as Python"
            className="h-8 border-line px-2.5"
          />
        </>
      }
    >
      <Answer
        query={query}
        empty={
          <div className="card">
            <Empty title={`No run has the id ${id}.`} command="tilth run list" />
          </div>
        }
      >
        {(data) => (
          <>
            <Panel title="What it was">
              <Facts
                facts={[
                  {
                    label: 'Run id',
                    value: (
                      <span className="flex items-center gap-1">
                        <Id text={data.id} letters={12} />
                        <Copy text={data.id} label="Copy" />
                      </span>
                    ),
                  },
                  { label: 'Started', value: <When at={data.startedAt} /> },
                  {
                    label: 'Took',
                    value:
                      data.startedAt === null || data.endedAt === null
                        ? '–'
                        : duration(data.endedAt - data.startedAt),
                  },
                  { label: 'By', value: data.user || '–' },
                  { label: 'Experiment', value: data.experimentName },
                  { label: 'Logged models', value: data.models.map((model) => model.name).join(', ') || '–' },
                  {
                    label: 'Commit',
                    value: data.tags.has('mlflow.source.git.commit') ? (
                      <Id text={data.tags.get('mlflow.source.git.commit') ?? ''} letters={10} />
                    ) : (
                      '–'
                    ),
                  },
                  { label: 'Traces', value: <RunTraces id={data.id} /> },
                  { label: 'Source', value: data.tags.get('mlflow.source.name') ?? '–' },
                ]}
              />
            </Panel>
            <RunNotes id={data.id} text={data.tags.get(noteTag) ?? ''} />
            <div className="grid items-start gap-5 lg:grid-cols-2">
              <div className="flex min-w-0 flex-col gap-5">
                <Panel title={`Metrics (${data.metrics.size})`} flush>
                  <Pairs
                    pairs={[...data.metrics].map(([key, value]) => [key, number(value, 6)] as const)}
                    filter={filter}
                    empty="This run logged no metric."
                    chosen={metric}
                    onChoose={(key) => setMetric(key === metric ? '' : key)}
                  />
                  {metric !== '' && data.metrics.has(metric) ? (
                    <div className="border-t border-line pt-3">
                      <h3 className="px-4 pb-1">{metric}</h3>
                      <Curves ids={[data.id]} names={[data.name]} metric={metric} isLive={data.status === 'running'} />
                    </div>
                  ) : null}
                </Panel>
                <Repeatable runId={data.id} isRunning={data.status === 'running'} />
              </div>
              <div className="flex min-w-0 flex-col gap-5">
                <Panel title={`Params (${data.params.size})`} flush>
                  <Pairs pairs={[...data.params]} filter={filter} empty="This run logged no param." />
                </Panel>
                <Panel title="Datasets" flush>
                  <Datasets run={data} />
                </Panel>
                <Panel title="Tags" flush>
                  <Pairs
                    pairs={[...data.tags].filter(([key]) => !key.startsWith('mlflow.') && !isFactTag(key))}
                    filter={filter}
                    empty="No tags of its own."
                  />
                </Panel>
              </div>
            </div>
            <Panel title="Artifacts" flush>
              <RunArtifacts id={data.id} />
            </Panel>
            <p className="text-xs text-ink-3">
              {data.startedAt === null ? '' : `Started ${absolute(data.startedAt)}`}
            </p>
          </>
        )}
      </Answer>
    </Page>
  );
}

function Pairs(props: {
  pairs: readonly (readonly [string, string])[];
  filter: string;
  empty: string;
  chosen?: string;
  onChoose?: (key: string) => void;
}) {
  const { onChoose } = props;
  const shown = props.pairs
    .filter(([key]) => key.toLowerCase().includes(props.filter.toLowerCase()))
    .sort(([a], [b]) => a.localeCompare(b));
  if (shown.length === 0)
    return (
      <p className="px-4 py-4 text-sm text-ink-2">
        {props.filter === '' ? props.empty : 'No key fits this filter.'}
      </p>
    );
  return (
    <div className="max-h-[420px] overflow-auto" tabIndex={0}>
      <table className="data-table">
        <tbody>
          {shown.map(([key, value]) => (
            <tr key={key}>
              <th scope="row" className="!text-sm !font-normal !whitespace-normal !text-ink-2 break-all">
                {onChoose === undefined ? (
                  key
                ) : (
                  <button
                    type="button"
                    className="text-left hover:text-accent hover:underline"
                    aria-expanded={key === props.chosen}
                    onClick={() => onChoose(key)}
                  >
                    {key}
                  </button>
                )}
              </th>
              <td className="num break-all !whitespace-normal">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const isData = (tag: string): boolean => tag.startsWith('tilth.dataset.');

function Datasets({ run }: { run: Run }) {
  const governed = [...run.tags]
    .filter(([key]) => isData(key))
    .map(([key, md5]) => ({ name: key.slice('tilth.dataset.'.length), md5 }));
  if (run.datasets.length === 0 && governed.length === 0)
    return <p className="px-4 py-4 text-sm text-ink-2">No dataset was logged.</p>;
  return (
    <ul className="divide-y divide-line text-sm">
      {governed.map((each) => (
        <li key={each.name} className="flex flex-wrap items-center gap-2 px-4 py-2">
          <Link to={`/develop/data/${encodeURIComponent(each.name)}`} className="link">
            {each.name}
          </Link>
          <Id text={each.md5} letters={12} />
          <Badge tone="accent">governed</Badge>
        </li>
      ))}
      {run.datasets.map((each) => (
        <li
          key={`${each.name}/${each.digest}/${each.context}`}
          className="flex flex-wrap items-center gap-2 px-4 py-2"
        >
          {each.name} <Id text={each.digest} letters={12} />
          {each.context === null ? null : <Badge>{each.context}</Badge>}
        </li>
      ))}
    </ul>
  );
}
