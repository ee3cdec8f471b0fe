import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { filesOfOthers } from './manifests-errors.ts';
import type { ManifestFile } from './manifests.ts';

/** What we wrote, so that what others wrote or changed is not lost: path → sha256. */
const inventoryName = '.tilth-manifests.json';
const inventory = z.record(z.string(), z.string());

export interface FolderDifference {
  readonly missing: readonly string[];
  readonly changed: readonly string[];
  /** ours, and no longer wanted */
  readonly superfluous: readonly string[];
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

const digestOf = (file: ManifestFile): string => ('digest' in file ? file.digest : sha256(file.text));

const digestAt = (path: string): string | undefined =>
  existsSync(path) ? sha256(readFileSync(path)) : undefined;

function inventoryOf(folder: string): Record<string, string> {
  const path = join(folder, inventoryName);
  const read = existsSync(path) ? inventory.safeParse(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
  return read?.success === true ? read.data : {};
}

/** How a folder differs from what it should hold; other files in it are nobody's business. */
export function compareFolder(folder: string, files: ReadonlyMap<string, ManifestFile>): FolderDifference {
  const missing: string[] = [];
  const changed: string[] = [];
  for (const [path, file] of files) {
    const digest = digestAt(join(folder, path));
    if (digest === undefined) missing.push(path);
    else if (digest !== digestOf(file)) changed.push(path);
  }
  const superfluous = Object.keys(inventoryOf(folder)).filter(
    (path) => !files.has(path) && existsSync(join(folder, path)),
  );
  return { missing, changed, superfluous };
}

export interface FolderOptions {
  /** write over what others wrote, and over what was changed by hand */
  readonly isForced: boolean;
  /** the bytes of a model, by their sha256 */
  readonly fetchModel: (digest: string) => Promise<Buffer>;
}

/**
 * Makes a folder hold these files; those that are right are left alone, those of ours that are no longer wanted are removed.
 *
 * @throws MANIFESTS_FILES_OF_OTHERS before anything is written
 */
export async function writeFolder(
  folder: string,
  files: ReadonlyMap<string, ManifestFile>,
  options: FolderOptions,
): Promise<FolderDifference> {
  const difference = compareFolder(folder, files);
  const before = inventoryOf(folder);
  const isOurs = (path: string): boolean =>
    before[path] !== undefined && digestAt(join(folder, path)) === before[path];
  const others = [...difference.changed, ...difference.superfluous].filter((path) => !isOurs(path));
  if (others.length > 0 && !options.isForced) throw filesOfOthers(folder, others);
  for (const path of [...difference.missing, ...difference.changed]) {
    const file = files.get(path);
    if (file === undefined) continue;
    const bytes = 'digest' in file ? await options.fetchModel(file.digest) : file.text;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  for (const path of difference.superfluous) rmSync(join(folder, path));
  const now = Object.fromEntries(
    [...files.keys()].toSorted().map((path) => [path, digestOf(files.get(path) as ManifestFile)]),
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, inventoryName), `${JSON.stringify(now, null, 2)}\n`);
  return difference;
}
