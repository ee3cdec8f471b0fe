import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import {
  answerAll,
  overwrite,
  overwriteDefaults,
  readContext,
  variablesOf,
  type Ask,
  type Context,
} from './context.ts';
import { createEngine, type TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { requireHookPython, runHooks, stopIfAborted } from './hooks.ts';
import { repr, str, type Value } from './jinja/values.ts';
import { checkPlaces, placeFiles } from './place-files.ts';
import { backUp } from './project-backup.ts';
import { faultAt } from './render-fault.ts';
import { renderFiles, type Step } from './render-files.ts';
import { folderExists, pathRefused, templateInvalid } from './template-errors.ts';

export interface RenderRequest {
  /** folder that holds cookiecutter.json */
  readonly templateFolder: string;
  /** what it sees as `_repo_dir`, where that isn't the folder */
  readonly path?: string | undefined;
  /** the template as the user named it; becomes `_template` */
  readonly template: string;
  readonly checkout?: string | undefined;
  /** the project's folder is made in here */
  readonly outputFolder: string;
  /** the user's own defaults, weaker than `answers`; one that doesn't fit is ignored */
  readonly defaults?: ReadonlyMap<string, Value>;
  /** `key=value` of the command line */
  readonly answers?: ReadonlyMap<string, Value>;
  /** complete answers of an earlier rendering; only what they lack is asked */
  readonly replay?: ReadonlyMap<string, Value> | undefined;
  /** without one nothing is asked */
  readonly ask?: Ask | undefined;
  readonly ifExists?: 'refuse' | 'overwrite' | 'skip-files';
  /** refuses a folder that is there, whatever `ifExists` says of the files that a hook has made before us */
  readonly isNewOnly?: boolean | undefined;
  readonly runsHooks?: boolean;
  /** the user trusts the template's code, also where there are no hooks to run */
  readonly mayRunCode?: boolean | undefined;
  readonly keepsProjectOnFailure?: boolean;
  readonly engine?: 'own' | 'python' | undefined;
  readonly now?: (() => Date) | undefined;
  readonly python?: string | undefined;
  /** further private variables that files see, such as the `_commit` of cruft */
  readonly extras?: ReadonlyMap<string, Value> | undefined;
  /** called with all answers before anything is written */
  readonly onAnswers?: (answers: Context, defaults: Context) => void;
  /** ends a hook that runs, and leaves nothing of the project */
  readonly signal?: AbortSignal | undefined;
  /** called with each folder that is about to be made, for who must remove it when this process is killed */
  readonly onFolder?: ((folder: string) => void) | undefined;
  /** what was done, and how long it took */
  readonly onDetail?: ((line: string) => void) | undefined;
}

export interface RenderedProject {
  readonly folder: string;
  /** the folder was not there before */
  readonly isNew: boolean;
  /** every variable of cookiecutter.json with its value */
  readonly answers: Context;
  readonly fileCount: number;
  /** why Python's Jinja2 was asked; undefined when it was not */
  readonly askedPythonFor: string | undefined;
}

/**
 * Renders a cookiecutter template into a new project folder.
 *
 * Everything is rendered beside its place first and moved there when it is complete, so a fault of the template
 * leaves no half project. A project that is rendered over is put back when a hook fails.
 *
 * @throws PROJECT_FOLDER_EXISTS, TEMPLATE_VARIABLE_UNDEFINED, TEMPLATE_INVALID, TEMPLATE_PATH_REFUSED,
 *   TEMPLATE_NEEDS_PYTHON, TEMPLATE_HOOK_FAILED, TEMPLATE_ANSWER_REFUSED, PROJECT_NOT_WRITTEN, STOPPED
 */
export async function renderTemplate(request: RenderRequest): Promise<RenderedProject> {
  const context = readContext(request.templateFolder);
  overwriteDefaults(context, request.defaults ?? new Map(), request.onDetail);
  overwrite(context, request.answers ?? new Map());
  const engine = createEngine({
    templateFolder: request.templateFolder,
    extensions: listOf(context.get('_extensions')),
    environment: namesOf(context.get('_jinja2_env_vars')),
    engine: request.engine,
    mayRunCode: request.mayRunCode === true || request.runsHooks === true,
    now: request.now,
    python: request.python,
  });
  try {
    return await renderInto(request, context, engine);
  } catch (thrown) {
    throw faultAt(`render ${request.template}`, thrown);
  } finally {
    engine.close();
  }
}

async function renderInto(
  request: RenderRequest,
  context: Context,
  engine: TemplateEngine,
): Promise<RenderedProject> {
  if (request.runsHooks === true) requireHookPython(request.templateFolder, request);
  const root = templateRoot(request.templateFolder, engine);
  if (root === undefined) {
    throw templateInvalid(request.templateFolder, 'there is no folder whose name holds {{ cookiecutter… }}');
  }
  const defaults: Context = new Map(
    [...(request.replay ?? context)].filter(([name]) => !name.startsWith('_')),
  );
  const open =
    request.replay === undefined
      ? context
      : new Map([...context].filter(([name]) => !request.replay?.has(name)));
  const answered = await answerAll(open, engine, request.ask);
  const answers: Context = new Map([...(request.replay ?? []), ...answered]);
  const outputFolder = resolve(request.outputFolder);
  const visible: Context = new Map([
    ...answers,
    ['_template', request.template],
    ['_output_dir', outputFolder],
    ['_repo_dir', request.path ?? request.templateFolder],
    ['_checkout', request.checkout ?? null],
    ...(request.extras ?? []),
  ]);
  const variables = variablesOf(visible, defaults);
  request.onAnswers?.(visible, defaults);
  const folder = await projectFolder(root, outputFolder, engine, variables);
  const isNew = !existsSync(folder);
  const ifExists = request.ifExists ?? 'refuse';
  if (!isNew && (ifExists === 'refuse' || request.isNewOnly === true)) throw folderExists(folder);
  const startedAt = performance.now();

  const made = makeFolder(outputFolder);
  let staging: string | undefined;
  try {
    staging = mkdtempSync(join(outputFolder, '.tilth-start-'));
    request.onFolder?.(staging);
    const staged = join(staging, 'project');
    mkdirSync(staged);
    const rendered = await renderFiles({
      root,
      staged,
      existing: isNew ? undefined : folder,
      engine,
      variables,
      copyOnly: listOf(answers.get('_copy_without_render')),
      lineEnd: lineEndOf(answers),
      ifExists,
    }).catch(faultOfTemplate);
    const steps = 'fault' in rendered ? [] : rendered.steps;
    const fileCount = 'fault' in rendered ? 0 : rendered.fileCount;
    request.onDetail?.(
      `rendered ${fileCount} files for ${folder}: ${(performance.now() - startedAt).toFixed(1)} ms`,
    );
    const { templateFolder, python, signal, onDetail } = request;
    const hooks = { templateFolder, projectFolder: folder, engine, variables, python, signal, onDetail };
    stopIfAborted(request);
    if (isNew) request.onFolder?.(folder);
    const place = async (): Promise<void> => {
      if (isNew) mkdirSync(folder, { recursive: true });
      if (request.runsHooks === true) await runHooks('pre_gen_project', hooks);
      if ('fault' in rendered) {
        if (isNew && request.keepsProjectOnFailure === true)
          cpSync(staged, folder, { recursive: true, force: false });
        throw rendered.fault;
      }
      if (isNew && readdirSync(folder).length === 0) renameSync(staged, folder);
      else placeFiles(steps, staged, folder, ifExists);
      if (request.runsHooks === true) await runHooks('post_gen_project', hooks);
    };
    if (isNew) await orNothing(folder, request.keepsProjectOnFailure === true, place);
    else
      await orAsItWas(folder, join(staging, 'before'), steps, request.keepsProjectOnFailure === true, place);
    return { folder, isNew, answers, fileCount, askedPythonFor: engine.askedPythonFor };
  } catch (thrown) {
    if (made !== undefined && request.keepsProjectOnFailure !== true)
      rmSync(made, { recursive: true, force: true });
    throw faultAt(`create project directory '${basename(root)}'`, thrown, variables);
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true });
  }
}

/**
 * A template's own fault waits for its hook: that runs first, and may tell better what is wrong with the answers.
 * What ails this machine is told at once.
 */
function faultOfTemplate(fault: unknown): { readonly fault: TilthError } {
  const isOfTemplate =
    fault instanceof TilthError && ['TEMPLATE_INVALID', 'TEMPLATE_VARIABLE_UNDEFINED'].includes(fault.code);
  if (!isOfTemplate) throw fault;
  return { fault };
}

async function projectFolder(
  root: string,
  outputFolder: string,
  engine: TemplateEngine,
  variables: Variables,
): Promise<string> {
  const template = basename(root);
  const name = await engine.render(template, variables).catch((thrown: unknown) => {
    throw faultAt(`create project directory '${template}'`, thrown, variables);
  });
  const folder = resolve(outputFolder, name);
  if (!folder.startsWith(outputFolder === sep ? sep : outputFolder + sep)) throw pathRefused(template, name);
  return folder;
}

/** @returns the first folder of the path that was not there */
function makeFolder(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true });
  } catch (thrown) {
    throw faultAt(`create directory '${folder}'`, thrown);
  }
}

/** A new project is there as a whole, or not at all. */
async function orNothing(folder: string, keeps: boolean, work: () => Promise<void>): Promise<void> {
  const parent = mkdirSync(dirname(folder), { recursive: true });
  try {
    await work();
  } catch (thrown) {
    if (!keeps) rmSync(parent ?? folder, { recursive: true, force: true });
    throw thrown;
  }
}

/** A project that was there is rendered over as a whole, or is as it was. */
async function orAsItWas(
  folder: string,
  into: string,
  steps: readonly Step[],
  keeps: boolean,
  work: () => Promise<void>,
): Promise<void> {
  checkPlaces(steps, folder);
  mkdirSync(into);
  const backup = backUp(folder, into);
  try {
    await work();
  } catch (thrown) {
    if (!keeps) backup.restore();
    throw thrown;
  }
}

/** The folder inside a template that becomes the project. */
function templateRoot(templateFolder: string, { syntax }: TemplateEngine): string | undefined {
  const name = readdirSync(templateFolder)
    .sort()
    .find((each) =>
      ['cookiecutter', syntax.variableStart, syntax.variableEnd].every((part) => each.includes(part)),
    );
  return name === undefined ? undefined : join(templateFolder, name);
}

/** The items of a list; Python takes a text for the list of its characters. */
const listOf = (value: Value | undefined): string[] =>
  Array.isArray(value) ? value.map(str) : typeof value === 'string' ? Array.from(value) : [];
const namesOf = (value: Value | undefined): Map<string, Value> =>
  new Map(value instanceof Map ? [...value].map(([key, item]) => [str(key), item]) : []);

function lineEndOf(answers: Context): '\n' | '\r' | '\r\n' | undefined {
  const configured = answers.get('_new_lines') ?? '';
  if (configured === '' || configured === false) return undefined;
  if (configured === '\n' || configured === '\r' || configured === '\r\n') return configured;
  throw templateInvalid('_new_lines', `${repr(configured)} is not a line end`);
}
