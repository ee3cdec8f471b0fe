import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkPartNumber, checkParts, partsWrong, uploadNotFound, type BlobUploads, type UploadPart } from './blob-uploads.ts';
import { writeCounted } from '../durable-files.ts';

const keyFile = 'key';
const completedFile = 'completed';
const rememberedMs = 24 * 3_600_000;

interface Folder {
  /** one folder per upload in it: a file `key`, and each part as `<number>-<sha256>` */
  readonly folder: string;
  /** moves a file to where a key has it */
  readonly place: (temporary: string, key: string) => Promise<void>;
  /** @throws BLOB_KEY_REFUSED */
  readonly check: (key: string) => void;
}

export function folderUploads({ folder, place, check }: Folder): BlobUploads {
  const completing = new Map<string, Promise<{ byteCount: number }>>();
  const folderOf = (id: string): string => {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw uploadNotFound(id);
    return join(folder, id);
  };
  const keyOf = (id: string): Promise<string | undefined> =>
    readFile(join(folderOf(id), keyFile), 'utf8').catch(() => undefined);
  const requireUpload = async (id: string, key: string): Promise<void> => {
    if ((await keyOf(id)) !== key) throw uploadNotFound(id);
  };
  const completedOf = async (id: string): Promise<{ byteCount: number } | undefined> => {
    const text = await readFile(join(folderOf(id), completedFile), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : { byteCount: Number(text) };
  };
  const partNames = async (id: string): Promise<string[]> =>
    (await readdir(folderOf(id)).catch(() => [])).filter((name) => /^\d+-/.test(name));

  const joinParts = async (id: string, key: string, parts: readonly UploadPart[]): Promise<{ byteCount: number }> => {
    const names = parts.map(({ number, etag }) => `${number}-${etag.replaceAll('"', '')}`);
    const stored = new Set(await partNames(id));
    const missing = parts.find((_, index) => !stored.has(names[index] ?? ''));
    if (missing !== undefined) throw partsWrong(`part ${missing.number} did not arrive as it is described.`);
    const whole = join(folderOf(id), 'whole');
    await pipeline(contentOf(names.map((name) => join(folderOf(id), name))), createWriteStream(whole, { flush: true }));
    const { size } = await stat(whole);
    await place(whole, key);
    await writeFile(join(folderOf(id), completedFile), String(size), { flush: true });
    await Promise.all([...stored].map((name) => rm(join(folderOf(id), name), { force: true })));
    return { byteCount: size };
  };

  /** That an upload was completed is remembered for those who ask again, and they do so soon. */
  const forgetCompleted = async (): Promise<void> => {
    const before = Date.now() - rememberedMs;
    for (const id of await readdir(folder).catch(() => [])) {
      const found = await stat(join(folder, id, completedFile)).catch(() => undefined);
      if (found !== undefined && found.mtimeMs < before) await rm(join(folder, id), { recursive: true, force: true });
    }
  };

  return {
    async begin(key) {
      check(key);
      await forgetCompleted();
      const id = randomUUID();
      await mkdir(folderOf(id), { recursive: true, mode: 0o700 });
      await writeFile(join(folderOf(id), keyFile), key, { flush: true });
      return id;
    },
    async putPart(id, number, content) {
      checkPartNumber(number);
      if ((await keyOf(id)) === undefined || (await completedOf(id)) !== undefined) throw uploadNotFound(id);
      const temporary = join(folderOf(id), `${randomUUID()}.part`);
      try {
        const { byteCount, sha256 } = await writeCounted(temporary, content);
        const name = `${number}-${sha256}`;
        await rename(temporary, join(folderOf(id), name));
        const older = (await partNames(id)).filter((each) => each.startsWith(`${number}-`) && each !== name);
        await Promise.all(older.map((each) => rm(join(folderOf(id), each), { force: true })));
        return { etag: `"${sha256}"`, byteCount };
      } catch (cause) {
        await rm(temporary, { force: true });
        throw cause;
      }
    },
    async complete(id, key, parts) {
      await requireUpload(id, key);
      const before = await completedOf(id);
      if (before !== undefined) return before;
      checkParts(parts);
      // a client that waited too long asks again while the first answer is on its way
      const running = completing.get(id) ?? joinParts(id, key, parts).finally(() => completing.delete(id));
      completing.set(id, running);
      return running;
    },
    async abort(id, key) {
      await requireUpload(id, key);
      await completing.get(id)?.catch(() => undefined);
      await rm(folderOf(id), { recursive: true, force: true });
    },
    async unfinished() {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      const found = await Promise.all(
        entries.map(async (entry) => {
          const path = join(folder, entry.name);
          const inside = entry.isDirectory() ? (await readdir(path).catch(() => [])).map((name) => join(path, name)) : [];
          if (inside.includes(join(path, completedFile))) return [];
          const found = await Promise.all([path, ...inside].map((file) => stat(file).catch(() => undefined)));
          const files = found.flatMap((each) => each ?? []);
          if (files.length === 0) return [];
          return {
            id: entry.name,
            key: entry.isDirectory() ? await keyOf(entry.name).catch(() => undefined) : undefined,
            byteCount: files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0),
            touchedAt: Math.max(0, ...files.map((file) => Math.trunc(file.mtimeMs))),
          };
        }),
      );
      return found.flat();
    },
    async discard(id) {
      if (!/^[0-9a-f-]{36}(\.put)?$/.test(id)) throw uploadNotFound(id);
      await rm(join(folder, id), { recursive: true, force: true });
    },
  };
}

/** One file after the other, never more than one open. */
const contentOf = (files: readonly string[]): Readable =>
  Readable.from(
    (async function* () {
      for (const file of files) yield* createReadStream(file, { highWaterMark: 1_048_576 });
    })(),
    { objectMode: false },
  );
