import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EngineOptions, Variables } from './engine-options.ts';
import { TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { dumpJson, type Value } from './jinja/values.ts';
import { templateNeedsPython } from './template-errors.ts';

/** The real Jinja2, in a Python of the user's, asked line by line. */
export interface PythonEngine {
  render(template: string, variables: Variables): Promise<string>;
  close(): void;
}

interface Answer {
  readonly ok?: string;
  readonly undefined?: string;
  readonly error?: string;
  /** this Python lacks something */
  readonly missing?: string;
}

/**
 * What runs there. With cookiecutter installed its own environment is used, so its extensions are the original ones;
 * with Jinja2 alone the plain helpers are added.
 */
const worker = String.raw`
import json, sys
from collections import OrderedDict

lines, answers = sys.stdin, sys.stdout
sys.stdout = sys.stderr

def answer(**what):
    answers.write(json.dumps(what) + "\n")
    answers.flush()

def environment(setup):
    sys.path.append(setup["folder"])
    options = dict(setup["environment"])
    options.setdefault("keep_trailing_newline", True)
    from jinja2 import FileSystemLoader
    try:
        from cookiecutter.environment import StrictEnvironment
        made = StrictEnvironment(context={"cookiecutter": {"_extensions": setup["extensions"]}}, **options)
    except ImportError:
        from jinja2 import Environment, StrictUndefined
        made = Environment(undefined=StrictUndefined, extensions=setup["extensions"], **options)
        made.filters["jsonify"] = lambda value, indent=4: json.dumps(value, sort_keys=True, indent=indent)
        import secrets, string, uuid
        made.globals["uuid4"] = lambda: str(uuid.uuid4())
        made.globals["random_ascii_string"] = lambda length, punctuation=False: "".join(
            secrets.choice(string.ascii_letters + (string.punctuation if punctuation else "")) for _ in range(length))
        try:
            from slugify import slugify
            made.filters["slugify"] = slugify
        except ImportError:
            pass
    made.loader = FileSystemLoader(setup["includes"])
    return made

try:
    made = environment(json.loads(lines.readline()))
    from jinja2 import UndefinedError
    answer(ok="ready")
except Exception as fault:
    answer(missing=f"{type(fault).__name__}: {fault}")
    sys.exit(1)

for line in iter(lines.readline, ""):
    asked = json.loads(line)
    values = {name: OrderedDict(value) if isinstance(value, dict) else value for name, value in asked["variables"].items()}
    try:
        answer(ok=made.from_string(asked["template"]).render(**values))
    except UndefinedError as fault:
        answer(undefined=str(fault))
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
  const python = options.python ?? process.env['TILTH_PYTHON'] ?? 'python3';
  const child = spawn(python, ['-c', worker], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONIOENCODING: 'utf-8', PYTHONDONTWRITEBYTECODE: '1' },
  });
  const waiting: ((answer: Answer) => void)[] = [];
  const fail = (missing: string): void => {
    for (const resolve of waiting.splice(0)) resolve({ missing });
  };
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code) => fail(`it ended with ${code}`));
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) =>
    waiting.shift()?.(JSON.parse(line) as Answer),
  );
  const ask = (line: string): Promise<Answer> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(`${line}\n`);
    });

  const setup = new Map<Value, Value>([
    ['folder', options.templateFolder],
    ['includes', [...options.includeFolders]],
    ['extensions', [...options.extensions]],
    ['environment', new Map<Value, Value>(options.environment)],
  ]);
  const ready = await ask(dumpJson(setup, undefined, false));
  if (ready.ok === undefined)
    throw templateNeedsPython(`${reason}; ${ready.missing ?? ready.error ?? ''}`, python);
  return {
    async render(template, variables) {
      const request = new Map<Value, Value>([
        ['template', template],
        ['variables', new Map<Value, Value>(variables)],
      ]);
      const answer = await ask(dumpJson(request, undefined, false));
      if (answer.ok !== undefined) return answer.ok;
      if (answer.undefined !== undefined) throw new UndefinedUsed(answer.undefined);
      if (answer.missing !== undefined) throw templateNeedsPython(`${reason}; ${answer.missing}`, python);
      throw new TemplateFault(answer.error ?? 'no answer');
    },
    close: () => {
      child.stdin.end();
    },
  };
}
