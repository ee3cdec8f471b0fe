import { existsSync } from 'node:fs';
import type { Actor } from '../../platform/actor.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import { cruftFile } from '../project/cruft-file.ts';
import { getProject } from '../project/project-store.ts';
import { readOrigin } from '../project/read-cruft-file.ts';
import { expandAbbreviation } from '../template/repository-address.ts';
import type { FileChange, UpdatePlan, UpdateResult } from '../update/update-api.ts';
import { askerOf, settingsFor } from './asker.ts';
import { branchHasConflicts, updateUnknown } from './new-project-errors.ts';
import { gitEnvironment, permitTemplate, trustEnvironment, type Permit } from './template-address.ts';
import type { BranchRequest, TemplateUpdate } from './template-update-api.ts';
import { lastCheck, saveCheck, type Check } from './template-update-store.ts';
import { askWorker } from './template-worker.ts';
import type { WorkerFolder } from './opened-templates.ts';

export const checkJobKind = 'template.check';
export const branchJobKind = 'template.branch';

const limitMs = 5 * 60_000;
/** of a file's diff that the page is shown; the command line shows all of it */
const longestDiff = 60_000;
const longestPlan = 2_000_000;

/** What the last look at a project's template found. Reads the project's own file, asks nobody else. */
export async function templateUpdateOf(world: World, name: string): Promise<TemplateUpdate> {
  const project = await getProject(world.database.read, name);
  const hasFolder = existsSync(project.root);
  const origin = hasFolder ? readOrigin(project.root) : undefined;
  const check = await lastCheck(world.database.read, name);
  const commit = origin?.commit ?? project.templateCommit;
  const jobs = await world.jobs.list({ key: keyOf(name), limit: 1 });
  const active = jobs.find((job) => job.state === 'queued' || job.state === 'running');
  return {
    project: name,
    template: origin?.template ?? project.template,
    commit,
    hasFolder,
    ...check,
    isStale: check.plan !== null && check.plan.from !== commit,
    jobId: active?.id ?? null,
  };
}

const keyOf = (project: string): string => `template-update/${project}`;

interface UpdateJob {
  readonly project: string;
  readonly actor: Actor;
  /** undefined: only look */
  readonly branch?: BranchRequest;
}

/**
 * Looks at the template in a job, and commits the update on a branch where one is named.
 *
 * @throws NOT_ALLOWED, PROJECT_NOT_FOUND, TEMPLATE_UPDATE_UNKNOWN, TEMPLATE_ADDRESS_REFUSED, ADDRESS_REFUSED
 */
export async function askForUpdate(
  world: World,
  actor: Actor,
  name: string,
  branch?: BranchRequest,
): Promise<string> {
  const verb = branch === undefined ? 'template.fetch' : 'project.update-template';
  requireRight(actor, verb);
  const project = await getProject(world.database.read, name);
  await permitUpdate(world, actor, name, project.root);
  const input: UpdateJob = { project: name, actor, ...(branch === undefined ? {} : { branch }) };
  const data = { ...branch };
  return perform(world, { actor, verb, kind: 'project', thing: name, data }, (tx) =>
    world.jobs.enqueue(tx, {
      kind: branch === undefined ? checkJobKind : branchJobKind,
      key: branch === undefined ? keyOf(name) : `${keyOf(name)}/${branch.branch}`,
      input,
      requestedBy: actor.id,
    }),
  );
}

async function permitUpdate(world: World, actor: Actor, name: string, root: string): Promise<Permit> {
  if (!existsSync(root)) throw updateUnknown(name, `its folder ${root} is not on the server's machine.`);
  const origin = readOrigin(root);
  if (origin === undefined)
    throw updateUnknown(name, `it does not remember its template: there is no ${cruftFile}.`);
  const asker = askerOf(world, actor);
  const { abbreviations } = await settingsFor(asker);
  return permitTemplate(expandAbbreviation(origin.template, abbreviations), asker);
}

/** The job of a check: the plan, or why there is none, is remembered with its time. */
export async function workOnCheck(
  world: World,
  folders: WorkerFolder,
  input: UpdateJob,
  job: JobContext,
): Promise<unknown> {
  const { project, actor } = input;
  const remember = (plan: UpdatePlan | null, error: Check['error']): Promise<void> =>
    world.database.write((tx) =>
      saveCheck(tx, project, { at: world.clock.now(), by: actor.id, plan, error }),
    );
  try {
    await job.progress(`looking at the template of ${project}`);
    const plan = shortened(await work(world, folders, input, job, 'plan'));
    await remember(plan, null);
    return {
      isUpToDate: plan.isUpToDate,
      newest: plan.to,
      fileCount: plan.changes.length,
      conflictCount: plan.conflictCount,
    };
  } catch (thrown) {
    if (!job.signal.aborted) await remember(null, errorOf(thrown));
    throw thrown;
  }
}

/** The job of an update on a branch. */
export async function workOnBranch(
  world: World,
  folders: WorkerFolder,
  input: UpdateJob,
  job: JobContext,
): Promise<unknown> {
  const { project, actor } = input;
  const name = input.branch?.branch ?? '';
  await job.progress(`updating ${project} on the branch ${name}`);
  const { outcome, commit = null, conflictCount } = await work(world, folders, input, job, 'update');
  const at = world.clock.now();
  if (outcome === 'conflicts' && commit === null) throw branchHasConflicts(name, conflictCount);
  if (outcome === 'up-to-date') job.log('it is up to date: there is nothing to commit');
  else
    await world.database.write(async (tx) => {
      const before = await lastCheck(tx, project);
      const made = { name, commit, conflictCount, at };
      await saveCheck(tx, project, {
        at: before.checkedAt ?? at,
        by: before.checkedBy ?? actor.id,
        plan: before.plan,
        error: before.error,
        branch: made,
      });
    });
  return { outcome, branch: name, commit, conflictCount };
}

async function work<K extends 'plan' | 'update'>(
  world: World,
  folders: WorkerFolder,
  input: UpdateJob,
  job: JobContext,
  kind: K,
): Promise<K extends 'plan' ? UpdatePlan : UpdateResult> {
  const { actor } = input;
  const { root } = await getProject(world.database.read, input.project);
  // looked at again: the file may name another template than when it was asked for
  const permit = await permitUpdate(world, actor, input.project, root);
  const asker = askerOf(world, actor);
  return folders.temporary(async (temporary) => {
    const options = {
      doing: kind === 'plan' ? 'Planning the update' : 'The update',
      limitMs,
      signal: job.signal,
      temporary,
      environment: {
        ...gitEnvironment(permit, asker.isLocalUser),
        ...trustEnvironment(asker),
      },
      onLine: job.log,
    };
    const request = { folder: root, usesSettings: asker.isLocalUser };
    const { branch = '', withConflicts = false } = input.branch ?? {};
    const done =
      kind === 'plan'
        ? await askWorker('plan', request, options)
        : await askWorker('update', { ...request, branch, withConflicts }, options);
    return done as K extends 'plan' ? UpdatePlan : UpdateResult;
  });
}

const errorOf = (thrown: unknown): NonNullable<Check['error']> => ({
  code: thrown instanceof TilthError ? thrown.code : 'BUG',
  message: messageOf(thrown),
  hint: thrown instanceof TilthError ? (thrown.hint ?? null) : null,
});

function shortened(plan: UpdatePlan): UpdatePlan {
  let room = longestPlan;
  const changes = plan.changes.map((change): FileChange => {
    const limit = Math.min(longestDiff, room);
    const diff = change.diff.length <= limit ? change.diff : cut(change.diff, limit);
    room -= diff.length;
    return { ...change, diff };
  });
  return { ...plan, changes };
}

const cut = (diff: string, limit: number): string =>
  `${diff.slice(0, Math.max(0, diff.lastIndexOf('\n', limit)))}\n\\ the rest is left out here; all of it: tilth template diff\n`;
