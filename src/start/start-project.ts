import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { refuseForeignGit } from './project/foreign-git.ts';
import { cruftFile, writeOrigin } from './project/cruft-file.ts';
import type { Environment } from './project/environment.ts';
import type { Repository } from './project/git-repository.ts';
import { findProgram } from './project/programs.ts';
import { toJson, type Ask, type Context } from './template/context.ts';
import { codeOf, requireHookPython, runPrePrompt } from './template/hooks.ts';
import { str, type Value } from './template/jinja/values.ts';
import { chooseNested } from './template/nested-templates.ts';
import { renderTemplate, type RenderedProject } from './template/render-template.ts';
import { stopped } from './template/template-errors.ts';
import { openTemplate, type SourceRequest, type TemplateSource } from './template/template-source.ts';
import { readReplay, saveReplay, type UserConfig } from './template/user-config.ts';

export interface StartRequest {
  readonly source: Omit<SourceRequest, 'abbreviations'>;
  /** the template when it was opened already; it stays open */
  readonly opened?: TemplateSource | undefined;
  readonly config: UserConfig;
  readonly outputFolder: string;
  readonly answers: ReadonlyMap<string, Value>;
  readonly ask?: Ask | undefined;
  readonly ifExists: 'refuse' | 'overwrite' | 'skip-files';
  /** refuses a folder that is there, whatever `ifExists` says of the files that a hook has made before us */
  readonly isNewOnly?: boolean | undefined;
  /** `ask` without anyone to ask refuses a template with hooks */
  readonly hooks: 'yes' | 'ask' | 'no';
  /** the last answers of this template, or those in a file */
  readonly replay?: true | string | undefined;
  readonly keepsProjectOnFailure: boolean;
  /** `python`: everything is rendered by Jinja2 itself */
  readonly engine?: 'own' | 'python' | undefined;
  readonly usesGit: boolean;
  /** undefined: no environment is installed */
  readonly environment?: { readonly home: string; readonly mayInstallPoetry: boolean } | undefined;
  readonly onLine: (line: string) => void;
  /** more of what is done, for `--verbose` */
  readonly onDetail?: ((line: string) => void) | undefined;
  /** stops before the project is complete and leaves nothing of it */
  readonly signal?: AbortSignal | undefined;
  /** each folder that is about to be made, for who must remove it when this process is killed */
  readonly onFolder?: ((folder: string) => void) | undefined;
  /** the project's files are there; what follows can be done again at any time */
  readonly onRendered?: (() => void) | undefined;
}

export interface StartedProject {
  readonly folder: string;
  readonly template: string;
  readonly templateCommit: string | null;
  readonly answers: Readonly<Record<string, unknown>>;
  readonly fileCount: number;
  readonly repository: Repository | undefined;
  readonly environment: Environment | undefined;
}

/**
 * A project from a template: rendered, a git repository with its first commit, its environment installed.
 *
 * @throws what opening and rendering a template throw; TEMPLATE_HOOKS_NOT_TRUSTED, GIT_MISSING, STOPPED
 */
export async function startProject(request: StartRequest): Promise<StartedProject> {
  // loaded where it is used: a start without it is quicker
  const git = request.usesGit ? await import('./project/git-repository.ts') : undefined;
  if (git !== undefined && findProgram('git') === undefined) throw git.gitMissing();
  const detail = request.onDetail ?? ((): void => undefined);
  const source =
    request.opened ??
    (await openTemplate({
      ...request.source,
      abbreviations: request.config.abbreviations,
      cookiecuttersFolder: request.config.cookiecuttersFolder,
      ask: request.ask,
      onLine: request.onLine,
      signal: request.signal,
    }));
  detail(`opened ${source.template} ${source.commit ?? 'without a commit'} in ${source.folder}`);
  const copies: string[] = [];
  try {
    const chosen = await chooseTemplate(source, source.folder, source.folder, request, copies);
    const rendered = await render(chosen, request);
    if (rendered.isNew && !chosen.runsHooks) refuseForeignGit(rendered.folder);
    request.onRendered?.();
    const answers = plainAnswers(rendered);
    // a hook may have moved the project elsewhere: then there is nothing here to look after
    const isHere = existsSync(rendered.folder);
    request.onLine(
      isHere
        ? `${rendered.fileCount} files in ${rendered.folder}`
        : `${rendered.folder} is not there any more: a hook moved or removed it`,
    );
    if (isHere) {
      writeOrigin(rendered.folder, {
        template: source.template,
        commit: source.commit,
        checkout: request.source.checkout ?? null,
        context: { cookiecutter: { ...answers, _template: chosen.template } },
        directory: nestedDirectory(source.folder, chosen.original, request.source.directory),
      });
    }
    const repository =
      isHere && git !== undefined
        ? await git.initRepository({
            folder: rendered.folder,
            author: authorOf(rendered.answers),
            message: `Start from ${source.template}`,
            ours: rendered.isNew ? cruftFile : undefined,
          })
        : undefined;
    detail(`git: ${repository?.outcome ?? 'not asked for'}`);
    const environment =
      isHere && request.environment !== undefined
        ? await (
            await import('./project/environment.ts')
          ).installEnvironment({
            folder: rendered.folder,
            onLine: request.onLine,
            ...request.environment,
          })
        : undefined;
    return {
      folder: rendered.folder,
      template: source.template,
      templateCommit: source.commit,
      answers,
      fileCount: rendered.fileCount,
      repository,
      environment,
    };
  } catch (thrown) {
    // whatever an interruption broke on its way, it was the interruption
    throw request.signal?.aborted === true ? stopped() : thrown;
  } finally {
    if (request.opened === undefined) source.close();
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  }
}

/** Renders the chosen template and keeps its answers for the next time. */
async function render(chosen: ChosenTemplate, request: StartRequest): Promise<RenderedProject> {
  const { onDetail, config } = request;
  const given = request.replay === undefined || request.replay === true ? undefined : request.replay;
  // cookiecutter reads NAME.json whatever the ending that was given
  const named =
    given === undefined ? undefined : `${given.slice(0, given.length - extname(given).length)}.json`;
  const replayFile = join(config.replayFolder, basename(named ?? `${basename(chosen.folder)}.json`));
  const rendered = await renderTemplate({
    templateFolder: chosen.folder,
    path: chosen.path,
    template: chosen.template,
    checkout: request.source.checkout,
    outputFolder: request.outputFolder,
    defaults: config.defaults,
    answers: request.answers,
    replay: request.replay === undefined ? undefined : readReplay(named ?? replayFile),
    ask: request.ask,
    ifExists: request.ifExists,
    isNewOnly: request.isNewOnly,
    runsHooks: chosen.runsHooks,
    mayRunCode: request.hooks === 'yes',
    keepsProjectOnFailure: request.keepsProjectOnFailure,
    engine: request.engine,
    signal: request.signal,
    onFolder: request.onFolder,
    onDetail,
    onAnswers: (answers, defaults) => {
      request.ask?.rest?.();
      for (const [name, value] of answers) onDetail?.(`${name} = ${JSON.stringify(toJson(value))}`);
      saveReplay(replayFile, answers, defaults);
    },
  });
  onDetail?.(
    rendered.askedPythonFor === undefined
      ? 'rendered by our own engine'
      : `rendered by Python's Jinja2: ${rendered.askedPythonFor}`,
  );
  return rendered;
}

interface ChosenTemplate {
  /** where it is rendered from: the template, or a copy that its `pre_prompt` hook may have changed */
  readonly folder: string;
  /** the user's words for it, where it is the template as given */
  readonly path: string | undefined;
  /** the same folder in the template's source */
  readonly original: string;
  /** what files see as `_template`: the word the user gave, or the folder of a nested template */
  readonly template: string;
  readonly runsHooks: boolean;
}

/** Asks for trust, runs `pre_prompt`, and goes on into the chosen one of several templates. */
async function chooseTemplate(
  source: TemplateSource,
  folder: string,
  original: string,
  request: StartRequest,
  copies: string[],
): Promise<ChosenTemplate> {
  const runsHooks = await mayRunHooks(source, original, request);
  if (runsHooks) requireHookPython(folder, request);
  request.ask?.rest?.();
  const copy = runsHooks ? await runPrePrompt(folder, request) : folder;
  if (copy !== folder) copies.push(dirname(copy));
  const nested = await chooseNested(copy, request.ask);
  if (nested === copy) {
    const template = original === source.folder ? request.source.template : copy;
    const path = copy === source.folder ? source.path : undefined;
    return { folder: copy, path, original, template, runsHooks };
  }
  request.onDetail?.(`chose ${nested} of the templates in ${copy}`);
  const inside = join(original, relative(copy, nested));
  return chooseTemplate(source, nested, existsSync(inside) ? inside : nested, request, copies);
}

async function mayRunHooks(source: TemplateSource, folder: string, request: StartRequest): Promise<boolean> {
  const code = codeOf(folder);
  const has = [...code.hooks, ...code.extensions];
  if (has.length === 0) return false;
  const { decideHooks } = await import('./template/hook-trust.ts');
  const runs = await decideHooks({
    source,
    folder,
    choice: request.hooks,
    ask: request.ask,
    onLine: request.onLine,
  });
  request.onDetail?.(`${has.join(', ')}: the hooks ${runs ? 'run' : 'do not run'} (${request.hooks})`);
  return runs;
}

const plainAnswers = (rendered: RenderedProject): Record<string, unknown> =>
  Object.fromEntries([...rendered.answers].map(([name, value]) => [name, toJson(value)]));

function nestedDirectory(root: string, nested: string, directory: string | undefined): string | null {
  const inside = nested === root ? '' : nested.slice(root.length + 1);
  const path = [directory ?? '', inside].filter((part) => part !== '').join('/');
  return path === '' ? null : path;
}

/** Who signs the first commit where git knows nobody: the answers that templates commonly ask for. */
function authorOf(answers: Context): { name: string; email: string } {
  const answer = (...names: string[]): string | undefined =>
    names
      .map((name) => answers.get(name))
      .filter((value) => value !== undefined && value !== null)
      .map(str)
      .find((text) => text !== '');
  const name = answer('author', 'author_name', 'full_name') ?? 'tilth';
  return {
    name,
    email:
      answer('email', 'author_email') ??
      `${name
        .toLowerCase()
        .replace(/[^a-z\d]+/g, '.')
        .replace(/^\.|\.$/g, '')}@localhost`,
  };
}
