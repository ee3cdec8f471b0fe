import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { BlobStore } from '../../platform/blobs/blobs.ts';
import { messageOf } from '../../platform/errors.ts';
import { artifactKeyBelow } from '../../develop/tracking/artifacts.ts';

/** Where the files of a run or model are, seen from this machine. */
export type Place =
  | { readonly kind: 'here'; readonly folder: string }
  /** a folder of this machine that the import may not read */
  | { readonly kind: 'outside'; readonly folder: string }
  | { readonly kind: 'nowhere' }
  /** a bucket or server: the address stays as it is */
  | { readonly kind: 'remote' };

/**
 * Finds the folder of an artifact address. Only folders below `roots` are read, whatever an address says, so that a
 * forged source can't have a private folder copied; an address of a store that was moved is looked for by its last parts.
 */
export async function placeOf(uri: string, roots: readonly string[]): Promise<Place> {
  const path = localPathOf(uri);
  if (path === undefined) return { kind: 'remote' };
  const allowed: string[] = [];
  for (const root of roots) {
    const real = await realpath(root).catch(() => undefined);
    if (real !== undefined) allowed.push(real);
  }
  const isAllowed = (folder: string): boolean =>
    allowed.some((root) => folder === root || folder.startsWith(root + sep));
  const candidates = isAbsolute(path) ? [path] : [];
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (const root of allowed)
    for (let from = 0; from <= parts.length - 2; from += 1) candidates.push(join(root, ...parts.slice(from)));
  for (const candidate of candidates) {
    const found = await realpath(candidate).catch(() => undefined);
    if (found !== undefined && isAllowed(found) && (await stat(found)).isDirectory())
      return { kind: 'here', folder: found };
  }
  const itself = isAbsolute(path) ? await readdir(path).catch(() => []) : [];
  return itself.length > 0 ? { kind: 'outside', folder: path } : { kind: 'nowhere' };
}

/** The path that an address of a file system means, or the part of it below the artifact root; undefined for a remote one. */
function localPathOf(uri: string): string | undefined {
  if (uri.startsWith('mlflow-artifacts:'))
    return uri
      .slice('mlflow-artifacts:'.length)
      .replace(/^\/\/[^/]*/, '')
      .replace(/^\/+/, '');
  if (/^file:/i.test(uri)) {
    try {
      return fileURLToPath(uri.replace(/^file:\/\/[^/]+\//i, 'file:///'));
    } catch {
      return uri.replace(/^file:(\/\/)?/i, '');
    }
  }
  return /^[a-z][a-z0-9+.-]+:/i.test(uri) ? undefined : uri;
}

/** Two addresses of one place are one. */
export const normalUri = (uri: string): string => (localPathOf(uri) ?? uri).replace(/\/+$/, '');

export interface SourceFile {
  /** below the folder, with `/` */
  readonly path: string;
  readonly byteCount: number;
  readonly changedAt: number;
}

/** Every file of a folder; a link that leads out of it is left out. */
export async function filesBelow(folder: string): Promise<{ files: SourceFile[]; refused: string[] }> {
  const files: SourceFile[] = [];
  const refused: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const full = join(entry.parentPath, entry.name);
    const path = relative(folder, full).split(sep).join('/');
    const real = entry.isFile() ? full : await realpath(full).catch(() => undefined);
    const found = real === undefined ? undefined : await stat(real);
    if (real === undefined || found?.isFile() !== true || !resolve(real).startsWith(folder + sep)) {
      refused.push(path);
      continue;
    }
    files.push({ path, byteCount: found.size, changedAt: Math.round(found.mtimeMs) });
  }
  return { files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)), refused };
}

/** Differs when a file was added, removed or changed. */
export const listingDigest = (files: readonly SourceFile[]): string =>
  files.length === 0
    ? ''
    : createHash('sha256')
        .update(JSON.stringify(files.map((file) => [file.path, file.byteCount, file.changedAt])))
        .digest('hex');

export interface Copied {
  readonly count: number;
  readonly byteCount: number;
  /** files that stay where they are, and why */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Copies files to the artifacts of a run or model; those that are there with the same content are not written again.
 *
 * @param replaces whether a file with another content is replaced, or stays and is told
 */
export async function copyFiles(
  blobs: BlobStore,
  folder: string,
  files: readonly SourceFile[],
  uri: string,
  options: { readonly replaces: boolean; readonly isDryRun: boolean },
): Promise<Copied> {
  const refused: { path: string; reason: string }[] = [];
  let count = 0;
  let byteCount = 0;
  for (const file of files) {
    try {
      const key = artifactKeyBelow(uri, file.path);
      const size = await blobs.size(key);
      const open = (): Readable => createReadStream(join(folder, file.path));
      if (size === file.byteCount && (await sha256(open())) === (await sha256((await blobs.get(key)).stream)))
        continue;
      if (size !== undefined && !options.replaces) {
        refused.push({ path: file.path, reason: 'another file with that name is here' });
        continue;
      }
      if (!options.isDryRun) await blobs.put(key, open());
      count += 1;
      byteCount += file.byteCount;
    } catch (thrown) {
      refused.push({ path: file.path, reason: messageOf(thrown) });
    }
  }
  return { count, byteCount, refused };
}

async function sha256(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(stream, hash);
  return hash.digest('hex');
}
