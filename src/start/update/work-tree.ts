import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  git,
  gitText,
  isSame,
  lookAt,
  ownIndex,
  tryGit,
  type Entry,
  type ProjectRepository,
  type Tree,
} from './git.ts';
import { changedPaths } from './three-way-merge.ts';
import type { Obstacle, Step, Versions } from './update.ts';

/** Files that git doesn't track where the template changes something. */
export async function findObstacles(
  project: ProjectRepository,
  versions: Versions,
  target: 'work-tree' | 'branch',
): Promise<Map<string, Obstacle>> {
  const obstacles = new Map<string, Obstacle>();
  const untracked = changedPaths(versions.base, versions.theirs).filter((path) => !versions.ours.has(path));
  if (target === 'branch') {
    // what git ignores was never committed, which is not the same as deleted
    const known = untracked.filter((path) => versions.base.has(path));
    for (const path of await ignoredIn(
      project.top,
      known.map((each) => project.prefix + each),
    ))
      obstacles.set(path.slice(project.prefix.length), { entry: undefined, state: 'same', isIgnored: true });
    return obstacles;
  }
  const there = untracked.filter(
    (path) => versions.theirs.has(path) && isOccupied(project.folder, path, versions.ours),
  );
  if (there.length === 0) return obstacles;
  const ignored = new Set(
    await ignoredIn(
      project.top,
      there.map((each) => project.prefix + each),
    ),
  );
  for (const path of there) {
    const entry = await entryOf(project, path);
    const theirs = versions.theirs.get(path);
    const isUnchanged = entry !== undefined && isSame(entry, versions.base.get(path));
    obstacles.set(path, {
      entry,
      state: entry !== undefined && isSame(entry, theirs) ? 'same' : isUnchanged ? 'unchanged' : 'in-the-way',
      isIgnored: ignored.has(project.prefix + path),
    });
  }
  return obstacles;
}

/** Whether something git doesn't know lies at this path, or a file where it needs a folder. */
function isOccupied(folder: string, path: string, ours: Tree): boolean {
  const steps = path.split('/');
  for (const [at] of steps.entries()) {
    const part = steps.slice(0, at + 1).join('/');
    const there = lstatSync(join(folder, part), { throwIfNoEntry: false });
    if (there === undefined) return false;
    const isLast = at === steps.length - 1;
    // a file or link of the project itself is the merge's business
    if (!there.isDirectory() || isLast)
      return !ours.has(part) && !(isLast && there.isDirectory() && isFolderOf(ours, part));
  }
  return false;
}

const isFolderOf = (tree: Tree, folder: string): boolean =>
  [...tree.keys()].some((path) => path.startsWith(`${folder}/`));

const readableBytes = 32 * 1024 * 1024;

async function entryOf(project: ProjectRepository, path: string): Promise<Entry | undefined> {
  const stat = lookAt(join(project.folder, path));
  if (stat?.isFile() !== true || stat.size > readableBytes) return undefined;
  const oid = await gitText(project.folder, ['hash-object', '-w', '--', path], {
    environment: project.quarantine,
  });
  return { oid, mode: (stat.mode & 0o100) === 0 ? '100644' : '100755' };
}

async function ignoredIn(
  top: string,
  paths: readonly string[],
  environment: Record<string, string> = {},
): Promise<string[]> {
  if (paths.length === 0) return [];
  const asked = await tryGit(top, ['check-ignore', '--no-index', '-z', '--stdin'], {
    input: `${paths.join('\0')}\0`,
    // it takes names only
    environment: { ...environment, GIT_LITERAL_PATHSPECS: '0' },
  });
  return asked.output
    .toString()
    .split('\0')
    .filter((path) => path !== '');
}

/** New files that git will ignore once the update is there. */
export async function ignoredBy(
  project: ProjectRepository,
  merged: Tree,
  added: readonly string[],
): Promise<Set<string>> {
  if (added.length === 0) return new Set();
  const rules = new Map(
    [...merged].filter(([path]) => path === '.gitignore' || path.endsWith('/.gitignore')),
  );
  const folder = join(project.workspace, 'ignore-rules');
  mkdirSync(folder, { recursive: true });
  const environment = ownIndex(project);
  const lines = [...rules].map(([path, { mode, oid }]) => `${mode} ${oid} 0\t${path}\0`);
  await git(project.top, ['update-index', '-z', '--index-info'], { environment, input: lines.join('') });
  await git(project.top, ['checkout-index', '--all', '--force', `--prefix=${folder}/`], { environment });
  const inside = await ignoredIn(folder, added, { GIT_DIR: project.gitFolder, GIT_WORK_TREE: folder });
  const above =
    project.prefix === ''
      ? []
      : (
          await ignoredIn(
            project.top,
            added.map((path) => project.prefix + path),
          )
        ).map((path) => path.slice(project.prefix.length));
  return new Set([...inside, ...above]);
}

/** Files with uncommitted work among those that the update writes. */
export async function dirtyAmong(project: ProjectRepository, steps: readonly Step[]): Promise<string[]> {
  const touched = steps.filter((step) => step.writes || step.index !== 'leave').map((step) => step.path);
  if (touched.length === 0) return [];
  const status = await git(project.top, [
    'status',
    '--porcelain=v1',
    '-z',
    '--untracked-files=no',
    '--no-renames',
    '--ignore-submodules=all',
  ]);
  const dirty = new Set(
    status
      .toString()
      .split('\0')
      .map((line) => line.slice(3)),
  );
  return touched.filter((path) => dirty.has(project.prefix + path));
}
