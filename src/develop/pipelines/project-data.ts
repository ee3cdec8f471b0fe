import { basename, join } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { declarationFile } from '../../start/project/declaration-file.ts';
import type { Repository } from '../dvc-files/repository.ts';

/** What `tilth.yaml` calls a repository and its data. */
export interface ProjectNames {
  readonly project: string;
  /** absolute path → name of the dataset */
  readonly datasets: ReadonlyMap<string, string>;
}

/** A repository without a project is called by its folder. */
export async function projectNames(repository: Repository, folder: string): Promise<ProjectNames> {
  const root = findUp(declarationFile, folder);
  // reading a declaration loads a lot, which a repository without one does without
  const declaration =
    root === undefined
      ? undefined
      : (await import('../../start/project/declaration.ts')).readDeclaration(root);
  return {
    project: declaration?.project ?? basename(repository.root),
    datasets: new Map(
      Object.entries(declaration?.datasets ?? {}).map(([name, { path }]) => [join(root ?? '', path), name]),
    ),
  };
}
