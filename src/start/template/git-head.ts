import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { runProgram } from '../project/programs.ts';
import { gitEnvironment } from './fetch-program.ts';
import { isFolder } from './file-kind.ts';

/** The git work tree a folder lies in, and the commit that is checked out there. */
export interface GitHead {
  readonly workTree: string;
  /** undefined before the first commit */
  readonly commit: string | undefined;
}

/**
 * Reads git's own files, which takes no process; git is asked only where they are of a kind not known here.
 *
 * @see https://git-scm.com/docs/gitrepository-layout
 */
export async function readHead(folder: string): Promise<GitHead | undefined> {
  let workTree = realpathSync(folder);
  for (;;) {
    const gitFolder = gitFolderOf(workTree);
    if (gitFolder !== undefined) {
      const commit = commitOf(gitFolder);
      return commit === 'ask git' ? askGit(folder) : { workTree, commit };
    }
    const parent = dirname(workTree);
    if (parent === workTree) return undefined;
    workTree = parent;
  }
}

/** `.git` is a folder, or a file that names one: in linked work trees and submodules. */
function gitFolderOf(workTree: string): string | undefined {
  const git = join(workTree, '.git');
  const folder = isFolder(git) ? git : readText(git)?.match(/^gitdir: (.+)$/m)?.[1];
  const path = folder === undefined ? undefined : resolve(workTree, folder);
  return path !== undefined && existsSync(join(path, 'HEAD')) ? path : undefined;
}

function commitOf(gitFolder: string): string | undefined {
  const head = readText(join(gitFolder, 'HEAD'))?.trim() ?? '';
  if (isHash(head)) return head;
  const reference = /^ref: (refs\/heads\/.+)$/.exec(head)?.[1];
  // refs/heads/.invalid stands there where the references are kept in a table
  if (reference === undefined || reference.includes('/.')) return 'ask git';
  const common = resolve(gitFolder, readText(join(gitFolder, 'commondir'))?.trim() ?? '.');
  const loose = readText(join(common, reference))?.trim();
  if (loose !== undefined) return isHash(loose) ? loose : 'ask git';
  const packed = readText(join(common, 'packed-refs'))?.split('\n') ?? [];
  return packed.find((line) => line.endsWith(` ${reference}`))?.split(' ')[0];
}

const isHash = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function askGit(folder: string): Promise<GitHead | undefined> {
  const answer = await runProgram('git', ['-C', folder, 'rev-parse', '--show-toplevel', 'HEAD'], {
    environment: gitEnvironment(),
  });
  const [workTree, commit] = answer.status === 0 ? answer.output.split('\n') : [];
  return workTree === undefined ? undefined : { workTree, commit };
}
