import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const python = process.env['TILTH_TEST_DVC_PYTHON'];

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One machine's two users: one has tilth, one has dvc; each with settings and state of their own. */
export interface Colleagues {
  /** everything of the test lies below */
  readonly root: string;
  /** what both find in their environment; may be added to */
  readonly environment: Record<string, string>;
  /** `tilth dvc …`, must end well unless `fails` */
  readonly tilth: (folder: string, ...args: string[]) => Promise<Outcome>;
  /** the real dvc */
  readonly dvc: (folder: string, ...args: string[]) => Promise<Outcome>;
  readonly git: (folder: string, ...args: string[]) => Promise<Outcome>;
  /** the same without looking at how it ends */
  tries(who: 'tilth' | 'dvc', folder: string, ...args: string[]): Promise<Outcome>;
  /** A new repository of git and dvc below the root. */
  repository(name: string): Promise<string>;
  close(): void;
}

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export function meetColleagues(): Colleagues {
  const root = mkdtempSync(join(tmpdir(), 'tilth remotes '));
  const environment: Record<string, string> = {
    HOME: join(root, 'home'),
    DVC_SITE_CACHE_DIR: join(root, 'site'),
    DVC_GLOBAL_CONFIG_DIR: join(root, 'home', 'global'),
    DVC_SYSTEM_CONFIG_DIR: join(root, 'home', 'system'),
    DVC_NO_ANALYTICS: '1',
    TILTH_HOME: join(root, 'home', 'tilth'),
    GIT_CONFIG_GLOBAL: join(root, 'home', 'gitconfig'),
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.org',
  };
  mkdirSync(join(root, 'home'), { recursive: true });
  const programs = {
    tilth: [process.execPath, main, 'dvc'],
    dvc: [python ?? 'python', '-m', 'dvc'],
    git: ['git'],
  };
  const run = (who: keyof typeof programs, cwd: string, args: readonly string[]): Promise<Outcome> => {
    const [program = '', ...first] = programs[who];
    return runProgram(program, [...first, ...args], cwd, { ...process.env, ...environment });
  };
  const well =
    (who: keyof typeof programs) =>
    async (folder: string, ...args: string[]): Promise<Outcome> => {
      const outcome = await run(who, folder, args);
      assert.equal(outcome.status, 0, `${who} ${args.join(' ')}\n${outcome.stdout}${outcome.stderr}`);
      return outcome;
    };
  const colleagues: Colleagues = {
    root,
    environment,
    tilth: well('tilth'),
    dvc: well('dvc'),
    git: well('git'),
    tries: (who, folder, ...args) => run(who, folder, args),
    async repository(name) {
      const folder = join(root, name);
      mkdirSync(folder, { recursive: true });
      await colleagues.git(folder, 'init', '-q', '-b', 'main');
      await colleagues.tilth(folder, 'init', '-q');
      return folder;
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
  return colleagues;
}

export function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  env = process.env,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...said }));
  });
}

/** Paths of all files below a folder, sorted. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => relative(folder, join(folder, path)))
    .sort();
