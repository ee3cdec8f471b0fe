import type { Clock } from './clock.ts';
import type { Database } from './database/database.ts';
import type { BlobStore } from './blobs/blobs.ts';
import type { EventBus } from './events.ts';
import type { Home } from './home.ts';
import type { Jobs } from './jobs.ts';
import type { Logger } from './log.ts';
import type { Registry } from 'prom-client';

/** All that a feature of the control plane may touch outside its own code, passed in. */
export interface World {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly events: EventBus;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly home: Home;
  readonly metrics: Registry;
  /** where this server answers, `http://127.0.0.1:5080` */
  readonly address: string;
}
