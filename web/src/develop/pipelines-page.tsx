import { Suspense, lazy, useMemo } from 'react';
import type { Execution, ExecutionList } from '../../../src/develop/pipelines/pipeline-api.ts';
import { useApi } from '../platform/api.ts';
import { duration } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Copy, Empty, FilterBox, Id, Page, Panel, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import type { GraphEdge, GraphNode } from './graph.tsx';

const Graph = lazy(() => import('./graph.tsx'));
const tone = { running: 'info', succeeded: 'good', failed: 'bad' } as const;

export function PipelinesPage() {
  const query = useApi<ExecutionList>('/api/v1/pipelines/executions');
  const [filter, setFilter] = useUrlState('filter');
  return (
    <Page
      title="Pipelines"
      name="Pipelines"
      lead="Stages of each project’s dvc.yaml as they last ran, and every execution."
      cli="tilth pipeline run"
      actions={<FilterBox value={filter} onChange={setFilter} placeholder="Filter executions" />}
    >
      <Answer
        query={query}
        isEmpty={(list) => list.executions.length === 0}
        empty={
          <div className="card">
            <Empty title="No stage has run yet" command="tilth pipeline run">
              Stages are declared in <code>dvc.yaml</code>; only what changed runs again.
            </Empty>
          </div>
        }
      >
        {(list) => (
          <>
            <Panel title="Stages" flush>
              <Stages list={list} />
            </Panel>
            <Panel title="Executions" flush>
              <Executions
                executions={list.executions.filter((each) =>
                  `${each.project} ${each.stage} ${each.state}`.toLowerCase().includes(filter.toLowerCase()),
                )}
              />
            </Panel>
          </>
        )}
      </Answer>
    </Page>
  );
}

function Stages({ list }: { list: ExecutionList }) {
  const { nodes, edges } = useMemo(() => {
    const id = (project: string, stage: string): string => `${project}/${stage}`;
    return {
      nodes: list.dag.stages.map((stage): GraphNode => ({
        id: id(stage.project, stage.name),
        kind: stage.project,
        label: stage.name,
        detail: stage.latest.state,
        tone: stage.latest.state === 'failed' ? 'bad' : stage.latest.state === 'running' ? 'info' : 'accent',
      })),
      edges: list.dag.edges.map((edge): GraphEdge => ({
        from: id(edge.project, edge.from),
        to: id(edge.project, edge.to),
      })),
    };
  }, [list]);
  return (
    <Suspense fallback={<div className="h-[260px]" />}>
      <Graph nodes={nodes} edges={edges} label="Stages and what each needs" />
    </Suspense>
  );
}

const Executions = ({ executions }: { executions: readonly Execution[] }) => (
  <Table heads={['Stage', 'State', 'Command', 'Made', 'Commit', 'By', 'Begun', figure('Took')]}>
    {executions.map((each) => (
      <tr key={each.id}>
        <td>
          <span className="font-medium">{each.stage}</span>
          <span className="block text-xs text-ink-3">{each.project}</span>
        </td>
        <td>
          <Badge tone={tone[each.state]}>{each.state}</Badge>
        </td>
        <td className="max-w-[360px] min-w-[200px]">
          <span className="flex items-start gap-1">
            <code className="line-clamp-2 text-xs leading-5 break-all" title={each.cmd}>
              {each.cmd}
            </code>
            <Copy text={each.cmd} isSmall />
          </span>
        </td>
        <td className="text-xs">
          {each.outputs.map((output) => (
            <span key={output.path} className="block whitespace-nowrap">
              {output.path} <Id text={output.md5} />
            </span>
          ))}
        </td>
        <td>{each.commit === null ? '–' : <Id text={each.commit} />}</td>
        <td>{each.createdBy}</td>
        <td>
          <When at={each.startedAt} />
        </td>
        <td className="num whitespace-nowrap">
          {each.finishedAt === null ? '–' : duration(each.finishedAt - each.startedAt)}
        </td>
      </tr>
    ))}
  </Table>
);
