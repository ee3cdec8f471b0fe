import { resolve } from 'node:path';
import { cruftFile, type Origin } from '../project/cruft-file.ts';
import { readContext, toJson, type Ask, type Context } from '../template/context.ts';
import { decideHooks } from '../template/hook-trust.ts';
import type { Value } from '../template/jinja/values.ts';
import type { UserConfig } from '../template/user-config.ts';
import { compareTrees } from './compare-trees.ts';
import { openProject, type ProjectRepository, type Tree } from './git.ts';
import {
  firstRender,
  templateName,
  isAnswered,
  nextOrigin,
  originOf,
  oursOf,
  recordedAnswers,
  skipPatterns,
} from './project-origin.ts';
import { isUnfinished } from './unfinished.ts';
import { checkAnswers, codeDigest, renderVersion, type RenderVersion } from './render-version.ts';
import { isSkipped } from './skip-patterns.ts';
import { settleChance, usesChance } from './settle-chance.ts';
import { openOrigin, type TemplateHistory } from './template-history.ts';
import { changedPaths, mergeTrees } from './three-way-merge.ts';
import { answerUnknown, updateUnfinished } from './update-errors.ts';
import type { UpdatePlan } from './update-api.ts';
import {
  changesOf,
  stepsOf,
  without,
  type Difference,
  type Outcome,
  type Step,
  type Versions,
} from './update.ts';
import { dirtyAmong, findObstacles, ignoredBy } from './work-tree.ts';

export interface UpdateRequest {
  /** the project's folder */
  readonly folder: string;
  /** branch, tag or commit to go to; the recorded one, else the template's default branch */
  readonly checkout?: string | undefined;
  /** answers to new variables, and changed ones */
  readonly answers?: ReadonlyMap<string, Value>;
  /** `branch`: only what is committed counts; `work-tree`: what lies there as well */
  readonly target?: 'work-tree' | 'branch';
  readonly config: UserConfig;
  readonly hooks: 'yes' | 'ask' | 'no';
  /** without one, new variables get their defaults */
  readonly ask?: Ask | undefined;
  readonly onLine: (line: string) => void;
}

/** An update worked out, its new objects beside the project's. */
export interface PreparedUpdate {
  readonly plan: UpdatePlan;
  readonly project: ProjectRepository;
  readonly steps: readonly Step[];
  /** what .cruft.json will say */
  readonly origin: Origin;
  close(): void;
}

/**
 * What an update would change, without a trace in the project.
 *
 * @throws TEMPLATE_ORIGIN_MISSING, TEMPLATE_UPDATE_NEEDS_GIT, TEMPLATE_COMMIT_GONE, TEMPLATE_ANSWER_GONE and what fetching and rendering throw
 */
export async function planUpdate(request: UpdateRequest): Promise<UpdatePlan> {
  const prepared = await prepareUpdate(request);
  prepared.close();
  return prepared.plan;
}

/** As `planUpdate`, with what `applyUpdate` needs; `close` it. */
export async function prepareUpdate(request: UpdateRequest): Promise<PreparedUpdate> {
  const folder = resolve(request.folder);
  const project = await openProject(folder);
  if (isUnfinished(project.gitFolder)) {
    project.close();
    throw updateUnfinished(folder);
  }
  let history: TemplateHistory | undefined;
  try {
    const { origin, isCopier } = await originOf(project, request.target ?? 'work-tree');
    history = await openOrigin(isCopier, {
      origin,
      checkout: request.checkout,
      abbreviations: request.config.abbreviations,
      workspace: project.workspace,
      onLine: request.onLine,
    });
    return await prepare(request, project, origin, history, isCopier);
  } catch (thrown) {
    project.close();
    throw thrown;
  } finally {
    history?.close();
  }
}

async function prepare(
  request: UpdateRequest,
  project: ProjectRepository,
  origin: Origin,
  history: TemplateHistory,
  isCopier: boolean,
): Promise<PreparedUpdate> {
  const recorded = recordedAnswers(origin);
  const { newest } = history;
  const from = origin.commit === null ? undefined : await history.find(origin.commit);
  const head = {
    project: project.folder,
    template: origin.template,
    from: from ?? origin.commit,
    to: newest,
    commits: from === undefined || newest === null ? [] : await history.between(from, newest),
  };
  const changesAnswers = [...(request.answers ?? [])].some(
    ([name, value]) => !isAnswered(recorded, name, value),
  );
  // answers that copier kept go into .cruft.json even when no file changes
  if (newest !== null && from === newest && !changesAnswers && !isCopier) {
    const plan: UpdatePlan = { ...head, ...nothing };
    return { plan, project, steps: [], origin, close: () => project.close() };
  }
  const ours = await oursOf(project);
  const { base, next, answers } = await renderBoth({ ...request, project, origin, history, from, ours });
  const all: Versions = { base, ours, theirs: next };
  const patterns = await skipPatterns(project.folder, origin);
  const skipped = changedPaths(all.base, all.theirs).filter((path) => isSkipped(path, patterns));
  const versions = without(all, (path) => path === cruftFile || isSkipped(path, patterns));
  const obstacles = await findObstacles(project, versions, request.target ?? 'work-tree');
  const merge = await mergeTrees(
    project,
    without(versions, (path) => obstacles.has(path)),
    { base: `template ${short(head.from)}`, ours: 'project', theirs: `template ${short(newest)}` },
  );
  const isNew = (path: string): boolean => !versions.ours.has(path) && !merge.conflicts.has(path);
  const outcome: Outcome = {
    versions,
    merged: merge.tree,
    conflicts: merge.conflicts,
    obstacles,
    ignored: await ignoredBy(project, merge.tree, [...merge.tree.keys()].filter(isNew)),
  };
  const steps = stepsOf(outcome);
  const changes = changesOf(outcome, await differencesOf(project, outcome), skipped);
  const plan: UpdatePlan = {
    ...head,
    base: from === undefined ? 'project' : 'template',
    isUpToDate: false,
    variables: variablesOf(recorded, answers),
    changes,
    conflictCount: changes.filter((change) => change.kind === 'conflict').length,
    blockedBy: request.target === 'branch' ? [] : await dirtyAmong(project, steps),
  };
  return { plan, project, steps, origin: nextOrigin(history, origin, answers), close: () => project.close() };
}

const nothing = {
  base: 'template',
  isUpToDate: true,
  variables: { added: [], changed: [], removed: [] },
  changes: [],
  conflictCount: 0,
  blockedBy: [],
} satisfies Partial<UpdatePlan>;

const short = (commit: string | null): string => (commit === null ? 'without a commit' : commit.slice(0, 9));

interface BothRequest extends Pick<UpdateRequest, 'answers' | 'config' | 'hooks' | 'ask' | 'onLine'> {
  readonly project: ProjectRepository;
  readonly origin: Origin;
  readonly history: TemplateHistory;
  /** the project's files, which have the values of chance that are the right ones; else those of the old render */
  readonly ours?: Tree;
  /** the recorded commit, where the template still has it */
  readonly from: string | undefined;
}

/**
 * The old and the new render, as objects of git.
 *
 * @throws TEMPLATE_COMMIT_GONE, TEMPLATE_ANSWER_UNKNOWN, TEMPLATE_ANSWER_GONE, and what rendering throws
 */
export async function renderBoth(
  request: BothRequest,
): Promise<{ base: Tree; next: Tree; answers: Context }> {
  const { project, origin, history, from, ask } = request;
  const recorded = recordedAnswers(origin);
  const given = [...(request.answers ?? [])];
  const rendering = {
    project,
    template: templateName(origin),
    showsCommit: '_commit' in origin.context.cookiecutter,
    mayRunCode: request.hooks === 'yes',
    checkout: origin.checkout,
    defaults: request.config.defaults,
    now: new Date(),
  };
  const runsHooks = await decideFor(request);
  const base =
    from === undefined
      ? await firstRender(project, origin)
      : await settled(project, request.ours, {
          ...rendering,
          templateFolder: await history.at(from),
          commit: from,
          answers: recorded,
          runsHooks: runsHooks.base,
        });
  const templateFolder = await history.at(history.newest);
  const known = [...readContext(templateFolder).keys()].filter((name) => !name.startsWith('_'));
  for (const [name] of given) if (!known.includes(name)) throw answerUnknown(name, known);
  const answers = new Map([...recorded, ...given].filter(([name]) => known.includes(name)));
  checkAnswers(templateFolder, answers);
  const version = {
    ...rendering,
    templateFolder,
    commit: history.newest,
    answers,
    runsHooks: runsHooks.next,
    ask: ask === undefined ? undefined : onlyFor(ask, (name) => !answers.has(name)),
  };
  const next = await renderVersion(version);
  if (usesChance(templateFolder)) {
    const again = await renderVersion({
      ...version,
      answers: answersIn(next.answers, known),
      ask: undefined,
    });
    const settled = await settleChance(project, next.tree, again.tree, request.ours ?? base);
    return { base, next: settled, answers: next.answers };
  }
  return { base, next: next.tree, answers: next.answers };
}

/** A render with the project's own values of chance. */
export async function settled(
  project: ProjectRepository,
  ours: Tree | undefined,
  version: RenderVersion,
): Promise<Tree> {
  const { tree } = await renderVersion(version);
  if (ours === undefined || !usesChance(version.templateFolder)) return tree;
  return settleChance(project, tree, (await renderVersion(version)).tree, ours);
}

const answersIn = (context: Context, names: readonly string[]): Map<string, Value> =>
  new Map([...context].filter(([name]) => names.includes(name)));

/** Whether the hooks of both versions may run; code that is the same in both is asked for once. */
async function decideFor(request: BothRequest): Promise<{ base: boolean; next: boolean }> {
  const { history, from, origin } = request;
  const decide = (folder: string, commit: string | null): Promise<boolean> =>
    decideHooks({
      source: { template: origin.template, commit },
      folder,
      choice: request.hooks,
      ask: request.ask,
      onLine: request.onLine,
    });
  const folder = await history.at(history.newest);
  const next = await decide(folder, history.newest);
  if (from === undefined || from === history.newest) return { base: next, next };
  const digest = codeDigest(folder);
  const older = await history.at(from);
  return { base: codeDigest(older) === digest ? next : await decide(older, from), next };
}

/** Asks for some variables; the others keep what they have. */
function onlyFor(ask: Ask, isAsked: (name: string) => boolean): Ask {
  return {
    text: async (question, otherwise, asked) =>
      asked === undefined || isAsked(asked.name) ? ask.text(question, otherwise, asked) : (otherwise ?? ''),
    yesNo: async (question, otherwise, asked) =>
      asked === undefined || isAsked(asked.name) ? ask.yesNo(question, otherwise, asked) : otherwise,
    choice: async (question, labels, asked) =>
      asked === undefined || isAsked(asked.name) ? ask.choice(question, labels, asked) : 0,
    json: async (question, otherwise, asked) =>
      asked === undefined || isAsked(asked.name) ? ask.json(question, otherwise, asked) : otherwise,
  };
}

function variablesOf(recorded: ReadonlyMap<string, Value>, answers: Context): UpdatePlan['variables'] {
  const asked = [...answers].filter(([name]) => !name.startsWith('_'));
  return {
    added: asked
      .filter(([name]) => !recorded.has(name))
      .map(([name, value]) => ({ name, value: toJson(value) })),
    changed: asked
      .filter(([name, value]) => recorded.has(name) && !isAnswered(recorded, name, value))
      .map(([name, value]) => ({ name, before: toJson(recorded.get(name) ?? null), after: toJson(value) })),
    removed: [...recorded.keys()].filter((name) => !answers.has(name)),
  };
}

/** Git's comparison of the project before and after, with renames found. */
async function differencesOf(project: ProjectRepository, outcome: Outcome): Promise<Difference[]> {
  const { versions, merged, obstacles } = outcome;
  const before = new Map(versions.ours);
  const after = new Map(merged);
  for (const [path, obstacle] of obstacles) {
    const theirs = versions.theirs.get(path);
    if (obstacle.state === 'same' || obstacle.entry === undefined || theirs === undefined) continue;
    before.set(path, obstacle.entry);
    after.set(path, theirs);
  }
  return compareTrees(project, before, after);
}
