import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, normalize, relative, resolve, sep } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { isBinary } from './binary.ts';
import { answerAll, overwrite, readContext, toJson, variablesOf, type Ask, type Context } from './context.ts';
import { createEngine, type TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { lineEnd, matchesPattern } from './file-names.ts';
import { runHooks } from './hooks.ts';
import { EngineCannot, TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { str, type Value } from './jinja/values.ts';
import { folderExists, pathRefused, templateInvalid, templateUndefined } from './template-errors.ts';

export interface RenderRequest {
  /** folder that holds cookiecutter.json */
  readonly templateFolder: string;
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
  readonly runsHooks?: boolean;
  readonly keepsProjectOnFailure?: boolean;
  readonly now?: () => Date;
  readonly python?: string;
  /** called with all answers before anything is written */
  readonly onAnswers?: (answers: Context, defaults: Context) => void;
}

export interface RenderedProject {
  readonly folder: string;
  /** every variable of cookiecutter.json with its value */
  readonly answers: Context;
  readonly fileCount: number;
  /** why Python's Jinja2 was asked; undefined when it was not */
  readonly askedPythonFor: string | undefined;
}

/**
 * Renders a cookiecutter template into a new project folder.
 *
 * Everything is rendered beside its place first and moved there when it is complete, so a fault of the
 * template leaves no half project.
 *
 * @throws PROJECT_FOLDER_EXISTS, TEMPLATE_VARIABLE_UNDEFINED, TEMPLATE_INVALID, TEMPLATE_PATH_REFUSED,
 *   TEMPLATE_NEEDS_PYTHON, TEMPLATE_HOOK_FAILED, TEMPLATE_ANSWER_REFUSED
 */
export async function renderTemplate(request: RenderRequest): Promise<RenderedProject> {
  const context = readContext(request.templateFolder);
  for (const [name, value] of request.defaults ?? []) {
    try {
      overwrite(context, new Map([[name, value]]));
    } catch {
      // cookiecutter only warns of a default that doesn't fit
    }
  }
  overwrite(context, request.answers ?? new Map());
  const engine = createEngine({
    templateFolder: request.templateFolder,
    includeFolders: [templateRoot(request.templateFolder), join(request.templateFolder, 'templates')].filter(
      (each) => each !== undefined,
    ),
    extensions: listOf(context.get('_extensions')),
    environment: namesOf(context.get('_jinja2_env_vars')),
    ...(request.now === undefined ? {} : { now: request.now }),
    ...(request.python === undefined ? {} : { python: request.python }),
  });
  try {
    return await renderInto(request, context, engine);
  } finally {
    engine.close();
  }
}

async function renderInto(
  request: RenderRequest,
  context: Context,
  engine: TemplateEngine,
): Promise<RenderedProject> {
  const root = templateRoot(request.templateFolder, engine);
  if (root === undefined) {
    throw templateInvalid(request.templateFolder, 'there is no folder whose name holds {{ cookiecutter… }}');
  }
  const defaults: Context = new Map([...context].filter(([name]) => !name.startsWith('_')));
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
    ['_repo_dir', request.templateFolder],
    ['_checkout', request.checkout ?? null],
  ]);
  const variables = variablesOf(visible, defaults);
  request.onAnswers?.(visible, defaults);

  const ifExists = request.ifExists ?? 'refuse';
  const folderName = await renderName(
    basename(root),
    `create project directory '${basename(root)}'`,
    engine,
    variables,
  );
  const folder = resolve(outputFolder, folderName);
  if (!folder.startsWith(outputFolder === sep ? sep : outputFolder + sep))
    throw pathRefused(basename(root), folderName);
  const isNew = !existsSync(folder);
  if (!isNew && ifExists === 'refuse') throw folderExists(folder);

  mkdirSync(outputFolder, { recursive: true });
  const staging = mkdtempSync(join(outputFolder, '.tilth-start-'));
  try {
    const staged = join(staging, 'project');
    mkdirSync(staged);
    const walk = new Walk(
      root,
      staged,
      engine,
      variables,
      listOf(answers.get('_copy_without_render')),
      newLines(answers),
      ifExists !== 'refuse',
    );
    await walk.folder('');
    const hooks = {
      templateFolder: request.templateFolder,
      projectFolder: folder,
      engine,
      variables,
    };
    try {
      mkdirSync(folder, { recursive: true });
      if (request.runsHooks === true) await runHooks('pre_gen_project', hooks);
      moveInto(staged, folder, ifExists === 'skip-files', walk.copiedFolders);
      if (request.runsHooks === true) await runHooks('post_gen_project', hooks);
    } catch (thrown) {
      if (isNew && request.keepsProjectOnFailure !== true) rmSync(folder, { recursive: true, force: true });
      throw thrown;
    }
    return { folder, answers, fileCount: walk.fileCount, askedPythonFor: engine.askedPythonFor };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The folder inside a template that becomes the project. */
function templateRoot(templateFolder: string, engine?: TemplateEngine): string | undefined {
  const start = engine?.syntax.variableStart ?? '';
  const end = engine?.syntax.variableEnd ?? '';
  const name = readdirSync(templateFolder)
    .sort()
    .find(
      (each) =>
        each.includes('cookiecutter') &&
        each.includes(start) &&
        each.includes(end) &&
        each !== 'cookiecutter.json',
    );
  return name === undefined ? undefined : join(templateFolder, name);
}

async function renderName(
  name: string,
  doing: string,
  engine: TemplateEngine,
  variables: Variables,
): Promise<string> {
  try {
    return await engine.render(name, variables);
  } catch (thrown) {
    throw explained(thrown, doing, variables);
  }
}

function explained(thrown: unknown, doing: string, variables: Variables): unknown {
  if (thrown instanceof UndefinedUsed) {
    return templateUndefined(doing, thrown.message, toJson(variables.get('cookiecutter') ?? null), thrown);
  }
  if (thrown instanceof TemplateFault || thrown instanceof EngineCannot) {
    return templateInvalid(`Unable to ${doing}`, thrown.message, thrown);
  }
  return thrown;
}

/** Goes through the template folder and renders it under `staged`. */
class Walk {
  readonly copiedFolders: string[] = [];
  fileCount = 0;
  readonly #root: string;
  readonly #realRoot: string;
  readonly #staged: string;
  readonly #engine: TemplateEngine;
  readonly #variables: Variables;
  readonly #copyOnly: readonly string[];
  readonly #newLines: string | undefined;
  readonly #mayMeet: boolean;

  constructor(
    root: string,
    staged: string,
    engine: TemplateEngine,
    variables: Variables,
    copyOnly: readonly string[],
    newLines: string | undefined,
    mayMeet: boolean,
  ) {
    this.#root = root;
    this.#realRoot = realpathSync(dirname(root));
    this.#staged = staged;
    this.#engine = engine;
    this.#variables = variables;
    this.#copyOnly = copyOnly;
    this.#newLines = newLines;
    this.#mayMeet = mayMeet;
  }

  async folder(at: string): Promise<void> {
    const entries = readdirSync(join(this.#root, at), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    const isFolder = (name: string): boolean =>
      statSync(join(this.#root, at, name), { throwIfNoEntry: false })?.isDirectory() === true;
    const folders = entries.filter((entry) => isFolder(entry.name)).map((entry) => join(at, entry.name));
    const files = entries.filter((entry) => !isFolder(entry.name)).map((entry) => join(at, entry.name));
    const rendered: string[] = [];
    for (const folder of folders) {
      const target = await this.#target(folder, `create directory '${folder}'`);
      this.#inside(folder);
      if (this.#isCopyOnly(folder)) {
        cpSync(join(this.#root, folder), target, { recursive: true, dereference: true });
        this.fileCount += readdirSync(target, { recursive: true, withFileTypes: true }).filter((each) =>
          each.isFile(),
        ).length;
        this.copiedFolders.push(relative(this.#staged, target));
        continue;
      }
      if (existsSync(target) && !this.#mayMeet) {
        throw templateInvalid(
          `Unable to create directory '${folder}'`,
          `its name becomes that of a folder which is already there`,
        );
      }
      mkdirSync(target, { recursive: true });
      // a link to a folder becomes an empty folder, as with cookiecutter
      if (!lstatSync(join(this.#root, folder)).isSymbolicLink()) rendered.push(folder);
    }
    for (const file of files) await this.#file(file);
    for (const folder of rendered) await this.folder(folder);
  }

  async #file(file: string): Promise<void> {
    const doing = `create file '${file}'`;
    const target = await this.#target(file, doing);
    // a name that becomes empty is how a template leaves a file out
    if (statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) return;
    this.#inside(file);
    const source = join(this.#root, file);
    const content = readFileSync(source);
    this.fileCount += 1;
    try {
      if (this.#isCopyOnly(file) || isBinary(file, content)) writeFileSync(target, content);
      else {
        const text = content.toString('utf8');
        const rendered = await this.#engine.render(text, this.#variables);
        const end = this.#newLines ?? lineEnd(text);
        writeFileSync(target, end === '\n' ? rendered : rendered.replaceAll('\n', end));
      }
    } catch (thrown) {
      throw explained(thrown, doing, this.#variables);
    }
    chmodSync(target, statSync(source).mode & 0o7777);
  }

  async #target(path: string, doing: string): Promise<string> {
    const name = await renderName(path, doing, this.#engine, this.#variables);
    const target = normalize(join(this.#staged, name));
    if (target !== this.#staged && target !== this.#staged + sep && !target.startsWith(this.#staged + sep))
      throw pathRefused(path, name);
    return target;
  }

  /** A link of a template must not bring in what lies outside the template. */
  #inside(path: string): void {
    let real: string;
    try {
      real = realpathSync(join(this.#root, path));
    } catch (cause) {
      throw templateInvalid(path, messageOf(cause), cause);
    }
    if (!real.startsWith(this.#realRoot + sep)) throw pathRefused(path, real);
  }

  #isCopyOnly(path: string): boolean {
    return this.#copyOnly.some((pattern) => matchesPattern(path, pattern));
  }
}

function moveInto(from: string, to: string, keepsFiles: boolean, replacedFolders: readonly string[]): void {
  for (const folder of replacedFolders) rmSync(join(to, folder), { recursive: true, force: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    const there = lstatSync(target, { throwIfNoEntry: false });
    if (there === undefined) renameSync(source, target);
    else if (entry.isDirectory() && there.isDirectory()) moveInto(source, target, keepsFiles, []);
    else if (!entry.isDirectory() && !there.isDirectory() && !keepsFiles) renameSync(source, target);
    else if (entry.isDirectory() !== there.isDirectory() && entry.isDirectory()) throw folderExists(target);
  }
  rmSync(from, { recursive: true, force: true });
}

const listOf = (value: Value | undefined): string[] => (Array.isArray(value) ? value.map(str) : []);
const namesOf = (value: Value | undefined): Map<string, Value> =>
  new Map(value instanceof Map ? [...value].map(([key, item]) => [str(key), item]) : []);

function newLines(answers: Context): string | undefined {
  const configured = answers.get('_new_lines');
  return typeof configured === 'string' && configured !== '' ? configured : undefined;
}
