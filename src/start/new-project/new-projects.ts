import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Actor } from '../../platform/actor.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { can, requireRight } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import { declarationFile } from '../project/declaration-file.ts';
import { registerProject } from '../project/project-store.ts';
import { expandAbbreviation } from '../template/repository-address.ts';
import { askerOf, settingsFor } from './asker.ts';
import type {
  DescribeTemplate,
  NewProject,
  StartNewProject,
  StartPlace,
  TemplateDescription,
} from './new-project-api.ts';
import { folderTaken, installNotAllowed } from './new-project-errors.ts';
import type { OpenedTemplate, OpenedTemplates, TemplateName } from './opened-templates.ts';
import { placeFor, projectsFolder } from './project-place.ts';
import { permitTemplate, trustEnvironment, type Asker } from './template-address.ts';
import { askWorker } from './template-worker.ts';
import type { Described, StartedWork } from './worker-requests.ts';

export const startJobKind = 'project.start';

const describeLimitMs = 20_000;
const renderLimitMs = 60_000;
/** hooks may install things */
const hooksLimitMs = 15 * 60_000;
const installLimitMs = 45 * 60_000;

/** What this person may do, and where projects are made. */
export const startPlaceOf = (world: World, actor: Actor): StartPlace => ({
  folder: projectsFolder(world.home),
  mayStart: can(actor, 'project.start'),
  mayLeave: can(actor, 'project.start-anywhere'),
  mayRunCode: can(actor, 'template.run-code'),
  isLocalUser: askerOf(world, actor).isLocalUser,
});

async function nameOf(asked: DescribeTemplate | StartNewProject, asker: Asker): Promise<TemplateName> {
  const { abbreviations } = await settingsFor(asker);
  return {
    template: expandAbbreviation(asked.template, abbreviations),
    checkout: asked.checkout,
    directory: asked.directory,
  };
}

/**
 * A template's questions with the answers given so far, and the code that it would run. Fetches it the first time.
 *
 * @throws NOT_ALLOWED, TEMPLATE_ADDRESS_REFUSED, ADDRESS_REFUSED, TEMPLATE_TOO_SLOW and what the template throws
 */
export async function describeNewProject(
  world: World,
  templates: OpenedTemplates,
  actor: Actor,
  asked: DescribeTemplate,
  signal: AbortSignal,
): Promise<TemplateDescription> {
  requireRight(actor, 'template.fetch');
  const asker = askerOf(world, actor);
  const name = await nameOf(asked, asker);
  if (!templates.isKept(asked.opened, actor, name)) {
    const { template } = await permitTemplate(name.template, asker);
    const data = { checkout: name.checkout ?? null, directory: name.directory ?? null };
    await perform(
      world,
      { actor, verb: 'template.fetch', kind: 'template', thing: template, data },
      async () => undefined,
    );
  }
  return templates.with({ name, opened: asked.opened, actor, asker, signal }, async (opened) => ({
    opened: opened.id,
    template: opened.source.template,
    commit: opened.source.commit,
    checkout: name.checkout ?? null,
    directory: name.directory ?? null,
    ...(await described(opened, asked.answers, asker, signal)),
  }));
}

function described(
  opened: OpenedTemplate,
  answers: Readonly<Record<string, unknown>>,
  asker: Asker,
  signal: AbortSignal,
): Promise<Described> {
  return askWorker(
    'describe',
    { source: opened.source, directory: opened.name.directory, answers, usesSettings: asker.isLocalUser },
    {
      doing: 'Reading the questions of the template',
      limitMs: describeLimitMs,
      signal,
      temporary: opened.temporary,
      environment: trustEnvironment(asker),
    },
  );
}

/** What the job remembers; everything was checked when it was asked for. */
export interface StartJob extends Omit<StartNewProject, 'folder' | 'template'> {
  readonly template: string;
  readonly outputFolder: string;
  readonly actor: Actor;
}

/**
 * Starts a project in a job.
 *
 * @throws NOT_ALLOWED, PROJECT_PLACE_REFUSED, TEMPLATE_ADDRESS_REFUSED, ADDRESS_REFUSED, TEMPLATE_CODE_NOT_ALLOWED
 */
export async function startNewProject(world: World, actor: Actor, asked: StartNewProject): Promise<string> {
  requireRight(actor, 'project.start');
  if (asked.runsCode) requireRight(actor, 'template.run-code');
  const asker = askerOf(world, actor);
  const { template } = await nameOf(asked, asker);
  const permit = await permitTemplate(template, asker);
  if (asked.installs && !asked.runsCode && permit.kind !== 'own') throw installNotAllowed(template);
  const outputFolder = placeFor(
    asked.folder,
    projectsFolder(world.home),
    can(actor, 'project.start-anywhere'),
  );
  const { folder: _folder, ...rest } = asked;
  const input: StartJob = { ...rest, template, outputFolder, actor };
  const data = {
    checkout: asked.checkout ?? null,
    directory: asked.directory ?? null,
    folder: outputFolder,
    runsCode: asked.runsCode,
    installs: asked.installs,
  };
  return perform(world, { actor, verb: 'project.start', kind: 'template', thing: template, data }, (tx) =>
    world.jobs.enqueue(tx, {
      kind: startJobKind,
      // two starts are never the same: the folder's name comes from the template
      key: `${startJobKind}/${newUlid()}`,
      input,
      requestedBy: actor.id,
    }),
  );
}

/** The job: fetches where needed, renders, makes the repository, installs, registers; when it fails nothing is left. */
export async function workOnStart(
  world: World,
  templates: OpenedTemplates,
  input: StartJob,
  job: JobContext,
): Promise<NewProject> {
  const { actor, template } = input;
  const asker = askerOf(world, actor);
  const name = { template, checkout: input.checkout, directory: input.directory };
  const { signal, log } = job;
  return templates.with({ name, opened: input.opened, actor, asker, signal, onLine: log }, async (opened) => {
    const { source } = opened;
    await job.progress(
      `the template is ${source.template}${source.commit === null ? '' : ` at ${source.commit.slice(0, 9)}`}`,
    );
    const made = madeBy(world, job.job.id);
    // an earlier attempt was killed with the server
    made.remove();
    try {
      const started = await inTurn(input.outputFolder, () => render(input, job, opened, asker, made));
      const warnings = input.installs ? await install(world, job, opened, started.folder) : [];
      const registered = await register(world, actor, started.folder, warnings);
      log(`${started.folder} is there`);
      const { folder, fileCount, commit, leftOut } = started;
      return {
        folder,
        project: registered,
        fileCount,
        template: source.template,
        templateCommit: source.commit,
        commit,
        leftOut,
        warnings,
      };
    } catch (thrown) {
      if (thrown instanceof TilthError && thrown.code === 'PROJECT_FOLDER_EXISTS') throw folderTaken(thrown);
      made.remove();
      throw thrown;
    } finally {
      made.forget();
    }
  });
}

/** The folders that a start has made, written down so that another attempt after a crash finds them. */
interface Made {
  readonly add: (folder: string) => void;
  readonly remove: () => void;
  readonly forget: () => void;
}

function madeBy(world: World, jobId: string): Made {
  const file = join(world.home.run, `start-${jobId}.json`);
  const folders = (): string[] =>
    existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : [];
  return {
    add: (folder) => writeFileSync(file, JSON.stringify([...folders(), folder])),
    remove: () => folders().forEach((folder) => rmSync(folder, { recursive: true, force: true })),
    forget: () => rmSync(file, { force: true }),
  };
}

const underWay = new Map<string, Promise<unknown>>();

/** One after the other per folder: two projects of one name must not take each other for what they have made. */
async function inTurn<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = underWay.get(folder) ?? Promise.resolve();
  const mine = before.then(work, work);
  underWay.set(folder, mine);
  try {
    return await mine;
  } finally {
    if (underWay.get(folder) === mine) underWay.delete(folder);
  }
}

async function render(
  input: StartJob,
  job: JobContext,
  opened: OpenedTemplate,
  asker: Asker,
  made: Made,
): Promise<StartedWork> {
  await job.progress(input.runsCode ? 'rendering, and running the code of the template' : 'rendering');
  const request = {
    source: opened.source,
    checkout: input.checkout,
    directory: input.directory,
    answers: input.answers,
    outputFolder: input.outputFolder,
    runsCode: input.runsCode,
    digest: input.digest,
    usesGit: input.usesGit,
    usesSettings: asker.isLocalUser,
  };
  return askWorker('start', request, {
    doing: 'Rendering the template',
    limitMs: input.runsCode ? hooksLimitMs : renderLimitMs,
    signal: job.signal,
    temporary: opened.temporary,
    environment: trustEnvironment(asker),
    onLine: job.log,
    onFolder: (folder) => {
      if (folder.startsWith(join(input.outputFolder, sep))) made.add(folder);
    },
  });
}

type Warnings = NewProject['warnings'];

/** A project without its environment is a project: what went wrong is told, and can be made good later. */
async function install(
  world: World,
  job: JobContext,
  opened: OpenedTemplate,
  folder: string,
): Promise<Warnings> {
  await job.progress('installing the environment');
  try {
    const request = { folder, home: world.home.root };
    const { outcome, packageCount } = await askWorker('install', request, {
      doing: 'Installing the environment',
      limitMs: installLimitMs,
      signal: job.signal,
      temporary: opened.temporary,
      onLine: job.log,
    });
    job.log(
      outcome === 'no-lock'
        ? 'no poetry.lock: no environment was installed'
        : `${packageCount} packages are installed`,
    );
    return outcome === 'no-lock'
      ? [{ message: 'No environment was installed: the template has no poetry.lock.' }]
      : [];
  } catch (thrown) {
    if (job.signal.aborted) throw thrown;
    return [warningOf(thrown)];
  }
}

async function register(
  world: World,
  actor: Actor,
  folder: string,
  warnings: Warnings,
): Promise<string | null> {
  if (!existsSync(join(folder, declarationFile))) return null;
  try {
    return (await registerProject(world, actor, folder)).name;
  } catch (thrown) {
    warnings.push(warningOf(thrown));
    return null;
  }
}

const warningOf = (thrown: unknown): Warnings[number] => ({
  message: messageOf(thrown),
  ...(thrown instanceof TilthError && thrown.hint !== undefined ? { hint: thrown.hint } : {}),
});

/** A job keeps one text of what went wrong: the code goes in it, and the next step on a line of its own. */
export async function withNextStep<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof TilthError)) throw thrown;
    const { code, status, message, hint } = thrown;
    throw new TilthError(
      code,
      status,
      `${message} [${code}]${hint === undefined ? '' : `\n${hint}`}`,
      undefined,
      { cause: thrown },
    );
  }
}
