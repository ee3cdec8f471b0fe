import { createHash } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { freeMemory } from './chunk-memory.ts';

/** What is written at once: a write of one chunk of a socket would cost more than the bytes in it. */
const batchByteCount = 1_048_576;

/** Writes and syncs a new file; the caller removes it when this throws. */
export async function writeCounted(
  path: string,
  content: Uint8Array | Readable,
): Promise<{ byteCount: number; sha256: string }> {
  const digest = createHash('sha256');
  let byteCount = 0;
  const isRequest = content instanceof IncomingMessage;
  const file = await open(path, 'w');
  try {
    let batch: Uint8Array[] = [];
    let waiting = 0;
    // one batch is written while the next one comes in
    let writing = Promise.resolve();
    for await (const chunk of content instanceof Uint8Array ? [content] : (content as AsyncIterable<Uint8Array>)) {
      digest.update(chunk);
      byteCount += chunk.length;
      waiting += chunk.length;
      batch.push(chunk);
      if (waiting < batchByteCount) continue;
      await writing;
      writing = writeAll(file, batch, isRequest);
      // told where it is awaited
      writing.catch(() => undefined);
      batch = [];
      waiting = 0;
    }
    await writing;
    await writeAll(file, batch, isRequest);
    await file.sync();
  } finally {
    await file.close();
  }
  return { byteCount, sha256: digest.digest('hex') };
}

/** @param isOurs whether nobody else reads the chunks, so that their memory can go at once */
async function writeAll(file: FileHandle, batch: Uint8Array[], isOurs: boolean): Promise<void> {
  if (batch.length === 0) return;
  const byteCount = batch.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await file.writev(batch);
  // a disk that is nearly full takes a part of them; the next write says so
  if (bytesWritten < byteCount) await file.writeFile(Buffer.concat(batch).subarray(bytesWritten));
  if (isOurs) for (const chunk of batch) freeMemory(chunk);
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
