import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Comparison } from '../../../src/develop/tracking/tracking-api.ts';
import { duration, number } from '../platform/format.ts';
import { seriesColour } from '../platform/theme.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, FilterBox, Id, Page, Panel, Segmented } from '../parts/basics.tsx';
import { Curves } from './curves.tsx';
import { statusTone } from './run-columns.tsx';
import { useComparison } from './tracking.ts';

export function ComparePage() {
  const [text] = useUrlState('ids');
  const [show, setShow] = useUrlState('show', 'differences');
  const [filter, setFilter] = useUrlState('filter');
  const [metric, setMetric] = useUrlState('metric');
  const ids = useMemo(() => text.split(',').filter((id) => id !== ''), [text]);
  const query = useComparison(ids);
  return (
    <Page
      title="Compare runs"
      name="Compare"
      lead={ids.length === 0 ? undefined : `${ids.length} runs beside each other; what differs is marked.`}
      cli={`tilth run compare ${ids.length === 0 ? 'RUN RUN' : ids.join(' ')}`}
      actions={
        <Link to="/develop/runs" search={{ selected: text } as never} className="button">
          Choose runs
        </Link>
      }
    >
      {ids.length === 0 ? (
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
                    <Curves ids={ids} names={names} metric={shown} />
                  </Panel>
                )}
              </>
            );
          }}
        </Answer>
      )}
    </Page>
  );
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
