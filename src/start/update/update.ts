import { isSame, type Entry, type Tree } from './git.ts';
import { changedPaths, conflictOf, type Stages } from './three-way-merge.ts';
import type { FileChange } from './update-api.ts';

/** A file that git doesn't track, where the template has a changed one. */
export interface Obstacle {
  /** undefined where it was not read: a folder, a link, a huge file */
  readonly entry: Entry | undefined;
  /** `same`: what the template has; `unchanged`: still as the template had it; else it is left alone */
  readonly state: 'same' | 'unchanged' | 'in-the-way';
  readonly isIgnored: boolean;
}

/** What the merge is made of; paths are those of the project's folder, .cruft.json is in none of them. */
export interface Versions {
  readonly base: Tree;
  readonly ours: Tree;
  readonly theirs: Tree;
}

/** What is to be done with one file in the work tree and in the index. */
export interface Step {
  readonly path: string;
  /** undefined: it is deleted */
  readonly after: Entry | undefined;
  readonly writes: boolean;
  /** `leave`: git doesn't track it */
  readonly index: 'after' | 'leave' | Stages;
}

/** The same trees without some paths. */
export function without(versions: Versions, isOut: (path: string) => boolean): Versions {
  const kept = (tree: Tree): Tree => new Map([...tree].filter(([path]) => !isOut(path)));
  return { base: kept(versions.base), ours: kept(versions.ours), theirs: kept(versions.theirs) };
}

export interface Outcome {
  readonly versions: Versions;
  readonly merged: Tree;
  readonly conflicts: ReadonlyMap<string, Stages>;
  readonly obstacles: ReadonlyMap<string, Obstacle>;
  /** new files that git ignores: written, never staged */
  readonly ignored: ReadonlySet<string>;
}

/** Every file that is written or staged, in order of paths. */
export function stepsOf(outcome: Outcome): Step[] {
  const { versions, merged, conflicts, obstacles, ignored } = outcome;
  const steps = new Map<string, Step>();
  for (const path of changedPaths(versions.ours, merged)) {
    steps.set(path, {
      path,
      after: merged.get(path),
      writes: true,
      index: ignored.has(path) ? 'leave' : 'after',
    });
  }
  for (const [path, stages] of conflicts) {
    const after = merged.get(path);
    steps.set(path, { path, after, writes: !isSame(after, versions.ours.get(path)), index: stages });
  }
  for (const [path, obstacle] of obstacles) {
    const after = versions.theirs.get(path);
    if (after === undefined || obstacle.state === 'same') continue;
    if (obstacle.state === 'unchanged') steps.set(path, { path, after, writes: true, index: 'leave' });
    else
      steps.set(path, {
        path,
        after,
        writes: false,
        index: stagesOf(obstacle, versions.base.get(path), after),
      });
  }
  return [...steps.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** The user's version is kept by git too, unless git was told to keep its hands off it. */
function stagesOf(obstacle: Obstacle, base: Entry | undefined, theirs: Entry): Stages {
  return {
    ...(base === undefined ? {} : { 1: base }),
    ...(obstacle.entry === undefined || obstacle.isIgnored ? {} : { 2: obstacle.entry }),
    3: theirs,
  };
}

/** One line of git's comparison of two trees. */
export interface Difference {
  readonly path: string;
  readonly from: string | undefined;
  /** git's letter: A, D, M, T, R */
  readonly status: string;
  readonly diff: string;
}

/** What the update does, file by file. */
export function changesOf(
  outcome: Outcome,
  differences: readonly Difference[],
  skipped: readonly string[],
): FileChange[] {
  const { versions, merged, conflicts, obstacles } = outcome;
  const changes = new Map<string, FileChange>();
  for (const { path, from, status, diff } of differences) {
    const stages = conflicts.get(path);
    const kind =
      status === 'A' ? 'added' : status === 'D' ? 'deleted' : status === 'R' ? 'renamed' : 'changed';
    const renamed = from === undefined ? {} : { from };
    if (obstacles.get(path)?.state === 'in-the-way')
      changes.set(path, { path, kind: 'conflict', conflict: 'in-the-way', diff });
    else if (stages === undefined) changes.set(path, { path, ...renamed, kind, diff });
    else changes.set(path, { path, ...renamed, kind: 'conflict', conflict: conflictOf(stages), diff });
  }
  for (const [path, stages] of conflicts) {
    if (!changes.has(path))
      changes.set(path, { path, kind: 'conflict', conflict: conflictOf(stages), diff: '' });
  }
  for (const [path, { state }] of obstacles) {
    if (changes.has(path)) continue;
    if (state === 'in-the-way')
      changes.set(path, { path, kind: 'conflict', conflict: 'in-the-way', diff: '' });
    else if (state === 'same') changes.set(path, { path, kind: 'kept', kept: 'already-there', diff: '' });
  }
  const sources = new Set(differences.map((each) => each.from));
  for (const path of changedPaths(versions.base, versions.theirs)) {
    if (changes.has(path) || sources.has(path)) continue;
    const mine = versions.ours.get(path);
    if (!isSame(mine, merged.get(path))) continue;
    // it was moved by the project, and goes on at its new place
    if (mine === undefined) continue;
    const isThere = isSame(mine, versions.theirs.get(path));
    changes.set(path, { path, kind: 'kept', kept: isThere ? 'already-there' : 'yours', diff: '' });
  }
  for (const path of skipped) changes.set(path, { path, kind: 'kept', kept: 'skipped', diff: '' });
  return [...changes.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}
