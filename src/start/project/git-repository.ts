import { realpathSync } from 'node:fs';
import { TilthError } from '../../platform/errors.ts';
import { runProgram, type ProgramResult } from './programs.ts';

export interface RepositoryRequest {
  readonly folder: string;
  /** signs the first commit where git has no identity configured */
  readonly author: { readonly name: string; readonly email: string };
  readonly message: string;
  /** a file of ours that joins a repository that the template's own hook has just made */
  readonly ours?: string | undefined;
}

export interface Repository {
  /**
   * `there-before`: the folder was a repository already and was left alone; `by-template`: the template's hook made it,
   * and our file was added to it
   */
  readonly outcome: 'created' | 'there-before' | 'by-template';
  /** the newest commit; undefined in a repository without one */
  readonly commit: string | undefined;
  readonly usedAuthorOfAnswers: boolean;
}

/**
 * Makes the project a git repository with everything in its first commit.
 * A repository that is there, with commits of its own, is left as it is.
 *
 * @throws GIT_MISSING, GIT_FAILED with git's words
 */
export async function initRepository(request: RepositoryRequest): Promise<Repository> {
  const git = (...args: string[]): Promise<ProgramResult> =>
    runProgram('git', args, { folder: request.folder });
  const must = async (...args: string[]): Promise<string> => {
    const result = await git(...args);
    if (result.status === 127) throw gitMissing();
    if (result.status === 0) return result.output.trim();
    const said = (result.errorOutput || result.output).trim();
    throw new TilthError(
      'GIT_FAILED',
      400,
      `git ${args[0] ?? ''} failed in ${request.folder}: ${said}`,
      'Correct what git says, then: git init && git add -A && git commit',
    );
  };
  const top = await git('rev-parse', '--show-toplevel');
  const isRepository = top.status === 0 && realpathSync(top.output.trim()) === realpathSync(request.folder);
  if (isRepository && (await git('rev-parse', '--verify', '--quiet', 'HEAD')).status === 0) {
    if (request.ours !== undefined) {
      const { ours } = request;
      await must('add', '--force', '--', ours);
      const usedAuthorOfAnswers = await commit(
        request,
        git,
        must,
        '--message',
        `Remember where the project came from`,
        '--',
        ours,
      );
      return { outcome: 'by-template', commit: await must('rev-parse', 'HEAD'), usedAuthorOfAnswers };
    }
    return {
      outcome: 'there-before',
      commit: await must('rev-parse', 'HEAD'),
      usedAuthorOfAnswers: false,
    };
  }
  if (!isRepository) await must('init', '--quiet', '--initial-branch=main');
  await must('add', '--all');
  const usedAuthorOfAnswers = await commit(request, git, must, '--message', request.message);
  return { outcome: 'created', commit: await must('rev-parse', 'HEAD'), usedAuthorOfAnswers };
}

/** @returns whether git knew nobody, and the commit is in the name of the request's author */
async function commit(
  { author }: RepositoryRequest,
  git: (...args: string[]) => Promise<ProgramResult>,
  must: (...args: string[]) => Promise<string>,
  ...args: string[]
): Promise<boolean> {
  const hasIdentity = (await git('-c', 'user.useConfigOnly=true', 'var', 'GIT_COMMITTER_IDENT')).status === 0;
  const identity = hasIdentity ? [] : ['-c', `user.name=${author.name}`, '-c', `user.email=${author.email}`];
  await must(...identity, 'commit', '--quiet', '--no-verify', ...args);
  return !hasIdentity;
}

export const gitMissing = (): TilthError =>
  new TilthError(
    'GIT_MISSING',
    400,
    'A project is a git repository, and git is not installed; nothing was written.',
    'Install git, or add --no-git.',
  );
