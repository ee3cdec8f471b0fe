import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { TraceDetail, TracePage } from '../../../src/develop/traces/traces-api.ts';
import type { Tone } from '../parts/basics.tsx';
import { ask, segment, useApi, withParams } from '../platform/api.ts';

const pageSize = 100;

/** Traces page by page, newest first unless ordered otherwise; filter and order are the server's work. */
export const useTraces = (experiment: string, filter: string, orderBy: string) =>
  useInfiniteQuery({
    queryKey: ['api', 'traces', experiment, filter, orderBy],
    placeholderData: keepPreviousData,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      ask<TracePage>(
        'GET',
        withParams('/api/v1/traces', { experiment, filter, orderBy, cursor: pageParam, limit: pageSize }),
        undefined,
        signal,
      ),
    getNextPageParam: (page) => page.nextCursor,
  });

export const useTrace = (id: string) => useApi<TraceDetail>(`/api/v1/traces/${segment(id)}`);

/** What a person types: MLflow's language, or a word that the trace's name or any of its spans has in it. */
export function traceFilterOf(typed: string, state: string): string {
  const word = typed.trim();
  const isWord = !/[=<>(]|\b(?:r?i?like|in|is|rlike)\b/i.test(word);
  const quoted = word.replaceAll("'", '_');
  const filter = word === '' || !isWord ? word : `name ILIKE '%${quoted}%' OR trace.text ILIKE '%${quoted}%'`;
  const ofState = state === '' ? '' : `status = '${state}'`;
  if (filter === '' || ofState === '') return filter || ofState;
  return `(${filter}) AND ${ofState}`;
}

export const stateTone: Readonly<Record<string, Tone>> = { OK: 'good', ERROR: 'bad', IN_PROGRESS: 'info' };

export const stateName = (state: string): string =>
  state === 'STATE_UNSPECIFIED' ? 'unknown' : state.toLowerCase().replace('_', ' ');

/** Spans take from microseconds to hours. */
export function took(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
