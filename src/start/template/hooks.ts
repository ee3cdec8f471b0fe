import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join, relative, resolve } from 'node:path';
import { readContext } from './context.ts';
import { findProgram } from '../project/programs.ts';
import type { TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { EngineCannot, TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { str, type Value } from './jinja/values.ts';
import { userPython } from './user-python.ts';
import { hookFailed, hookNeedsPython, stopped } from './template-errors.ts';

export type HookName = 'pre_prompt' | 'pre_gen_project' | 'post_gen_project';

const hookNames: readonly HookName[] = ['pre_prompt', 'pre_gen_project', 'post_gen_project'];

/** The scripts a template wants to run, with their paths. */
export function hooksOf(templateFolder: string, name: HookName): string[] {
  const folder = join(templateFolder, 'hooks');
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder)
    .filter((file) => basename(file, extname(file)) === name && !file.endsWith('~'))
    .sort()
    .map((file) => resolve(folder, file));
}

/** The code that a template brings along, as paths in its folder. */
export interface TemplateCode {
  readonly hooks: readonly string[];
  /** Python of its own that `_extensions` names */
  readonly extensions: readonly string[];
  /** these and whatever else the folder of hooks holds, which they may use */
  readonly files: readonly string[];
}

/** What would run of a template's own code; of a list of templates, only what runs before one is chosen. */
export function codeOf(templateFolder: string): TemplateCode {
  const context = readContext(templateFolder);
  const isList = context.has('templates') || context.has('template');
  const hooks = (isList ? (['pre_prompt'] as const) : hookNames)
    .flatMap((name) => hooksOf(templateFolder, name))
    .map((file) => relative(resolve(templateFolder), file));
  const extensions = extensionFiles(templateFolder, context.get('_extensions'));
  const beside = hooks.length === 0 ? [] : filesUnder(templateFolder, 'hooks');
  return { hooks, extensions, files: [...new Set([...hooks, ...beside, ...extensions])] };
}

/** Python finds `name.Extension` in the template's folder as `name.py`, `name.so` or a folder `name`. */
function extensionFiles(templateFolder: string, extensions: Value | undefined): string[] {
  if (!Array.isArray(extensions)) return [];
  const modules = new Set(extensions.map((name) => str(name).split('.', 1)[0] ?? ''));
  return readdirSync(templateFolder)
    .filter((entry) => modules.has(entry.split('.', 1)[0] ?? ''))
    .sort()
    .flatMap((entry) => filesUnder(templateFolder, entry));
}

const filesUnder = (folder: string, path: string): string[] => {
  if (!statSync(join(folder, path)).isDirectory()) return [path];
  return (
    readdirSync(join(folder, path), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.parentPath.endsWith('__pycache__'))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      // what a link leads to runs as well as a file does
      .filter((file) => statSync(join(folder, file), { throwIfNoEntry: false })?.isFile() === true)
      .sort()
  );
};

/** How the template's own scripts are run. */
export interface HookOptions {
  /** the Python for `.py`, instead of the user's */
  readonly python?: string | undefined;
  /** ends a script that runs, and nothing more is begun */
  readonly signal?: AbortSignal | undefined;
  /** what was run, how it ended and how long it took */
  readonly onDetail?: ((line: string) => void) | undefined;
}

export interface HookRun extends HookOptions {
  readonly templateFolder: string;
  readonly projectFolder: string;
  readonly engine: TemplateEngine;
  readonly variables: Variables;
}

/**
 * Makes sure, before anything is written, that there is a Python for a template's Python hooks.
 *
 * @throws TEMPLATE_NEEDS_PYTHON
 */
export function requireHookPython(templateFolder: string, options: HookOptions, names = hookNames): void {
  const script = names.flatMap((name) => hooksOf(templateFolder, name)).find((file) => file.endsWith('.py'));
  if (script === undefined) return;
  const python = pythonOf(options);
  if (findProgram(python) === undefined) throw hookNeedsPython(basename(script), python);
}

const pythonOf = (options: HookOptions): string => options.python ?? userPython();

/**
 * Renders the hooks of that name and runs them in the project: `.py` by Python, others by themselves.
 *
 * @throws TEMPLATE_HOOK_FAILED, STOPPED
 */
export async function runHooks(name: 'pre_gen_project' | 'post_gen_project', run: HookRun): Promise<void> {
  for (const script of hooksOf(run.templateFolder, name)) {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-hook-'));
    try {
      const rendered = join(folder, basename(script));
      // line ends of Windows would be part of the first line's program name
      const text = readFileSync(script, 'utf8').replace(/\r\n?/g, '\n');
      writeFileSync(rendered, await run.engine.render(text, run.variables));
      await runScript(rendered, run.projectFolder, run);
    } catch (thrown) {
      if (
        thrown instanceof UndefinedUsed ||
        thrown instanceof TemplateFault ||
        thrown instanceof EngineCannot
      ) {
        throw hookFailed(basename(script), `it can't be rendered: ${thrown.message}`);
      }
      throw thrown;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/**
 * Runs `pre_prompt`, which may change the template, in a copy of it.
 *
 * @returns the copy to go on with, in a temporary folder of its own; the template itself when there is no such hook
 * @throws TEMPLATE_HOOK_FAILED, TEMPLATE_NEEDS_PYTHON, STOPPED
 */
export async function runPrePrompt(templateFolder: string, options: HookOptions = {}): Promise<string> {
  if (hooksOf(templateFolder, 'pre_prompt').length === 0) return templateFolder;
  requireHookPython(templateFolder, options, ['pre_prompt']);
  const temporary = mkdtempSync(join(tmpdir(), 'tilth-template-'));
  const copy = join(temporary, basename(resolve(templateFolder)));
  try {
    cpSync(templateFolder, copy, { recursive: true });
    for (const script of hooksOf(copy, 'pre_prompt')) await runScript(script, copy, options);
    return copy;
  } catch (thrown) {
    rmSync(temporary, { recursive: true, force: true });
    throw thrown;
  }
}

async function runScript(script: string, folder: string, options: HookOptions): Promise<void> {
  const name = basename(script);
  stopIfAborted(options);
  chmodSync(script, statSync(script).mode | 0o100);
  const isPython = script.endsWith('.py');
  // a shell would take what names no program; the system, and cookiecutter with it, does not
  if (!isPython && !namesProgram(script))
    throw hookFailed(name, 'it is empty, or its first line names no program (#!)');
  const startedAt = performance.now();
  const ended = await new Promise<{ status: number } | { signal: string } | { error: Error }>((done) => {
    // a hook's words are for the user and must not mix with our result on standard output
    const child = spawn(isPython ? pythonOf(options) : script, isPython ? [script] : [], {
      cwd: folder,
      stdio: ['inherit', 2, 'inherit'],
    });
    const end = (): void => void child.kill('SIGTERM');
    options.signal?.addEventListener('abort', end, { once: true });
    child.on('error', (error) => done({ error }));
    child.on('exit', (status, signal) => {
      options.signal?.removeEventListener('abort', end);
      done(status === null ? { signal: signal ?? 'a signal' } : { status });
    });
  });
  const took = `${(performance.now() - startedAt).toFixed(1)} ms`;
  options.onDetail?.(`hook ${name} ran in ${folder}: ${JSON.stringify(ended)}, ${took}`);
  stopIfAborted(options);
  if ('error' in ended) throw hookFailed(name, ended.error.message);
  if ('signal' in ended) throw hookFailed(name, `ended by ${ended.signal}`);
  if (ended.status !== 0)
    throw hookFailed(name, `exit status ${ended.status}`, isPython ? pythonOf(options) : undefined);
}

/** @throws STOPPED */
export function stopIfAborted({ signal }: Pick<HookOptions, 'signal'>): void {
  if (signal?.aborted === true) throw stopped();
}

/** The magic first bytes of a script that names its program, or of a program itself. */
function namesProgram(script: string): boolean {
  const head = readFileSync(script).subarray(0, 256).toString('latin1');
  return /^#![ \t]*\S|^\x7fELF|^[\xcf\xce]\xfa\xed\xfe|^\xca\xfe\xba\xbe/.test(head);
}
