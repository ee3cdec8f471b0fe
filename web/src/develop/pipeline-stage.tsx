import { Link } from '@tanstack/react-router';
import type { Execution, ExecutionList } from '../../../src/develop/pipelines/pipeline-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { absolute, duration, shortId } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Badge, Copy, Id, Panel, When } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { ExecutionLog } from './execution-log.tsx';
import { executionTones, statusTones, statusWords, type ShownStage } from './stage-status.ts';

/** One stage: its command, what it reads and makes, its executions, and what the chosen one printed. */
export function PipelineStage({
  project,
  stage,
  onClose,
}: {
  project: string;
  stage: ShownStage;
  onClose: () => void;
}) {
  const [asked, setExecution] = useUrlState('execution');
  const query = useApi<ExecutionList>('/api/v1/pipelines/executions', {
    project,
    stage: stage.name,
    limit: 50,
  });
  const executions = query.data?.executions.filter((each) => each.stage === stage.name) ?? [];
  const execution = executions.find(({ id }) => id === asked) ?? executions[0] ?? stage.latest;
  return (
    <Panel
      title={`Stage ${stage.name}`}
      aside={
        <>
          <Badge tone={statusTones[stage.status]}>{statusWords[stage.status]}</Badge>
          <button
            type="button"
            className="button button-quiet h-7 px-1.5"
            aria-label="Close the stage"
            onClick={onClose}
          >
            <Icon name="cross" />
          </button>
        </>
      }
    >
      <div className="grid gap-5 xl:grid-cols-[minmax(0,1fr)_minmax(0,1.4fr)]">
        <div className="flex min-w-0 flex-col gap-4 text-sm">
          {stage.description === null ? null : <p>{stage.description}</p>}
          <div className="flex items-start gap-1">
            <pre
              className="max-h-40 min-w-0 flex-1 overflow-auto rounded-md border border-line bg-sunken p-3 text-xs whitespace-pre-wrap break-all"
              tabIndex={0}
              aria-label="Command"
            >
              {stage.cmd}
            </pre>
            <Copy text={stage.cmd} isSmall />
          </div>
          <Paths label="Reads" paths={execution?.inputs ?? []} named={stage.inputs} />
          <Paths label="Makes" paths={execution?.outputs ?? []} named={stage.outputs} />
          {stage.params.length === 0 ? null : (
            <div>
              <h3 className="mb-1">Parameters</h3>
              <p className="break-words text-ink-2">{stage.params.join(', ')}</p>
            </div>
          )}
        </div>
        <div className="flex min-w-0 flex-col gap-3">
          {execution === null || execution === undefined ? (
            <p className="text-sm text-ink-2">
              It has not run since the server knows the project. Run it with{' '}
              <code>tilth pipeline run {stage.name}</code>.
            </p>
          ) : (
            <>
              <label className="flex flex-wrap items-center gap-2 text-sm">
                Execution
                <select
                  className="field max-w-full"
                  value={execution.id}
                  onChange={(event) => setExecution(event.target.value)}
                >
                  {(executions.length === 0 ? [execution] : executions).map((each) => (
                    <option key={each.id} value={each.id}>
                      {absolute(each.startedAt)}, {each.state}
                    </option>
                  ))}
                </select>
              </label>
              <How execution={execution} />
              <ExecutionLog
                key={execution.id}
                id={execution.id}
                isRunning={execution.state === 'running'}
                hasRun={execution.runId !== null && execution.runId !== undefined}
              />
            </>
          )}
        </div>
      </div>
    </Panel>
  );
}

function How({ execution }: { execution: Execution }) {
  const { state, finishedAt, startedAt, runId, error, createdBy, commit } = execution;
  return (
    <div className="flex flex-col gap-2 text-sm">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Badge tone={executionTones[state]}>{state}</Badge>
        <span>
          <When at={startedAt} /> by {createdBy}
        </span>
        {finishedAt === null || finishedAt === undefined ? null : (
          <span>took {duration(finishedAt - startedAt)}</span>
        )}
        {commit === null || commit === undefined ? null : (
          <span>
            at commit <Id text={commit} />
          </span>
        )}
        {runId === null || runId === undefined ? null : (
          <Link to={`/develop/runs/${segment(runId)}`} className="link">
            Run {shortId(runId)}
          </Link>
        )}
        <Link
          to="/develop/lineage"
          search={{ of: `pipeline-execution:${execution.id}` } as never}
          className="link"
        >
          Lineage
        </Link>
      </p>
      {error === null || error === undefined ? null : (
        <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 break-words">
          {error}
        </p>
      )}
    </div>
  );
}

function Paths({
  label,
  paths,
  named,
}: {
  label: string;
  paths: readonly {
    readonly path: string;
    readonly md5: string;
    readonly dataset?: string | null | undefined;
  }[];
  named: readonly string[];
}) {
  const known = new Set(paths.map(({ path }) => path));
  const rest = named.filter((path) => !known.has(path));
  if (paths.length + rest.length === 0) return null;
  return (
    <div>
      <h3 className="mb-1">{label}</h3>
      <ul className="flex max-h-48 flex-col gap-0.5 overflow-y-auto" tabIndex={0} aria-label={label}>
        {paths.map(({ path, md5, dataset }) => (
          <li key={path} className="flex flex-wrap items-baseline gap-x-2">
            <code className="text-xs break-all">{path}</code>
            {md5 === '' ? null : <Id text={md5} />}
            {dataset === null || dataset === undefined ? null : (
              <Link
                to={`/develop/data/${segment(dataset)}`}
                search={{ version: md5 } as never}
                className="link text-xs"
              >
                {dataset}
              </Link>
            )}
          </li>
        ))}
        {rest.map((path) => (
          <li key={path}>
            <code className="text-xs break-all">{path}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
