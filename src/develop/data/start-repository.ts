import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { usage } from '../../platform/terminal.ts';
import { git, initRepository, isGit, type Repository } from '../dvc-files/repository.ts';
import { cannotStart } from './data-errors.ts';

export interface StartOptions {
  /** replaces a `.dvc` that is there, with its settings and its cache */
  readonly isForced?: boolean;
  /** git is not asked and not told */
  readonly isWithoutGit?: boolean;
  /** the folder lies inside a git repository and is not its root */
  readonly isSubfolder?: boolean;
}

/**
 * Makes a folder a DVC repository, as strictly as `dvc init` does.
 *
 * @throws DATA_CANNOT_START
 */
export function startRepository(
  folder: string,
  { isForced, isWithoutGit, isSubfolder }: StartOptions,
): Repository {
  const root = resolve(folder);
  if (isWithoutGit === true && isSubfolder === true)
    throw usage('Cannot initialize repo with `--no-scm` and `--subdir`.');
  const hasGit = isSubfolder === true ? isGit(root) : existsSync(join(root, '.git'));
  if (isWithoutGit !== true && !hasGit) {
    throw cannotStart(
      `${root} is not the root of a git repository`,
      'Say --no-scm to do without git, or --subdir inside a git repository.',
    );
  }
  if (isWithoutGit !== true && git(root, ['check-ignore', '-q', '--', '.dvc']).status === 0) {
    throw cannotStart(`git ignores ${join(root, '.dvc')}`, "Add a line '!.dvc' to .gitignore.");
  }
  if (existsSync(join(root, '.dvc'))) {
    if (isForced !== true)
      throw cannotStart(
        `${join(root, '.dvc')} exists`,
        'Say --force to replace it, with its settings and its cache.',
      );
    rmSync(join(root, '.dvc'), { recursive: true });
  }
  return initRepository(root, isWithoutGit !== true);
}
