import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Cache } from '../dvc-files/cache.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { placeRun } from '../dvc-files/run-cache.ts';
import { inParallel } from './in-parallel.ts';
import { openStore, remoteNamed } from './open-store.ts';
import type { TransferOptions } from './transfer.ts';
import type { RemoteStore } from './remote-store.ts';

/** `runs/ab/KEY/VALUE`: the lock entry of a stage that ran once. */
const entryKey = /^runs\/[0-9a-f]{2}\/[0-9a-f]{64}\/[0-9a-f]{64}$/;

/** Sends the runs of stages that a remote does not know. @returns how many; 0 over HTTP, which can't be listed */
export async function pushRunCache(repository: Repository, options: TransferOptions): Promise<number> {
  return withRuns(repository, options, async (store, jobs) => {
    const here = keysBelow(repository.config.cacheFolder);
    const there = await store.existing(here, jobs);
    const lacking = here.filter((key) => !there.has(key));
    await inParallel(lacking, jobs, (key) => store.put(key, join(repository.config.cacheFolder, key)));
    return lacking.length;
  });
}

/** Brings the runs of stages that this machine does not know. @returns how many */
export async function fetchRunCache(repository: Repository, options: TransferOptions): Promise<number> {
  return withRuns(repository, options, async (store, jobs) => {
    const { cacheFolder } = repository.config;
    const lacking = (await store.list('runs')).filter(
      (key) => entryKey.test(key) && !existsSync(join(cacheFolder, key)),
    );
    const cache = new Cache(repository);
    try {
      await inParallel(lacking, jobs, async (key) => {
        const draft = cache.draft();
        await store.get(key, draft);
        placeRun(draft, join(cacheFolder, key));
      });
    } finally {
      cache.close();
    }
    return lacking.length;
  });
}

async function withRuns(
  repository: Repository,
  options: TransferOptions,
  work: (store: RemoteStore, jobs: number) => Promise<number>,
): Promise<number> {
  const remote = remoteNamed(repository.config, options.remote);
  if (/^https?:/i.test(remote.url)) return 0;
  const store = await openStore(remote, options.jobs);
  try {
    return await work(store, options.jobs ?? store.jobs);
  } finally {
    await store.close();
  }
}

function keysBelow(cacheFolder: string): string[] {
  const root = join(cacheFolder, 'runs');
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => `runs/${path.split('\\').join('/')}`)
    .filter((key) => entryKey.test(key));
}
