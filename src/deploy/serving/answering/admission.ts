import { badDeadline, busy, deadlineTooShort } from '../serving-errors.ts';

/** When an answer is too late, and whether the caller said so. */
export interface Deadline {
  /** `performance.now()` */
  readonly at: number;
  readonly isOfCaller: boolean;
}

/**
 * @param given of the header `x-tilth-deadline-ms`: how many ms the caller waits from when the request came
 * @param arrivedAt `performance.now()`
 * @param limits `defaultMs` where the caller names none; no caller may name a later one than `latestMs`
 * @throws SERVING_DEADLINE_UNREADABLE
 */
export function deadlineOf(
  given: string | undefined,
  arrivedAt: number,
  { defaultMs, latestMs }: { readonly defaultMs: number; readonly latestMs: number },
): Deadline {
  if (given === undefined) return { at: arrivedAt + Math.min(defaultMs, latestMs), isOfCaller: false };
  const ms = /^\d{1,9}(\.\d{1,6})?$/.test(given) ? Number(given) : 0;
  if (ms <= 0) throw badDeadline(given);
  return { at: arrivedAt + Math.min(ms, latestMs), isOfCaller: ms < latestMs };
}

/** Share of the time left that may be planned with: a caller's time also passes before a request is read, and after its answer is written. */
const plannedShare = 0.85;
/** How much of what was learned stays when one more request has been answered. */
const memory = 0.95;

/**
 * Keeps out what could not be answered in time: a queue is as long as its rows take, whatever their number.
 * What the estimate of the queue misses is learned as the time that a request takes beyond it.
 */
export class Admission {
  #ownMs = 0;
  #spreadMs = 0;

  /**
   * @param waitMs estimated for what is queued
   * @throws SERVING_BUSY, SERVING_DEADLINE_TOO_SHORT when it is the caller who can't wait
   */
  check(endpoint: string, waitMs: number, deadline: Deadline, now: number): void {
    // an empty queue takes the request: otherwise nothing could teach that it has become quick again
    if (waitMs === 0) return;
    const neededMs = waitMs + this.#ownMs + 2 * this.#spreadMs;
    const leftMs = Math.max(0, deadline.at - now);
    if (neededMs <= leftMs * plannedShare) return;
    throw deadline.isOfCaller
      ? deadlineTooShort(endpoint, neededMs, leftMs)
      : busy(endpoint, neededMs, leftMs);
  }

  /** @param waitMs what was estimated when it came in */
  answered(tookMs: number, waitMs: number): void {
    const beyond = tookMs - waitMs;
    this.#spreadMs = this.#spreadMs * memory + Math.abs(beyond - this.#ownMs) * (1 - memory);
    this.#ownMs = this.#ownMs * memory + Math.max(0, beyond) * (1 - memory);
  }
}
