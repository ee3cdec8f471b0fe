import type { World } from '../../platform/world.ts';
import type { Stop } from '../../platform/feature.ts';
import { messageOf } from '../../platform/errors.ts';
import { Gauge } from '../../platform/metrics.ts';
import { Analytics } from '../windows/analytics.ts';
import { Compaction } from './compaction.ts';
import type { LogReader } from './prediction-log-reader.ts';

const compactEveryMs = 1000;
const opened = new WeakMap<World, Promise<LogReader>>();

/** The prediction log of a server, opened once. */
export function predictionLog(world: World): Promise<LogReader> {
  const known = opened.get(world);
  if (known !== undefined) return known;
  const opening = open(world);
  opened.set(world, opening);
  return opening;
}

async function open(world: World): Promise<LogReader> {
  const analytics = new Analytics();
  const compaction = new Compaction({ database: world.database, analytics, log: world.log, folder: world.home.predictions });
  await compaction.recover();
  return { read: world.database.read, analytics, compaction };
}

/** Compacts every second until the server stops. */
export function startPredictions(world: World): Stop {
  const lag = new Gauge({
    name: 'tilth_prediction_compaction_seconds',
    help: 'How long the last compaction of the prediction log took',
    registers: [world.metrics],
  });
  let isStopped = false;
  let wake: (() => void) | undefined;
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      const startedAt = performance.now();
      try {
        const log = await predictionLog(world);
        const rowCount = await log.compaction.run();
        if (rowCount > 0) lag.set((performance.now() - startedAt) / 1000);
      } catch (cause) {
        world.log.error({ cause: messageOf(cause) }, 'compaction failed; it is tried again');
      }
      if (isStopped) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, compactEveryMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const running = loop();
  return async () => {
    isStopped = true;
    wake?.();
    await running;
    await closePredictions(world);
  };
}

/** Closes what `predictionLog` opened. */
export async function closePredictions(world: World): Promise<void> {
  const log = opened.get(world);
  opened.delete(world);
  if (log !== undefined) await (await log).analytics.close();
}
