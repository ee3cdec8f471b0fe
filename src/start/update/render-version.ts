import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cruftFile } from '../project/cruft-file.ts';
import { overwrite, readContext, type Ask, type Context } from '../template/context.ts';
import { codeOf, runPrePrompt } from '../template/hooks.ts';
import { str, type Value } from '../template/jinja/values.ts';
import { renderTemplate } from '../template/render-template.ts';
import { messageOf } from '../../platform/errors.ts';
import { git, ownIndex, parseStages, type Entry, type ProjectRepository, type Tree } from './git.ts';
import { answerGone } from './update-errors.ts';

export interface RenderVersion {
  readonly project: ProjectRepository;
  /** what its files see as `_template` */
  readonly template: string;
  /** the template's folder as it was at `commit` */
  readonly templateFolder: string;
  readonly commit: string | null;
  /** whether files see it as `_commit`: so it is with cruft */
  readonly showsCommit?: boolean;
  readonly checkout: string | null;
  readonly answers: ReadonlyMap<string, Value>;
  /** the user's own defaults */
  readonly defaults: ReadonlyMap<string, Value>;
  readonly runsHooks: boolean;
  /** its extensions may, too */
  readonly mayRunCode: boolean;
  /** for variables */
  readonly ask?: Ask | undefined;
  /** the same for all versions, so that a date in the files is no difference */
  readonly now: Date;
}

export interface RenderedVersion {
  /** as git keeps it, without .cruft.json */
  readonly tree: Tree;
  /** every variable with its value */
  readonly answers: Context;
}

/**
 * A template's files as a new project would have them now, hooks included, kept as objects of git.
 *
 * @throws what rendering throws
 */
export function renderVersion(request: RenderVersion): Promise<RenderedVersion> {
  return renderAside(request, async (folder, answers) => ({
    tree: await addAll(request.project, folder),
    answers,
  }));
}

/**
 * Renders a template into a folder that is gone when `use` has ended.
 *
 * @throws what rendering throws
 */
export async function renderAside<Result>(
  request: RenderVersion,
  use: (folder: string, answers: Context) => Promise<Result>,
): Promise<Result> {
  const { project, templateFolder, runsHooks } = request;
  const prepared = runsHooks ? await runPrePrompt(templateFolder) : templateFolder;
  // one path for all versions: it may be in the files
  const output = join(project.workspace, 'render');
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output);
  try {
    const rendered = await renderTemplate({
      templateFolder: prepared,
      path: templateFolder,
      template: request.template,
      checkout: request.checkout ?? undefined,
      outputFolder: output,
      defaults: request.defaults,
      answers: literally(request.answers, readContext(prepared)),
      extras: request.showsCommit === true ? new Map([['_commit', request.commit]]) : undefined,
      ask: request.ask,
      runsHooks,
      mayRunCode: request.mayRunCode,
      now: () => request.now,
    });
    removeRepositories(rendered.folder);
    rmSync(join(rendered.folder, cruftFile), { force: true });
    return await use(rendered.folder, rendered.answers);
  } finally {
    if (prepared !== templateFolder) rmSync(dirname(prepared), { recursive: true, force: true });
  }
}

/** A digest of what a template could run; the same for the same code. */
export function codeDigest(templateFolder: string): string {
  const digest = createHash('sha256');
  for (const file of codeOf(templateFolder).files)
    digest
      .update(`${file}\0`)
      .update(readFileSync(join(templateFolder, file)))
      .update('\0');
  return digest.digest('hex');
}

/** An answer that is kept is what it is, even where it looks like a template. */
function literally(answers: ReadonlyMap<string, Value>, context: Context): ReadonlyMap<string, Value> {
  return new Map(
    [...answers].map(([name, value]) => {
      const isText = typeof value === 'string' && !Array.isArray(context.get(name));
      return [name, isText && /\{[{%#]/.test(value) ? `{{ ${JSON.stringify(value)} }}` : value];
    }),
  );
}

/**
 * Finds the first answer that a version of the template doesn't take.
 *
 * @throws TEMPLATE_ANSWER_GONE
 */
export function checkAnswers(templateFolder: string, answers: ReadonlyMap<string, Value>): void {
  for (const [name, value] of answers) {
    try {
      overwrite(readContext(templateFolder), new Map([[name, value]]));
    } catch (thrown) {
      throw answerGone(name, str(value), messageOf(thrown));
    }
  }
}

/** A hook may have made the render a repository. */
function removeRepositories(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === '.git') rmSync(path, { recursive: true, force: true });
    else if (entry.isDirectory()) removeRepositories(path);
  }
}

/** Every file of a folder as the project's git would keep it: its filters and line ends apply. */
async function addAll(project: ProjectRepository, folder: string): Promise<Map<string, Entry>> {
  const environment = { ...ownIndex(project), GIT_DIR: project.gitFolder, GIT_WORK_TREE: folder };
  const settings = [
    'core.sparseCheckout=false',
    'core.splitIndex=false',
    'core.fsmonitor=false',
    'core.safecrlf=false',
  ];
  await git(folder, [...settings.flatMap((each) => ['-c', each]), 'add', '--all', '--force', '--', '.'], {
    environment,
  });
  const listed = await git(folder, ['ls-files', '--stage', '-z'], { environment });
  return parseStages(listed);
}
