import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { cruftFile, originText, type Origin } from '../project/cruft-file.ts';
import { parseOrigin } from '../project/read-cruft-file.ts';
import { toJson } from '../template/context.ts';
import { parseJson } from '../template/read-json.ts';
import { equal, str, type Value } from '../template/jinja/values.ts';
import {
  gitText,
  readTree,
  tryGit,
  writeBlob,
  type Entry,
  type ProjectRepository,
  type Tree,
} from './git.ts';
import type { TemplateHistory } from './template-history.ts';
import { commitGone, originInvalid, originMissing } from './update-errors.ts';

/** Where copier keeps the same, in its own format. */
const copierFile = '.copier-answers.yml';

/**
 * What the project remembers: .cruft.json, else the answers that copier keeps.
 *
 * @param target of `branch`, what is committed counts
 * @throws TEMPLATE_ORIGIN_MISSING, TEMPLATE_ORIGIN_INVALID
 */
export async function originOf(
  project: ProjectRepository,
  target: 'work-tree' | 'branch',
): Promise<{ origin: Origin; isCopier: boolean }> {
  for (const name of [cruftFile, copierFile]) {
    const text = await textOf(project, name, target);
    if (text === undefined) continue;
    const isCopier = name === copierFile;
    try {
      return { origin: isCopier ? await copierOrigin(text) : parseOrigin(text), isCopier };
    } catch (thrown) {
      throw originInvalid(join(project.folder, name), messageOf(thrown));
    }
  }
  throw originMissing(project.folder);
}

async function textOf(
  project: ProjectRepository,
  name: string,
  target: 'work-tree' | 'branch',
): Promise<string | undefined> {
  if (target === 'branch') {
    const committed = await tryGit(project.top, ['cat-file', 'blob', `HEAD:${project.prefix}${name}`]);
    if (committed.status === 0) return committed.output.toString();
  }
  const file = join(project.folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

async function copierOrigin(text: string): Promise<Origin> {
  const { parse } = await import('yaml');
  const kept: unknown = parse(text);
  if (typeof kept !== 'object' || kept === null) throw new Error('it holds no keys and values');
  const { _src_path: source, _commit: commit, ...answers } = kept as Record<string, unknown>;
  if (typeof source !== 'string') throw new Error('_src_path does not name the template');
  return {
    template: source,
    commit: typeof commit === 'string' ? commit : null,
    checkout: null,
    context: {
      cookiecutter: Object.fromEntries(Object.entries(answers).filter(([name]) => !name.startsWith('_'))),
    },
    directory: null,
  };
}

/** What the user answered; private variables come from the template each time. */
export function recordedAnswers(origin: Origin): Map<string, Value> {
  const answers = parseJson(JSON.stringify(origin.context.cookiecutter));
  return new Map(
    answers instanceof Map
      ? [...answers]
          .map(([name, value]): [string, Value] => [str(name), value])
          .filter(([name]) => !name.startsWith('_'))
      : [],
  );
}

export function isAnswered(recorded: ReadonlyMap<string, Value>, name: string, value: Value): boolean {
  const before = recorded.get(name);
  return before !== undefined && (equal(before, value) || str(before) === str(value));
}

/** The project's own first commit, when `tilth start` made it: nothing but the render. */
export async function firstRender(project: ProjectRepository, origin: Origin): Promise<Tree> {
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

export const projectTree = (project: ProjectRepository, commit: string): Promise<Map<string, Entry>> =>
  readTree(project, project.prefix === '' ? commit : `${commit}:${project.prefix.replace(/\/$/, '')}`);

export async function oursOf(project: ProjectRepository): Promise<Tree> {
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

/** What the template's files saw as its name when the project was made. */
export function templateName(origin: Origin): string {
  const seen = origin.context.cookiecutter['_template'];
  return typeof seen === 'string' && seen !== '' ? seen : origin.template;
}

/** What the project remembers from now on. */
export function nextOrigin(
  history: TemplateHistory,
  origin: Origin,
  answers: ReadonlyMap<string, Value>,
): Origin {
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
