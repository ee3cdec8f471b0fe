import cluster from 'node:cluster';
import { join } from 'node:path';
import { TilthError, messageOf } from '../../../platform/errors.ts';
import type { Home } from '../../../platform/home.ts';
import type { DataPlane } from '../data-plane.ts';
import { placeVariable, portVariable, type ToldByProcess, type ToldToProcess } from './messages.ts';

/** Which of the processes this is, from 1 on; the same after a restart. undefined: the only one. */
export function placeAmongMany(): number | undefined {
  if (!cluster.isWorker) return undefined;
  // by it this process hears of the one that keeps it
  process.channel?.ref();
  return Number(process.env[placeVariable] ?? '1');
}

/** The port that the first one has taken; undefined for that one. */
export function portOfOthers(): number | undefined {
  const port = process.env[portVariable];
  return port === undefined || port === '' ? undefined : Number(port);
}

/** Each process keeps its own configuration and models, so that none waits for another or writes over it. */
export const homeOf = (home: Home, place: number): Home => ({
  ...home,
  serving: join(home.serving, `process-${place}`),
});

const tell = (told: ToldByProcess): void => void process.send?.(told);

let lastId = 0;
const waiting = new Map<number, (text: string) => void>();

/** `/metrics` of all processes together. */
export function metricsOfAll(): Promise<string> {
  const id = ++lastId;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    tell({ tilth: 'metrics wanted', id });
  });
}

/** Says that it answers, and from now on what its metrics are when it is asked. */
export function joinOthers(plane: DataPlane): void {
  process.on('message', (told: ToldToProcess) => {
    if (told.tilth === 'metrics asked') {
      void plane.metrics().then((metrics) => tell({ tilth: 'metrics', id: told.id, metrics }));
    } else if (told.tilth === 'metrics of all') {
      waiting.get(told.id)?.(told.text);
      waiting.delete(told.id);
    }
  });
  tell({ tilth: 'answers', address: plane.address, grpcAddress: plane.grpcAddress });
}

/** Says why it can't answer. */
export function tellFailure(thrown: unknown): void {
  const error = thrown instanceof TilthError ? thrown : new TilthError('BUG', 500, messageOf(thrown));
  tell({
    tilth: 'failed',
    error: { code: error.code, status: error.status, message: error.message, hint: error.hint },
  });
}
