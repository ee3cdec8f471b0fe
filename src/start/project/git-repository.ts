import { realpathSync } from 'node:fs';
import { TilthError } from '../../platform/errors.ts';
import { runProgram, type ProgramResult } from './programs.ts';

export interface RepositoryRequest {
  readonly folder: string;
  /** signs the first commit where git has no identity configured */
  readonly author: { readonly name: string; readonly email: string };
  readonly message: string;
}

export interface Repository {
  /** `there-before`: the folder was a repository already and was left alone */
  readonly outcome: 'created' | 'there-before';
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
  const version = await git('--version');
  if (version.status === 127) {
    throw new TilthError(
      'GIT_MISSING',
      400,
      'A project is a git repository, and git is not installed.',
      'Install git, or add --no-git.',
    );
  }
  const must = async (...args: string[]): Promise<string> => {
    const result = await git(...args);
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
    return {
      outcome: 'there-before',
      commit: await must('rev-parse', 'HEAD'),
      usedAuthorOfAnswers: false,
    };
  }
  if (!isRepository) await must('init', '--quiet', '--initial-branch=main');
  await must('add', '--all');
  const hasIdentity = (await git('-c', 'user.useConfigOnly=true', 'var', 'GIT_COMMITTER_IDENT')).status === 0;
  const identity = hasIdentity
    ? []
    : ['-c', `user.name=${request.author.name}`, '-c', `user.email=${request.author.email}`];
  await must(...identity, 'commit', '--quiet', '--no-verify', '--message', request.message);
  return {
    outcome: 'created',
    commit: await must('rev-parse', 'HEAD'),
    usedAuthorOfAnswers: !hasIdentity,
  };
}
