import { createHash } from 'node:crypto';
import { closeSync, fchmodSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { remoteAway } from './remote-errors.ts';

/** How often a content that breaks off is asked for again without getting further than ever before. */
const mostBreaks = 3;

export interface Opened {
  readonly stream: Readable;
  /** the length of what `stream` brings; undefined when the other side does not say */
  readonly byteCount: number | undefined;
  /** false: the other side began again from the start */
  readonly isRest: boolean;
}

/**
 * Writes a content to a new file; where the connection breaks, the rest is asked for.
 *
 * @param open brings the content from a byte on
 * @returns the md5 of what was written
 * @throws REMOTE_UNAVAILABLE, and what `open` throws at first
 */
export async function download(
  draft: string,
  place: string,
  open: (from: number) => Promise<Opened>,
): Promise<string> {
  const file = openSync(draft, 'wx', 0o444);
  fchmodSync(file, 0o444);
  try {
    let digest = createHash('md5');
    let written = 0;
    // a server that always begins again brings bytes each time, and never the last one
    let furthest = 0;
    for (let breaks = 0; ;) {
      const { stream, byteCount, isRest } = await open(written);
      if (!isRest && written > 0) {
        ftruncateSync(file);
        digest = createHash('md5');
        written = 0;
      }
      const end = byteCount === undefined ? undefined : written + byteCount;
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          digest.update(chunk);
          for (let at = 0; at < chunk.length;)
            at += writeSync(file, chunk, at, chunk.length - at, written + at);
          written += chunk.length;
          if (written > furthest) breaks = 0;
          furthest = Math.max(furthest, written);
        }
        if (end === undefined || written >= end) return digest.digest('hex');
        throw new Error(`it ended after ${written} of ${end} bytes`);
      } catch (reason) {
        if (isOfDisk(reason)) throw reason;
        if (breaks === mostBreaks) throw remoteAway(place, reason);
        breaks += 1;
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** breaks));
      }
    }
  } finally {
    closeSync(file);
  }
}

/** What another attempt would not mend. */
const isOfDisk = (reason: unknown): boolean =>
  reason instanceof Error &&
  'code' in reason &&
  ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'].includes(String(reason.code));
