import {
  isSame,
  readBlob,
  readTree,
  tryGit,
  writeBlob,
  writeCommit,
  writeTree,
  type Entry,
  type ProjectRepository,
  type Tree,
} from './git.ts';
import type { ConflictKind } from './update-api.ts';
import { gitFailed } from './update-errors.ts';

/** The versions of a file in conflict: 1 the old render, 2 the project's, 3 the new render. */
export interface Stages {
  readonly 1?: Entry;
  readonly 2?: Entry;
  readonly 3?: Entry;
}

export interface Merge {
  /** every file; those in conflict with git's markers */
  readonly tree: Tree;
  readonly conflicts: ReadonlyMap<string, Stages>;
}

export interface Sides {
  readonly base: Tree;
  readonly ours: Tree;
  readonly theirs: Tree;
}

/** How the sides are called in conflict markers. */
export interface Labels {
  readonly base: string;
  readonly ours: string;
  readonly theirs: string;
}

/**
 * Git's own merge of three trees, renames followed; nothing is checked out.
 *
 * A folder that the template renamed takes the project's own files in it along.
 *
 * @throws GIT_FAILED
 */
export async function mergeTrees(project: ProjectRepository, sides: Sides, labels: Labels): Promise<Merge> {
  const [base, ours, theirs] = await Promise.all([
    writeTree(project, sides.base),
    writeTree(project, sides.ours),
    writeTree(project, sides.theirs),
  ]);
  if (base === theirs || ours === theirs) return { tree: sides.ours, conflicts: new Map() };
  const first = await writeCommit(project, base, []);
  // two sides with equal trees would be the same commit, and its own ancestor's merge
  const second = await writeCommit(project, ours, [first]);
  const third = await writeCommit(project, theirs, [first, first]);
  const result = await tryGit(
    project.top,
    ['-c', 'merge.directoryRenames=true', 'merge-tree', '--write-tree', '-z', '--no-messages', second, third],
    { environment: project.quarantine },
  );
  if (result.status > 1) throw gitFailed('merge-tree', project.folder, result.said);
  return named(project, result.output.toString(), {
    [first]: labels.base,
    [second]: labels.ours,
    [third]: labels.theirs,
  });
}

/** Puts readable names in the place of the commits' in markers and in names of files. */
async function named(
  project: ProjectRepository,
  output: string,
  names: Readonly<Record<string, string>>,
): Promise<Merge> {
  const [tree = '', ...lines] = output.split('\0');
  const shortened = Object.entries(names).flatMap(([commit, name]): [string, string][] => [
    [commit, name],
    [commit.slice(0, 7), name],
  ]);
  const fileName = (path: string): string =>
    shortened.reduce(
      (text, [commit, name]) => text.replaceAll(`~${commit}`, `~${name.replace(/[^\w.-]+/g, '-')}`),
      path,
    );
  const conflicts = new Map<string, Stages>();
  for (const line of lines) {
    const match = /^(\d+) ([\da-f]+) ([123])\t([^]*)$/.exec(line);
    if (match === null) continue;
    const path = fileName(match[4] ?? '');
    conflicts.set(path, {
      ...conflicts.get(path),
      [match[3] ?? '']: { mode: match[1] ?? '', oid: match[2] ?? '' },
    });
  }
  const merged = new Map<string, Entry>();
  for (const [path, entry] of await readTree(project, tree)) merged.set(fileName(path), entry);
  for (const path of conflicts.keys()) {
    const entry = merged.get(path);
    const stages = conflicts.get(path);
    if (entry === undefined || entry.mode === '160000') continue;
    if ([stages?.[1], stages?.[2], stages?.[3]].some((stage) => stage?.oid === entry.oid)) continue;
    const content = await readBlob(project, entry.oid);
    const text = content.toString('latin1');
    const readable = shortened.reduce(
      (sofar, [commit, name]) =>
        sofar.replaceAll(
          markerOf(commit),
          (_whole, marker: string) => `${marker} ${Buffer.from(name).toString('latin1')}`,
        ),
      text,
    );
    if (readable !== text)
      merged.set(path, { ...entry, oid: await writeBlob(project, Buffer.from(readable, 'latin1')) });
  }
  return { tree: merged, conflicts };
}

const markerOf = (commit: string): RegExp => new RegExp(`^([<|>]{7,}) ${commit}(?=[:\\r\\n]|$)`, 'gm');

/** What kind of conflict it is, from the versions there are. */
export function conflictOf(stages: Stages): ConflictKind {
  const has = `${stages[1] === undefined ? '' : 1}${stages[2] === undefined ? '' : 2}${stages[3] === undefined ? '' : 3}`;
  if (has === '123') return 'content';
  if (has === '23') return 'both-added';
  if (has === '13') return 'deleted-by-you';
  if (has === '12') return 'deleted-by-template';
  return 'place';
}

/** Paths whose file differs between two trees. */
export function changedPaths(before: Tree, after: Tree): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => !isSame(before.get(path), after.get(path))).sort();
}
