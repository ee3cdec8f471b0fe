import { mkdtempSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  git,
  gitText,
  isSame,
  lookAt,
  ownIndex,
  parseStages,
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
export async function mergeTrees(
  project: ProjectRepository,
  sides: Sides,
  labels: Labels,
  how: 'best' | 'old' = 'best',
): Promise<Merge> {
  const base = await writeTree(project, sides.base);
  const ours = await writeTree(project, sides.ours);
  const theirs = await writeTree(project, sides.theirs);
  if (base === theirs || ours === theirs) return { tree: sides.ours, conflicts: new Map() };
  const first = await writeCommit(project, base, []);
  // a parent more, so that sides which are equal are two commits
  const commits = {
    first,
    second: await writeCommit(project, ours, [first]),
    third: await writeCommit(project, theirs, [first, first]),
  };
  const names = { [first]: labels.base, [commits.second]: labels.ours, [commits.third]: labels.theirs };
  if (how === 'best') {
    const result = await tryGit(
      project.top,
      [...settings, 'merge-tree', '--write-tree', '-z', '--no-messages', commits.second, commits.third],
      { environment: project.quarantine },
    );
    if (result.status <= 1) {
      const [tree = '', ...lines] = result.output.toString().split('\0');
      return named(project, await readTree(project, tree), lines, names);
    }
    // git before 2.38 knows another merge-tree
    if (result.status !== 129) throw gitFailed('merge-tree', project.folder, result.said);
  }
  return mergeInFolder(project, commits, names);
}

const settings = ['-c', 'merge.directoryRenames=true'];

/** The same merge as git makes it with an index and a folder, here of its own. */
async function mergeInFolder(
  project: ProjectRepository,
  { first, second, third }: { first: string; second: string; third: string },
  names: Readonly<Record<string, string>>,
): Promise<Merge> {
  const folder = mkdtempSync(join(project.workspace, 'merge-'));
  const environment = { ...ownIndex(project), GIT_DIR: project.gitFolder, GIT_WORK_TREE: folder };
  const own = ['-c', 'core.sparseCheckout=false', ...settings];
  await git(folder, [...own, 'read-tree', '--reset', '-u', second], { environment });
  const result = await tryGit(folder, [...own, 'merge-recursive', first, '--', second, third], {
    environment,
  });
  if (result.status > 1) throw gitFailed('merge-recursive', project.folder, result.said);
  const staged = (await git(folder, ['ls-files', '--stage', '-z'], { environment })).toString().split('\0');
  const tree = new Map(parseStages(Buffer.from(staged.join('\0'))));
  // files in conflict, and those that were put beside one, are only in the folder
  const beside = (await git(folder, ['ls-files', '--others', '-z'], { environment })).toString().split('\0');
  const unmerged = staged.filter((line) => /^\d+ [\da-f]+ [123]\t/.test(line));
  const written = new Set([...beside, ...unmerged.map((line) => line.slice(line.indexOf('\t') + 1))]);
  const modes = new Map(unmerged.map((line) => [line.slice(line.indexOf('\t') + 1), line.slice(0, 6)]));
  for (const path of written) {
    const stat = path === '' ? undefined : lookAt(join(folder, path));
    if (stat === undefined || stat.isDirectory()) continue;
    const isLink = stat.isSymbolicLink();
    const oid = isLink
      ? await writeBlob(project, readlinkSync(join(folder, path)))
      : await gitText(folder, ['hash-object', '-w', '--', path], { environment });
    const mode = isLink ? '120000' : (modes.get(path) ?? ((stat.mode & 0o100) === 0 ? '100644' : '100755'));
    tree.set(path, { mode, oid });
  }
  return named(project, tree, unmerged, names);
}

/** Puts readable names in the place of the commits' in markers and in names of files. */
async function named(
  project: ProjectRepository,
  tree: Tree,
  lines: readonly string[],
  names: Readonly<Record<string, string>>,
): Promise<Merge> {
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
  for (const [path, entry] of tree) merged.set(fileName(path), entry);
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
