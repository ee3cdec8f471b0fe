import { execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Reproduction } from './reproduce-api.ts';

/** Python with mlflow-skinny, numpy and scikit-learn; a test that needs it fails in CI where it is missing. */
export const python = process.env['TILTH_TEST_PYTHON'] ?? '';
export const needsPython = {
  skip:
    python === '' && process.env['CI'] === undefined
      ? 'needs TILTH_TEST_PYTHON, a Python with mlflow-skinny and scikit-learn'
      : false,
};

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** the first run that it told of */
  readonly runId: string;
}

interface Options {
  readonly environment?: NodeJS.ProcessEnv;
  /** words before the command: as another user */
  readonly through?: readonly string[];
  /** Ctrl-C once it has said this on standard error */
  readonly stopOn?: string;
}

/** A command of ours, or the words that start it, in a process of its own. */
export function tilth(
  address: string,
  folder: string,
  words: readonly string[],
  options: Options = {},
): Promise<Said> {
  const { MLFLOW_RUN_CONTEXT: _context, TILTH_RUN_ID: _run, ...rest } = process.env;
  const own = { TILTH_URL: address, NO_COLOR: '1', OMP_NUM_THREADS: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  const [program, ...before] = [...(options.through ?? []), process.execPath];
  return new Promise((resolve) => {
    const child = spawn(program, [...before, main, ...words], {
      cwd: folder,
      env: { ...rest, ...own, ...options.environment },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      const wasSaid = options.stopOn !== undefined && err.includes(options.stopOn);
      err += chunk.toString();
      if (options.stopOn !== undefined && !wasSaid && err.includes(options.stopOn)) child.kill('SIGINT');
    });
    child.on('close', (code) =>
      resolve({ code, out, err, runId: /\/runs\/([0-9a-f]{32})/.exec(err)?.[1] ?? '' }),
    );
    child.stdin.end();
  });
}

export const git = async (folder: string, ...words: string[]): Promise<string> =>
  (
    await promisify(execFile)('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.org', ...words], {
      cwd: folder,
    })
  ).stdout;

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** A repository with these files in its first commit, and the data of `data.csv` versioned where there is any. */
export async function project(
  address: string,
  folder: string,
  files: Readonly<Record<string, string>>,
  data?: string,
): Promise<string> {
  write(folder, files);
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  if (data !== undefined) {
    write(folder, { 'data.csv': data });
    for (const words of [
      ['data', 'init'],
      ['data', 'add', 'data.csv'],
    ]) {
      const said = await tilth(address, folder, words);
      if (said.code !== 0) throw new Error(said.err);
    }
  }
  await git(folder, 'add', '--all');
  await git(folder, 'commit', '--quiet', '--message', 'first');
  return folder;
}

/** @throws when standard output is no reproduction */
export function reproductionIn(said: Said): Reproduction {
  try {
    return JSON.parse(said.out) as Reproduction;
  } catch {
    throw new Error(`${said.out}\n${said.err}`);
  }
}

/** Numbers that a small model can learn from; the same ones each time. */
export function rows(count: number): string {
  let state = 7;
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const lines = Array.from({ length: count }, () => {
    const [a, b] = [next(), next()];
    return `${a.toFixed(4)},${b.toFixed(4)},${a + b * 0.5 + next() * 0.3 > 0.9 ? 1 : 0}`;
  });
  return `a,b,late\n${lines.join('\n')}\n`;
}

const wheelScript = `
import sys, zipfile
path, version = sys.argv[1:]
info = "tinynumber-" + version + ".dist-info/"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr("tinynumber.py", "value = " + version)
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tinynumber\\nVersion: " + version + "\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "")
`;

export const wheelOf = (folder: string, version: string): string =>
  join(folder, `tinynumber-${version}-py3-none-any.whl`);

/** A package of one module, where pip finds it without a network: `PIP_FIND_LINKS`. */
export async function makeWheel(folder: string, version: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await promisify(execFile)(python, ['-c', wheelScript, wheelOf(folder, version), version]);
}
