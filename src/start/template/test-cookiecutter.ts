import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const python = process.env['TILTH_TEST_PYTHON'];

export const needsCookiecutter = {
  skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false,
};

export function testPython(): string {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with cookiecutter');
  return python;
}

/** What a script prints as JSON when it is given `input` as JSON. */
export function askPython(script: string, input: unknown, environment: NodeJS.ProcessEnv = {}): unknown {
  const run = spawnSync(testPython(), ['-c', script], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...environment },
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

/** One call of the real `cookiecutter` command. */
export interface CookiecutterCall {
  readonly args: readonly string[];
  readonly folder: string;
  readonly home: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** what is typed */
  readonly input?: string;
}

export interface CookiecutterAnswer {
  readonly status: number;
  /** standard output, then standard error */
  readonly output: string;
  /** the last line of a traceback, without the name of its exception */
  readonly exception: string | undefined;
}

// the libraries are imported once; each call forks, so that the home folder is read anew as in a process of its own
const driver = `
import json, os, sys, io, contextlib
import click, jinja2, yaml, requests, rich.prompt, arrow, slugify, binaryornot, zipfile, urllib3, multiprocessing
import rich.console, rich.markup, logging, shutil, subprocess, tempfile
for line in sys.stdin:
    call = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(writer, 1); os.dup2(writer, 2)
        typed, typing = os.pipe()
        os.write(typing, call.get('input', '').encode()); os.close(typing)
        os.dup2(typed, 0)
        sys.stdin = io.TextIOWrapper(open(0, 'rb', closefd=False))
        sys.stdout = io.TextIOWrapper(open(1, 'wb', 0, closefd=False), write_through=True)
        sys.stderr = io.TextIOWrapper(open(2, 'wb', 0, closefd=False), write_through=True)
        for name in ('COOKIECUTTER_CONFIG', 'COOKIECUTTER_REPO_PASSWORD'): os.environ.pop(name, None)
        os.environ.update(call.get('environment', {}), HOME=call['home'], LC_ALL='C.UTF-8')
        os.chdir(call['folder'])
        code = 1
        try:
            from cookiecutter.cli import main
            main(args=call['args'], prog_name='cookiecutter')
            code = 0
        except SystemExit as stop:
            code = (stop.code or 0) if isinstance(stop.code, int) or stop.code is None else 1
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(code & 255)
    os.close(writer)
    with open(reader, 'rb') as pipe: output = pipe.read()
    _, status = os.waitpid(child, 0)
    print(json.dumps({'status': os.waitstatus_to_exitcode(status), 'output': output.decode('utf-8', 'replace')}), flush=True)
`;

/** The real cookiecutter of a Python, called as often as a test wants. */
export function realCookiecutter(): {
  run(call: CookiecutterCall): Promise<CookiecutterAnswer>;
  close(): void;
} {
  const child: ChildProcess = spawn(testPython(), ['-c', driver], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const next = waiting.shift();
      if (next === undefined) answers.push(line);
      else next(line);
    });
  return {
    async run(call) {
      child.stdin?.write(`${JSON.stringify(call)}\n`);
      const line = answers.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
      const { status, output } = JSON.parse(line) as { status: number; output: string };
      const last = output.trimEnd().split('\n').at(-1) ?? '';
      const exception = output.includes('Traceback') ? /^[\w.]+: (.*)$/.exec(last)?.[1] : undefined;
      return { status, output, exception };
    },
    close: () => child.stdin?.end(),
  };
}
