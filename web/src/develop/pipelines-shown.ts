import type {
  Execution,
  ExecutionList,
  PipelineList,
  StageStatus,
} from '../../../src/develop/pipelines/pipeline-api.ts';
import type { ShownPipeline, ShownStage } from './stage-status.ts';

/**
 * Pipelines as their projects sent them; of a project that only sent executions, the stages those knew. The one that
 * changed last comes first.
 */
export function shownPipelines(
  sent: PipelineList | undefined,
  known: ExecutionList | undefined,
): ShownPipeline[] {
  const pipelines: ShownPipeline[] = (sent?.pipelines ?? []).map(
    ({ project, stages, edges, isRunning, updatedAt, updatedBy }) => ({
      project,
      stages: stages.map((stage) => ({
        ...stage,
        description: stage.description ?? null,
        inputs: stage.inputs ?? [],
        outputs: stage.outputs ?? [],
        params: stage.params ?? [],
      })),
      edges,
      isRunning,
      updatedAt,
      updatedBy,
    }),
  );
  const projects = new Set(pipelines.map(({ project }) => project));
  const others = Map.groupBy(known?.dag.stages ?? [], ({ project }) => project);
  for (const [project, stages] of others) {
    if (projects.has(project)) continue;
    pipelines.push({
      project,
      stages: stages.map(({ name, latest }) => stageOf(name, latest)),
      edges: (known?.dag.edges ?? []).filter((edge) => edge.project === project),
      isRunning: stages.some(({ latest }) => latest.state === 'running'),
      updatedAt: Math.max(...stages.map(({ latest }) => latest.finishedAt ?? latest.startedAt)),
      updatedBy: null,
    });
  }
  return pipelines.toSorted(
    (left, right) => Number(right.isRunning) - Number(left.isRunning) || right.updatedAt - left.updatedAt,
  );
}

const stageOf = (name: string, latest: Execution): ShownStage => ({
  name,
  status: latest.state satisfies StageStatus,
  cmd: latest.cmd,
  description: null,
  inputs: (latest.inputs ?? []).map(({ path }) => path),
  outputs: (latest.outputs ?? []).map(({ path }) => path),
  params: [],
  latest,
});
