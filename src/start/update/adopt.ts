import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { messageOf, TilthError } from '../../platform/errors.ts';
import { cruftFile, writeOrigin, type Origin } from '../project/cruft-file.ts';
import { overwrite, readContext, toJson, type Context } from '../template/context.ts';
import { str, type Value } from '../template/jinja/values.ts';
import type { UserConfig } from '../template/user-config.ts';
import type { Adoption, FoundAnswer } from './adopt-api.ts';
import { lookAt, openFolder, tryGit, type ProjectRepository } from './git.ts';
import {
  commonLines,
  likeness,
  mostTold,
  originalsOf,
  variableOf,
  variablesIn,
  type Evidence,
} from './infer-answers.ts';
import { renderAside } from './render-version.ts';
import { searchHistory, type Candidate, type ProjectText } from './search-history.ts';
import { openHistory, type TemplateHistory } from './template-history.ts';
import { answerUnknown, originThere, templateUnlike } from './update-errors.ts';

export interface AdoptRequest {
  readonly folder: string;
  readonly template: string;
  readonly directory?: string | undefined;
  /** the branch, tag or commit whose history is searched */
  readonly checkout?: string | undefined;
  /** what the user knows already */
  readonly answers: ReadonlyMap<string, Value>;
  readonly config: UserConfig;
  /** whether extensions of the template may run; hooks never do */
  readonly hooks: 'yes' | 'ask' | 'no';
  /** how long it may look, ms */
  readonly limitMs: number;
  readonly onLine: (line: string) => void;
}

/**
 * Finds the commit of a template and the answers whose render is nearest to a project that doesn't remember them.
 * Writes nothing.
 *
 * @throws TEMPLATE_ORIGIN_THERE, TEMPLATE_UNLIKE, TEMPLATE_ANSWER_UNKNOWN and what fetching and rendering throw
 */
export async function findOrigin(request: AdoptRequest): Promise<{ adoption: Adoption; origin: Origin }> {
  const folder = resolve(request.folder);
  if (existsSync(join(folder, cruftFile))) throw originThere(folder);
  const project = await openFolder(folder);
  try {
    const history = await openHistory({
      origin: { template: request.template, directory: request.directory ?? null, checkout: null },
      checkout: request.checkout,
      abbreviations: request.config.abbreviations,
      workspace: project.workspace,
      onLine: request.onLine,
    });
    try {
      return await find(request, project, history);
    } finally {
      history.close();
    }
  } finally {
    project.close();
  }
}

/** Writes what was found; nothing but .cruft.json. */
export function adoptOrigin(folder: string, origin: Origin): void {
  if (existsSync(join(folder, cruftFile))) throw originThere(folder);
  writeOrigin(folder, origin);
}

async function find(
  request: AdoptRequest,
  project: ProjectRepository,
  history: TemplateHistory,
): Promise<{ adoption: Adoption; origin: Origin }> {
  const endsAt = Date.now() + request.limitMs;
  const text = await readProject(project);
  const searched = await searchHistory(history, text, {
    endsAt: endsAt - request.limitMs / 2,
    onLine: request.onLine,
  });
  const trials: Trial[] = [];
  let fault: unknown;
  for (const candidate of searched.candidates) {
    if (trials.length > 0 && Date.now() > endsAt) break;
    try {
      trials.push(await tryCandidate(request, project, history, text, candidate, endsAt));
    } catch (thrown) {
      // an old commit may not render any more; the user's own answers must be right
      if (thrown instanceof TilthError && thrown.code === 'TEMPLATE_ANSWER_UNKNOWN') throw thrown;
      fault = thrown;
      request.onLine(
        `${candidate.commit?.slice(0, 9) ?? request.template} is left out: ${messageOf(thrown)}`,
      );
    }
  }
  const best = trials.toSorted((one, other) => other.likeness - one.likeness)[0];
  if (best === undefined && fault !== undefined) throw fault;
  if (best === undefined || best.likeness < 0.05)
    throw templateUnlike(project.folder, request.template, best?.likeness ?? 0);
  const { commit } = best.candidate;
  const context = Object.fromEntries([...best.answers].map(([name, value]) => [name, toJson(value)]));
  return {
    adoption: {
      project: project.folder,
      template: history.source.template,
      directory: request.directory ?? null,
      commit,
      subject: best.candidate.subject,
      committedAt: best.candidate.at,
      likeness: best.likeness,
      fileCount: best.fileCount,
      sameFileCount: best.sameFileCount,
      missing: best.missing,
      searchedCount: searched.searchedCount,
      commitCount: searched.commitCount,
      answers: best.found,
      others: trials
        .filter((trial) => trial !== best)
        .map((trial) => ({
          commit: trial.candidate.commit,
          subject: trial.candidate.subject,
          likeness: trial.likeness,
        })),
    },
    origin: {
      template: history.source.template,
      commit,
      checkout: history.checkout,
      context: { cookiecutter: { ...context, _template: history.source.template } },
      directory: request.directory ?? null,
    },
  };
}

/** The project's text files with their lines, and all its files. */
async function readProject(project: ProjectRepository): Promise<ProjectText> {
  const listed = await tryGit(
    project.folder,
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      environment: project.head === '' ? project.quarantine : {},
    },
  );
  const paths = listed.output
    .toString()
    .split('\0')
    .filter((path) => path !== '');
  const lines = new Map<string, string[]>();
  for (const path of paths.slice(0, 20_000)) {
    const read = readLines(project.folder, path);
    if (read !== undefined) lines.set(path, read);
  }
  return { folder: project.folder, paths, lines };
}

const meaning = (lines: readonly string[]): string[] =>
  lines.map((line) => line.trimEnd()).filter((line) => line !== '');

interface Trial {
  readonly candidate: Candidate;
  readonly likeness: number;
  readonly fileCount: number;
  readonly sameFileCount: number;
  /** files of the render that the project doesn't have */
  readonly missing: readonly string[];
  readonly answers: Context;
  readonly found: readonly FoundAnswer[];
}

async function tryCandidate(
  request: AdoptRequest,
  project: ProjectRepository,
  history: TemplateHistory,
  text: ProjectText,
  candidate: Candidate,
  endsAt: number,
): Promise<Trial> {
  const templateFolder = await history.at(candidate.commit);
  const context = readContext(templateFolder);
  const asked = [...context.keys()].filter((name) => !name.startsWith('_'));
  for (const name of request.answers.keys()) if (!asked.includes(name)) throw answerUnknown(name, asked);
  const evidence = [...candidate.evidence, ...(await surroundings(project, asked))];
  const render = (answers: ReadonlyMap<string, Value>): Promise<Rendered> =>
    renderAside(
      {
        project,
        template: history.source.template,
        templateFolder,
        commit: candidate.commit,
        checkout: null,
        answers,
        defaults: new Map(),
        // what hooks add or take away is the same for all answers, and they may take their time
        runsHooks: false,
        mayRunCode: request.hooks === 'yes',
        now: new Date(),
      },
      async (folder, all) => ({ answers: all, ...measure(folder, text) }),
    );
  const chosen = new Map<string, Value>(request.answers);
  const found = new Map<string, FoundAnswer>();
  for (const [name, value] of request.answers)
    found.set(name, { name, value: toJson(value), how: 'given', isSure: true, evidence: [] });
  for (const name of asked) {
    const raw = context.get(name) ?? null;
    if (found.has(name) || raw instanceof Map) continue;
    const told = mostTold(evidence.filter((each) => variableOf(each.expression) === name));
    if (told === undefined || !isTaken(context, name, told.value)) continue;
    chosen.set(name, told.value);
    found.set(name, {
      name,
      value: told.value,
      how: 'found',
      isSure: told.share > 0.6 && told.weight >= 6,
      evidence: evidenceFor(evidence, name, told.value),
    });
  }
  let best = await render(chosen);
  // a value that is only there in another form: what would give that form?
  for (const name of asked) {
    if (found.has(name) || typeof context.get(name) !== 'string' || Date.now() > endsAt) continue;
    const derived = evidence.filter(
      (each) => variableOf(each.expression) === undefined && variablesIn(each.expression).includes(name),
    );
    const forms = new Set(derived.map((each) => each.value));
    for (const dependent of asked)
      if (
        found.get(dependent)?.how === 'found' &&
        variablesIn(str(context.get(dependent) ?? '')).includes(name)
      )
        forms.add(str(chosen.get(dependent) ?? ''));
    let winner: { value: string; rendered: Rendered } | undefined;
    for (const value of [...forms].flatMap(originalsOf).slice(0, 8)) {
      const rendered = await render(new Map([...chosen, [name, value]]));
      if (rendered.likeness > (winner?.rendered ?? best).likeness + 1e-9) winner = { value, rendered };
    }
    const fallback = originalsOf([...forms][0] ?? '')[1];
    if (winner !== undefined) {
      chosen.set(name, winner.value);
      best = winner.rendered;
      found.set(name, {
        name,
        value: winner.value,
        how: 'derived',
        isSure: false,
        evidence: derived.slice(0, 3).map(told),
      });
    } else if (fallback !== undefined && fallback !== '' && forms.size > 0) {
      const rendered = await render(new Map([...chosen, [name, fallback]]));
      if (rendered.likeness >= best.likeness - 1e-9) {
        chosen.set(name, fallback);
        best = rendered;
        found.set(name, { name, value: fallback, how: 'derived', isSure: false, evidence: [] });
      }
    }
  }
  // a choice shows in which files and lines are there
  for (const name of asked) {
    const options = optionsOf(context.get(name) ?? null);
    if (found.get(name)?.how === 'given' || options.length < 2) continue;
    const measured: { option: Value; rendered: Rendered }[] = [];
    for (const option of options.slice(0, 12)) {
      if (Date.now() > endsAt) break;
      measured.push({ option, rendered: await render(new Map([...chosen, [name, option]])) });
    }
    const ranked = measured.toSorted((one, other) => other.rendered.likeness - one.rendered.likeness);
    const [first, second] = ranked;
    if (first === undefined) continue;
    const gap = first.rendered.likeness - (second?.rendered.likeness ?? 0);
    if (gap < 1e-9 && found.has(name)) continue;
    if (first.rendered.likeness > best.likeness + 1e-9 || gap > 1e-9) {
      chosen.set(name, first.option);
      best = first.rendered;
      found.set(name, { name, value: toJson(first.option), how: 'tried', isSure: gap > 0.002, evidence: [] });
    }
  }
  const used = new Set(candidate.expressions.flatMap(variablesIn));
  const answers: FoundAnswer[] = asked
    .filter((name) => best.answers.has(name))
    .map(
      (name) =>
        found.get(name) ?? {
          name,
          value: toJson(best.answers.get(name) ?? null),
          how: used.has(name) ? 'default' : 'unused',
          isSure: !used.has(name),
          evidence: [],
        },
    );
  return { ...best, candidate, found: answers };
}

interface Rendered {
  readonly answers: Context;
  readonly likeness: number;
  readonly fileCount: number;
  readonly sameFileCount: number;
  readonly missing: readonly string[];
}

/** Lines that render and project share, in the files of the render. */
function measure(folder: string, text: ProjectText): Omit<Rendered, 'answers'> {
  let matchedCount = 0;
  let templateCount = 0;
  let projectCount = 0;
  let sameFileCount = 0;
  let fileCount = 0;
  const missing: string[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    fileCount += 1;
    const path = relative(folder, join(entry.parentPath, entry.name));
    if (lookAt(join(text.folder, path)) === undefined) {
      missing.push(path);
      templateCount += meaning(readLines(folder, path) ?? []).length || 1;
      continue;
    }
    const theirs = readLines(folder, path);
    const mine = text.lines.get(path);
    // a file that isn't text counts for a line
    if (theirs === undefined || mine === undefined) {
      const isSame = theirs === mine && isSameFile(join(folder, path), join(text.folder, path));
      matchedCount += isSame ? 1 : 0;
      sameFileCount += isSame ? 1 : 0;
      templateCount += 1;
      projectCount += 1;
      continue;
    }
    if (theirs.join('\n') === mine.join('\n')) sameFileCount += 1;
    const [one, other] = [meaning(theirs), meaning(mine)];
    matchedCount += one.length === 0 && other.length === 0 ? 1 : commonLines(one, other);
    templateCount += one.length || 1;
    projectCount += other.length || 1;
  }
  return {
    likeness: likeness(matchedCount, templateCount, projectCount),
    fileCount,
    sameFileCount,
    missing: missing.toSorted(),
  };
}

/** @returns undefined for what isn't text, and for links */
function readLines(folder: string, path: string): string[] | undefined {
  const file = join(folder, path);
  if (lookAt(file)?.isFile() !== true) return undefined;
  const content = readFileSync(file);
  return content.length > 1_000_000 || content.subarray(0, 4096).includes(0)
    ? undefined
    : content.toString().split(/\r?\n/);
}

function isSameFile(one: string, other: string): boolean {
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
}

/** What the folder's name and git tell, for variables with the usual names. */
async function surroundings(project: ProjectRepository, asked: readonly string[]): Promise<Evidence[]> {
  const evidence: Evidence[] = [];
  const add = (isSo: RegExp, value: string, file: string): void => {
    for (const name of asked)
      if (isSo.test(name) && value !== '')
        evidence.push({ expression: `cookiecutter.${name}`, value, weight: 2, file, line: 0 });
  };
  const first = await tryGit(project.folder, [
    'log',
    '--reverse',
    '--format=%an%n%ae',
    '--max-parents=0',
    'HEAD',
  ]);
  if (first.status === 0) {
    const [author = '', email = ''] = first.output.toString().split('\n');
    add(/^(?:author|author_name|full_name)$/, author, 'the first commit');
    add(/^(?:email|author_email)$/, email, 'the first commit');
  }
  return evidence;
}

function optionsOf(raw: Value): Value[] {
  if (Array.isArray(raw)) return raw;
  if (typeof raw === 'boolean') return [true, false];
  if (typeof raw !== 'string') return [];
  const pairs = [
    ['y', 'n'],
    ['yes', 'no'],
    ['Y', 'N'],
    ['Yes', 'No'],
    ['True', 'False'],
    ['true', 'false'],
    ['1', '0'],
  ];
  return pairs.find((pair) => pair.includes(raw)) ?? [];
}

function isTaken(context: Context, name: string, value: string): boolean {
  try {
    overwrite(new Map([[name, context.get(name) ?? null]]), new Map([[name, value]]));
    return true;
  } catch {
    return false;
  }
}

const told = ({ file, line, value }: Evidence): FoundAnswer['evidence'][number] => ({ file, line, value });

const evidenceFor = (evidence: readonly Evidence[], name: string, value: string): FoundAnswer['evidence'] =>
  evidence
    .filter((each) => variableOf(each.expression) === name && each.value === value)
    .toSorted((one, other) => other.weight - one.weight)
    .slice(0, 3)
    .map(told);
