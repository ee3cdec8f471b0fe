import type { Logger } from '../../../platform/log.ts';
import type { Layout, Rows } from './rows.ts';
import type { Scores } from './scores.ts';
import type { ServedVersion } from '../serving-api.ts';
import type { GraphThreads } from './threads/graph-threads.ts';

/** Something that scores rows: a graph in this process, or the model's own Python beside it. */
export interface Engine {
  readonly layout: Layout;
  /** How long new rows would wait now, by what rows cost so far. */
  readonly estimatedWaitMs: number;
  /** `restarting`: not now, soon again; `failed`: not without another word from the control plane */
  readonly state: 'ready' | 'restarting' | 'failed';
  /**
   * @param signal gives up waiting; rows that nobody waits for are not scored where that can still be helped
   * @throws SERVING_BUSY, SERVING_ROWS_REFUSED (the model itself refused the rows), else the model failed
   */
  score(rows: Rows, signal?: AbortSignal): Promise<Scores>;
  /** Would so many rows be scored in a later turn of the event loop? Absent: always. */
  isLong?(rowCount: number): boolean;
  /** Rows that are scored or wait for it. */
  readonly queuedRows?: number;
  /** Holds the model in memory until `release`, also when it is retired meanwhile. */
  acquire(): void;
  release(): void;
  /** Frees the memory as soon as nobody uses the model any more. */
  retire(): void;
}

/** Is told of each run. */
export interface EngineWatch {
  /** @param ms of the run alone, without waiting */
  ran(rowCount: number, ms: number): void;
}

/** Where engines come from. */
export interface EngineSource {
  /** The path of a version's file on this machine, fetched unless it is here; its content is what its digest says. */
  file(served: ServedVersion): Promise<string>;
  /** `<home>/serving`: what Python models need lies below it */
  readonly folder: string;
  readonly log: Logger;
  /** where long runs of graphs go; without them all are run in the event loop */
  readonly threads?: GraphThreads | undefined;
  readonly watch?: ((served: ServedVersion) => EngineWatch) | undefined;
  /** processes per Python model; default 1 */
  readonly pythonWorkers?: number | undefined;
  /** resident memory above which a process of a Python model is ended */
  readonly pythonMemoryBytes?: number | undefined;
  /** Python environments are kept below it; default `<folder>/environments` */
  readonly environments?: string | undefined;
  /** how long a load is waited for; one that takes longer goes on, and is there at a later try; 0 only begins it */
  readonly patienceMs?: number | undefined;
}
