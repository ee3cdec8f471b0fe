import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { writeOrigin } from './project/cruft-file.ts';
import { installEnvironment, type Environment } from './project/environment.ts';
import { initRepository, type Repository } from './project/git-repository.ts';
import { toJson, type Ask, type Context } from './template/context.ts';
import { codeOf, runPrePrompt } from './template/hooks.ts';
import { str, type Value } from './template/jinja/values.ts';
import { chooseNested } from './template/nested-templates.ts';
import { renderTemplate, type RenderRequest, type RenderedProject } from './template/render-template.ts';
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
  /** `ask` without anyone to ask refuses a template with hooks */
  readonly hooks: 'yes' | 'ask' | 'no';
  /** the last answers of this template, or those in a file */
  readonly replay?: true | string | undefined;
  readonly keepsProjectOnFailure: boolean;
  readonly usesGit: boolean;
  /** undefined: no environment is installed */
  readonly environment?: { readonly home: string; readonly mayInstallPoetry: boolean } | undefined;
  readonly onLine: (line: string) => void;
  /** more of what is done, for `--verbose` */
  readonly onDetail?: ((line: string) => void) | undefined;
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

/** A project from a template: rendered, a git repository with its first commit, its environment installed. */
export async function startProject(request: StartRequest): Promise<StartedProject> {
  const source =
    request.opened ??
    (await openTemplate({
      ...request.source,
      abbreviations: request.config.abbreviations,
      cookiecuttersFolder: request.config.cookiecuttersFolder,
      ask: request.ask,
      onLine: request.onLine,
    }));
  const temporary: string[] = [];
  try {
    const chosen = await chooseTemplate(source, source.folder, source.folder, request);
    temporary.push(...chosen.copies);
    const { folder: templateFolder, runsHooks } = chosen;
    request.onDetail?.(`template ${source.template} ${source.commit ?? ''} in ${chosen.original}`);
    const replayFile = join(request.config.replayFolder, `${basename(templateFolder)}.json`);
    const replay =
      request.replay === undefined
        ? undefined
        : readReplay(request.replay === true ? replayFile : request.replay);
    const rendering: RenderRequest = {
      templateFolder,
      // as the user named it; one of several templates goes by its own folder, as with cookiecutter
      template: chosen.original === source.folder ? request.source.template : chosen.original,
      checkout: request.source.checkout,
      outputFolder: request.outputFolder,
      defaults: request.config.defaults,
      answers: request.answers,
      replay,
      ask: request.ask,
      ifExists: request.ifExists,
      runsHooks,
      keepsProjectOnFailure: request.keepsProjectOnFailure,
      onAnswers: (answers, defaults) => {
        for (const [name, value] of answers) request.onDetail?.(`${name} = ${JSON.stringify(toJson(value))}`);
        saveReplay(replayFile, answers, defaults);
      },
    };
    const rendered = await renderTemplate(rendering);
    if (rendered.askedPythonFor !== undefined)
      request.onDetail?.(`rendered by Python's Jinja2: ${rendered.askedPythonFor}`);
    request.onLine(`${rendered.fileCount} files in ${rendered.folder}`);
    const answers = plainAnswers(rendered);
    writeOrigin(rendered.folder, {
      template: source.template,
      commit: source.commit,
      checkout: request.source.checkout ?? null,
      context: { cookiecutter: { ...answers, _template: source.template } },
      directory: nestedDirectory(source.folder, chosen.original, request.source.directory),
    });
    const repository = request.usesGit
      ? await initRepository({
          folder: rendered.folder,
          author: authorOf(rendered.answers),
          message: `Start from ${source.template}`,
        })
      : undefined;
    const environment =
      request.environment === undefined
        ? undefined
        : await installEnvironment({
            folder: rendered.folder,
            onLine: request.onLine,
            ...request.environment,
          });
    return {
      folder: rendered.folder,
      template: source.template,
      templateCommit: source.commit,
      answers,
      fileCount: rendered.fileCount,
      repository,
      environment,
    };
  } finally {
    if (request.opened === undefined) source.close();
    for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
  }
}

interface ChosenTemplate {
  /** where it is rendered from: the template, or a copy that its `pre_prompt` hook may have changed */
  readonly folder: string;
  /** the same folder in the template's source */
  readonly original: string;
  readonly runsHooks: boolean;
  /** copies to remove at the end */
  readonly copies: readonly string[];
}

/** Asks for trust, runs `pre_prompt`, and goes on into the chosen one of several templates. */
async function chooseTemplate(
  source: TemplateSource,
  folder: string,
  original: string,
  request: StartRequest,
): Promise<ChosenTemplate> {
  const runsHooks = await mayRunHooks(source, original, request);
  const copy = runsHooks ? await runPrePrompt(folder) : folder;
  const copies = copy === folder ? [] : [dirname(copy)];
  const nested = await chooseNested(copy, request.ask);
  if (nested === copy) return { folder: copy, original, runsHooks, copies };
  const inside = join(original, relative(copy, nested));
  const chosen = await chooseTemplate(source, nested, existsSync(inside) ? inside : nested, request);
  return { ...chosen, copies: [...copies, ...chosen.copies] };
}

async function mayRunHooks(source: TemplateSource, folder: string, request: StartRequest): Promise<boolean> {
  const code = codeOf(folder);
  if (code.hooks.length === 0 && code.extensions.length === 0) return false;
  const { decideHooks } = await import('./template/hook-trust.ts');
  return decideHooks({ source, folder, choice: request.hooks, ask: request.ask, onLine: request.onLine });
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
