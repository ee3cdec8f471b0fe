import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Value } from '../template/jinja/values.ts';
import { startProject } from '../start-project.ts';
import type { UserConfig } from '../template/user-config.ts';
import { applyUpdate, commitUpdate } from './apply-update.ts';
import { prepareUpdate, type UpdateRequest } from './plan-update.ts';
import type { UpdatePlan, UpdateResult } from './update-api.ts';

/** What a file is made to be; null deletes it, `link` makes a link. */
export type FileSpec =
  | string
  | Buffer
  | { readonly link: string }
  | { readonly text: string; readonly isExecutable: boolean }
  | null;
export type FileSpecs = Readonly<Record<string, FileSpec>>;

/** A machine of a test's own: nothing of the developer's git, home or trust is seen. */
export interface Bench {
  readonly folder: string;
  readonly template: string;
  readonly config: UserConfig;
  close(): void;
}

export function createBench(): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'tilth update '));
  const before = { ...process.env };
  const home = join(folder, 'home');
  mkdirSync(home);
  for (const name of Object.keys(process.env)) if (name.startsWith('GIT_')) delete process.env[name];
  Object.assign(process.env, {
    HOME: home,
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.org',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.org',
  });
  const template = join(folder, 'template');
  mkdirSync(template);
  git(template, 'init', '--quiet', '--initial-branch=main');
  return {
    folder,
    template,
    config: {
      defaults: new Map(),
      abbreviations: {},
      cookiecuttersFolder: join(home, 'cookiecutters'),
      replayFolder: join(home, 'replay'),
    },
    close: () => {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const git = (folder: string, ...args: string[]): string =>
  execFileSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  }).trimEnd();

export const gitStatus = (folder: string): string[] =>
  git(folder, 'status', '--porcelain=v1', '--untracked-files=all')
    .split('\n')
    .filter((line) => line !== '');

export function put(folder: string, files: FileSpecs): void {
  for (const [name, spec] of Object.entries(files)) {
    const file = join(folder, name);
    rmSync(file, { recursive: true, force: true });
    if (spec === null) continue;
    mkdirSync(dirname(file), { recursive: true });
    if (typeof spec === 'string' || Buffer.isBuffer(spec)) writeFileSync(file, spec);
    else if ('link' in spec) symlinkSync(spec.link, file);
    else {
      writeFileSync(file, spec.text);
      chmodSync(file, spec.isExecutable ? 0o755 : 0o644);
    }
  }
}

export function commit(folder: string, files: FileSpecs, message = 'change'): string {
  put(folder, files);
  git(folder, 'add', '--all', '--force');
  git(folder, 'commit', '--quiet', '--allow-empty', '--message', message);
  return git(folder, 'rev-parse', 'HEAD');
}

/** Files of the project, in the template's folder for it. */
export const inProject = (files: FileSpecs): FileSpecs =>
  Object.fromEntries(Object.entries(files).map(([name, spec]) => [`{{cookiecutter.slug}}/${name}`, spec]));

/** A version of the template: its variables and the project's files. */
export function publish(
  bench: Bench,
  files: FileSpecs,
  variables: Readonly<Record<string, unknown>> = {},
): string {
  const context = 'slug' in variables ? variables : { slug: 'plot', ...variables };
  return commit(bench.template, {
    'cookiecutter.json': JSON.stringify(context, null, 2),
    ...inProject(files),
  });
}

export async function start(
  bench: Bench,
  answers: Readonly<Record<string, Value>> = {},
  hooks: 'yes' | 'no' = 'yes',
): Promise<string> {
  const started = await startProject({
    source: { template: bench.template },
    config: bench.config,
    outputFolder: bench.folder,
    answers: new Map(Object.entries(answers)),
    ifExists: 'refuse',
    hooks,
    keepsProjectOnFailure: false,
    usesGit: true,
    onLine: () => undefined,
  });
  return started.folder;
}

export type Wish = Partial<UpdateRequest> & { readonly branch?: string; readonly allowsConflicts?: boolean };

export const requestFor = (bench: Bench, folder: string, wish: Wish = {}): UpdateRequest => ({
  folder,
  config: bench.config,
  hooks: 'yes',
  onLine: () => undefined,
  target: wish.branch === undefined ? 'work-tree' : 'branch',
  ...wish,
});

export async function update(bench: Bench, folder: string, wish: Wish = {}): Promise<UpdateResult> {
  const prepared = await prepareUpdate(requestFor(bench, folder, wish));
  try {
    return wish.branch === undefined
      ? await applyUpdate(prepared)
      : await commitUpdate(prepared, wish.branch, wish.allowsConflicts === true);
  } finally {
    prepared.close();
  }
}

export const read = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8');

/** Every file and link of a folder with its mode and content, .git included. */
export function snapshot(folder: string): Record<string, string> {
  const entries: Record<string, string> = {};
  const visit = (at: string): void => {
    for (const entry of readdirSync(join(folder, at), { withFileTypes: true })) {
      const name = at === '' ? entry.name : `${at}/${entry.name}`;
      const path = join(folder, name);
      if (entry.isDirectory()) visit(name);
      else if (entry.isSymbolicLink()) entries[name] = `→ ${readlinkSync(path)}`;
      else
        entries[name] =
          `${(lstatSync(path).mode & 0o777).toString(8)} ${createHash('sha1').update(readFileSync(path)).digest('hex')}`;
    }
  };
  visit('');
  return entries;
}

export const kinds = (plan: UpdatePlan): Record<string, string> =>
  Object.fromEntries(
    plan.changes.map((change) => [
      change.path,
      [change.kind, change.conflict ?? change.kept].filter(Boolean).join(' '),
    ]),
  );

const python = process.env['TILTH_TEST_PYTHON'];

export const needsCruft = {
  skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false,
};

/** The real cruft. */
export function cruft(folder: string, ...args: string[]): { status: number; output: string } {
  const run = spawnSync(python ?? 'python3', ['-m', 'cruft', ...args], { cwd: folder, encoding: 'utf8' });
  return { status: run.status ?? 1, output: run.stdout + run.stderr };
}

const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** Makes a file of so many lines, of which some are given in their changed form: `three changed`. */
export const linesUpTo =
  (count: number) =>
  (...changed: string[]): string =>
    numbers
      .slice(0, count)
      .map((line) => changed.find((each) => each.startsWith(line)) ?? line)
      .join('\n') + '\n';
