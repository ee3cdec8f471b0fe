import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Comparison } from '../../../src/develop/tracking/tracking-api.ts';
import type { ApiError } from '../platform/api.ts';
import { duration, number, shellWord } from '../platform/format.ts';
import { seriesColour } from '../platform/theme.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, FilterBox, Id, Page, Panel, Segmented } from '../parts/basics.tsx';
import { Curves } from './curves.tsx';
import type { PlotRun } from './plots.ts';
import { statusTone } from './run-columns.tsx';
import { RunPlots } from './run-plots.tsx';
import { askRuns, useComparison, useRunKeys } from './tracking.ts';

export function ComparePage() {
  const [text] = useUrlState('ids');
  const [show, setShow] = useUrlState('show', 'differences');
  const [filter, setFilter] = useUrlState('filter');
  const [metric, setMetric] = useUrlState('metric');
  const ids = useMemo(() => text.split(',').filter((id) => id !== ''), [text]);
  const query = useComparison(ids);
  const [experiment] = useUrlState('experiment');
  const [listed] = useUrlState('list');
  const [order] = useUrlState('order', 'attributes.start_time DESC');
  // a whole list of runs instead of some that were ticked
  const list = useMemo(
    () =>
      listed === '' ? undefined : { experiment, filter: listed === 'all' ? '' : listed, orderBy: order },
    [listed, experiment, order],
  );
  return (
    <Page
      title="Compare runs"
      name="Compare"
      lead={
        ids.length === 0
          ? list === undefined
            ? undefined
            : 'What differs between the runs of a list.'
          : `${ids.length} runs beside each other; what differs is marked.`
      }
      cli={
        list === undefined
          ? `tilth run compare ${ids.length === 0 ? 'RUN RUN' : ids.join(' ')}`
          : `tilth run list${list.filter === '' ? '' : ` --filter ${shellWord(list.filter)}`} --limit ${mostPlotted}`
      }
      actions={
        <Link to="/develop/runs" search={{ selected: text } as never} className="button">
          Choose runs
        </Link>
      }
    >
      {ids.length === 0 && list !== undefined ? (
        <PlotsOfList list={list} />
      ) : ids.length === 0 ? (
        <div className="card">
          <Empty title="Choose two runs or more" command="tilth run compare RUN RUN">
            Tick them in the runs table, then press Compare.
          </Empty>
        </div>
      ) : (
        <Answer
          query={query}
          empty={
            <div className="card">
              <Empty title="None of these runs exists." />
            </div>
          }
        >
          {(comparison) => {
            const names = comparison.runs.map((run) => run.name);
            const metrics = comparison.fields
              .filter((field) => field.kind === 'metric')
              .map((field) => field.key);
            // a metric with several steps has a curve to show
            const isCurve = (key: string): boolean =>
              comparison.runs.some((run) => (run.metrics[key]?.step ?? 0) > 0);
            const shown = metrics.includes(metric) ? metric : (metrics.find(isCurve) ?? metrics[0] ?? '');
            return (
              <>
                <Panel
                  title="Side by side"
                  flush
                  aside={
                    <>
                      <FilterBox
                        value={filter}
                        onChange={setFilter}
                        placeholder="Filter keys"
                        className="w-44"
                      />
                      <Segmented
                        label="Rows"
                        value={show}
                        options={[
                          { value: 'differences', label: 'What differs' },
                          { value: 'all', label: 'All' },
                        ]}
                        onChange={setShow}
                      />
                    </>
                  }
                >
                  <Sides comparison={comparison} isAll={show === 'all'} filter={filter.toLowerCase()} />
                </Panel>
                {metrics.length === 0 ? null : (
                  <Panel
                    title="Curves"
                    flush
                    aside={
                      <select
                        className="field"
                        aria-label="Metric"
                        value={shown}
                        onChange={(event) => setMetric(event.target.value)}
                      >
                        {metrics.map((key) => (
                          <option key={key}>{key}</option>
                        ))}
                      </select>
                    }
                  >
                    <div className="pt-3">
                      <Curves
                        ids={ids}
                        names={names}
                        metric={shown}
                        isLive={comparison.runs.some((run) => run.status === 'RUNNING')}
                      />
                    </div>
                  </Panel>
                )}
                <PlotsOf comparison={comparison} />
              </>
            );
          }}
        </Answer>
      )}
    </Page>
  );
}

/** The runs beside each other, with what they logged, as the plots want them. */
function PlotsOf({ comparison }: { comparison: Comparison }) {
  const { runs, keys } = useMemo(() => {
    const fields = comparison.fields.filter((field) => field.kind === 'metric' || field.kind === 'param');
    const keys = fields.map((field) => `${field.kind === 'metric' ? 'm' : 'p'}.${field.key}`);
    const runs = comparison.runs.map((run, index): PlotRun => {
      const values = new Map(
        fields.flatMap((field, place) => {
          const value = field.values[index];
          return value === null || value === undefined ? [] : [[keys[place] ?? '', value] as const];
        }),
      );
      return { id: run.id, name: run.name, values };
    });
    return { runs, keys };
  }, [comparison]);
  return <RunPlots runs={runs} keys={keys} />;
}

/** Lines of more runs can't be told apart. */
const mostPlotted = 1_000;
/** Keys that are asked for of a list; those of a thousand layers are none to plot together. */
const mostKeys = 60;

function PlotsOfList({ list }: { list: { experiment: string; filter: string; orderBy: string } }) {
  const known = useRunKeys(list.experiment).data;
  const columns = useMemo(
    () =>
      known === undefined
        ? undefined
        : {
            metrics: [...known.metrics].sort(usualFirst).slice(0, mostKeys),
            params: [...known.params].sort(usualFirst).slice(0, mostKeys),
            tags: [],
          },
    [known],
  );
  const query = useQuery<readonly PlotRun[], ApiError>({
    queryKey: ['run-plots', list, columns],
    enabled: columns !== undefined,
    staleTime: 10_000,
    queryFn: async ({ signal }) => {
      const { runs } = await askRuns(
        { ...list, columns: columns ?? { metrics: [], params: [], tags: [] } },
        { limit: mostPlotted },
        signal,
      );
      return runs.map((run) => ({
        id: run.id,
        name: run.name,
        values: new Map<string, number | string>([
          ...[...run.metrics].map(([key, value]) => [`m.${key}`, value] as const),
          ...[...run.params].map(([key, value]) => [`p.${key}`, value] as const),
        ]),
      }));
    },
  });
  return (
    <Answer
      query={query}
      empty={
        <div className="card">
          <Empty title="No run fits this filter." />
        </div>
      }
    >
      {(runs) => (
        <>
          <p className="text-sm text-ink-2">
            {runs.length === mostPlotted ? `The first ${mostPlotted} runs` : `${runs.length} runs`}
            {list.filter === '' ? (
              ''
            ) : (
              <>
                {' '}
                with <code>{list.filter}</code>
              </>
            )}
          </p>
          <RunPlots runs={runs} keys={keysIn(runs)} />
        </>
      )}
    </Answer>
  );
}

/** Keys that have a number in them, such as layer_12, come after the others. */
const usualFirst = (a: string, b: string): number =>
  Number(/\d/.test(a)) - Number(/\d/.test(b)) || a.localeCompare(b);

/** Keys by how many runs have them. */
function keysIn(runs: readonly PlotRun[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const run of runs) for (const key of run.values.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([a, one], [b, other]) => other - one || a.localeCompare(b)).map(([key]) => key);
}

const groups = [
  { kind: 'metric', title: 'Metrics' },
  { kind: 'param', title: 'Params' },
  { kind: 'dataset', title: 'Datasets' },
  { kind: 'tag', title: 'Tags' },
] as const;

function Sides({ comparison, isAll, filter }: { comparison: Comparison; isAll: boolean; filter: string }) {
  const { runs } = comparison;
  const shown = comparison.fields.filter(
    (field) =>
      !field.key.startsWith('mlflow.') &&
      field.key.toLowerCase().includes(filter) &&
      (isAll || field.isDifferent),
  );
  return (
    <div className="overflow-x-auto">
      <table className="data-table">
        <thead>
          <tr>
            <th className="sticky left-0 bg-surface">Key</th>
            {runs.map((run, index) => (
              <th key={run.id}>
                <span className="flex items-center gap-2">
                  <span
                    className="size-2.5 rounded-full"
                    style={{ background: seriesColour(index) }}
                    aria-hidden="true"
                  />
                  <Link to={`/develop/runs/${run.id}`} className="link">
                    {run.name}
                  </Link>
                  <Id text={run.id} />
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <td className="sticky left-0 bg-surface text-ink-2">status</td>
            {runs.map((run) => (
              <td key={run.id} className="whitespace-nowrap">
                <Badge tone={statusTone[run.status.toLowerCase()] ?? 'plain'}>
                  {run.status.toLowerCase()}
                </Badge>
                <span className="ml-2 text-xs text-ink-3">
                  {run.endedAt === null ? '' : duration(run.endedAt - run.startedAt)}
                </span>
              </td>
            ))}
          </tr>
          {groups.map(({ kind, title }) => {
            const fields = shown.filter((field) => field.kind === kind);
            if (fields.length === 0) return null;
            return [
              <tr key={kind}>
                <th scope="colgroup" colSpan={runs.length + 1} className="bg-sunken !text-ink-2">
                  {title}
                </th>
              </tr>,
              ...fields.map((field) => (
                <FieldRow
                  key={`${kind}/${field.key}`}
                  field={field}
                  runs={runs}
                  isMarked={isAll && field.isDifferent}
                />
              )),
            ];
          })}
        </tbody>
      </table>
      {shown.length === 0 ? (
        <p className="px-4 py-6 text-sm text-ink-2">
          {filter === '' ? 'These runs have the same params and metrics.' : 'No key fits this filter.'}
        </p>
      ) : null}
    </div>
  );
}

function FieldRow({
  field,
  runs,
  isMarked,
}: {
  field: Comparison['fields'][number];
  runs: Comparison['runs'];
  isMarked: boolean;
}) {
  return (
    <tr>
      <td className="sticky left-0 max-w-[45vw] truncate bg-surface text-ink-2" title={field.key}>
        {isMarked ? (
          <span className="mr-1.5 text-warn" role="img" aria-label="differs">
            ≠
          </span>
        ) : null}
        {field.key}
      </td>
      {field.values.map((value, index) => (
        <td
          key={runs[index]?.id}
          className={`max-w-[320px] break-words ${isMarked ? 'bg-warn-soft/70' : field.isDifferent ? '' : 'text-ink-2'}`}
        >
          {typeof value === 'number' ? number(value, 6) : (value ?? '–')}
        </td>
      ))}
    </tr>
  );
}
