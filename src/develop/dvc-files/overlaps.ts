import { outputsDuplicated, outputsOverlap } from './dvc-errors.ts';
import { repositoryPath } from './repository.ts';
import type { Index, Recorded, RecordedStage } from './stored.ts';

/**
 * Sees to it that no path is recorded twice and none lies inside another.
 *
 * @param added absolute paths that are about to be recorded by files of their own
 * @throws DATA_OUTPUTS_DUPLICATED, DATA_OUTPUTS_OVERLAP
 */
export function refuseOverlaps(index: Index, added: readonly string[] = []): void {
  const shown = (path: string): string => repositoryPath(index.repository, path);
  const claims = [
    ...index.stages.flatMap((stage) => stage.outs.map((out) => claimOf(stage, out))),
    ...added.map((path) => ({ path, by: undefined })),
  ].sort((left, right) => compareParts(left.path, right.path));
  const above: typeof claims = [];
  for (const claim of claims) {
    // in the order of their parts, all that lies in a folder follows it directly
    while (above.length > 0 && !isBelow(claim.path, above.at(-1)?.path ?? '')) above.pop();
    const holder = above.at(-1);
    if (holder?.path === claim.path)
      throw outputsDuplicated(
        shown(claim.path),
        [holder.by, claim.by].filter((by) => by !== undefined),
      );
    if (holder !== undefined)
      throw outputsOverlap(shown(holder.path), holder.by, shown(claim.path), claim.by);
    above.push(claim);
  }
}

const claimOf = (stage: RecordedStage, out: Recorded): { path: string; by: string | undefined } => ({
  path: out.path,
  by: stage.address,
});

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const compareParts = (left: string, right: string): number => {
  const [one, other] = [left.replaceAll('/', '\0'), right.replaceAll('/', '\0')];
  return one < other ? -1 : Number(one > other);
};
