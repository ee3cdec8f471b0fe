import { matchesGlob } from 'node:path';
import { chooseTargets } from '../dvc-files/targets.ts';
import type { Index, RecordedStage } from '../dvc-files/stored.ts';
import { inOrder, pipelinesIn, reached, usersOf, withoutFrozen, type Graph } from './graph.ts';
import { noPipeline, stageUnknown } from './pipeline-errors.ts';

/** Which stages a run is about. */
export interface Choice {
  /** stages, groups, `sub/dvc.yaml:train`, files; none means the `dvc.yaml` in `folder` */
  readonly targets: readonly string[];
  /** that relative targets start from; absolute */
  readonly folder: string;
  /** targets are patterns of stage names */
  readonly isGlob?: boolean;
  /** a folder stands for all pipelines below it */
  readonly isRecursive?: boolean;
  /** only the chosen ones, whatever they need */
  readonly isSingle?: boolean;
  /** the whole pipelines that the chosen ones belong to */
  readonly isPipeline?: boolean;
  /** every pipeline of the repository */
  readonly isAll?: boolean;
  /** the chosen ones and all that depend on them, instead of what they need */
  readonly isDownstream?: boolean;
}

/**
 * The stages to bring up to date, in running order.
 *
 * @throws PIPELINE_MISSING, STAGE_NOT_FOUND, DATA_TARGET_UNKNOWN
 */
export function planOf(index: Index, whole: Graph, choice: Choice): RecordedStage[] {
  const graph = withoutFrozen(whole);
  if (choice.isAll === true) return inOrder(graph, new Set(graph.stages));
  const chosen = chosenStages(index, choice);
  if (choice.isPipeline === true) {
    const pipelines = pipelinesIn(graph).filter((pipeline) => chosen.some((stage) => pipeline.has(stage)));
    return inOrder(graph, new Set(pipelines.flatMap((pipeline) => [...pipeline])));
  }
  if (choice.isSingle === true) return chosen;
  return inOrder(graph, reached(chosen, choice.isDownstream === true ? usersOf(graph) : graph.needs));
}

function chosenStages(index: Index, { targets, folder, isGlob, isRecursive }: Choice): RecordedStage[] {
  const here = `${folder}/dvc.yaml`;
  if (targets.length === 0) {
    const found = index.stages.filter(({ file }) => file === here);
    if (found.length === 0 && !index.tree.exists(relativeTo(index, here))) throw noPipeline(folder);
    return found;
  }
  if (isGlob === true) {
    return targets.flatMap((pattern) => {
      const [file = here, words = pattern] = pattern.includes(':')
        ? [`${folder}/${pattern.split(':')[0] ?? ''}`, pattern.split(':')[1]]
        : [];
      const known = index.stages.filter((stage) => stage.file === file && stage.name !== undefined);
      const found = known.filter(({ name = '' }) => matchesGlob(name, words));
      if (found.length === 0)
        throw stageUnknown(
          pattern,
          known.map(({ address }) => address),
        );
      return found;
    });
  }
  const options = { folder, ...(isRecursive === undefined ? {} : { isRecursive }) };
  return [...new Set(chooseTargets(index, targets, options).map(({ stage }) => stage))];
}

const relativeTo = (index: Index, path: string): string => path.slice(index.repository.root.length + 1);
