import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findUp, userHome } from '../../platform/home.ts';
import { configOf, mergedSections, mergeSections, withPaths, type DvcConfig } from '../dvc-files/config.ts';
import { readConfigText } from '../dvc-files/config-text.ts';
import { revisionTree, workingTree, type FileTree } from '../dvc-files/file-tree.ts';
import { repositoryAt, type Repository } from '../dvc-files/repository.ts';
import { commitOf } from '../dvc-files/revision.ts';
import { readIndex, type Index } from '../dvc-files/stored.ts';
import { foreignUnreachable, foreignWithoutCommit } from './remote-errors.ts';

/** Another git repository at one commit, whether it has data under dvc or not. */
export interface ForeignRepository {
  readonly url: string;
  readonly commit: string;
  readonly repository: Repository;
  readonly tree: FileTree;
  /** what it records */
  readonly index: Index;
  /** true: it lies on this machine, with a cache of its own */
  readonly isHere: boolean;
}

export interface ForeignOptions {
  /** what git understands; the default branch, or of a folder what is checked out, when it is left out */
  readonly rev?: string | undefined;
  /** that a relative path starts from */
  readonly folder: string;
  /** true: of a folder on this machine without `rev`, what is there now counts, committed or not */
  readonly mayBeUncommitted?: boolean;
  /** the remote to bring its data from, instead of its default one */
  readonly remote?: string | undefined;
}

/**
 * Opens another repository: a folder as it is, an address by a copy without working tree that is kept for the next time.
 * Only what is committed counts, unless `mayBeUncommitted`.
 *
 * @throws FOREIGN_REPOSITORY_UNREACHABLE, GIT_REVISION_UNKNOWN, DVC_FILE_UNREADABLE
 */
export async function openForeign(
  url: string,
  { rev, folder, mayBeUncommitted }: ForeignOptions,
): Promise<ForeignRepository> {
  const path = resolve(folder, url.replace(/^file:\/\//, ''));
  const isHere = existsSync(path) && statSync(path).isDirectory();
  const root = isHere ? rootOf(path) : await mirrorOf(url, rev);
  const plain = repositoryAt(root);
  if (isHere && rev === undefined && mayBeUncommitted === true) {
    const tree = workingTree(plain);
    return { url, commit: 'now', repository: plain, tree, index: readIndex(plain, tree), isHere };
  }
  if (commitOf(root, rev ?? 'HEAD') === undefined && rev === undefined) throw foreignWithoutCommit(url);
  const tree = revisionTree(plain, rev ?? 'HEAD');
  const repository = { ...plain, config: configAt(plain, tree, isHere) };
  return { url, commit: tree.commit ?? '', repository, tree, index: readIndex(repository, tree), isHere };
}

/** The folder of its `.dvc`, or where it has none, of its git. */
const rootOf = (path: string): string => findUp('.dvc', path) ?? findUp('.git', path) ?? path;

/** A folder has settings of its own, local ones too; of a copy only what was committed is known. */
function configAt(repository: Repository, tree: FileTree, isHere: boolean): DvcConfig {
  if (isHere) return repository.config;
  const sections = mergedSections(repository.folder, 'repo');
  const text = tree.readText('.dvc/config');
  const own = withPaths(readConfigText(text ?? '', '.dvc/config'), (one) =>
    /^\w+:\/\//.test(one) ? one : resolve(repository.folder, one),
  );
  mergeSections(sections, own);
  return configOf(sections, repository.folder);
}

/** A copy of the repository at `url`, brought up to date unless it has the very commit that is asked for. */
async function mirrorOf(url: string, rev: string | undefined): Promise<string> {
  const copy = join(userHome(), 'repositories', hash('md5', url));
  if (existsSync(copy)) {
    const isKnown = rev !== undefined && /^[0-9a-f]{40}$/.test(rev) && commitOf(copy, rev) !== undefined;
    if (!isKnown)
      await runGit(url, [
        '-C',
        copy,
        'fetch',
        '-q',
        '--prune',
        '--tags',
        'origin',
        '+refs/heads/*:refs/heads/*',
      ]);
    return copy;
  }
  mkdirSync(dirname(copy), { recursive: true });
  const draft = `${copy}.${process.pid}.tmp`;
  try {
    await runGit(url, ['clone', '-q', '--bare', '--', url, draft]);
    if (existsSync(copy)) rmSync(draft, { recursive: true });
    else renameSync(draft, copy);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return copy;
}

function runGit(url: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, { stdio: ['inherit', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('error', (reason) => reject(foreignUnreachable(url, reason.message)));
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(foreignUnreachable(url, said.trim().split('\n').at(-1) ?? '')),
    );
  });
}
