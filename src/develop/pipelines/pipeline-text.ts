import { relative } from 'node:path';
import type { Repository } from '../dvc-files/repository.ts';
import type { StageChange } from '../dvc-files/stored-stage-status.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';

/** What dvc calls a stage for somebody who stands in `folder`: `train`, `../dvc.yaml:train`, `data.dvc`. */
export function addressFrom(stage: RecordedStage, folder: string): string {
  const file = relative(folder, stage.file);
  if (stage.name === undefined) return file;
  return file === 'dvc.yaml' ? stage.name : `${file}:${stage.name}`;
}

/** Lines of `dvc status`. */
export function statusLines(status: Readonly<Record<string, readonly unknown[]>>): string[] {
  return Object.entries(status).flatMap(([stage, changes]) => [
    `${stage}:`,
    ...changes.flatMap((change) => describe(change as StageChange)),
  ]);
}

function describe(change: StageChange): string[] {
  if (typeof change === 'string') return [`\t${change}`];
  return Object.entries(change).flatMap(([kind, entries]) => [
    `\t${kind}:`,
    ...Object.entries(entries as Record<string, string | Record<string, string>>).flatMap(([path, state]) =>
      typeof state === 'string'
        ? [`\t\t${`${state}:`.padEnd(20)}${path}`]
        : [
            `\t\t${path}:`,
            ...Object.entries(state).map(([key, one]) => `\t\t\t${`${one}:`.padEnd(20)}${key}`),
          ],
    ),
  ]);
}

/** Paths as somebody who stands in `folder` sees them. */
export const pathsFrom =
  (repository: Repository, folder: string): ((path: string) => string) =>
  (path) =>
    path.startsWith(repository.root) ? relative(folder, path) : path;
