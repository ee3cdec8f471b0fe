import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { Popover } from 'radix-ui';
import { useEffect, useMemo, useRef, useState } from 'react';
import { duration, fixed, number, shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Failure } from '../parts/answer.tsx';
import { Badge, Empty, Page, When, type Tone } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { RunFilterBox } from './run-filter-box.tsx';
import { filterOf, useExperiments, useRuns, type Run } from './tracking.ts';

const rowPx = 36;
const newestFirst = 'attributes.start_time DESC';
const firstMetricCount = 3;
const firstParamCount = 1;

export const statusTone: Readonly<Record<string, Tone>> = {
  finished: 'good',
  failed: 'bad',
  killed: 'bad',
  running: 'info',
  scheduled: 'plain',
};

interface Column {
  readonly id: string;
  readonly label: string;
  readonly group: string;
  /** in MLflow's words, for the server to sort by */
  readonly order: string;
  readonly width: number;
  readonly isNumber: boolean;
  readonly show: (run: Run) => React.ReactNode;
}

const fixedColumns: readonly Column[] = [
  {
    id: 'status',
    label: 'Status',
    group: '',
    order: 'attributes.status',
    width: 104,
    isNumber: false,
    show: (run) => <Badge tone={statusTone[run.status] ?? 'plain'}>{run.status}</Badge>,
  },
  {
    id: 'started',
    label: 'Started',
    group: '',
    order: 'attributes.start_time',
    width: 116,
    isNumber: false,
    show: (run) => <When at={run.startedAt} />,
  },
  {
    id: 'took',
    label: 'Took',
    group: '',
    order: '',
    width: 92,
    isNumber: true,
    show: (run) =>
      run.startedAt === null || run.endedAt === null ? '–' : duration(run.endedAt - run.startedAt),
  },
];

/** Whole numbers stay whole; the others have as many decimals in every row, so that they can be read down a column. */
const metricColumn = (key: string, areWhole: boolean): Column => ({
  id: `m.${key}`,
  label: key,
  group: 'metric',
  order: `metrics.\`${key}\``,
  width: 124,
  isNumber: true,
  show: (run) => {
    const value = run.metrics.get(key);
    return areWhole ||
      value === undefined ||
      Math.abs(value) >= 1000 ||
      (value !== 0 && Math.abs(value) < 1e-3)
      ? number(value)
      : fixed(value, 4);
  },
});
const paramColumn = (key: string): Column => ({
  id: `p.${key}`,
  label: key,
  group: 'param',
  order: `params.\`${key}\``,
  width: 148,
  isNumber: false,
  show: (run) => run.params.get(key) ?? <span className="text-ink-3">–</span>,
});

export function RunsPage() {
  const [experiment, setExperiment] = useUrlState('experiment');
  const [filter, setFilter] = useUrlState('filter');
  const [order, setOrder] = useUrlState('order', newestFirst);
  const [chosen, setChosen] = useUrlState('columns');
  const [selected, setSelected] = useUrlState('selected');
  const experiments = useExperiments();
  const query = useRuns(experiment, filterOf(filter), order);
  const runs = useMemo(() => query.data?.pages.flatMap((page) => page.runs) ?? [], [query.data]);
  const known = useMemo(() => columnsOf(runs), [runs]);
  const columns = useMemo(() => shownColumns(known, chosen), [known, chosen]);
  const picked = selected === '' ? [] : selected.split(',');
  const pick = (id: string): void =>
    setSelected(
      picked.includes(id) ? picked.filter((each) => each !== id).join(',') : [...picked, id].join(','),
    );
  const name = experiments.data?.find((each) => each.id === experiment)?.name;
  const cli = [
    'tilth run list',
    name === undefined ? '' : `--experiment ${shellWord(name)}`,
    filter === '' ? '' : `--filter ${shellWord(filterOf(filter))}`,
    order === newestFirst ? '' : `--order-by ${shellWord(order)}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
  const isEmpty = filter === '' && runs.length === 0 && !query.isFetching && !experiments.isPending;

  return (
    <Page title="Runs" name="Runs" lead="Every run that was logged, by any MLflow client." cli={cli}>
      <div className="flex flex-wrap items-start gap-2">
        <RunFilterBox experiment={experiment} value={filter} onChange={setFilter} className="w-full lg:w-[34rem]" />
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
        <ColumnChoice
          known={known}
          shown={columns}
          onChange={(next) => setChosen(next.map((column) => column.id).join(','))}
          onReset={() => setChosen('')}
        />
        <span className="ml-auto flex items-center gap-2">
          {picked.length === 0 ? null : (
            <button type="button" className="button button-quiet" onClick={() => setSelected('')}>
              Clear {picked.length} selected
            </button>
          )}
          <Link
            to="/develop/compare"
            search={{ ids: picked.join(',') } as never}
            disabled={picked.length < 2}
            aria-disabled={picked.length < 2}
            className={`button ${picked.length < 2 ? 'pointer-events-none opacity-50' : 'button-primary'}`}
          >
            Compare {picked.length > 1 ? picked.length : ''}
          </Link>
        </span>
      </div>
      <section className="card min-w-0 overflow-hidden" aria-label="Runs">
        {query.error === null && experiments.error === null ? null : (
          <div className="p-4">
            <Failure error={query.error ?? experiments.error} />
          </div>
        )}
        {isEmpty ? (
          <Empty title="No run was logged yet" command="tilth run -- python train.py">
            Or point any MLflow client here:{' '}
            <code>mlflow.set_tracking_uri(&quot;{location.origin}&quot;)</code>
          </Empty>
        ) : (
          <Table
            runs={runs}
            columns={columns}
            order={order}
            onOrder={setOrder}
            picked={picked}
            onPick={pick}
            onEnd={() =>
              query.hasNextPage && !query.isFetchingNextPage ? void query.fetchNextPage() : undefined
            }
          />
        )}
      </section>
      {runs.length === 0 ? null : (
        <p className="text-xs text-ink-3" aria-live="polite">
          {runs.length}{' '}
          {query.hasNextPage ? 'runs loaded, more when you scroll' : runs.length === 1 ? 'run' : 'runs'}
        </p>
      )}
    </Page>
  );
}

function columnsOf(runs: readonly Run[]): readonly Column[] {
  const metrics = new Set<string>();
  const params = new Set<string>();
  for (const run of runs) {
    for (const key of run.metrics.keys()) metrics.add(key);
    for (const key of run.params.keys()) params.add(key);
  }
  return [
    ...fixedColumns,
    ...[...metrics].sort().map((key) =>
      metricColumn(
        key,
        runs.every((run) => Number.isInteger(run.metrics.get(key) ?? 0)),
      ),
    ),
    ...[...params].sort().map(paramColumn),
  ];
}

/** The chosen ones; without a choice the fixed ones, some metrics and some params. */
function shownColumns(known: readonly Column[], chosen: string): readonly Column[] {
  if (chosen !== '') {
    const ids = chosen.split(',');
    return known.filter((column) => ids.includes(column.id));
  }
  const metrics = known
    .filter((column) => column.group === 'metric')
    .sort((a, b) => weight(b.label) - weight(a.label));
  const params = known.filter((column) => column.group === 'param');
  return [...fixedColumns, ...metrics.slice(0, firstMetricCount), ...params.slice(0, firstParamCount)];
}

/** Metrics on held-out data say more than those on the training data. */
const weight = (key: string): number =>
  /^(val|valid|validation|test|holdout|eval)/i.test(key) ? 2 : /train/i.test(key) ? 0 : 1;

function ColumnChoice(props: {
  known: readonly Column[];
  shown: readonly Column[];
  onChange: (columns: readonly Column[]) => void;
  onReset: () => void;
}) {
  const [find, setFind] = useState('');
  const shown = new Set(props.shown.map((column) => column.id));
  return (
    <Popover.Root>
      <Popover.Trigger className="button">
        <Icon name="columns" />
        Columns
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={12}
          className="card z-40 flex max-h-[60vh] w-72 flex-col gap-2 p-3 shadow-high"
        >
          <input
            className="field"
            aria-label="Find a column"
            placeholder="Find a column"
            value={find}
            onChange={(event) => setFind(event.target.value)}
          />
          <ul className="min-h-0 overflow-y-auto">
            {props.known
              .filter((column) => column.label.toLowerCase().includes(find.toLowerCase()))
              .map((column) => (
                <li key={column.id}>
                  <label className="flex cursor-pointer items-center gap-2 rounded-sm px-1.5 py-1 text-sm hover:bg-sunken">
                    <input
                      type="checkbox"
                      className="accent-(--accent)"
                      checked={shown.has(column.id)}
                      onChange={(event) =>
                        props.onChange(
                          props.known.filter((each) =>
                            each.id === column.id ? event.target.checked : shown.has(each.id),
                          ),
                        )
                      }
                    />
                    <span className="min-w-0 truncate">{column.label}</span>
                    <span className="ml-auto text-xs text-ink-3">{column.group}</span>
                  </label>
                </li>
              ))}
          </ul>
          <button type="button" className="button" onClick={props.onReset}>
            The usual ones
          </button>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface TableShape {
  readonly runs: readonly Run[];
  readonly columns: readonly Column[];
  readonly order: string;
  readonly onOrder: (order: string) => void;
  readonly picked: readonly string[];
  readonly onPick: (id: string) => void;
  readonly onEnd: () => void;
}

const nameWidth = 236;

/** Only the rows in sight are in the document, however many runs there are. */
function Table({ runs, columns, order, onOrder, picked, onPick, onEnd }: TableShape) {
  const holder = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => holder.current,
    estimateSize: () => rowPx,
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (runs.length > 0 && last >= runs.length - 20) onEnd();
  }, [last, runs.length, onEnd]);
  const template = `40px minmax(${nameWidth}px, 1.6fr) ${columns.map((column) => `minmax(${column.width}px, 1fr)`).join(' ')}`;
  const width = 40 + nameWidth + columns.reduce((sum, column) => sum + column.width, 0);
  const [key, way] = splitOrder(order);
  return (
    <div
      ref={holder}
      role="table"
      aria-label="Runs"
      aria-rowcount={runs.length + 1}
      tabIndex={0}
      className="overflow-auto text-sm"
      style={{ maxHeight: 'calc(100dvh - 276px)' }}
    >
      <div style={{ minWidth: width }}>
        <div
          role="row"
          className="sticky top-0 z-10 grid h-9 items-center border-b border-line bg-surface text-xs font-medium text-ink-3"
          style={{ gridTemplateColumns: template }}
        >
          <span role="columnheader" className="sr-only">
            Selected
          </span>
          <span aria-hidden="true" />
          <span role="columnheader" className="truncate px-3">
            Run
          </span>
          {columns.map((column) => {
            const isKey = key === column.order && column.order !== '';
            return (
              <span
                key={column.id}
                role="columnheader"
                aria-sort={isKey ? (way === 'ASC' ? 'ascending' : 'descending') : 'none'}
                className={`min-w-0 px-3 ${column.isNumber ? 'text-right' : ''}`}
              >
                {column.order === '' ? (
                  column.label
                ) : (
                  <button
                    type="button"
                    title={`${column.group} ${column.label}: sort`}
                    className={`inline-flex max-w-full items-center gap-1 hover:text-ink ${isKey ? 'text-ink' : ''}`}
                    onClick={() => onOrder(`${column.order} ${isKey && way === 'DESC' ? 'ASC' : 'DESC'}`)}
                  >
                    <span className="truncate">{column.label}</span>
                    {isKey ? <Icon name={way === 'ASC' ? 'up' : 'down'} size={12} /> : null}
                  </button>
                )}
              </span>
            );
          })}
        </div>
        <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
          {items.map((item) => {
            const run = runs[item.index];
            if (run === undefined) return null;
            const isPicked = picked.includes(run.id);
            return (
              <div
                key={run.id}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={isPicked}
                className={`absolute inset-x-0 grid items-center border-b border-line ${isPicked ? 'bg-accent-soft' : 'hover:bg-sunken'}`}
                style={{
                  gridTemplateColumns: template,
                  height: rowPx,
                  transform: `translateY(${item.start}px)`,
                }}
              >
                <span role="cell" className="grid place-items-center">
                  <input
                    type="checkbox"
                    className="accent-(--accent)"
                    aria-label={`Select ${run.name}`}
                    checked={isPicked}
                    onChange={() => onPick(run.id)}
                  />
                </span>
                <span role="cell" className="truncate px-3">
                  <Link to={`/develop/runs/${run.id}`} className="link">
                    {run.name}
                  </Link>
                </span>
                {columns.map((column) => (
                  <span
                    key={column.id}
                    role="cell"
                    className={`truncate px-3 ${column.isNumber ? 'num' : ''}`}
                  >
                    {column.show(run)}
                  </span>
                ))}
              </div>
            );
          })}
        </div>
        {runs.length === 0 ? <p className="px-4 py-8 text-ink-2">No run fits this filter.</p> : null}
      </div>
    </div>
  );
}

function splitOrder(order: string): readonly [string, string] {
  const at = order.lastIndexOf(' ');
  return [order.slice(0, at), order.slice(at + 1)];
}
