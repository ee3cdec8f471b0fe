import { readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { EngineOptions, Variables } from './engine-options.ts';
import { render } from './jinja/evaluate.ts';
import { EngineCannot } from './jinja/faults.ts';
import { defaultSyntax, type Syntax } from './jinja/lexer.ts';
import { truth } from './jinja/values.ts';
import { startPythonEngine, type PythonEngine } from './python-engine.ts';

export interface TemplateEngine {
  render(template: string, variables: Variables): Promise<string>;
  readonly syntax: Syntax;
  /** why Python was asked; undefined when it was not needed */
  readonly askedPythonFor: string | undefined;
  close(): void;
}

const builtIn = new Set([
  'jinja2.ext.do',
  'jinja2.ext.loopcontrols',
  'jinja2.ext.with_',
  'jinja2_time.TimeExtension',
  'cookiecutter.extensions.JsonifyExtension',
  'cookiecutter.extensions.RandomStringExtension',
  'cookiecutter.extensions.SlugifyExtension',
  'cookiecutter.extensions.TimeExtension',
  'cookiecutter.extensions.UUIDExtension',
]);

const settings: Readonly<Record<string, keyof Syntax>> = {
  block_start_string: 'blockStart',
  block_end_string: 'blockEnd',
  variable_start_string: 'variableStart',
  variable_end_string: 'variableEnd',
  comment_start_string: 'commentStart',
  comment_end_string: 'commentEnd',
  trim_blocks: 'trimBlocks',
  lstrip_blocks: 'lstripBlocks',
};

/** Our own engine, and the real Jinja2 in the user's Python for what ours isn't sure of. */
export function createEngine(options: EngineOptions): TemplateEngine {
  let reason: string | undefined;
  let python: Promise<PythonEngine> | undefined;
  const syntax: Record<string, string | boolean> = { ...defaultSyntax };
  for (const [name, value] of options.environment) {
    const known = settings[name];
    if (known === undefined) reason = `_jinja2_env_vars sets ${name}`;
    else syntax[known] = typeof value === 'string' ? value : truth(value);
  }
  const extension = options.extensions.find((each) => !builtIn.has(each));
  if (extension !== undefined) reason = `_extensions names ${extension}`;
  const known = syntax as unknown as Syntax;
  const surroundings = {
    syntax: known,
    now: options.now ?? ((): Date => new Date()),
    load: (name: string) => loadFrom(options.includeFolders, name),
  };
  return {
    syntax: known,
    get askedPythonFor() {
      return python === undefined ? undefined : reason;
    },
    async render(template, variables) {
      if (reason === undefined) {
        try {
          return render(template, variables, surroundings);
        } catch (thrown) {
          if (!(thrown instanceof EngineCannot)) throw thrown;
          reason = thrown.message;
        }
      }
      python ??= startPythonEngine(options, reason);
      return (await python).render(template, variables);
    },
    close() {
      python?.then(
        (engine) => engine.close(),
        () => undefined,
      );
    },
  };
}

function loadFrom(folders: readonly string[], name: string): string | undefined {
  for (const folder of folders) {
    const file = resolve(join(folder, name));
    if (!file.startsWith(resolve(folder) + sep)) continue;
    try {
      return readFileSync(file, 'utf8');
    } catch {
      // the next folder may have it
    }
  }
  return undefined;
}
