import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packagePath } from '../../../src/platform/package-root.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A colleague with a home of their own, who works with one of the two tools or with git. */
export interface Person {
  readonly name: 'tilth' | 'dvc';
  readonly environment: NodeJS.ProcessEnv;
  /** Runs dvc's words with this person's tool, whatever becomes of them. */
  readonly tries: (folder: string, ...args: string[]) => Promise<Ended>;
  /** The same, when they must succeed. @returns standard output */
  readonly does: (folder: string, ...args: string[]) => Promise<string>;
  /** Standard output read as JSON. */
  readonly asks: (folder: string, ...args: string[]) => Promise<unknown>;
  readonly git: (folder: string, ...args: string[]) => Promise<string>;
  readonly leave: () => void;
}

const dvcPython = process.env['TILTH_TEST_DVC_PYTHON'];

/** The two of them, each with a home inside `root`. `TILTH_TEST_ONLY_DVC=1` lets both use dvc: a check of the tests themselves. */
export function twoPeople(root: string): {
  readonly ours: Person;
  readonly theirs: Person;
  readonly leave: () => void;
} {
  const ours =
    process.env['TILTH_TEST_ONLY_DVC'] === '1' ? withDvc(join(root, 'ours')) : withTilth(join(root, 'ours'));
  const theirs = withDvc(join(root, 'theirs'));
  return {
    ours,
    theirs,
    leave: () => {
      ours.leave();
      theirs.leave();
    },
  };
}

export const launcher = packagePath('bin', 'tilth.js');

export function withTilth(home: string, program: string = launcher): Person {
  const environment = environmentOf(home);
  const tries = (folder: string, ...args: string[]): Promise<Ended> =>
    ended(process.execPath, [program, 'dvc', ...args], folder, environment);
  return personOf('tilth', environment, tries, () => undefined);
}

export function withDvc(home: string): Person {
  const environment = environmentOf(home);
  let server: { readonly child: ChildProcess; readonly lines: AsyncIterator<string> } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const start = (): NonNullable<typeof server> => {
    assert.ok(dvcPython !== undefined, 'TILTH_TEST_DVC_PYTHON must name a Python with dvc');
    const child = spawn(dvcPython, [join(import.meta.dirname, 'dvc_server.py')], {
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  };
  const once = async (folder: string, args: readonly string[]): Promise<Ended> => {
    server ??= start();
    server.child.stdin?.write(`${JSON.stringify({ cwd: folder, args })}\n`);
    const { value, done } = await server.lines.next();
    assert.ok(done !== true, `dvc ${args.join(' ')}: its process has ended`);
    return JSON.parse(value) as Ended;
  };
  const tries = (folder: string, ...args: string[]): Promise<Ended> => {
    const next = last.then(() => once(folder, args));
    last = next.catch(() => undefined);
    return next;
  };
  return personOf('dvc', environment, tries, () => server?.child.stdin?.end());
}

function personOf(
  name: Person['name'],
  environment: NodeJS.ProcessEnv,
  tries: Person['tries'],
  leave: Person['leave'],
): Person {
  const does: Person['does'] = async (folder, ...args) => {
    const { code, stdout, stderr } = await tries(folder, ...args);
    assert.equal(code, 0, `${name}: dvc ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };
  const asks: Person['asks'] = async (folder, ...args) => {
    const text = await does(folder, ...args);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return assert.fail(`${name}: dvc ${args.join(' ')} printed no JSON: ${JSON.stringify(text)}`);
    }
  };
  const git: Person['git'] = async (folder, ...args) => {
    const { code, stdout, stderr } = await ended('git', args, folder, environment);
    assert.equal(code, 0, `git ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };
  return { name, environment, tries, does, asks, git, leave };
}

/** Nobody's settings but this person's own, no usage reports, and no server that happens to run here. */
function environmentOf(home: string): NodeJS.ProcessEnv {
  mkdirSync(home, { recursive: true });
  const gitConfig = join(home, '.gitconfig');
  if (!existsSync(gitConfig))
    writeFileSync(
      gitConfig,
      '[user]\n\tname = Ana\n\temail = ana@example.org\n[init]\n\tdefaultBranch = main\n[core]\n\tquotePath = false\n[commit]\n\tgpgSign = false\n[gc]\n\tauto = 0\n[protocol "file"]\n\tallow = always\n[safe]\n\tdirectory = *\n',
    );
  return {
    PATH: process.env['PATH'],
    LANG: 'C.UTF-8',
    TMPDIR: process.env['TMPDIR'],
    CI: process.env['CI'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    HOME: home,
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_DIRS: join(home, 'system'),
    DVC_SITE_CACHE_DIR: join(home, 'dvc-site'),
    DVC_NO_ANALYTICS: '1',
    TILTH_URL: 'http://127.0.0.1:9',
    TILTH_TOKEN: '',
    PYTHONWARNINGS: 'ignore',
    COLUMNS: '200',
    OMP_NUM_THREADS: '1',
  };
}

/** Runs any program to its end. */
export function ended(
  command: string,
  args: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv,
  ids: { readonly uid?: number; readonly gid?: number } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...ids,
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
}
