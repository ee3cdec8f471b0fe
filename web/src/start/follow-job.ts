import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { JobView } from '../../../src/platform/job-api.ts';
import { ApiError, useApi } from '../platform/api.ts';

const everyMs = 700;

export const isActive = (job: JobView | undefined): boolean =>
  job?.state === 'queued' || job?.state === 'running';

/** A job, asked for until it has ended; `onEnd` is called once then. */
export function useJob(id: string | null, onEnd?: () => void): JobView | undefined {
  const client = useQueryClient();
  const path = id === null ? null : `/api/v1/jobs/${id}`;
  const cached = path === null ? undefined : client.getQueryData<JobView>(['api', path]);
  const hasEnded = cached !== undefined && !isActive(cached);
  const query = useApi<JobView>(path, {}, hasEnded ? {} : { every: everyMs });
  const job = id === null || query.data?.id !== id ? undefined : query.data;
  const ended = job !== undefined && !isActive(job) ? job.id : null;
  useEffect(() => {
    if (ended !== null) onEnd?.();
    // once per job, whatever the caller's function is by then
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [ended]);
  return job;
}

/** What went wrong in a job: its text ends with `[CODE]`, and the next step is on a line of its own. */
export function failureOf(job: JobView): ApiError {
  const [, message = job.error ?? '', code = '', hint] =
    /^([^]*) \[([A-Z_]+)\](?:\n([^]*))?$/.exec(job.error ?? '') ?? [];
  return new ApiError(409, code, message, hint);
}
