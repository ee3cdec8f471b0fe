import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cache } from '../dvc-files/cache.ts';
import { contentFields } from '../dvc-files/dvc-file.ts';
import type { DvcConfig } from '../dvc-files/config.ts';
import { Steps, type OnProgress } from '../dvc-files/progress.ts';
import { compareCodePoints, jsonText } from '../dvc-files/python-text.ts';
import { treeText, type TreeEntry } from '../dvc-files/tree.ts';
import type { Content } from '../dvc-files/content.ts';
import { yamlMap, type YamlMap } from '../dvc-files/yaml-value.ts';
import { inParallel } from './in-parallel.ts';
import { openStore, resolveRemote } from './open-store.ts';
import { urlMissing } from './remote-errors.ts';
import type { FoundObject, RemoteStore } from './remote-store.ts';

/** A file or folder at an address that a person named. */
export interface UrlSource {
  readonly store: RemoteStore;
  readonly isFolder: boolean;
  /** by keys below the address; of a file one, whose key is empty */
  readonly files: readonly FoundObject[];
}

export interface SourceOptions {
  /** that a relative path starts from */
  readonly folder: string;
  readonly config: DvcConfig | undefined;
  /** the remote's options, for an address that is no `remote://` */
  readonly fsConfig?: ReadonlyMap<string, string>;
  readonly jobs?: number | undefined;
}

/**
 * Looks at an address: a path, `http(s)://`, `s3://`, `ssh://`, `remote://NAME/path`. The caller closes its store.
 *
 * @throws IMPORT_URL_MISSING, REMOTE_SCHEME_UNKNOWN
 */
export async function openSource(
  url: string,
  { folder, config, fsConfig = new Map(), jobs }: SourceOptions,
): Promise<UrlSource> {
  const isAddress = /^\w[\w+.-]*:\/\//.test(url);
  const named = { name: '', url: isAddress ? url : resolve(folder, url), options: fsConfig };
  const store = await openStore(config === undefined ? named : resolveRemote(config, named), jobs);
  try {
    const files = await store.find('');
    if (files.length === 0 && !(store.isLocal && existsSync(named.url))) throw urlMissing(url);
    return { store, isFolder: files.length !== 1 || files[0]?.key !== '', files };
  } catch (reason) {
    await store.close();
    throw reason;
  }
}

/** What a `.dvc` file says of the source: its mark, or where it has none, the content that came from it. */
export function depFields(
  { isFolder, files }: UrlSource,
  path: string,
  content: Content | undefined,
): YamlMap {
  const size = BigInt(files.reduce((sum, one) => sum + (one.size ?? 0), 0));
  const [first] = files;
  if (first?.mark === undefined)
    return yamlMap({ ...(content === undefined ? { hash: 'md5' } : contentFields(content)), path });
  if (!isFolder)
    return yamlMap({
      [first.mark.name]: first.mark.value,
      size: first.size === undefined ? undefined : size,
      hash: 'md5',
      path,
    });
  return yamlMap({ md5: marksHash(files), size, nfiles: BigInt(files.length), hash: 'md5', path });
}

/** The hash of a `.dir` in which each file's mark stands in place of its md5. */
function marksHash(files: readonly FoundObject[]): string {
  const items = files
    .toSorted((left, right) => compareCodePoints(left.key, right.key))
    .map(({ key, mark }) => `{"${mark?.name}": ${jsonText(mark?.value ?? '')}, "relpath": ${jsonText(key)}}`);
  return `${hash('md5', `[${items.join(', ')}]`)}.dir`;
}

/** Brings everything into the cache. @returns the content as an out has it */
export async function bringSource(
  { store, isFolder, files }: UrlSource,
  cache: Cache,
  jobs = store.jobs,
  onProgress?: OnProgress,
): Promise<Content> {
  const entries: TreeEntry[] = [];
  let size = 0;
  const steps = new Steps(`fetching from ${store.place}`, files.length, onProgress);
  await inParallel(files, jobs, async ({ key }) => {
    const draft = cache.draft();
    const md5 = await store.get(key, draft);
    cache.keepDraft(draft, md5);
    const length = cache.stat(md5)?.size ?? 0;
    size += length;
    steps.file(length);
    entries.push({ md5, relpath: key });
  });
  const [only] = entries;
  if (!isFolder && only !== undefined) return { md5: only.md5, size };
  return { md5: cache.addBytes(Buffer.from(treeText(entries)), '.dir'), size, nfiles: entries.length };
}
