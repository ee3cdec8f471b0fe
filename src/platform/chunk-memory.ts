import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/**
 * Frees the memory behind a chunk that nobody will read again. Left to the garbage collector, it makes that run over the
 * whole heap for every 32 MB that pass, which takes longer than to hash and write them, and the memory grows by as much
 * until then. A chunk that shares its memory with others is left alone.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/**
 * Sends what comes out of `from`, which nobody else reads, and ends `to`; the memory of what was sent goes at once.
 *
 * @throws what either of them throws; both are destroyed then
 */
export async function sendFreeing(from: Readable, to: Writable): Promise<void> {
  const gone = new AbortController();
  const sent = finished(to, { signal: gone.signal });
  try {
    await Promise.race([sent, writeAll(from, to)]);
    await sent;
  } catch (cause) {
    gone.abort();
    from.destroy();
    to.destroy();
    throw cause;
  }
}

async function writeAll(from: Readable, to: Writable): Promise<void> {
  for await (const chunk of from as AsyncIterable<Uint8Array>) {
    await new Promise<void>((resolve, reject) => {
      to.write(chunk, (fault) => (fault ? reject(fault) : resolve()));
    });
    freeMemory(chunk);
  }
  to.end();
}
