import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { declarationFile } from '../../start/project/declaration-file.ts';
import type { DatasetDeclaration } from '../../start/project/declaration.ts';

/** A dataset that `tilth.yaml` declares, with absolute paths. */
export interface DeclaredDataset extends DatasetDeclaration {
  readonly name: string;
  readonly project: string;
  readonly root: string;
  /** absolute; undefined when there is no contract */
  readonly contractFile: string | undefined;
}

/** Where contracts lie when nothing else is said: beside the data. */
export const contractBeside = (path: string): string => `${path.replace(/[/\\]+$/, '')}.odcs.yaml`;

/** Datasets of the project that holds `folder`; none outside a project. */
export async function declaredDatasets(folder: string): Promise<DeclaredDataset[]> {
  const root = findUp(declarationFile, folder);
  if (root === undefined) return [];
  const { readDeclaration } = await import('../../start/project/declaration.ts');
  const declaration = readDeclaration(root);
  return Object.entries(declaration.datasets).map(([name, dataset]) => {
    const beside = join(root, contractBeside(dataset.path));
    const contractFile =
      dataset.contract === undefined
        ? existsSync(beside)
          ? beside
          : undefined
        : join(root, dataset.contract);
    return { ...dataset, name, project: declaration.project, root, contractFile };
  });
}
