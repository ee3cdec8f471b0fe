import type { Deadline, Metadata } from '@grpc/grpc-js';
import { deadlinePassed } from '../serving-errors.ts';
import type { ActiveEndpoint, CallerContext } from '../answering/active-endpoint.ts';
import type { PredictionService } from '../answering/prediction-service.ts';

/** Of a call, what is said beside its message. */
export interface CallOf {
  readonly metadata: Metadata;
  readonly deadline: Deadline;
}

/**
 * What a caller says beside the rows, in the call's metadata and its deadline.
 *
 * @throws SERVING_DEADLINE_PASSED
 */
export function contextOf(
  { metadata, deadline }: CallOf,
  endpoint: ActiveEndpoint,
  service: PredictionService,
): CallerContext {
  const header = (name: string): string | undefined => metadata.get(name)[0]?.toString();
  const arrivedAt = performance.now();
  const leftMs = Number(deadline) - Date.now();
  if (leftMs <= 0) throw deadlinePassed(endpoint.name);
  return {
    stickyKey: header('x-tilth-key'),
    header,
    caller: header('x-tilth-caller') ?? null,
    // traceparent: version-trace-span-flags, https://www.w3.org/TR/trace-context/
    traceId: header('traceparent')?.split('-')[1] ?? null,
    startedAt: arrivedAt,
    arrivedAt,
    deadline: service.deadline(
      endpoint,
      Number.isFinite(leftMs) ? String(Math.min(leftMs, 1e8)) : undefined,
      arrivedAt,
    ),
  };
}
