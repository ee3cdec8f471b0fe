import { Suspense, lazy, useMemo } from 'react';
import { duration } from '../platform/format.ts';
import { Badge, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import type { GraphNode } from './graph-box.tsx';
import { statusTones, statusWords, type ShownPipeline, type ShownStage } from './stage-status.ts';

const Graph = lazy(() => import('./graph.tsx'));

interface StagesShape {
  readonly pipeline: ShownPipeline;
  readonly chosen: string | undefined;
  readonly onChoose: (stage: string) => void;
}

const took = ({ latest }: ShownStage): string | undefined =>
  latest === null || latest.finishedAt === null || latest.finishedAt === undefined
    ? undefined
    : duration(latest.finishedAt - latest.startedAt);

/** Stages and what each needs, as a picture. */
export function StagesGraph({ pipeline, chosen, onChoose }: StagesShape) {
  const nodes = useMemo(
    () =>
      pipeline.stages.map((stage): GraphNode => {
        const length = took(stage);
        return {
          id: stage.name,
          kind: statusWords[stage.status],
          label: stage.name,
          detail: stage.status === 'running' ? 'at work' : (length ?? 'never run here'),
          tone: statusTones[stage.status],
          isBusy: stage.status === 'running',
        };
      }),
    [pipeline],
  );
  return (
    <Suspense fallback={<div className="h-[260px]" />}>
      <Graph
        nodes={nodes}
        edges={pipeline.edges}
        chosen={chosen}
        onChoose={onChoose}
        label="Stages and what each needs"
      />
    </Suspense>
  );
}

/** The same as a list. */
export const StageList = ({ pipeline, chosen, onChoose }: StagesShape) => (
  <Table
    heads={['Stage', 'State', 'Needs', 'Last ran', figure('Took')]}
    caption={`Stages of ${pipeline.project}`}
  >
    {pipeline.stages.map((stage) => {
      const needs = pipeline.edges.filter(({ to }) => to === stage.name).map(({ from }) => from);
      return (
        <tr key={stage.name} className={stage.name === chosen ? 'bg-accent-soft' : ''}>
          <td className="max-w-[280px] min-w-[110px]">
            <button
              type="button"
              className="link text-left break-words"
              aria-pressed={stage.name === chosen}
              onClick={() => onChoose(stage.name)}
            >
              {stage.name}
            </button>
            {stage.description === null ? null : (
              <span className="block text-xs text-ink-3">{stage.description}</span>
            )}
          </td>
          <td>
            <Badge tone={statusTones[stage.status]}>{statusWords[stage.status]}</Badge>
          </td>
          <td className="max-w-[280px] text-sm break-words text-ink-2">
            {needs.length === 0 ? '–' : needs.join(', ')}
          </td>
          <td>
            <When at={stage.latest?.startedAt} />
          </td>
          <td className="num whitespace-nowrap">{took(stage) ?? '–'}</td>
        </tr>
      );
    })}
  </Table>
);
