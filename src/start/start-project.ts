import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeOrigin } from './project/cruft-file.ts';
import { installEnvironment, type Environment } from './project/environment.ts';
import { initRepository, type Repository } from './project/git-repository.ts';
import { toJson, type Ask, type Context } from './template/context.ts';
import { allHooks, runPrePrompt } from './template/hooks.ts';
import { str, type Value } from './template/jinja/values.ts';
import { chooseNested } from './template/nested-templates.ts';
import { renderTemplate, type RenderRequest, type RenderedProject } from './template/render-template.ts';
import { hooksNotTrusted } from './template/template-errors.ts';
import { openTemplate, type SourceRequest } from './template/template-source.ts';
import { readReplay, saveReplay, type UserConfig } from './template/user-config.ts';

export interface StartRequest {
  readonly source: Omit<SourceRequest, 'abbreviations'>;
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
  const source = await openTemplate({
    ...request.source,
    abbreviations: request.config.abbreviations,
  });
  const temporary: string[] = [];
  try {
    const nested = await chooseNested(source.folder, request.ask);
    request.onDetail?.(`template ${source.template} ${source.commit ?? ''} in ${nested}`);
    const runsHooks = await mayRunHooks(nested, request);
    const templateFolder = runsHooks ? await runPrePrompt(nested) : nested;
    if (templateFolder !== nested) temporary.push(dirname(templateFolder));
    const replayFile = join(request.config.replayFolder, `${basename(nested)}.json`);
    const replay =
      request.replay === undefined
        ? undefined
        : readReplay(request.replay === true ? replayFile : request.replay);
    const rendering: RenderRequest = {
      templateFolder,
      template: source.template,
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
      directory: nestedDirectory(source.folder, nested, request.source.directory),
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
    source.close();
    for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
  }
}

async function mayRunHooks(templateFolder: string, request: StartRequest): Promise<boolean> {
  const hooks = allHooks(templateFolder).map((hook) => basename(hook));
  if (hooks.length === 0 || request.hooks === 'no') return false;
  if (request.hooks === 'yes') return true;
  if (request.ask === undefined) throw hooksNotTrusted(hooks);
  return request.ask.yesNo(`The template runs code of its own: ${hooks.join(', ')}. Run it?`, false);
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
