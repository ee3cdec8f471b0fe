import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type as systemType } from 'node:os';
import { performance } from 'node:perf_hooks';

/** Where and when something was measured; each practice has its own, since they may be measured on different days. */
export interface Circumstances {
  readonly measuredAt: string;
  readonly commit: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** programs that wanted a core in the minute before: at the beginning and at the end */
  readonly loadAverage: readonly [number, number];
  readonly seconds: number;
}

export async function underCircumstances<T>(
  measure: () => Promise<T>,
): Promise<T & { circumstances: Circumstances }> {
  const [before = 0] = loadavg();
  const startedAt = performance.now();
  const found = await measure();
  const [after = 0] = loadavg();
  const circumstances: Circumstances = {
    measuredAt: new Date().toISOString(),
    commit: commit(),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${systemType()} ${release()}`,
    loadAverage: [before, after],
    seconds: (performance.now() - startedAt) / 1000,
  };
  return { ...found, circumstances };
}

/** One line for a page. */
export function sentenceOf(circumstances: Circumstances, versions: Readonly<Record<string, string>>): string {
  const { processor, cores, memoryGiB, loadAverage, measuredAt, commit } = circumstances;
  const packages = Object.entries(versions).map(([key, value]) => `${key} ${value}`);
  return `${measuredAt.slice(0, 10)} at ${commit}, ${cores} cores of ${processor}, ${memoryGiB} GiB, load average ${loadAverage.map((one) => one.toFixed(1)).join(' to ')}; ${packages.join(', ')}.`;
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: import.meta.dirname })
      .toString()
      .trim();
  const isClean = git('status', '--porcelain', '--', '../src', '../python', '../package-lock.json') === '';
  return `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with changes'}`;
}
