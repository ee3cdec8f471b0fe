import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { blobNotFound, keyRefused, keyTaken, segmentsOf, type BlobFacts, type BlobStore } from './blobs.ts';
import { makeFolder, syncFolder, writeCounted } from '../durable-files.ts';
import { folderUploads } from './folder-uploads.ts';

/** A folder as a blob store. */
export function folderBlobs(root: string): BlobStore {
  const base = resolve(root);
  const pathOf = (key: string): string => {
    const path = resolve(base, ...segmentsOf(key));
    if (path !== base && !path.startsWith(base + sep)) throw keyRefused(key);
    return path;
  };
  const unfinished = join(base, 'unfinished');
  const place = async (temporary: string, key: string): Promise<void> => {
    const path = pathOf(key);
    try {
      await makeFolder(dirname(path));
      await rename(temporary, path);
    } catch (cause) {
      throw isTaken(cause) ? keyTaken(key) : cause;
    }
    await syncFolder(dirname(path));
  };
  return {
    links: undefined,
    uploads: folderUploads({ folder: unfinished, place, check: (key) => void pathOf(key) }),
    async localFile(key) {
      const path = pathOf(key);
      if ((await stat(path).catch(() => undefined))?.isFile() !== true) throw blobNotFound(key);
      return { path, release: () => undefined };
    },
    async put(key, content) {
      pathOf(key);
      await mkdir(unfinished, { recursive: true, mode: 0o700 });
      const temporary = join(unfinished, `${randomUUID()}.put`);
      try {
        const stored = await writeCounted(temporary, content);
        await place(temporary, key);
        return stored;
      } catch (cause) {
        await rm(temporary, { force: true });
        throw cause;
      }
    },
    async get(key, range) {
      const handle = await open(pathOf(key), 'r').catch(() => undefined);
      // the facts are those of the very file that is read, also when the key is put again meanwhile
      const found = await handle?.stat({ bigint: true });
      if (handle === undefined || found?.isFile() !== true) {
        await handle?.close();
        throw blobNotFound(key);
      }
      return { stream: handle.createReadStream({ highWaterMark: 262_144, ...range }), ...factsOf(found) };
    },
    async facts(key) {
      const found = await stat(pathOf(key), { bigint: true }).catch(() => undefined);
      return found?.isFile() === true ? factsOf(found) : undefined;
    },
    async size(key) {
      const found = await stat(pathOf(key)).catch(() => undefined);
      return found?.isFile() === true ? found.size : undefined;
    },
    async list(key) {
      const folder = pathOf(key);
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      const listed = await Promise.all(
        entries.map(async (entry) => {
          const isFolder = entry.isDirectory();
          // what goes away meanwhile is not listed
          const found = isFolder ? undefined : await stat(join(folder, entry.name)).catch(() => undefined);
          return isFolder || found !== undefined ? [{ name: entry.name, isFolder, byteCount: found?.size ?? 0 }] : [];
        }),
      );
      return listed.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async remove(key) {
      const path = pathOf(key);
      if (path === base) throw keyRefused(key);
      await rm(path, { recursive: true, force: true });
    },
  };
}

const factsOf = (found: { size: bigint; mtimeNs: bigint; ino: bigint }): BlobFacts => ({
  byteCount: Number(found.size),
  etag: `"${found.size.toString(36)}-${found.mtimeNs.toString(36)}-${found.ino.toString(36)}"`,
  modifiedAt: Number(found.mtimeNs / 1_000_000n),
});

const isTaken = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && ['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'].includes(String(thrown.code));
