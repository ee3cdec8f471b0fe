import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineOptions, Variables } from './engine-options.ts';
import { render } from './jinja/evaluate.ts';
import { EngineCannot, TemplateFault } from './jinja/faults.ts';
import { defaultSyntax, type Syntax } from './jinja/lexer.ts';
import { truth } from './jinja/values.ts';
import { startPythonEngine, type PythonEngine } from './python-engine.ts';

export interface TemplateEngine {
  /** Renders what stands alone, as a variable or a hook: it can't include other templates. */
  render(template: string, variables: Variables): Promise<string>;
  /**
   * Renders a file of the template, or its name: it may include what is in `root` and in `templates` beside it.
   *
   * @param file the file's path, which some of Jinja2's messages say; none for a name
   */
  renderInside(root: string, template: string, variables: Variables, file?: string): Promise<string>;
  readonly syntax: Syntax;
  /** why Python was asked; undefined when it was not needed */
  readonly askedPythonFor: string | undefined;
  close(): void;
}

/** Extensions that our engine has, with the tags they bring. */
const builtIn: Readonly<Record<string, readonly string[]>> = {
  'jinja2.ext.do': ['do'],
  'jinja2.ext.ExprStmtExtension': ['do'],
  'jinja2.ext.loopcontrols': ['break', 'continue'],
  'jinja2.ext.LoopControlExtension': ['break', 'continue'],
  'jinja2_time.TimeExtension': [],
  'cookiecutter.extensions.JsonifyExtension': [],
  'cookiecutter.extensions.RandomStringExtension': [],
  'cookiecutter.extensions.SlugifyExtension': [],
  'cookiecutter.extensions.TimeExtension': [],
  'cookiecutter.extensions.UUIDExtension': [],
};

const texts: Readonly<Record<string, keyof Syntax>> = {
  block_start_string: 'blockStart',
  block_end_string: 'blockEnd',
  variable_start_string: 'variableStart',
  variable_end_string: 'variableEnd',
  comment_start_string: 'commentStart',
  comment_end_string: 'commentEnd',
};
const switches: Readonly<Record<string, keyof Syntax>> = {
  trim_blocks: 'trimBlocks',
  lstrip_blocks: 'lstripBlocks',
};

/** Our own engine, and the real Jinja2 in the user's Python for what ours isn't sure of. */
export function createEngine(options: EngineOptions): TemplateEngine {
  const syntax = syntaxOf(options);
  const now = options.now ?? ((): Date => new Date());
  let reason = needsPython(options);
  let python: Promise<PythonEngine> | undefined;

  const rendered = async (
    template: string,
    variables: Variables,
    root: string | undefined,
    file: string | undefined,
  ): Promise<string> => {
    if (reason === undefined) {
      try {
        return render(template, variables, { syntax, name: file, now, load: (name) => loadFrom(root, name) });
      } catch (thrown) {
        if (!(thrown instanceof EngineCannot)) throw thrown;
        reason = thrown.message;
      }
    }
    python ??= startPythonEngine(options, reason);
    return (await python).render(template, variables, root, file);
  };
  return {
    syntax,
    get askedPythonFor() {
      return python === undefined ? undefined : reason;
    },
    render: (template, variables) => rendered(template, variables, undefined, undefined),
    renderInside: (root, template, variables, file) => rendered(template, variables, root, file),
    close() {
      python?.then(
        (engine) => engine.close(),
        () => undefined,
      );
    },
  };
}

/** Why our own engine won't do, known before anything is rendered. */
function needsPython({ engine, environment, extensions }: EngineOptions): string | undefined {
  if (engine === 'python') return 'it was asked to render with Python';
  for (const [name, value] of environment) {
    const isKnown = Object.hasOwn(texts, name)
      ? typeof value === 'string' && value !== ''
      : Object.hasOwn(switches, name);
    if (!isKnown) return `_jinja2_env_vars sets ${name}`;
  }
  const unknown = extensions.find((extension) => !Object.hasOwn(builtIn, extension));
  return unknown === undefined ? undefined : `_extensions names ${unknown}`;
}

function syntaxOf({ environment, extensions }: EngineOptions): Syntax {
  const set: Record<string, string | boolean> = {};
  for (const [name, value] of environment) {
    const text = texts[name];
    const flag = switches[name];
    if (text !== undefined && typeof value === 'string') set[text] = value;
    else if (flag !== undefined) set[flag] = truth(value);
  }
  const extraTags = new Set(extensions.flatMap((extension) => builtIn[extension] ?? []));
  return { ...defaultSyntax, ...set, extraTags };
}

function loadFrom(root: string | undefined, name: string): string | undefined {
  if (root === undefined) throw new TemplateFault('no loader for this environment specified');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return undefined;
  for (const folder of [root, join(root, '..', 'templates')]) {
    const file = join(folder, ...parts);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return decodeText(readFileSync(file));
  }
  return undefined;
}

/** @throws TemplateFault for what isn't UTF-8, in Python's words */
export function decodeText(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new TemplateFault("'utf-8' codec can't decode it: it is neither UTF-8 text nor known as binary", {
      cause,
    });
  }
}
