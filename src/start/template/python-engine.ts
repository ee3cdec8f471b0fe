import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TilthError } from '../../platform/errors.ts';
import type { EngineOptions, Variables } from './engine-options.ts';
import { TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { OrderedDict, dumpJson, type Value } from './jinja/values.ts';
import { userPython } from './user-python.ts';
import { reachesPython, templateNeedsPython } from './template-errors.ts';

/** The real Jinja2, in a Python of the user's, asked line by line. */
export interface PythonEngine {
  /**
   * @param root folder it is rendered in and may include from; undefined: where we are, with no includes
   * @param file its path below `root`; undefined for what isn't a file
   */
  render(
    template: string,
    variables: Variables,
    root: string | undefined,
    file: string | undefined,
  ): Promise<string>;
  close(): void;
}

interface Answer {
  readonly ok?: string;
  readonly undefined?: string;
  readonly error?: string;
  /** this Python lacks something */
  readonly missing?: string;
  /** it would reach what templates don't need */
  readonly unsafe?: string;
}

/**
 * What runs there: cookiecutter's own environment. A template that stands alone has no loader and is rendered where
 * the user is; one of the template's folder is rendered in that folder, which extensions look at.
 * From any value a template can climb to all of Python: one that may run no code of its own is kept in Jinja2's sandbox.
 */
const worker = String.raw`
import json, os, sys
from collections import OrderedDict

lines, answers = sys.stdin, sys.stdout
sys.stdout = sys.stderr

def answer(**what):
    answers.write(json.dumps(what) + "\n")
    answers.flush()

def values(pairs):
    return OrderedDict(pairs[0][1]) if len(pairs) == 1 and pairs[0][0] == "\0ordered" else dict(pairs)

def asked(line):
    return json.loads(line, object_pairs_hook=values)

setup = asked(lines.readline())
sys.path = [folder for folder in sys.path if folder != ""]
sys.path.append(setup["folder"])
try:
    from cookiecutter.environment import StrictEnvironment
    from cookiecutter.exceptions import UnknownExtension
    from jinja2 import FileSystemLoader, UndefinedError
    from jinja2.sandbox import SandboxedEnvironment, SecurityError
except ImportError as fault:
    answer(missing=f"{type(fault).__name__}: {fault}")
    sys.exit(1)
class Sandbox(StrictEnvironment, SandboxedEnvironment):
    pass

Environment = StrictEnvironment if setup["mayRunCode"] else Sandbox
try:
    extensions = {"cookiecutter": {"_extensions": setup["extensions"]}}
    made = Environment(context=extensions, keep_trailing_newline=True, **setup["environment"])
except UnknownExtension as fault:
    answer(missing=str(fault))
    sys.exit(1)
except Exception as fault:
    answer(error=f"{type(fault).__name__}: {fault}")
    sys.exit(1)
answer(ok="ready")

loader = FileSystemLoader([".", "../templates"])
home = os.getcwd()
for line in iter(lines.readline, ""):
    request = asked(line)
    root = request["root"]
    os.chdir(home if root is None else root)
    made.loader = None if root is None else loader
    try:
        file = request["file"]
        template = made.from_string(request["template"]) if file is None else made.get_template(file)
        answer(ok=template.render(**request["variables"]))
    except UndefinedError as fault:
        answer(undefined=str(fault))
    except SecurityError as fault:
        answer(unsafe=str(fault))
    except Exception as fault:
        answer(error=f"{type(fault).__name__}: {fault}")
`;

/**
 * Starts the Python worker.
 *
 * @param reason why it is needed, for the message when it can't be had
 * @throws TEMPLATE_NEEDS_PYTHON
 */
export async function startPythonEngine(options: EngineOptions, reason: string): Promise<PythonEngine> {
  const python = options.python ?? userPython();
  const child = spawn(python, ['-c', worker], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONIOENCODING: 'utf-8', PYTHONDONTWRITEBYTECODE: '1' },
  });
  const waiting: ((answer: Answer) => void)[] = [];
  let ended: string | undefined;
  const end = (missing: string): void => {
    ended ??= missing;
    for (const resolve of waiting.splice(0)) resolve({ missing });
  };
  child.on('error', (error) => end(error.message));
  child.on('close', (code) => end(`it ended with ${code}`));
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) =>
    waiting.shift()?.(JSON.parse(line) as Answer),
  );
  const ask = (line: string): Promise<Answer> =>
    new Promise((resolve) => {
      if (ended !== undefined) {
        resolve({ missing: ended });
        return;
      }
      waiting.push(resolve);
      child.stdin.write(`${line}\n`);
    });

  const ready = await ask(
    asLine([
      ['folder', options.templateFolder],
      ['mayRunCode', options.mayRunCode === true],
      ['extensions', [...options.extensions]],
      ['environment', new Map<Value, Value>(options.environment)],
    ]),
  );
  const needs = (missing: string | undefined): TilthError =>
    templateNeedsPython(`${reason}; ${missing ?? 'no answer'}`, python);
  if (ready.error !== undefined) throw new TemplateFault(ready.error);
  if (ready.ok === undefined) throw needs(ready.missing);
  return {
    async render(template, variables, root, file) {
      const answer = await ask(
        asLine([
          ['template', template],
          ['variables', new Map<Value, Value>(variables)],
          ['root', root ?? null],
          ['file', file ?? null],
        ]),
      );
      if (answer.ok !== undefined) return answer.ok;
      if (answer.undefined !== undefined) throw new UndefinedUsed(answer.undefined);
      if (answer.unsafe !== undefined) throw reachesPython(answer.unsafe);
      if (answer.error !== undefined) throw new TemplateFault(answer.error);
      throw needs(answer.missing);
    },
    close: () => {
      child.stdin.end();
    },
  };
}

const asLine = (request: readonly (readonly [string, Value])[]): string =>
  dumpJson(marked(new Map<Value, Value>(request)), undefined, false);

/** JSON can't tell an OrderedDict from a dict, and templates can: their errors name it. */
function marked(value: Value): Value {
  if (Array.isArray(value)) return value.map(marked);
  if (!(value instanceof Map)) return value;
  const entries = [...value].map(([key, item]): [Value, Value] => [key, marked(item)]);
  return value instanceof OrderedDict ? new Map<Value, Value>([['\0ordered', entries]]) : new Map(entries);
}
