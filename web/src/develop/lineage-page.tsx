import { Suspense, lazy, useMemo } from 'react';
import type { LineageGraph, LineageKind, LineageNode } from '../../../src/develop/data/data-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel } from '../parts/basics.tsx';
import type { GraphEdge, GraphNode } from './graph.tsx';

const Graph = lazy(() => import('./graph.tsx'));

export function LineagePage() {
  const [of, setOf] = useUrlState('of');
  const [kind = '', id = ''] = splitOnce(of);
  const query = useApi<LineageGraph>('/api/v1/lineage', of === '' ? {} : { kind, id });
  return (
    <Page
      title="Lineage"
      name="Lineage"
      lead="From data to run to model version to endpoint: what came from what."
      cli={of === '' ? 'tilth data lineage' : `tilth data lineage ${id}`}
      actions={
        of === '' ? null : (
          <button type="button" className="button" onClick={() => setOf('')}>
            Show everything
          </button>
        )
      }
    >
      <Panel title="Lineage" flush aside={of === '' ? null : <Badge tone="accent">around {id.slice(0, 24)}</Badge>}>
        <Answer
          query={query}
          isEmpty={(graph) => graph.nodes.length === 0}
          empty={
            <Empty title="Nothing is linked yet" command="tilth pipeline run">
              Links appear when a pipeline reads a dataset version, a run logs it, or a version is registered from a run.
            </Empty>
          }
        >
          {(graph) => <Drawn graph={graph} />}
        </Answer>
      </Panel>
    </Page>
  );
}

function splitOnce(text: string): string[] {
  const at = text.indexOf(':');
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const keyOf = (node: LineageNode): string => `${node.kind}:${node.id}`;

function Drawn({ graph }: { graph: LineageGraph }) {
  const { nodes, edges } = useMemo(
    () => ({
      nodes: graph.nodes.map((node): GraphNode => ({ id: keyOf(node), kind: node.kind, ...shown(node) })),
      edges: graph.edges.map((edge): GraphEdge => ({ from: keyOf(edge.from), to: keyOf(edge.to), label: edge.relation })),
    }),
    [graph],
  );
  return (
    <Suspense fallback={<div className="h-[60vh]" />}>
      <Graph nodes={nodes} edges={edges} label={`Lineage of ${nodes.length} things`} />
    </Suspense>
  );
}

const tones: Readonly<Record<LineageKind, GraphNode['tone']>> = {
  'dataset-version': 'plain',
  run: 'info',
  'pipeline-execution': 'info',
  job: 'info',
  'model-version': 'accent',
  endpoint: 'accent',
};

/** Ids are `name@hash`, `model/3`, a run's id, an endpoint's name. */
function shown(node: LineageNode): Pick<GraphNode, 'label' | 'detail' | 'path' | 'tone'> {
  const tone = tones[node.kind] ?? 'plain';
  if (node.kind === 'run') return { label: node.id.slice(0, 12), path: `/develop/runs/${segment(node.id)}`, tone };
  if (node.kind === 'endpoint') return { label: node.id, path: `/deploy/endpoints/${segment(node.id)}`, tone };
  if (node.kind === 'model-version') {
    const at = Math.max(node.id.lastIndexOf('/'), node.id.lastIndexOf('@'), node.id.lastIndexOf(':'));
    const [model, version] = [node.id.slice(0, at), node.id.slice(at + 1)];
    return { label: model, detail: `version ${version}`, path: `/deploy/models/${segment(model)}/${version}`, tone };
  }
  if (node.kind === 'dataset-version') {
    const at = Math.max(node.id.lastIndexOf('@'), node.id.lastIndexOf(':'));
    if (at === -1) return { label: node.id.slice(0, 12), tone };
    const name = node.id.slice(0, at);
    return { label: name, detail: node.id.slice(at + 1, at + 13), path: `/develop/data/${segment(name)}`, tone };
  }
  return { label: node.id.slice(0, 24), tone };
}
