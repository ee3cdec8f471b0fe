import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type {
  ArtifactView,
  Comparison,
  ExperimentView,
  MetricHistoryView,
  RunDetail,
  RunGroups,
  RunKeys,
  RunRow,
  RunTable,
  RunView,
} from '../../../src/develop/tracking/tracking-api.ts';
import { ask, segment, useApi, withParams, type ApiError } from '../platform/api.ts';

/** A run as the page shows it: its maps are looked up per cell of the table. */
export interface Run {
  readonly id: string;
  readonly name: string;
  readonly experimentId: string;
  readonly status: string;
  readonly user: string;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly params: ReadonlyMap<string, string>;
  readonly metrics: ReadonlyMap<string, number>;
  readonly tags: ReadonlyMap<string, string>;
  readonly datasets: RunView['datasets'];
}

const readRun = (view: RunView): Run => ({
  id: view.id,
  name: view.name,
  experimentId: view.experimentId,
  status: view.status.toLowerCase(),
  user: view.userId,
  startedAt: view.startedAt,
  endedAt: view.endedAt,
  params: new Map(Object.entries(view.params)),
  metrics: new Map(Object.entries(view.metrics).map(([key, metric]) => [key, metric.value ?? Number.NaN])),
  tags: new Map(Object.entries(view.tags)),
  datasets: view.datasets,
});

export const useExperiments = () => useApi<ExperimentView[]>('/api/v1/experiments');

/** A run as the table shows it: nothing of it is there but what its columns need. */
export interface TableRun {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly user: string;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly metrics: ReadonlyMap<string, number>;
  readonly params: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, string>;
}

/** Which runs, in which order, with which keys of theirs. */
export interface TableQuestion {
  readonly experiment: string;
  readonly filter: string;
  readonly orderBy: string;
  readonly columns: { readonly metrics: readonly string[]; readonly params: readonly string[]; readonly tags: readonly string[] };
}

/** The first page is small, so that it is there soon. */
const firstPage = 100;
/** Cells that one answer holds at most; with many columns a page has fewer runs. */
const cellsPerPage = 40_000;
const pageSize = ({ columns }: TableQuestion, isFirst: boolean): number => {
  const keyCount = columns.metrics.length + columns.params.length + columns.tags.length;
  return Math.max(50, Math.min(isFirst ? firstPage : 400, Math.floor(cellsPerPage / Math.max(1, keyCount))));
};

/** One page of the table. */
export async function askRuns(
  question: TableQuestion,
  page: { readonly cursor?: string | undefined; readonly limit?: number },
  signal?: AbortSignal,
): Promise<{ runs: TableRun[]; next: string | undefined }> {
  const { experiment, filter, orderBy, columns } = question;
  const body = {
    ...(experiment === '' ? {} : { experiment }),
    ...(filter === '' ? {} : { filter }),
    orderBy,
    columns,
    limit: page.limit ?? pageSize(question, page.cursor === undefined),
    ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
  };
  const answer = await ask<RunTable>('POST', '/api/v1/runs/table', body, signal);
  return { runs: answer.runs.map((row) => readRow(row, columns)), next: answer.nextCursor };
}

const readRow = (row: RunRow, columns: TableQuestion['columns']): TableRun => ({
  id: row.id,
  name: row.name,
  status: row.status.toLowerCase(),
  user: row.userId,
  startedAt: row.startedAt,
  endedAt: row.endedAt,
  metrics: mapOf(columns.metrics, row.metrics, Number),
  params: mapOf(columns.params, row.params, String),
  tags: mapOf(columns.tags, row.tags, String),
});

function mapOf<A, B>(keys: readonly string[], values: readonly (A | null)[], read: (value: A) => B): ReadonlyMap<string, B> {
  const map = new Map<string, B>();
  for (const [index, key] of keys.entries()) {
    const value = values[index];
    if (value !== null && value !== undefined) map.set(key, read(value));
  }
  return map;
}

/** Every key that runs of an experiment have; asked anew at times, not at every event. */
export const useRunKeys = (experiment: string) =>
  useQuery<RunKeys, ApiError>({
    queryKey: ['run-keys', experiment],
    staleTime: 20_000,
    refetchInterval: 60_000,
    queryFn: ({ signal }) => ask<RunKeys>('GET', withParams('/api/v1/runs/keys', { experiment }), undefined, signal),
  });

/** How many runs match. */
export const useRunCount = (experiment: string, filter: string) =>
  useQuery<number, ApiError>({
    queryKey: ['run-count', experiment, filter],
    placeholderData: keepPreviousData,
    staleTime: 5_000,
    refetchInterval: 20_000,
    queryFn: async ({ signal }) => {
      const body = { ...(experiment === '' ? {} : { experiment }), ...(filter === '' ? {} : { filter }) };
      const { groups } = await ask<RunGroups>('POST', '/api/v1/runs/aggregate', body, signal);
      return groups[0]?.runCount ?? 0;
    },
  });

/**
 * Runs page by page; filter, order and columns are the server's work. The first page stays live: what happens to its
 * runs is seen at once, and runs that came are told, and put on top when `takesNew`, so that nobody loses their place.
 */
export function useRunTable(question: TableQuestion | undefined, takesNew: boolean) {
  const key = JSON.stringify(question ?? null);
  const pages = useInfiniteQuery({
    queryKey: ['runs', key],
    enabled: question !== undefined,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    // a list of long ago is asked for anew, not page by page
    gcTime: 60_000,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => askRuns(question as TableQuestion, { cursor: pageParam }, signal),
    getNextPageParam: (page) => page.next,
  });
  const loaded = useMemo(() => pages.data?.pages.flatMap((page) => page.runs) ?? [], [pages.data]);
  const first = pages.isPlaceholderData ? undefined : pages.data?.pages[0];
  const head = useQuery<TableRun[], ApiError>({
    queryKey: ['api', 'runs-head', key],
    enabled: first !== undefined,
    queryFn: async ({ signal }) => (await askRuns(question as TableQuestion, {}, signal)).runs,
    ...(first === undefined ? {} : { initialData: first.runs, initialDataUpdatedAt: pages.dataUpdatedAt }),
  }).data;
  const { runs, newCount } = useMemo(() => {
    if (head === undefined || first === undefined || head === first.runs) return { runs: unique(loaded), newCount: 0 };
    const now = new Map(head.map((run) => [run.id, run]));
    const known = new Set(loaded.map((run) => run.id));
    const came = head.filter((run) => !known.has(run.id));
    if (!takesNew) return { runs: unique(loaded.map((run) => now.get(run.id) ?? run)), newCount: came.length };
    // of the first page the last ones were pushed out by those that came; any other that is missing has left the list
    const stay = first.runs.length - came.length;
    return { runs: unique([...head, ...loaded.filter((_run, index) => index >= stay)]), newCount: 0 };
  }, [head, first, loaded, takesNew]);
  return { pages, runs, newCount };
}

/** A run whose sorted value changed between two pages comes twice. */
function unique(runs: readonly TableRun[]): readonly TableRun[] {
  const seen = new Set<string>();
  return runs.filter((run) => !seen.has(run.id) && seen.add(run.id).size > 0);
}

/** What a running run logs is asked for anew this often; a long curve less. */
const liveMs = 2_000;
const longLiveMs = 15_000;
const longCurve = 50_000;

export interface DetailedRun extends Run {
  readonly experimentName: string;
  readonly models: RunDetail['outputModels'];
}

export const useRun = (id: string) =>
  useQuery<DetailedRun, ApiError>({
    queryKey: ['api', 'run', id],
    placeholderData: keepPreviousData,
    // what a run logs is no event
    refetchInterval: (query) => query.state.data?.status === 'running' && liveMs,
    queryFn: async ({ signal }) => {
      const detail = await ask<RunDetail>('GET', `/api/v1/runs/${segment(id)}`, undefined, signal);
      return { ...readRun(detail), experimentName: detail.experimentName, models: detail.outputModels };
    },
  });

/** Several runs beside each other, in the order asked for. */
export const useComparison = (ids: readonly string[]) =>
  useApi<Comparison>(ids.length === 0 ? null : '/api/v1/runs/compare', { ids: ids.join(',') });

/** The history of one metric of several runs, in step order; of runs that run, again and again. */
export const useMetricHistories = (ids: readonly string[], key: string, isLive = false) =>
  useQuery<MetricHistoryView[], ApiError>({
    queryKey: ['metric-history', ids, key],
    enabled: key !== '' && ids.length > 0,
    placeholderData: keepPreviousData,
    // of a run that is over nothing more comes
    staleTime: isLive ? 0 : 60_000,
    refetchInterval: (query) =>
      isLive && (query.state.data?.some((history) => history.pointCount > longCurve) === true ? longLiveMs : liveMs),
    queryFn: ({ signal }) =>
      Promise.all(
        ids.map((id) =>
          ask<MetricHistoryView>(
            'GET',
            `/api/v1/runs/${segment(id)}/metrics/${segment(key)}`,
            undefined,
            signal,
          ),
        ),
      ),
  });

export const useArtifacts = (id: string, path: string) =>
  useApi<ArtifactView[]>(`/api/v1/runs/${segment(id)}/artifacts`, { path });

/** Is it a word of a run's name instead of a filter? */
export const isName = (typed: string): boolean =>
  !/[=<>(]|\b(?:i?like|in|is|between)\b|^\s*(?:metric|param|parameter|tag|attribute|attr|run|dataset)s?\./i.test(typed);

/** What a person types into the filter: MLflow's language and ours, or a word that the run's name has in it. */
export function filterOf(typed: string): string {
  const text = typed.trim();
  if (text === '' || !isName(text)) return text;
  const quote = text.includes("'") ? '"' : "'";
  return `attributes.run_name ILIKE ${quote}%${text}%${quote}`;
}
