import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, TilthError } from '../../platform/errors.ts';
import { cruftFile } from '../project/cruft-file.ts';
import { copyIndex } from '../project/git-index.ts';
import { placeOf } from './unfinished.ts';
import { git, gitText, lookAt, ownIndex, tryGit, type Entry, type ProjectRepository } from './git.ts';
import type { PreparedUpdate } from './plan-update.ts';
import { writeOriginBlob } from './project-origin.ts';
import type { UpdateResult } from './update-api.ts';
import type { Step } from './update.ts';
import {
  branchInvalid,
  branchThere,
  filesAreDirty,
  filesMoved,
  indexLocked,
  mergeGoingOn,
  updateFailed,
  updateInterrupted,
  updateRunning,
  updateUnfinished,
} from './update-errors.ts';

/** Tells a file that was written since, or is another one. */
const stamp = z.object({ size: z.number(), changedAt: z.number(), inode: z.number() }).nullable();
type Stamp = z.infer<typeof stamp>;

/** What an update has in hand while it writes; kept on the disk, so that a later one can go on or back. */
const journal = z.object({
  processId: z.number(),
  folder: z.string(),
  gitFolder: z.string(),
  /** the project's folder inside the repository, `''` or ending in a slash */
  prefix: z.string(),
  /** of the new files, under `new/`, and the old ones, under `old/`; on the disk of the project */
  place: z.string(),
  /** what the lock holds, so that nobody else's is removed */
  lockText: z.string(),
  steps: z.array(
    z.object({
      path: z.string(),
      /** as it was; null where nothing was */
      before: stamp,
      /** as it is laid ready; null where it is deleted */
      after: stamp,
    }),
  ),
});
type Journal = z.infer<typeof journal>;

const journalOf = (gitFolder: string): string => join(placeOf(gitFolder), 'journal.json');

/**
 * Writes a prepared update to the work tree and the index, as a merge that is not committed yet: clean files are
 * staged, conflicts carry git's markers and index stages. Everything is laid ready first; a fault or a full disk leaves the
 * project as it was, and after a crash `recoverUpdate` goes on.
 *
 * @throws TEMPLATE_UPDATE_DIRTY, TEMPLATE_UPDATE_MERGING, TEMPLATE_UPDATE_INDEX_LOCKED, TEMPLATE_UPDATE_FAILED
 */
export async function applyUpdate(prepared: PreparedUpdate): Promise<UpdateResult> {
  const { plan, project } = prepared;
  if (plan.isUpToDate) return { ...plan, outcome: 'up-to-date' };
  if (plan.blockedBy.length > 0) throw filesAreDirty(plan.blockedBy);
  const steps = [...prepared.steps, await originStep(prepared)];
  const made = await layReady(project, steps);
  try {
    perform(made);
  } catch (thrown) {
    undo(made);
    throw thrown instanceof TilthError ? thrown : updateFailed(messageOf(thrown), thrown);
  }
  return { ...plan, outcome: plan.conflictCount > 0 ? 'conflicts' : 'updated' };
}

/**
 * Commits a prepared update on a new branch; work tree, index and HEAD stay.
 *
 * @throws TEMPLATE_BRANCH_THERE, TEMPLATE_BRANCH_INVALID
 */
export async function commitUpdate(
  prepared: PreparedUpdate,
  branch: string,
  allowsConflicts: boolean,
): Promise<UpdateResult> {
  const { plan, project } = prepared;
  if (plan.isUpToDate) return { ...plan, outcome: 'up-to-date' };
  if ((await tryGit(project.top, ['check-ref-format', '--branch', branch])).status !== 0)
    throw branchInvalid(branch);
  const ref = `refs/heads/${branch}`;
  if ((await tryGit(project.top, ['show-ref', '--verify', '--quiet', ref])).status === 0)
    throw branchThere(branch);
  if (plan.conflictCount > 0 && !allowsConflicts) return { ...plan, outcome: 'conflicts' };
  const steps = [...prepared.steps, await originStep(prepared)];
  const environment = ownIndex(project);
  await git(project.top, ['read-tree', project.head], { environment });
  const lines = steps
    .filter((step) => step.index !== 'leave')
    .map(({ path, after }) =>
      after === undefined
        ? `0 ${'0'.repeat(project.head.length)}\t${project.prefix}${path}\0`
        : `${after.mode} ${after.oid} 0\t${project.prefix}${path}\0`,
    );
  await git(project.top, ['update-index', '-z', '--index-info'], { environment, input: lines.join('') });
  const tree = await gitText(project.top, ['write-tree'], { environment });
  const hasIdentity =
    (await tryGit(project.top, ['-c', 'user.useConfigOnly=true', 'var', 'GIT_COMMITTER_IDENT'])).status === 0;
  const identity = hasIdentity ? [] : ['-c', 'user.name=tilth', '-c', 'user.email=tilth@localhost'];
  keepObjects(project);
  const commit = await gitText(
    project.top,
    [...identity, 'commit-tree', tree, '-p', project.head, '-F', '-'],
    {
      input: messageFor(prepared),
    },
  );
  // only when nobody made it in the meantime
  await git(project.top, [
    'update-ref',
    '-m',
    'tilth template update',
    ref,
    commit,
    '0'.repeat(project.head.length),
  ]);
  return { ...plan, outcome: plan.conflictCount > 0 ? 'conflicts' : 'updated', branch, commit };
}

function messageFor({ plan }: PreparedUpdate): string {
  const name = (commit: string | null): string => commit?.slice(0, 9) ?? 'its files of today';
  const conflicts = plan.changes
    .filter((change) => change.kind === 'conflict')
    .map((change) => `- ${change.path}`);
  return [
    `Update from ${plan.template} to ${name(plan.to)}`,
    '',
    ...plan.commits.map((each) => `* ${each.commit.slice(0, 9)} ${each.subject}`),
    ...(conflicts.length === 0 ? [] : ['', 'With conflict markers still in:', ...conflicts]),
  ].join('\n');
}

async function originStep({ project, origin }: PreparedUpdate): Promise<Step> {
  const after: Entry = { mode: '100644', oid: await writeOriginBlob(project, origin) };
  const path = `${project.prefix}${cruftFile}`;
  const isTracked = (await tryGit(project.top, ['ls-files', '--error-unmatch', '--', path])).status === 0;
  const isIgnored =
    !isTracked && (await tryGit(project.top, ['check-ignore', '--quiet', '--', path])).status === 0;
  return { path: cruftFile, after, writes: true, index: isIgnored ? 'leave' : 'after' };
}

/**
 * Brings the new objects into the project; each is whole or not there.
 *
 * @returns takes them away again
 */
export function keepObjects(project: ProjectRepository): () => void {
  const from = project.quarantine['GIT_OBJECT_DIRECTORY'] ?? '';
  const brought: string[] = [];
  const takeAway = (): void => {
    for (const file of brought) rmSync(file, { force: true });
  };
  for (const folder of readdirSync(from)) {
    if (!/^[\da-f]{2}$/.test(folder)) continue;
    for (const name of readdirSync(join(from, folder))) {
      const target = join(project.objectFolder, folder, name);
      if (existsSync(target)) continue;
      const beside = join(project.objectFolder, folder, `tmp_obj_tilth_${process.pid}_${name.slice(0, 8)}`);
      try {
        mkdirSync(join(project.objectFolder, folder), { recursive: true });
        copyFileSync(join(from, folder, name), beside);
        renameSync(beside, target);
        brought.push(target);
      } catch (thrown) {
        rmSync(beside, { force: true });
        takeAway();
        throw updateFailed(messageOf(thrown), thrown);
      }
    }
  }
  return takeAway;
}

/** Everything that will be written lies beside the project, and the journal says so. */
async function layReady(project: ProjectRepository, steps: readonly Step[]): Promise<Journal> {
  await refuseDuringMerge(project);
  const { folder, gitFolder } = project;
  const home = placeOf(gitFolder);
  if (existsSync(home)) throw updateUnfinished(folder);
  const indexFile = join(gitFolder, 'index');
  const indexBefore = stampOf(indexFile);
  const isOneDisk = statSync(gitFolder).dev === statSync(folder).dev;
  const made = {
    processId: process.pid,
    folder,
    gitFolder,
    prefix: project.prefix,
    place: isOneDisk ? home : join(folder, '.tilth-update'),
    lockText: `tilth template update ${process.pid} ${Date.now()}`,
    steps: steps
      .filter((step) => step.writes)
      .map((step) => ({
        path: step.path,
        before: stampOf(join(folder, step.path)),
        after: null as Stamp,
      })),
  };
  const takeAway = keepObjects(project);
  try {
    mkdirSync(home);
    mkdirSync(join(made.place, 'new'), { recursive: true });
    mkdirSync(join(made.place, 'old'));
    await writeNewFiles(project, steps, join(made.place, 'new'));
    for (const step of made.steps) step.after = stampOf(join(made.place, 'new', made.prefix, step.path));
    await writeNewIndex(project, steps, indexFile, join(home, 'index'));
    lock(made);
    if (!sameStamp(indexBefore, stampOf(indexFile))) throw filesMoved('the index of git');
    const moved = made.steps.find((step) => !sameStamp(step.before, stampOf(join(folder, step.path))));
    if (moved !== undefined) throw filesMoved(moved.path);
    writeDurably(journalOf(gitFolder), JSON.stringify(made));
  } catch (thrown) {
    unlock(made);
    cleanUp(made);
    takeAway();
    const isTold = thrown instanceof TilthError && thrown.code !== 'GIT_FAILED';
    throw isTold ? thrown : updateFailed(messageOf(thrown), thrown);
  }
  return made;
}

async function refuseDuringMerge(project: ProjectRepository): Promise<void> {
  const signs = {
    MERGE_HEAD: 'a merge',
    CHERRY_PICK_HEAD: 'a cherry-pick',
    REVERT_HEAD: 'a revert',
    'rebase-merge': 'a rebase',
    'rebase-apply': 'a rebase',
  };
  for (const [file, what] of Object.entries(signs))
    if (existsSync(join(project.gitFolder, file))) throw mergeGoingOn(what);
  const unmerged = await git(project.top, ['ls-files', '--unmerged', '-z']);
  if (unmerged.length > 0) throw mergeGoingOn('there are files in conflict');
}

/** Through git, so that line ends, filters, links and modes are those of the project. */
async function writeNewFiles(
  project: ProjectRepository,
  steps: readonly Step[],
  folder: string,
): Promise<void> {
  const environment = ownIndex(project);
  const written = steps.filter((step) => step.writes && step.after !== undefined);
  const lines = written.map(
    ({ path, after }) => `${after?.mode ?? ''} ${after?.oid ?? ''} 0\t${project.prefix}${path}\0`,
  );
  await git(project.top, ['update-index', '-z', '--index-info'], { environment, input: lines.join('') });
  await git(
    project.top,
    ['-c', 'core.sparseCheckout=false', 'checkout-index', '--all', `--prefix=${folder}/`],
    { environment },
  );
}

async function writeNewIndex(
  project: ProjectRepository,
  steps: readonly Step[],
  from: string,
  to: string,
): Promise<void> {
  if (existsSync(from)) copyIndex(from, to);
  const zero = '0'.repeat(project.head.length);
  const staged = steps.filter((step) => step.index !== 'leave');
  // all go first: a folder may take the place of a file
  const lines = staged.map(({ path }) => `0 ${zero}\t${project.prefix}${path}\0`);
  for (const { path, after, index } of staged) {
    const entries: readonly (readonly [Entry | undefined, number])[] =
      typeof index === 'string'
        ? [[after, 0]]
        : [
            [index[1], 1],
            [index[2], 2],
            [index[3], 3],
          ];
    for (const [entry, stage] of entries)
      if (entry !== undefined) lines.push(`${entry.mode} ${entry.oid} ${stage}\t${project.prefix}${path}\0`);
  }
  await git(
    project.top,
    ['-c', 'core.splitIndex=false', '-c', 'core.fsmonitor=false', 'update-index', '-z', '--index-info'],
    {
      environment: { GIT_INDEX_FILE: to },
      input: lines.join(''),
    },
  );
}

/** The part that changes the project: links and renames only. Does what is not done yet. */
function perform(made: Journal): void {
  for (const [at, step] of made.steps.entries()) {
    const target = join(made.folder, step.path);
    const old = join(made.place, 'old', String(at));
    if (step.before === null || existsOrLink(old)) continue;
    if (step.after === null) renameSync(target, old);
    else keepBeside(target, old);
  }
  for (const step of made.steps) if (step.after === null) removeEmptyFolders(made.folder, dirname(step.path));
  for (const step of made.steps) {
    const laid = join(made.place, 'new', made.prefix, step.path);
    if (step.after === null || !existsOrLink(laid)) continue;
    const target = join(made.folder, step.path);
    mkdirSync(dirname(target), { recursive: true });
    if (step.before === null && existsOrLink(target)) throw filesMoved(step.path);
    renameSync(laid, target);
  }
  const index = join(placeOf(made.gitFolder), 'index');
  if (existsSync(index)) {
    const locked = lockOf(made);
    renameSync(index, locked);
    renameSync(locked, join(made.gitFolder, 'index'));
  }
  try {
    cleanUp(made);
  } catch {
    // all is in place; what is left over is cleaned up the next time
  }
}

/** The old file under a second name, so that at no time there is none. */
function keepBeside(file: string, old: string): void {
  try {
    linkSync(file, old);
  } catch {
    // not every disk has links
    renameSync(file, old);
  }
}

/** Back to what was, from wherever `perform` came to. */
function undo(made: Journal): void {
  for (const [at, step] of made.steps.entries()) {
    const target = join(made.folder, step.path);
    const old = join(made.place, 'old', String(at));
    const now = stampOf(target);
    // what the user wrote since stays; the file from before is in git's last commit
    if (now !== null && !sameStamp(now, step.after)) rmSync(old, { force: true });
    else if (now !== null) {
      rmSync(target, { force: true });
      removeEmptyFolders(made.folder, dirname(step.path));
    }
  }
  for (const [at, step] of made.steps.entries()) {
    const old = join(made.place, 'old', String(at));
    const target = join(made.folder, step.path);
    if (!existsOrLink(old) || existsOrLink(target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(old, target);
  }
  const isIndexInLock =
    !existsSync(join(placeOf(made.gitFolder), 'index')) && existsSync(lockOf(made)) && isIndex(lockOf(made));
  if (isIndexInLock) rmSync(lockOf(made));
  else unlock(made);
  cleanUp(made);
}

function cleanUp(made: Journal): void {
  // the journal last: as long as there is something to clean up, it says what
  if (made.place !== placeOf(made.gitFolder)) rmSync(made.place, { recursive: true, force: true });
  rmSync(placeOf(made.gitFolder), { recursive: true, force: true });
}

/** What became of an update that was interrupted. */
export type Recovery = 'none' | 'completed' | 'taken-back';

/**
 * Ends an update that was interrupted: completes it, or takes it back.
 *
 * @throws TEMPLATE_UPDATE_RUNNING, TEMPLATE_UPDATE_INTERRUPTED when the user changed one of its files since
 */
export function recoverUpdate(gitFolder: string, direction: 'on' | 'back'): Recovery {
  const home = placeOf(gitFolder);
  if (!existsSync(home)) return 'none';
  const made = readJournal(gitFolder);
  if (made === undefined) {
    // it ended before anything was changed
    const lockFile = join(gitFolder, 'index.lock');
    const owner = lockOwner(lockFile);
    if (owner !== undefined && owner !== process.pid && isAlive(owner)) throw updateRunning(owner);
    if (owner !== undefined) rmSync(lockFile, { force: true });
    rmSync(home, { recursive: true, force: true });
    return 'taken-back';
  }
  if (made.processId !== process.pid && isAlive(made.processId)) throw updateRunning(made.processId);
  // the index comes last, and by two renames
  const isIndexReady = !existsSync(join(home, 'index'));
  if (isIndexReady) {
    if (existsSync(lockOf(made)) && lockOwner(lockOf(made)) === undefined && isIndex(lockOf(made)))
      renameSync(lockOf(made), join(gitFolder, 'index'));
    cleanUp(made);
    return 'completed';
  }
  if (direction === 'back') {
    undo(made);
    return 'taken-back';
  }
  for (const [at, step] of made.steps.entries()) {
    const isWaiting = step.after === null || existsOrLink(join(made.place, 'new', made.prefix, step.path));
    if (!isWaiting) continue;
    const now = stampOf(join(made.folder, step.path));
    const isMoved = existsOrLink(join(made.place, 'old', String(at)));
    if (!sameStamp(now, step.before) && !(isMoved && now === null)) throw updateInterrupted(step.path);
  }
  if (!existsSync(lockOf(made))) lock(made);
  else if (lockOwner(lockOf(made)) === undefined) throw indexLocked(lockOf(made));
  perform(made);
  return 'completed';
}

function readJournal(gitFolder: string): Journal | undefined {
  try {
    return journal.parse(JSON.parse(readFileSync(journalOf(gitFolder), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whether a lock holds an index that only waits to be renamed. */
const isIndex = (file: string): boolean => readFileSync(file).subarray(0, 4).toString() === 'DIRC';

const stampOf = (path: string): Stamp => toStamp(lookAt(path));
const toStamp = (stat: Stats | undefined): Stamp =>
  stat === undefined || stat.isDirectory()
    ? null
    : { size: stat.size, changedAt: stat.mtimeMs, inode: stat.ino };
const sameStamp = (one: Stamp, other: Stamp): boolean =>
  one?.size === other?.size && one?.changedAt === other?.changedAt && one?.inode === other?.inode;

const existsOrLink = (path: string): boolean => lookAt(path) !== undefined;

function removeEmptyFolders(root: string, folder: string): void {
  for (let at = folder; at !== '.' && at !== ''; at = dirname(at)) {
    try {
      rmdirSync(join(root, at));
    } catch {
      return;
    }
  }
}

const lockOf = (made: Pick<Journal, 'gitFolder'>): string => join(made.gitFolder, 'index.lock');

/** Git's own lock: nothing else of git changes the index meanwhile. */
function lock(made: Journal): void {
  const file = lockOf(made);
  let handle: number;
  try {
    handle = openSync(file, 'wx');
  } catch (thrown) {
    // a full disk is not another git
    if (existsSync(file)) throw indexLocked(file);
    throw thrown;
  }
  writeSync(handle, made.lockText);
  closeSync(handle);
}

function unlock(made: Journal): void {
  const file = lockOf(made);
  try {
    if (readFileSync(file, 'utf8') === made.lockText) rmSync(file);
  } catch {
    // it was not taken
  }
}

function lockOwner(file: string): number | undefined {
  try {
    const match = /^tilth template update (\d+) /.exec(readFileSync(file, 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function writeDurably(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  const handle = openSync(`${file}.new`, 'r');
  fsyncSync(handle);
  closeSync(handle);
  renameSync(`${file}.new`, file);
}
