import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
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
import type { TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { EngineCannot, TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { str, type Value } from './jinja/values.ts';
import { hookFailed } from './template-errors.ts';

export type HookName = 'pre_prompt' | 'pre_gen_project' | 'post_gen_project';

/** The scripts a template wants to run, with their paths. */
export function hooksOf(templateFolder: string, name: HookName): string[] {
  const folder = join(templateFolder, 'hooks');
  if (!existsSync(folder)) return [];
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
  const names: HookName[] = isList ? ['pre_prompt'] : ['pre_prompt', 'pre_gen_project', 'post_gen_project'];
  const hooks = names
    .flatMap((name) => hooksOf(templateFolder, name))
    .map((file) => relative(resolve(templateFolder), file));
  const extensions = extensionFiles(templateFolder, context.get('_extensions'));
  const beside = hooks.length === 0 ? [] : filesUnder(templateFolder, 'hooks');
  return { hooks, extensions, files: [...new Set([...beside, ...extensions])] };
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
  return readdirSync(join(folder, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('__pycache__'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
};

interface HookRun {
  readonly templateFolder: string;
  readonly projectFolder: string;
  readonly engine: TemplateEngine;
  readonly variables: Variables;
}

/**
 * Renders the hooks of that name and runs them in the project: `.py` by Python, others by themselves.
 *
 * @throws TEMPLATE_HOOK_FAILED
 */
export async function runHooks(name: 'pre_gen_project' | 'post_gen_project', run: HookRun): Promise<void> {
  for (const script of hooksOf(run.templateFolder, name)) {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-hook-'));
    try {
      const rendered = join(folder, basename(script));
      writeFileSync(rendered, await run.engine.render(readFileSync(script, 'utf8'), run.variables));
      await runScript(rendered, run.projectFolder, basename(script));
    } catch (thrown) {
      if (
        thrown instanceof UndefinedUsed ||
        thrown instanceof TemplateFault ||
        thrown instanceof EngineCannot
      ) {
        throw hookFailed(basename(script), thrown.message);
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
 * @returns the copy to go on with, or the template itself when there is no such hook
 * @throws TEMPLATE_HOOK_FAILED
 */
export async function runPrePrompt(templateFolder: string): Promise<string> {
  if (hooksOf(templateFolder, 'pre_prompt').length === 0) return templateFolder;
  const copy = join(mkdtempSync(join(tmpdir(), 'tilth-template-')), basename(resolve(templateFolder)));
  cpSync(templateFolder, copy, { recursive: true });
  for (const script of hooksOf(copy, 'pre_prompt')) await runScript(script, copy, basename(script));
  return copy;
}

function runScript(script: string, folder: string, name: string): Promise<void> {
  chmodSync(script, statSync(script).mode | 0o100);
  const [command, args] = script.endsWith('.py')
    ? [process.env['TILTH_PYTHON'] ?? 'python3', [script]]
    : [script, []];
  return new Promise((done, fail) => {
    // a hook's words are for the user and must not mix with our result on standard output
    const child = spawn(command, args, {
      cwd: folder,
      stdio: ['inherit', process.stderr, 'inherit'],
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'ENOEXEC' ? 'it is empty or its first line names no program (#!)' : error.message;
      fail(hookFailed(name, reason));
    });
    child.on('exit', (code, signal) => {
      if (code === 0) done();
      else fail(hookFailed(name, code === null ? `ended by ${signal ?? 'a signal'}` : `exit status ${code}`));
    });
  });
}
