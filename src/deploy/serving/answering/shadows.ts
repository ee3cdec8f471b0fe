import { setTimeout as sleep } from 'node:timers/promises';
import type { ActiveTarget } from './active-endpoint.ts';
import type { Rows } from '../engines/rows.ts';
import type { Scores } from '../engines/scores.ts';
import type { Traffic } from '../counts/traffic.ts';

/** An answer that was given, for those who only look on. */
export interface Shadowed {
  readonly endpoint: { readonly name: string; readonly model: string };
  readonly scores: Scores;
  /** its rows in the order of a shadow's own columns */
  readonly rowsFor: (shadow: ActiveTarget) => Rows;
  /** writes what a shadow said into the prediction log */
  readonly keep: (shadow: ActiveTarget, rows: Rows, scores: Scores, latencyUs: number) => Promise<unknown>;
}

export interface ShadowOptions {
  readonly traffic: Traffic;
  /** answers that may wait for their shadow; what comes above it is not shown to it, and counted */
  readonly longestQueue?: number;
  /** after that a shadow is no longer waited for */
  readonly longestMs?: number;
}

/**
 * Shows answers to shadows after they were given: whatever a shadow does (wait, crash, never answer), nobody waits for it.
 * Too slow a shadow misses answers, which is counted.
 */
export class Shadows {
  readonly #options: Required<ShadowOptions>;
  #waitingCount = 0;
  #allDone: (() => void) | undefined;

  constructor(options: ShadowOptions) {
    this.#options = { longestQueue: 1000, longestMs: 10_000, ...options };
  }

  show(target: ActiveTarget, shadowed: Shadowed): void {
    const { traffic, longestQueue } = this.#options;
    if (this.#waitingCount >= longestQueue) {
      traffic.shadowed(shadowed.endpoint.name, shadowed.endpoint.model, target.version, 'dropped');
      return;
    }
    this.#waitingCount++;
    target.inMemory.acquire();
    // after the answer has been handed to the socket
    setImmediate(() => void this.#run(target, shadowed));
  }

  /** Resolves when no shadow is waiting any more, at the latest when the slowest would be given up. */
  async done(): Promise<void> {
    if (this.#waitingCount === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#allDone = resolve;
    await Promise.race([promise, sleep(this.#options.longestMs, undefined, { ref: false })]);
  }

  async #run(target: ActiveTarget, shadowed: Shadowed): Promise<void> {
    const { traffic, longestMs } = this.#options;
    const { endpoint } = shadowed;
    const startedAt = performance.now();
    const tooLate = Promise.withResolvers<never>();
    const timer = setTimeout(() => tooLate.reject(new Error('too late')), longestMs).unref();
    // it may come when nobody listens any more
    tooLate.promise.catch(() => undefined);
    try {
      const rows = shadowed.rowsFor(target);
      // given up here, not there: an engine that never answers must not keep its place in the queue
      const scoring = target.inMemory.score(rows);
      target.inMemory.acquire();
      void scoring.catch(() => undefined).finally(() => target.inMemory.release());
      const scores = await Promise.race([scoring, tooLate.promise]);
      const latencyUs = Math.round((performance.now() - startedAt) * 1000);
      await shadowed.keep(target, rows, scores, latencyUs);
      traffic.shadowed(endpoint.name, endpoint.model, target.version, 'logged');
      traffic.versions.answered(endpoint.name, target.version, 'shadow', rows.rowCount, latencyUs);
      traffic.versions.compared(endpoint.name, target.version, scores, shadowed.scores);
    } catch {
      traffic.shadowed(endpoint.name, endpoint.model, target.version, 'failed');
      traffic.versions.refused(endpoint.name, target.version, 'shadow', true);
    } finally {
      clearTimeout(timer);
      target.inMemory.release();
      if (--this.#waitingCount === 0) this.#allDone?.();
    }
  }
}
