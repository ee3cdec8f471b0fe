import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../platform/clock.ts';
import type { Migrations } from '../platform/database/database.ts';
import { openDatabase } from '../platform/database/open-database.ts';
import { EventBus } from '../platform/events.ts';
import { createHome, resolveHome, type Home } from '../platform/home.ts';
import { Jobs } from '../platform/jobs.ts';
import { createLogger } from '../platform/log.ts';
import { createRegistry } from '../platform/metrics.ts';
import { openBlobs } from '../platform/blobs/open-blobs.ts';
import { temporaryDatabase } from '../platform/database/test-database.ts';
import type { World } from '../platform/world.ts';
import { features } from './features.ts';

/** An empty home in a folder of its own with an empty database, and how to remove both. */
export function temporaryHome(): Home & { remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'tilth test '));
  const home = createHome(resolveHome(root));
  const database = temporaryDatabase(home.database);
  return {
    ...home,
    database: database.where,
    remove: () => {
      rmSync(root, { recursive: true, force: true });
      database.remove();
    },
  };
}

/** The real database, blobs and queue in a temporary home, without listening. */
export async function createTestWorld(
  options: { migrations?: Migrations; clock?: Clock } = {},
): Promise<World & { close(): Promise<void> }> {
  const home = temporaryHome();
  const migrations: Migrations = Object.assign({}, ...features.map((each) => each.migrations ?? {}), options.migrations ?? {});
  const database = await openDatabase(home.database, migrations);
  const clock = options.clock ?? systemClock;
  const log = createLogger('test', 'silent');
  const jobs = new Jobs({ database, clock, log, folder: home.logs });
  return {
    database,
    blobs: await openBlobs(home, log),
    events: new EventBus(),
    jobs,
    clock,
    log,
    home,
    metrics: createRegistry(),
    address: 'http://127.0.0.1:0',
    close: async () => {
      await jobs.stop();
      await database.close();
      home.remove();
    },
  };
}
