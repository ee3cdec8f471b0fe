import { cpus } from 'node:os';
import type { Engine } from '../serving/engines/engine.ts';
import type { Rows } from '../serving/engines/rows.ts';

/** How long an engine takes, measured on the machine that it says. */
export interface Latency {
  /** milliseconds that 99 of 100 calls need at most */
  readonly p99Ms: number;
  readonly callCount: number;
  readonly rowCount: number;
}

const warmUpCalls = 20;
const leastCalls = 100;
const mostCalls = 2000;
const budgetMs = 800;
const longestMs = 5_000;

/**
 * Calls an engine with the same rows, one call after the other, until the p99 has calls enough to stand on or the time is up.
 * No HTTP is in it: what a request costs beside the model is the same for every model.
 */
export async function measureLatency(engine: Engine, rows: Rows): Promise<Latency> {
  for (let call = 0; call < warmUpCalls; call++) await engine.score(rows);
  const times: number[] = [];
  const startedAt = performance.now();
  for (;;) {
    const before = performance.now();
    await engine.score(rows);
    const now = performance.now();
    times.push(now - before);
    const spent = now - startedAt;
    if (times.length >= mostCalls || spent > longestMs || (times.length >= leastCalls && spent > budgetMs))
      break;
  }
  times.sort((one, other) => one - other);
  const p99 = times[Math.min(times.length - 1, Math.ceil(0.99 * times.length) - 1)] ?? 0;
  return { p99Ms: p99, callCount: times.length, rowCount: rows.rowCount };
}

/** What the numbers hold for: another machine has others. */
export const machineName = (): string => {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? 'unknown processor'}`;
};
