import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { readConfig, type DvcConfig } from './config.ts';
import { notARepository } from './dvc-errors.ts';

/** A folder with `.dvc`, usually a git repository too. */
export interface Repository {
  readonly root: string;
  /** `.dvc` */
  readonly folder: string;
  /** `.dvc/cache/files/md5`, or where `cache.dir` puts it */
  readonly cache: string;
  /** dvc's settings, as they were when the repository was opened */
  readonly config: DvcConfig;
  /** `.dvc/tmp/tilth`: what we remember between commands; safe to delete */
  readonly state: string;
  readonly lock: string;
}

/** A repository at `root`, whether it has a `.dvc` or not. */
export function repositoryAt(root: string): Repository {
  const folder = join(root, '.dvc');
  const config = readConfig(folder);
  return {
    root,
    folder,
    config,
    cache: join(config.cacheFolder, 'files', 'md5'),
    state: join(folder, 'tmp', 'tilth'),
    lock: join(folder, 'tmp', 'lock'),
  };
}

/**
 * The repository that holds `folder`.
 *
 * @throws DVC_REPOSITORY_MISSING
 */
export function openRepository(folder: string): Repository {
  const root = findUp('.dvc', folder);
  if (root === undefined) throw notARepository(resolve(folder));
  return repositoryAt(root);
}

/**
 * Writes what `dvc init` writes, and stages it in git where there is one; an existing repository stays as it is.
 *
 * @param mayUseGit false: as with `--no-scm`. A repository that is not in git has to say so, or dvc refuses to read it
 */
export function initRepository(folder: string, mayUseGit = true): Repository {
  const repository = repositoryAt(resolve(folder));
  const usesGit = mayUseGit && isGit(repository.root);
  const files = {
    ...(usesGit ? { '.dvc/.gitignore': '/config.local\n/tmp\n/cache\n' } : {}),
    '.dvc/config': usesGit ? '' : '[core]\n    no_scm = True\n',
    '.dvcignore':
      '# One pattern per line, written as in .gitignore: files that match are left out\n' +
      '# when a folder is hashed and never reach the cache or a remote.\n',
  };
  mkdirSync(join(repository.folder, 'tmp'), { recursive: true });
  const written = Object.entries(files).filter(([name]) => !existsSync(join(repository.root, name)));
  for (const [name, text] of written) writeFileSync(join(repository.root, name), text);
  const marker = join(repository.folder, 'tmp', 'btime');
  if (!existsSync(marker)) writeFileSync(marker, '');
  if (usesGit && written.length > 0) git(repository.root, ['add', '--', ...written.map(([name]) => name)]);
  return repository;
}

/** Path relative to the repository, with `/`. */
export const repositoryPath = (repository: Repository, path: string): string =>
  relative(repository.root, path).split(sep).join('/');

export const isGit = (folder: string): boolean => findUp('.git', folder) !== undefined;

/** @returns the exit status and standard output of a git command */
export function git(folder: string, args: readonly string[]): { status: number; output: string } {
  const done = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status: done.status ?? 1, output: done.stdout ?? '' };
}

/** The commit the working tree stands on. */
export function headCommit(folder: string): string | undefined {
  const { status, output } = git(folder, ['rev-parse', '--verify', '-q', 'HEAD']);
  return status === 0 ? output.trim() : undefined;
}

/** Keeps data out of git: appends `/name` to the `.gitignore` beside it, unless git ignores it already. */
export function ignoreInGit(path: string): 'added' | 'already-ignored' | 'no-git' {
  const folder = dirname(path);
  if (!isGit(folder)) return 'no-git';
  if (git(folder, ['check-ignore', '-q', '--', basename(path)]).status === 0) return 'already-ignored';
  const file = join(folder, '.gitignore');
  const line = ignorePattern(basename(path));
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (before.split('\n').includes(line)) return 'already-ignored';
  appendFileSync(file, `${before === '' || before.endsWith('\n') ? '' : '\n'}${line}\n`);
  return 'added';
}

/** Those of `files`, absolute, that git leaves out; a record among them would be seen by nobody. */
export function ignoredByGit({ root, config }: Repository, files: readonly string[]): string[] {
  if (files.length === 0 || config.noScm || !isGit(root)) return [];
  const { output } = git(root, ['-c', 'core.quotePath=false', 'check-ignore', '--', ...files]);
  return output.split('\n').filter((path) => path !== '');
}

/** The line of `.gitignore` for a name beside it; characters that a pattern reads in its own way are escaped. */
export const ignorePattern = (name: string): string => `/${name.replace(/[[\]!*#?]/g, (one) => `\\${one}`)}`;

/** Files of `paths` that git itself keeps; data can't live in both. */
export function trackedByGit(folder: string, path: string): boolean {
  if (!isGit(folder)) return false;
  const { status, output } = git(folder, ['ls-files', '--', path]);
  return status === 0 && output !== '';
}
