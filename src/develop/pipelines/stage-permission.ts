import { findUp } from '../../platform/home.ts';
import { declarationFile } from '../../start/project/declaration-file.ts';
import type { Repository } from '../dvc-files/repository.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';
import { depsOf } from '../dvc-files/targets.ts';

/**
 * Lets a stage read only data that keeps its contract, and only as far as the project's policies go. Nothing is loaded for a
 * repository that is no project.
 *
 * @throws DATA_CONTRACT_BROKEN, POLICY_REFUSED
 */
export async function allowStage(repository: Repository, stage: RecordedStage): Promise<void> {
  if (findUp(declarationFile, repository.root) === undefined) return;
  const { allowReading } = await import('../contracts/policy-check.ts');
  await allowReading(repository.root, stage.address, depsOf(stage));
}
