import { Link } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { count, shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Failure } from '../parts/answer.tsx';
import { Copy, Empty, Page } from '../parts/basics.tsx';
import { ColumnChoice, knownColumns, shownColumns, useChosenColumns, type Column } from './run-columns.tsx';
import { RunExport } from './run-export.tsx';
import { RunFilterBox } from './run-filter-box.tsx';
import { RunTable } from './run-table.tsx';
import { filterOf, useExperiments, useRunCount, useRunKeys, useRunTable, type TableQuestion } from './tracking.ts';

const newestFirst = 'attributes.start_time DESC';

/** As many as a comparison takes. */
const mostCompared = 100;

export function RunsPage() {
  const [experiment, setExperiment] = useUrlState('experiment');
  const [filter, setFilter] = useUrlState('filter');
  const [order, setOrder] = useUrlState('order', newestFirst);
  const [inAddress, setInAddress] = useUrlState('columns');
  const [selected, setSelected] = useUrlState('selected');
  const [isAtTop, setAtTop] = useState(true);
  const experiments = useExperiments();
  const keys = useRunKeys(experiment);
  const [chosen, choose] = useChosenColumns(experiment, inAddress, setInAddress);
  const known = useMemo(() => knownColumns(keys.data), [keys.data]);
  const columns = useMemo(() => shownColumns(chosen, keys.data), [chosen, keys.data]);
  // without a choice the keys say which columns there are
  const isReady = keys.data !== undefined || keys.error !== null || (chosen !== '' && chosen !== 'all');
  const question = useMemo(
    () => (isReady ? questionOf({ experiment, filter: filterOf(filter), order, columns }) : undefined),
    [isReady, experiment, filter, order, columns],
  );
  const { pages, runs, newCount } = useRunTable(question, isAtTop);
  const total = useRunCount(experiment, filterOf(filter)).data;
  const { hasNextPage, isFetchingNextPage, isPlaceholderData, fetchNextPage } = pages;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isPlaceholderData) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isPlaceholderData, fetchNextPage]);
  const picked = useMemo(() => (selected === '' ? [] : selected.split(',')), [selected]);
  const name = experiments.data?.find((each) => each.id === experiment)?.name;
  const cli = commandOf({ name, filter: filterOf(filter), order });
  const error = pages.error ?? experiments.error ?? keys.error;
  const isEmpty = filter === '' && runs.length === 0 && pages.isSuccess && !pages.isFetching && error === null;
  const canCompare = picked.length > 1 && picked.length <= mostCompared;

  return (
    <Page
      title="Runs"
      name="Runs"
      lead="Every run that was logged, by any MLflow client."
      cli={cli}
      actions={<Copy text={pythonOf({ name, filter: filterOf(filter), order })} label="Copy as Python" className="h-8 border-line px-2.5" />}
    >
      <div className="flex flex-wrap items-start gap-2">
        <RunFilterBox experiment={experiment} value={filter} onChange={setFilter} className="w-full lg:w-[34rem]" />
        <select
          className="field max-w-full min-w-0"
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
        <ColumnChoice known={known} shown={columns} onChange={choose} />
        {question === undefined ? null : <RunExport question={question} columns={columns} total={total} name={name} />}
        <span className="ml-auto flex items-center gap-2">
          {picked.length === 0 ? null : (
            <button type="button" className="button button-quiet" onClick={() => setSelected('')}>
              Clear {picked.length} selected
            </button>
          )}
          {runs.length < 2 ? null : (
            <Link
              to="/develop/compare"
              search={{ list: filter === '' ? 'all' : filterOf(filter), experiment, order: order === newestFirst ? undefined : order } as never}
              className="button"
              title="The runs of this list as lines and points"
            >
              Plot
            </Link>
          )}
          <Link
            to="/develop/compare"
            search={{ ids: picked.join(',') } as never}
            disabled={!canCompare}
            aria-disabled={!canCompare}
            title={picked.length > mostCompared ? `At most ${mostCompared} are compared` : undefined}
            className={`button ${canCompare ? 'button-primary' : 'pointer-events-none opacity-50'}`}
          >
            Compare {picked.length > 1 ? picked.length : ''}
          </Link>
        </span>
      </div>
      <section className="card relative min-w-0 overflow-hidden" aria-label="Runs">
        {error === null ? null : (
          <div className="p-4">
            <Failure error={error} />
          </div>
        )}
        {isEmpty ? (
          <Empty title="No run was logged yet" command="tilth run -- python train.py">
            Or point any MLflow client here:{' '}
            <code>mlflow.set_tracking_uri(&quot;{location.origin}&quot;)</code>
          </Empty>
        ) : pages.isPending && error === null ? (
          <div className="h-72" aria-busy="true" aria-label="Loading" />
        ) : (
          <RunTable
            runs={runs}
            columns={columns}
            order={order}
            onOrder={setOrder}
            picked={picked}
            onPick={(ids) => setSelected(ids.join(','))}
            onEnd={onEnd}
            onTop={setAtTop}
            listKey={`${experiment} ${filter} ${order}`}
          />
        )}
        {newCount === 0 ? null : (
          <button
            type="button"
            className="button button-primary absolute top-11 left-1/2 z-30 h-7 -translate-x-1/2 shadow-high"
            onClick={() => document.querySelector('[role=grid]')?.scrollTo({ top: 0 })}
          >
            ↑ {newCount} new
          </button>
        )}
      </section>
      {runs.length === 0 ? null : (
        <p className="flex flex-wrap gap-x-4 text-xs text-ink-3">
          <span aria-live="polite">
            {total === undefined || total <= runs.length ? '' : `${count(runs.length)} of `}
            {count(Math.max(total ?? 0, runs.length))} {(total ?? runs.length) === 1 ? 'run' : 'runs'}
          </span>
          <span className="hidden sm:inline">
            <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>Space</kbd> selects, with <kbd>Shift</kbd> a range, <kbd>Enter</kbd> opens
          </span>
        </p>
      )}
    </Page>
  );
}

interface Choice {
  readonly experiment: string;
  readonly filter: string;
  readonly order: string;
  readonly columns: readonly Column[];
}

function questionOf({ experiment, filter, order, columns }: Choice): TableQuestion {
  const keysOf = (group: Column['group']): string[] => columns.filter((column) => column.group === group).map((column) => column.label);
  return { experiment, filter, orderBy: order, columns: { metrics: keysOf('metric'), params: keysOf('param'), tags: keysOf('tag') } };
}

interface Shown {
  readonly name: string | undefined;
  readonly filter: string;
  readonly order: string;
}

/** The same list on the command line. */
const commandOf = ({ name, filter, order }: Shown): string =>
  [
    'tilth run list',
    name === undefined ? '' : `--experiment ${shellWord(name)}`,
    filter === '' ? '' : `--filter ${shellWord(filter)}`,
    order === newestFirst ? '' : `--order-by ${shellWord(order)}`,
  ]
    .filter((part) => part !== '')
    .join(' ');

/** The same list with MLflow's client. JSON's texts are Python's too. */
function pythonOf({ name, filter, order }: Shown): string {
  const asked = [
    name === undefined ? 'search_all_experiments=True' : `experiment_names=[${JSON.stringify(name)}]`,
    ...(filter === '' ? [] : [`filter_string=${JSON.stringify(filter)}`]),
    `order_by=[${JSON.stringify(order)}]`,
  ];
  return `import mlflow\n\nmlflow.set_tracking_uri(${JSON.stringify(location.origin)})\nruns = mlflow.search_runs(${asked.join(', ')})\n`;
}
