import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Writes and syncs a new file; the caller removes it when this throws. */
export async function writeCounted(
  path: string,
  content: Uint8Array | Readable,
): Promise<{ byteCount: number; sha256: string }> {
  const digest = createHash('sha256');
  let byteCount = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      digest.update(chunk);
      byteCount += chunk.length;
      next(null, chunk);
    },
  });
  const source = content instanceof Uint8Array ? Readable.from([Buffer.from(content)]) : content;
  await pipeline(source, count, createWriteStream(path, { flush: true }));
  return { byteCount, sha256: digest.digest('hex') };
}

/** Makes a folder and those above it; each is on the disk when this answers. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** A rename is on the disk only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
