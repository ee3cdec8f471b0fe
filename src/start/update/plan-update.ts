import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { cruftFile, originText, type Origin } from '../project/cruft-file.ts';
import { parseOrigin } from '../project/read-cruft-file.ts';
import { parseJson, readContext, toJson, type Ask } from '../template/context.ts';
import { equal, str, type Value } from '../template/jinja/values.ts';
import type { UserConfig } from '../template/user-config.ts';
import {
  git,
  gitText,
  isSame,
  openProject,
  ownIndex,
  readTree,
  tryGit,
  writeBlob,
  writeTree,
  type Entry,
  type ProjectRepository,
  type Tree,
} from './git.ts';
import { checkAnswers, renderVersion, type RenderVersion } from './render-version.ts';
import { isSkipped } from './skip-patterns.ts';
import { openHistory, type TemplateHistory } from './template-history.ts';
import { changedPaths, mergeTrees } from './three-way-merge.ts';
import { answerUnknown, commitGone, originInvalid, originMissing } from './update-errors.ts';
import type { UpdatePlan } from './update-api.ts';
import {
  changesOf,
  stepsOf,
  without,
  type Difference,
  type Obstacle,
  type Outcome,
  type Step,
  type Versions,
} from './update.ts';

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
  let history: TemplateHistory | undefined;
  try {
    const origin = await originOf(project, request.target ?? 'work-tree');
    history = await openHistory({
      origin,
      checkout: request.checkout,
      abbreviations: request.config.abbreviations,
      workspace: project.workspace,
      onLine: request.onLine,
    });
    return await prepare(request, project, origin, history);
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
): Promise<PreparedUpdate> {
  const recorded = recordedAnswers(origin);
  const to = history.newest;
  const from = origin.commit === null ? undefined : await history.find(origin.commit);
  const given = [...(request.answers ?? [])];
  const changesAnswers = given.some(([name, value]) => !isAnswered(recorded, name, value));
  const head = {
    project: project.folder,
    template: origin.template,
    from: from ?? origin.commit,
    to,
    commits: from === undefined || to === null ? [] : await history.between(from, to),
  };
  if (to !== null && from === to && !changesAnswers) {
    const plan: UpdatePlan = {
      ...head,
      base: 'template',
      isUpToDate: true,
      variables: { added: [], changed: [], removed: [] },
      changes: [],
      conflictCount: 0,
      blockedBy: [],
    };
    return { plan, project, steps: [], origin, close: () => project.close() };
  }
  const rendering = {
    project,
    source: { template: origin.template },
    checkout: origin.checkout,
    defaults: request.config.defaults,
    hooks: request.hooks,
    ask: request.ask,
    now: new Date(),
    onLine: request.onLine,
  } satisfies Partial<RenderVersion>;
  const base =
    from === undefined
      ? await firstRender(project, origin)
      : (
          await renderVersion({
            ...rendering,
            templateFolder: await history.at(from),
            commit: from,
            answers: recorded,
          })
        ).tree;
  const templateFolder = await history.at(to);
  const known = [...readContext(templateFolder).keys()].filter((name) => !name.startsWith('_'));
  for (const [name] of given) if (!known.includes(name)) throw answerUnknown(name, known);
  const answers = new Map([...recorded, ...given].filter(([name]) => known.includes(name)));
  checkAnswers(templateFolder, answers);
  const next = await renderVersion({
    ...rendering,
    templateFolder,
    commit: to,
    answers,
  });

  const patterns = await skipPatterns(project.folder, origin);
  const all: Versions = { base, ours: await oursOf(project), theirs: next.tree };
  const skipped = changedPaths(all.base, all.theirs).filter((path) => isSkipped(path, patterns));
  const versions = without(all, (path) => path === cruftFile || isSkipped(path, patterns));
  const obstacles = await findObstacles(project, versions, request.target ?? 'work-tree');
  const merge = await mergeTrees(
    project,
    without(versions, (path) => obstacles.has(path)),
    {
      base: `template ${short(head.from)}`,
      ours: 'project',
      theirs: `template ${short(to)}`,
    },
  );
  const added = [...merge.tree.keys()].filter(
    (path) => !versions.ours.has(path) && !merge.conflicts.has(path),
  );
  const outcome: Outcome = {
    versions,
    merged: merge.tree,
    conflicts: merge.conflicts,
    obstacles,
    ignored: await ignoredBy(project, merge.tree, added),
  };
  const steps = stepsOf(outcome);
  const changes = changesOf(outcome, await differencesOf(project, outcome), skipped);
  const answered = [...next.answers].filter(([name]) => !name.startsWith('_'));
  const plan: UpdatePlan = {
    ...head,
    base: from === undefined ? 'project' : 'template',
    isUpToDate: false,
    variables: {
      added: answered
        .filter(([name]) => !recorded.has(name))
        .map(([name, value]) => ({ name, value: toJson(value) })),
      changed: answered
        .filter(([name, value]) => recorded.has(name) && !isAnswered(recorded, name, value))
        .map(([name, value]) => ({ name, before: toJson(recorded.get(name) ?? null), after: toJson(value) })),
      removed: [...recorded.keys()].filter((name) => !known.includes(name)),
    },
    changes,
    conflictCount: changes.filter((change) => change.kind === 'conflict').length,
    blockedBy: request.target === 'branch' ? [] : await dirtyAmong(project, steps),
  };
  return {
    plan,
    project,
    steps,
    origin: nextOrigin(history, origin, next.answers),
    close: () => project.close(),
  };
}

const short = (commit: string | null): string => (commit === null ? 'old' : commit.slice(0, 9));

/** @throws TEMPLATE_ORIGIN_MISSING, TEMPLATE_ORIGIN_INVALID */
async function originOf(project: ProjectRepository, target: 'work-tree' | 'branch'): Promise<Origin> {
  const file = join(project.folder, cruftFile);
  const committed =
    target === 'branch'
      ? await tryGit(project.top, ['cat-file', 'blob', `HEAD:${project.prefix}${cruftFile}`])
      : undefined;
  if (committed?.status !== 0 && !existsSync(file)) throw originMissing(project.folder);
  try {
    return parseOrigin(committed?.status === 0 ? committed.output.toString() : readFileSync(file, 'utf8'));
  } catch (thrown) {
    throw originInvalid(file, messageOf(thrown));
  }
}

/** What the user answered; private variables come from the template each time. */
function recordedAnswers(origin: Origin): Map<string, Value> {
  const answers = parseJson(JSON.stringify(origin.context.cookiecutter));
  return new Map(
    answers instanceof Map
      ? [...answers]
          .map(([name, value]): [string, Value] => [str(name), value])
          .filter(([name]) => !name.startsWith('_'))
      : [],
  );
}

function isAnswered(recorded: ReadonlyMap<string, Value>, name: string, value: Value): boolean {
  const before = recorded.get(name);
  return before !== undefined && (equal(before, value) || str(before) === str(value));
}

/** The project's own first commit, when `tilth start` made it: nothing but the render. */
async function firstRender(project: ProjectRepository, origin: Origin): Promise<Tree> {
  const { folder } = project;
  const file = `${project.prefix}${cruftFile}`;
  const touched = await gitText(project.top, ['log', '--reverse', '--format=%H %s', 'HEAD', '--', file]);
  for (const line of touched.split('\n')) {
    const [commit = '', ...subject] = line.split(' ');
    if (!subject.join(' ').startsWith('Start from ')) continue;
    const recorded = await tryGit(folder, ['cat-file', 'blob', `${commit}:${file}`]);
    if (recorded.status !== 0) continue;
    const then = parseOrigin(recorded.output.toString());
    if (then.template === origin.template && then.commit === origin.commit)
      return projectTree(project, commit);
  }
  throw commitGone(origin.template, origin.commit ?? '(none)');
}

const projectTree = (project: ProjectRepository, commit: string): Promise<Map<string, Entry>> =>
  readTree(project, project.prefix === '' ? commit : `${commit}:${project.prefix.replace(/\/$/, '')}`);

async function oursOf(project: ProjectRepository): Promise<Tree> {
  const { prefix } = project;
  if (prefix !== '') {
    const folder = await tryGit(project.top, [
      'rev-parse',
      '--verify',
      '--quiet',
      `HEAD:${prefix.replace(/\/$/, '')}`,
    ]);
    if (folder.status !== 0) return new Map();
  }
  return projectTree(project, project.head);
}

/** `skip` of .cruft.json and of `[tool.cruft]` in pyproject.toml. */
export async function skipPatterns(folder: string, origin: Origin): Promise<string[]> {
  const file = join(folder, 'pyproject.toml');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return [...(origin.skip ?? []), ...(/\bcruft\b/.test(text) ? await skipOfPyproject(file, text) : [])];
}

async function skipOfPyproject(file: string, text: string): Promise<string[]> {
  const { parse } = await import('@decimalturn/toml-patch');
  try {
    const { tool } = parse(text) as { tool?: { cruft?: { skip?: unknown } } };
    const skip = tool?.cruft?.skip;
    return Array.isArray(skip) ? skip.map(String) : [];
  } catch (thrown) {
    throw originInvalid(file, messageOf(thrown));
  }
}

/** Files that git doesn't track where the template changes something. */
async function findObstacles(
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
  const stat = lstatSync(join(project.folder, path), { throwIfNoEntry: false });
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
    environment,
  });
  return asked.output
    .toString()
    .split('\0')
    .filter((path) => path !== '');
}

/** New files that git will ignore once the update is there. */
async function ignoredBy(
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

export async function compareTrees(
  project: ProjectRepository,
  before: Tree,
  after: Tree,
): Promise<Difference[]> {
  const trees = [await writeTree(project, before), await writeTree(project, after)];
  const compare = (...flags: string[]): Promise<Buffer> =>
    git(
      project.top,
      [
        '-c',
        'core.quotePath=false',
        'diff-tree',
        '-r',
        '-M',
        '--no-ext-diff',
        '--no-color',
        ...flags,
        ...trees,
      ],
      {
        environment: project.quarantine,
      },
    );
  const [raw, patch] = await Promise.all([
    compare('--raw', '-z'),
    compare('--patch', '--src-prefix=a/', '--dst-prefix=b/'),
  ]);
  const diffs = patch.toString().split(/^(?=diff --git )/m);
  const fields = raw.toString().split('\0');
  const differences: Difference[] = [];
  for (let at = 0; at < fields.length - 1;) {
    const status = fields[at]?.split(' ')[4]?.charAt(0) ?? '';
    const isRename = status === 'R' || status === 'C';
    differences.push({
      path: fields[at + (isRename ? 2 : 1)] ?? '',
      from: isRename ? fields[at + 1] : undefined,
      status,
      diff: diffs[differences.length] ?? '',
    });
    at += isRename ? 3 : 2;
  }
  return differences;
}

/** Files with uncommitted work among those that the update writes. */
async function dirtyAmong(project: ProjectRepository, steps: readonly Step[]): Promise<string[]> {
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

/** What the project remembers from now on. */
function nextOrigin(history: TemplateHistory, origin: Origin, answers: ReadonlyMap<string, Value>): Origin {
  const before = origin.context.cookiecutter;
  const marks = Object.fromEntries(
    Object.entries(before).filter(([name]) => name === '_template' || name === '_commit'),
  );
  if ('_commit' in marks) marks['_commit'] = history.newest;
  return {
    ...origin,
    commit: history.newest,
    checkout: history.checkout,
    context: {
      ...origin.context,
      cookiecutter: {
        ...Object.fromEntries([...answers].map(([name, value]) => [name, toJson(value)])),
        ...marks,
      },
    },
  };
}

/** .cruft.json as an object of git. */
export const writeOriginBlob = (project: ProjectRepository, origin: Origin): Promise<string> =>
  writeBlob(project, originText(origin));
