import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type {
  ArtifactView,
  Comparison,
  ExperimentView,
  MetricHistoryView,
  RunDetail,
  RunPage,
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

const pageSize = 200;

export const useExperiments = () => useApi<ExperimentView[]>('/api/v1/experiments');

/** Runs page by page; filter and order are the server's work. */
export const useRuns = (experiment: string, filter: string, orderBy: string) =>
  useInfiniteQuery({
    queryKey: ['api', 'runs', experiment, filter, orderBy],
    placeholderData: keepPreviousData,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const address = withParams('/api/v1/runs', {
        experiment,
        filter,
        orderBy,
        cursor: pageParam,
        limit: pageSize,
      });
      const page = await ask<RunPage>('GET', address, undefined, signal);
      return { runs: page.runs.map(readRun), next: page.nextCursor };
    },
    getNextPageParam: (page) => page.next,
  });

export interface DetailedRun extends Run {
  readonly experimentName: string;
  readonly models: RunDetail['outputModels'];
}

export const useRun = (id: string) =>
  useQuery<DetailedRun, ApiError>({
    queryKey: ['api', 'run', id],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const detail = await ask<RunDetail>('GET', `/api/v1/runs/${segment(id)}`, undefined, signal);
      return { ...readRun(detail), experimentName: detail.experimentName, models: detail.outputModels };
    },
  });

/** Several runs beside each other, in the order asked for. */
export const useComparison = (ids: readonly string[]) =>
  useApi<Comparison>(ids.length === 0 ? null : '/api/v1/runs/compare', { ids: ids.join(',') });

/** The history of one metric of several runs, in step order. */
export const useMetricHistories = (ids: readonly string[], key: string) =>
  useQuery<MetricHistoryView[], ApiError>({
    queryKey: ['api', 'metric-history', ids, key],
    enabled: key !== '' && ids.length > 0,
    placeholderData: keepPreviousData,
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
