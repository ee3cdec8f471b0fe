import { terminalProgress } from '../dvc-files/progress.ts';
import { withRepositoryLock } from '../dvc-files/repository-lock.ts';
import { openRepository, type Repository } from '../dvc-files/repository.ts';
import { Workspace } from '../dvc-files/workspace.ts';

/**
 * Runs `work` on the working tree of the repository that holds `folder`, alone in it when it writes.
 *
 * @throws DVC_REPOSITORY_MISSING, DVC_REPOSITORY_BUSY
 */
export async function inWorkspace<T>(
  folder: string,
  isWriting: boolean,
  work: (workspace: Workspace, repository: Repository) => Promise<T> | T,
): Promise<T> {
  const repository = openRepository(folder);
  const run = async (): Promise<T> => {
    const progress = terminalProgress();
    const workspace = new Workspace(repository, { onProgress: progress.onProgress });
    try {
      return await work(workspace, repository);
    } finally {
      progress.end();
      workspace.close();
    }
  };
  return isWriting ? withRepositoryLock(repository, run) : run();
}
