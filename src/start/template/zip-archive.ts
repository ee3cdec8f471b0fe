import { closeSync, mkdirSync, openAsBlob, openSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Entry } from '@zip.js/zip.js';
import { messageOf } from '../../platform/errors.ts';

/** What an archive may unpack to, so that a small file can't fill the disk. */
export interface ArchiveLimits {
  readonly bytes: number;
  readonly entries: number;
}

export const archiveLimits: ArchiveLimits = { bytes: 2 ** 30, entries: 100_000 };

/** Why an archive isn't unpacked. */
export class ArchiveFault extends Error {
  readonly kind: 'not-an-archive' | 'leads-out' | 'too-big' | 'not-written';
  constructor(kind: ArchiveFault['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

export interface Archive {
  /** in the order of its directory */
  readonly names: readonly string[];
  /**
   * Writes everything as Python's zipfile does: plain files and folders, without the modes that the archive has, links as
   * files that hold their target.
   *
   * @throws ArchiveFault
   */
  unpack(folder: string, password: string | undefined): Promise<'unpacked' | 'locked' | 'wrong-password'>;
}

/** @throws ArchiveFault for a file that is no archive or has a name that leads out of it */
export async function openArchive(file: string, limits = archiveLimits): Promise<Archive> {
  const { BlobReader, ZipReader, ERR_ENCRYPTED, ERR_INVALID_PASSWORD } =
    await import('@zip.js/zip.js/lib/zip-core-native.js');
  let entries: Entry[];
  try {
    // Python reads names that aren't marked as UTF-8 in the code page of DOS
    entries = await new ZipReader(new BlobReader(await openAsBlob(file)), {
      useWebWorkers: false,
      filenameEncoding: 'cp437',
      filenameValidation: 'tolerant',
      strictness: 'tolerant',
      checkCrc32: true,
    }).getEntries();
  } catch (cause) {
    throw new ArchiveFault('not-an-archive', messageOf(cause), cause);
  }
  refuseUnsafe(entries, limits);
  // of two entries of one name the later one counts
  const byName = new Map(entries.map((entry) => [entry.filename, entry]));
  return {
    names: entries.map((entry) => entry.filename),
    async unpack(folder, password) {
      let left = limits.bytes;
      for (const entry of byName.values()) {
        try {
          const path = entry.filename.split('/').filter((part) => part !== '' && part !== '.');
          const target = join(folder, ...path);
          if (entry.directory) {
            mkdirSync(target, { recursive: true });
            continue;
          }
          mkdirSync(dirname(target), { recursive: true });
          if (entry.encrypted && password === undefined) return 'locked';
          const output = openSync(target, 'w');
          try {
            const sink = new WritableStream<Uint8Array>({
              write(bytes) {
                left -= bytes.length;
                if (left < 0) throw tooBig(limits);
                writeFileSync(output, bytes);
              },
            });
            await entry.getData(
              sink,
              password === undefined ? {} : { rawPassword: new TextEncoder().encode(password) },
            );
          } finally {
            closeSync(output);
          }
        } catch (thrown) {
          if (thrown instanceof ArchiveFault) throw thrown;
          const message = messageOf(thrown);
          if (message === ERR_ENCRYPTED) return 'locked';
          if (message === ERR_INVALID_PASSWORD) return 'wrong-password';
          const isOfSystem = thrown instanceof Error && 'syscall' in thrown;
          if (isOfSystem) throw new ArchiveFault('not-written', message, thrown);
          // its single check byte lets one wrong password of 256 through, which then decrypts to nonsense
          if (entry.zipCrypto) return 'wrong-password';
          throw new ArchiveFault('not-an-archive', `${entry.filename}: ${message}`, thrown);
        }
      }
      return 'unpacked';
    },
  };
}

function refuseUnsafe(entries: readonly Entry[], limits: ArchiveLimits): void {
  const climbing = entries.find(
    ({ filename }) =>
      /^(?:[/\\]|[A-Za-z]:[/\\])|\0/.test(filename) || /(?:^|[/\\])\.\.(?:[/\\]|$)/.test(filename),
  );
  if (climbing !== undefined) throw new ArchiveFault('leads-out', climbing.filename);
  let bytes = 0;
  for (const entry of entries) bytes += entry.uncompressedSize;
  if (entries.length > limits.entries || bytes > limits.bytes) throw tooBig(limits);
}

const tooBig = (limits: ArchiveLimits): ArchiveFault =>
  new ArchiveFault(
    'too-big',
    `it unpacks to more than ${Math.round(limits.bytes / 2 ** 20)} MiB or ${limits.entries} files`,
  );
