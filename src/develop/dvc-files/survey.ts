import { hash } from 'node:crypto';
import { sizeIn, stampWidth, walkData, type DataFolder } from './data-walk.ts';
import type { HashMemory } from './hash-memory.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { Steps, type OnProgress } from './progress.ts';
import { treeText, type TreeEntry } from './tree.ts';

/** A file as the walk saw it. */
export interface SeenFile {
  /** absolute */
  readonly path: string;
  /** bytes */
  readonly size: number;
  readonly mtimeMs: number;
  /** it shares its bytes with another name */
  readonly isLinked: boolean;
}

/** What is to be done with each file of a folder. */
export interface Visit {
  /** for the line of progress */
  readonly work: string;
  /**
   * @param known its md5, when it is as it was
   * @param onBytes to be told of long reads
   * @returns its md5
   */
  md5Of(
    file: SeenFile,
    known: string | undefined,
    fileCount: number,
    onBytes: (count: number) => void,
  ): string;
  /** @returns false when the files have to be visited although nothing changed since the last time */
  isDone(md5: string, folders: readonly DataFolder[]): boolean;
  /** @param text of the `.dir` object @returns its name */
  seal(text: string): string;
}

export interface Surveyed {
  readonly md5: string;
  /** bytes */
  readonly size: number;
  readonly nfiles: number;
  readonly folders: readonly DataFolder[];
  /** of each file of each folder */
  readonly md5s: readonly (readonly string[])[];
}

/** Walks a folder of data, visits its files where that is needed, and remembers what it found. */
export function survey(
  {
    path,
    memory,
    rules,
    onProgress,
  }: { path: string; memory: HashMemory; rules: IgnoreRules; onProgress: OnProgress | undefined },
  visit: Visit,
): Surveyed {
  const walkedAt = Date.now();
  const folders = walkData(path, rules);
  const known = folders.map((folder) => memory.recall(folder));
  if (known.every(({ digest }) => digest !== undefined)) {
    const tree = memory.tree(
      path,
      partsOf(
        folders,
        known.map(({ digest }) => digest),
      ),
    );
    if (tree !== undefined && visit.isDone(tree.md5, folders)) {
      let md5s: string[][] | undefined;
      const recalled = (): string[][] =>
        (md5s ??= folders.map((folder, index) => folder.names.map((_, at) => known[index]?.md5Of(at) ?? '')));
      return {
        ...tree,
        folders,
        get md5s() {
          return recalled();
        },
      };
    }
  }
  const nfiles = folders.reduce((sum, { names }) => sum + names.length, 0);
  const steps = new Steps(visit.work, nfiles, onProgress);
  const entries: TreeEntry[] = [];
  const digests: string[] = [];
  const md5s = folders.map((folder, index) => {
    const before = known[index];
    let isAsKnown = true;
    const found = folder.names.map((name, at) => {
      const file = fileAt(folder, at);
      const was = before?.md5Of(at);
      const md5 = visit.md5Of(file, was, nfiles, steps.bytes);
      steps.file(file.size);
      if (md5 !== was) isAsKnown = false;
      entries.push({ md5, relpath: folder.prefix + name });
      return md5;
    });
    digests.push((isAsKnown ? before?.digest : undefined) ?? memory.keep(folder, found, walkedAt));
    return found;
  });
  const size = folders.reduce(
    (sum, folder) => sum + folder.names.reduce((part, _, at) => part + sizeIn(folder, at), 0),
    0,
  );
  const tree = { md5: visit.seal(treeText(entries)), size, nfiles };
  memory.keepTree(path, partsOf(folders, digests), tree);
  memory.forgetOthers(path, folders);
  return { ...tree, folders, md5s };
}

const fileAt = (folder: DataFolder, at: number): SeenFile => ({
  path: `${folder.path}/${folder.names[at] ?? ''}`,
  size: sizeIn(folder, at),
  mtimeMs: folder.stamps[at * stampWidth + 2] ?? 0,
  isLinked: folder.linked.has(at),
});

/** Names all that a folder is made of. */
function partsOf(folders: readonly DataFolder[], digests: readonly (string | undefined)[]): string {
  const parts = folders.map(({ prefix }, index) => `${digests[index] ?? ''} ${prefix}`).join('\0');
  // the text itself while it is short: to load what hashes takes longer than to look at 10,000 files
  return parts.length < 65_536 ? parts : hash('sha1', parts);
}
