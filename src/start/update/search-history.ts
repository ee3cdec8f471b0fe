import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gitText } from './git.ts';
import {
  compareText,
  readHoles,
  readTemplateText,
  type Evidence,
  type TemplateText,
} from './infer-answers.ts';
import { openObjects, type ObjectReader } from './object-reader.ts';
import type { TemplateHistory } from './template-history.ts';

/** A project's files, and the lines of those that are text. */
export interface ProjectText {
  readonly folder: string;
  readonly paths: readonly string[];
  readonly lines: ReadonlyMap<string, readonly string[]>;
}

/** A version of the template that may be the project's. */
export interface Candidate {
  readonly commit: string | null;
  readonly subject: string;
  /** ms since the epoch */
  readonly at: number;
  readonly evidence: readonly Evidence[];
  /** every expression in its files and names */
  readonly expressions: readonly string[];
}

interface Version {
  readonly commit: string;
  readonly subject: string;
  readonly at: number;
  readonly files: ReadonlyMap<string, string>;
}

interface Score {
  readonly version: Version;
  readonly matchedCount: number;
  readonly lineCount: number;
  readonly paths: ReadonlySet<string>;
}

const finalistCount = 6;

/**
 * Compares the text of every version of a template with a project, without rendering, newest first.
 *
 * @returns the nearest versions, nearest first
 */
export async function searchHistory(
  history: TemplateHistory,
  project: ProjectText,
  limits: { readonly endsAt: number; readonly onLine: (line: string) => void },
): Promise<{ candidates: Candidate[]; searchedCount: number; commitCount: number }> {
  const { repository } = history.source;
  if (repository === undefined || history.newest === null) {
    const files = filesIn(history.source.folder);
    const compare = comparer(project, async (path) => readFileSync(join(history.source.folder, path)));
    const candidate = await asCandidate({ commit: '', subject: '', at: 0, files }, compare, project);
    return { candidates: [{ ...candidate, commit: null }], searchedCount: 1, commitCount: 1 };
  }
  const objects = openObjects(repository);
  try {
    const listed = await gitText(repository, ['log', '-z', '--format=%H%n%T%n%ct%n%s', history.newest, '--']);
    const commits = listed.split('\0').filter((entry) => entry !== '');
    const compare = comparer(project, async (oid) => (await objects.read(oid))?.content ?? Buffer.alloc(0));
    const seen = new Set<string>();
    const scores: Score[] = [];
    let searchedCount = 0;
    let toldAt = Date.now();
    for (const [at, entry] of commits.entries()) {
      if (scores.length > 0 && Date.now() > limits.endsAt) break;
      if (Date.now() > toldAt + 2000) {
        toldAt = Date.now();
        limits.onLine(`looked at ${at} of ${commits.length} commits of the template`);
      }
      const [commit = '', tree = '', seconds = '', subject = ''] = entry.split('\n');
      searchedCount += 1;
      const files = await filesOf(objects, tree, history.inside);
      const key = [...files].map(([path, oid]) => `${path}\0${oid}`).join('\0');
      if (files.size === 0 || seen.has(key)) continue;
      seen.add(key);
      scores.push(await scoreOf({ commit, subject, at: Number(seconds) * 1000, files }, compare));
    }
    const all = new Set(scores.flatMap((score) => [...score.paths]));
    const projectCount = [...all].reduce((sum, path) => sum + lineCountOf(project, path), 0);
    const like = (score: Score): number =>
      (2 * score.matchedCount) / Math.max(score.lineCount + projectCount, 1);
    const nearest = scores.toSorted((one, other) => like(other) - like(one)).slice(0, finalistCount);
    const candidates: Candidate[] = [];
    for (const { version } of nearest) candidates.push(await asCandidate(version, compare, project));
    return { candidates, searchedCount, commitCount: commits.length };
  } finally {
    objects.close();
  }
}

const lineCountOf = (project: ProjectText, path: string): number =>
  Math.max((project.lines.get(path) ?? []).filter((line) => line.trim() !== '').length, 1);

/** The files of the folder that becomes the project, with their objects; the variables and hooks count as files too. */
async function filesOf(
  objects: ObjectReader,
  tree: string,
  inside: string,
): Promise<ReadonlyMap<string, string>> {
  let entries = await objects.tree(tree);
  for (const step of inside.split('/').filter((each) => each !== '')) {
    const folder = entries.find((entry) => entry.name === step && entry.mode === '40000');
    if (folder === undefined) return new Map();
    entries = await objects.tree(folder.oid);
  }
  const root = entries.find(
    (entry) => entry.mode === '40000' && entry.name.includes('cookiecutter') && entry.name.includes('{{'),
  );
  const context = entries.find((entry) => entry.name === 'cookiecutter.json');
  if (root === undefined || context === undefined) return new Map();
  const files = new Map([['cookiecutter.json', context.oid]]);
  const visit = async (oid: string, at: string): Promise<void> => {
    for (const entry of await objects.tree(oid)) {
      if (entry.mode === '40000') await visit(entry.oid, `${at}/${entry.name}`);
      else if (entry.mode !== '160000') files.set(`${at}/${entry.name}`, entry.oid);
    }
  };
  await visit(root.oid, root.name);
  for (const other of entries)
    if ((other.name === 'hooks' || other.name === 'templates') && other.mode === '40000')
      files.set(`${other.name}/`, other.oid);
  return files;
}

function filesIn(folder: string): ReadonlyMap<string, string> {
  const files = new Map([['cookiecutter.json', 'cookiecutter.json']]);
  const root = readdirSync(folder).find((name) => name.includes('cookiecutter') && name.includes('{{'));
  if (root === undefined) return files;
  for (const entry of readdirSync(join(folder, root), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    if (entry.isFile()) files.set(path, path);
  }
  return files;
}

interface Compared {
  readonly path: string | undefined;
  readonly matchedCount: number;
  readonly lineCount: number;
  readonly evidence: readonly Evidence[];
  readonly expressions: readonly string[];
}

type Compare = (path: string, oid: string) => Promise<Compared>;

/** Remembers each file of the template, which most versions share. */
function comparer(project: ProjectText, read: (oid: string) => Promise<Buffer>): Compare {
  const texts = new Map<string, TemplateText>();
  const places = new Map<string, readonly string[]>();
  const known = new Map<string, Compared>();
  return async (path, oid) => {
    const key = `${path}\0${oid}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    let text = texts.get(oid);
    if (text === undefined) {
      const content = await read(oid);
      const isText = content.length < 1_000_000 && !content.subarray(0, 4096).includes(0);
      text = isText
        ? readTemplateText(content.toString())
        : { literals: [], holes: [], lineCount: 1, tags: [] };
      texts.set(oid, text);
    }
    let there = places.get(path);
    if (there === undefined) places.set(path, (there = placesOf(path, project)));
    const pathHole = readHoles(path.slice(path.indexOf('/') + 1));
    const expressions = [
      ...text.holes.flatMap((hole) => hole.expressions),
      ...(pathHole?.expressions ?? []),
      ...text.tags,
    ];
    let best: Compared = {
      path: undefined,
      matchedCount: 0,
      lineCount: Math.max(text.lineCount, 1),
      evidence: [],
      expressions,
    };
    for (const place of there) {
      const lines = project.lines.get(place);
      // a file that isn't text, or an empty one, is there or not
      const compared =
        lines === undefined || text.lineCount === 0
          ? { matchedCount: 1, evidence: [] }
          : compareText(text, lines, place);
      if (best.path !== undefined && compared.matchedCount <= best.matchedCount) continue;
      best = {
        ...best,
        path: place,
        matchedCount: compared.matchedCount,
        evidence: [...compared.evidence, ...evidenceOfPath(path, place)],
      };
    }
    known.set(key, best);
    return best;
  };
}

/** Files of the project that a name in the template may have become. */
function placesOf(path: string, project: ProjectText): readonly string[] {
  const name = path.slice(path.indexOf('/') + 1);
  const hole = readHoles(name, 0, '[^/]+?');
  if (hole === undefined) return project.paths.includes(name) ? [name] : [];
  return project.paths.filter((each) => hole.pattern.test(each)).slice(0, 12);
}

function evidenceOfPath(path: string, place: string): Evidence[] {
  const hole = readHoles(path.slice(path.indexOf('/') + 1), 0, '[^/]+?');
  const groups = hole?.pattern.exec(place);
  if (hole === undefined || groups === undefined || groups === null) return [];
  return hole.expressions.map((expression, at) => ({
    expression,
    value: groups[at + 1] ?? '',
    weight: 8,
    file: place,
    line: 0,
  }));
}

async function scoreOf(version: Version, compare: Compare): Promise<Score> {
  let matchedCount = 0;
  let lineCount = 0;
  const paths = new Set<string>();
  for (const [path, oid] of version.files) {
    if (!path.startsWith('{') && !path.includes('cookiecutter')) continue;
    if (path === 'cookiecutter.json') continue;
    const compared = await compare(path, oid);
    matchedCount += compared.matchedCount;
    lineCount += compared.lineCount;
    if (compared.path !== undefined) paths.add(compared.path);
  }
  return { version, matchedCount, lineCount, paths };
}

async function asCandidate(version: Version, compare: Compare, project: ProjectText): Promise<Candidate> {
  const evidence: Evidence[] = [];
  const expressions: string[] = [];
  for (const [path, oid] of version.files) {
    if (path === 'cookiecutter.json' || path.endsWith('/')) continue;
    const compared = await compare(path, oid);
    evidence.push(...compared.evidence);
    expressions.push(...compared.expressions);
    const root = readHoles(path.split('/')[0] ?? '');
    if (root !== undefined) {
      const groups = root.pattern.exec(basename(project.folder));
      if (!evidence.some((each) => each.file === 'the folder'))
        for (const [at, expression] of root.expressions.entries())
          if (groups?.[at + 1] !== undefined)
            evidence.push({
              expression,
              value: groups[at + 1] ?? '',
              weight: 3,
              file: 'the folder',
              line: 0,
            });
      expressions.push(...root.expressions);
    }
  }
  return { commit: version.commit, subject: version.subject, at: version.at, evidence, expressions };
}
