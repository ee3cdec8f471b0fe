import { Link } from '@tanstack/react-router';
import type { ExecutionList, PipelineList } from '../../../src/develop/pipelines/pipeline-api.ts';
import { useApi } from '../platform/api.ts';
import { many } from '../platform/format.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, Segmented, When } from '../parts/basics.tsx';
import { Executions } from './executions.tsx';
import { shownPipelines } from './pipelines-shown.ts';
import { PipelineStage } from './pipeline-stage.tsx';
import { StageList, StagesGraph } from './pipeline-stages.tsx';
import { statusTones, statusWords, type ShownPipeline } from './stage-status.ts';

const views = [
  { value: 'graph', label: 'Graph' },
  { value: 'list', label: 'List' },
] as const;

/** ms between two looks at a pipeline that runs */
const runningEvery = 1500;

/** A project's stages as they stand, live while they run; of one stage what it did and what it prints. */
export function PipelinesPage() {
  const executions = useApi<ExecutionList>('/api/v1/pipelines/executions');
  const isRunning = executions.data?.dag.stages.some(({ latest }) => latest.state === 'running') === true;
  const pipelines = useApi<PipelineList>('/api/v1/pipelines', {}, isRunning ? { every: runningEvery } : {});
  const [asked, setProject] = useUrlState('project');
  const list = shownPipelines(pipelines.data, executions.data);
  const pipeline = list.find(({ project }) => project === asked) ?? list[0];
  return (
    <Page
      title="Pipelines"
      name="Pipelines"
      lead="Stages of each project’s dvc.yaml: what is up to date, what will run, what runs now."
      cli="tilth pipeline run"
      actions={
        list.length < 2 ? null : (
          <select
            className="field max-w-full"
            aria-label="Project"
            value={pipeline?.project ?? ''}
            onChange={(event) => setProject(event.target.value)}
          >
            {list.map(({ project }) => (
              <option key={project}>{project}</option>
            ))}
          </select>
        )
      }
    >
      <Answer
        query={executions}
        isEmpty={() => pipeline === undefined}
        empty={
          <div className="card">
            <Empty title="No stage has run yet" command="tilth pipeline run">
              Stages are declared in <code>dvc.yaml</code>; only what changed runs again.
            </Empty>
          </div>
        }
      >
        {(known) =>
          pipeline === undefined ? null : (
            <>
              <Pipeline pipeline={pipeline} />
              <Panel title="Executions" flush>
                <Executions
                  executions={known.executions.filter(({ project }) => project === pipeline.project)}
                />
              </Panel>
            </>
          )
        }
      </Answer>
    </Page>
  );
}

function Pipeline({ pipeline }: { pipeline: ShownPipeline }) {
  const isNarrow = useIsNarrow();
  // a telephone shows a picture too small to read
  const [view, setView] = useUrlState('as', isNarrow ? 'list' : 'graph');
  const [chosen, setChosen] = useUrlState('stage');
  const stage = pipeline.stages.find(({ name }) => name === chosen);
  const counts = Map.groupBy(pipeline.stages, ({ status }) => status);
  return (
    <>
      <Panel
        title={pipeline.project}
        flush
        aside={
          <>
            <span className="flex flex-wrap gap-1" aria-live="polite">
              {[...counts].map(([status, stages]) => (
                <Badge key={status} tone={statusTones[status]}>
                  {stages.length} {statusWords[status]}
                </Badge>
              ))}
            </span>
            <Segmented label="Shown as" value={view} options={views} onChange={setView} />
          </>
        }
      >
        {view === 'list' ? (
          <StageList pipeline={pipeline} chosen={stage?.name} onChoose={setChosen} />
        ) : (
          <StagesGraph pipeline={pipeline} chosen={stage?.name} onChoose={setChosen} />
        )}
        <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
          {many(pipeline.stages.length, 'stage')}, as of <When at={pipeline.updatedAt} />
          {pipeline.updatedBy === null ? '' : ` by ${pipeline.updatedBy}`}. Choose a stage to see what it did.
        </p>
      </Panel>
      {stage === undefined ? (
        chosen === '' ? null : (
          <p className="card px-4 py-3 text-sm text-ink-2">
            {pipeline.project} has no stage {chosen} now.{' '}
            <Link to="." search={{ project: pipeline.project } as never} className="link">
              Show all stages
            </Link>
          </p>
        )
      ) : (
        <PipelineStage
          key={`${pipeline.project}/${stage.name}`}
          project={pipeline.project}
          stage={stage}
          onClose={() => setChosen('')}
        />
      )}
    </>
  );
}
