import { readIndex } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { graphOf, pipelinesIn, reached } from './graph.ts';
import { outsDrawing, stagesDrawing, type Drawing } from './pipeline.ts';

export interface DagOptions {
  readonly target: string | undefined;
  readonly folder: string;
  readonly hasOuts: boolean;
  /** the whole pipeline of the target, and not only what it needs */
  readonly isFull: boolean;
}

/** What `dvc dag` draws: everything, or what a target needs. */
export function drawDag(repository: Repository, { target, folder, hasOuts, isFull }: DagOptions): Drawing {
  const index = readIndex(repository);
  const graph = graphOf(index);
  const draw = hasOuts ? outsDrawing : stagesDrawing;
  if (target === undefined) return draw(graph, new Set(graph.stages), folder);
  const found = chooseTargets(index, [target], { folder }).map(({ stage }) => stage);
  const chosen = isFull
    ? new Set(
        pipelinesIn(graph)
          .filter((pipeline) => found.some((stage) => pipeline.has(stage)))
          .flatMap((pipeline) => [...pipeline]),
      )
    : reached(found, graph.needs);
  return draw(graph, chosen, folder);
}
