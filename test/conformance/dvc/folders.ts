import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * All files below a folder, as `path → what is there`. Paths keep every byte of a name (as latin1), so that
 * names that are not UTF-8 are told apart.
 */
export function filesOf(
  folder: string,
  isLeftOut: (path: string) => boolean = () => false,
): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (at: Buffer, path: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name.toString('latin1');
      const below = path === '' ? name : `${path}/${name}`;
      if (isLeftOut(below)) continue;
      const full = Buffer.concat([at, Buffer.from('/'), entry.name]);
      if (entry.isDirectory()) visit(full, below);
      else if (entry.isSymbolicLink()) found[below] = `→ ${readlinkSync(full)}`;
      else found[below] = createHash('md5').update(readFileSync(full)).digest('hex');
    }
  };
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) visit(Buffer.from(folder), '');
  return sorted(found);
}

/** What of a repository both tools must write alike: all but git's own folder, the runtime files, and the cache's scratch. */
export function sharedFilesOf(root: string): Record<string, string> {
  return filesOf(
    root,
    (path) => path === '.git' || path === '.dvc/tmp' || path === '.dvc/cache/files/md5/tmp',
  );
}

/**
 * Every object of a cache or remote hashed again. A `.dir` counts as damaged also when one of its files is missing.
 *
 * @returns one sentence for each that is not what its name says, at most ten; empty when all are sound
 */
export function damageOf(
  store: string,
  options: { readonly isWhole: boolean } = { isWhole: true },
): string[] {
  const objects = filesOf(join(store, 'files', 'md5'));
  const damage: string[] = [];
  for (const [path, md5] of Object.entries(objects)) {
    const named = /^([0-9a-f]{2})\/([0-9a-f]{30})(\.dir)?$/.exec(path);
    // what a killed process has left under a name of its own is nobody's object
    if (named === null) continue;
    if (`${named[1]}${named[2]}` !== md5) damage.push(`${path} holds ${md5}`);
    else if (named[3] !== undefined && options.isWhole)
      for (const { md5: file, relpath } of readTree(join(store, 'files', 'md5', path)))
        if (objects[`${file.slice(0, 2)}/${file.slice(2)}`] === undefined)
          damage.push(`${path} names ${relpath} (${file}), which is not there`);
  }
  return damage.slice(0, 10);
}

export function readTree(path: string): { readonly md5: string; readonly relpath: string }[] {
  return JSON.parse(readFileSync(path, 'utf8')) as { md5: string; relpath: string }[];
}

/** What lies in a store under a name that is no object's. */
export function strangersOf(store: string): string[] {
  return Object.keys(filesOf(join(store, 'files', 'md5'))).filter(
    (path) => !/^[0-9a-f]{2}\/[0-9a-f]{30}(\.dir)?$/.test(path),
  );
}

const sorted = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
