import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { blobNotFound, type BlobStore, type LocalFile } from './blobs.ts';
import { writeCounted } from '../durable-files.ts';
import { TilthError } from '../errors.ts';

/** What copies may take together; those that were used longest ago make room. */
const mostBytes = 4 * 1024 ** 3;

/** Copies of a bucket's contents as files of this machine, each made once for as long as it is kept. */
export function localCopies(
  folder: string,
  store: Pick<BlobStore, 'facts' | 'get'>,
  limit = mostBytes,
): (key: string) => Promise<LocalFile> {
  const used = new Map<string, number>();
  const making = new Map<string, Promise<void>>();

  const make = async (key: string, name: string, byteCount: number): Promise<void> => {
    const path = join(folder, name);
    const now = new Date();
    if ((await stat(path).catch(() => undefined))?.size === byteCount) return utimes(path, now, now);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await makeRoom(folder, limit - byteCount, (each) => used.has(each));
    const temporary = `${path}.part`;
    try {
      await writeCounted(temporary, (await store.get(key)).stream);
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw cause;
    }
  };

  return async (key) => {
    const facts = await store.facts(key);
    if (facts === undefined) throw blobNotFound(key);
    if (facts.byteCount > limit) throw tooLargeToCopy(key, facts.byteCount, limit);
    const name = createHash('sha256').update(`${key}\n${facts.etag}`).digest('hex');
    used.set(name, (used.get(name) ?? 0) + 1);
    const release = (): void => {
      const left = (used.get(name) ?? 0) - 1;
      if (left > 0) used.set(name, left);
      else used.delete(name);
    };
    try {
      const running = making.get(name) ?? make(key, name, facts.byteCount).finally(() => making.delete(name));
      making.set(name, running);
      await running;
    } catch (cause) {
      release();
      throw cause;
    }
    return { path: join(folder, name), release };
  };
}

/** Removes what was used longest ago, and what a crash left half way, until the rest has at most `byteCount`. */
async function makeRoom(folder: string, byteCount: number, isUsed: (name: string) => boolean): Promise<void> {
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => undefined);
      return { name, byteCount: found?.size ?? 0, usedAt: found?.mtimeMs ?? 0 };
    }),
  );
  let sum = files.reduce((total, file) => total + file.byteCount, 0);
  for (const file of files.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (sum <= byteCount) return;
    if (isUsed(file.name.replace(/\.part$/, ''))) continue;
    await rm(join(folder, file.name), { force: true });
    sum -= file.byteCount;
  }
}

const tooLargeToCopy = (key: string, byteCount: number, limit: number): TilthError =>
  new TilthError(
    'BLOB_TOO_LARGE_TO_COPY',
    413,
    `${JSON.stringify(key)} has ${Math.round(byteCount / 1e6)} MB; at most ${Math.round(limit / 1e6)} MB are copied to this machine.`,
    'Download it, and read it there.',
  );
