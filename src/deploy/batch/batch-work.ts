import type { Clock } from '../../platform/clock.ts';
import type { Engine } from '../serving/engines/engine.ts';
import type { PredictionLog } from '../serving/log/prediction-log.ts';
import type { ServedVersion } from '../serving/serving-api.ts';
import type { BatchPlan } from './batch.ts';
import type { InputFile, OutputPlace } from './places.ts';

/** What one batch reads, scores with, and writes. */
export interface BatchWork {
  readonly plan: BatchPlan;
  readonly files: readonly InputFile[];
  readonly output: OutputPlace;
  readonly served: ServedVersion;
  readonly engine: Engine;
  /** undefined where nothing is logged */
  readonly log: PredictionLog | undefined;
  readonly caller: string | null;
  readonly clock: Clock;
  /** rows that are done, and how many there are in all where that is known */
  readonly onProgress: (done: number, total: number | undefined) => void;
}
