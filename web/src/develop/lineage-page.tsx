import { Suspense, lazy, useMemo } from 'react';
import type { Dataset } from '../../../src/develop/data/data-api.ts';
import type { LineageGraph, LineageKind, LineageNode } from '../../../src/develop/lineage/lineage-api.ts';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi, withParams } from '../platform/api.ts';
import { shortId } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel } from '../parts/basics.tsx';
import type { GraphEdge, GraphNode } from './graph.tsx';

const Graph = lazy(() => import('./graph.tsx'));

/** Things that a look at lineage can begin with: the newest versions of models and data. */
function useBeginnings(): readonly { readonly key: string; readonly label: string }[] {
  const models = useApi<RegisteredModel[]>('/api/v1/models');
  const datasets = useApi<Dataset[]>('/api/v1/datasets');
  return [
    ...(models.data ?? []).flatMap((model) => {
      const version = model.aliases['champion'] ?? model.latestVersion;
      return version === null || version === undefined
        ? []
        : [{ key: `model-version:${model.name}/${version}`, label: `${model.name} version ${version}` }];
    }),
    ...(datasets.data ?? []).flatMap((dataset) =>
      dataset.latest === null
        ? []
        : [
            {
              key: `dataset-version:${dataset.name}@${dataset.latest.md5}`,
              label: `${dataset.name} ${dataset.latest.md5.slice(0, 8)}`,
            },
          ],
    ),
  ];
}

export function LineagePage() {
  const [asked, setOf] = useUrlState('of');
  const beginnings = useBeginnings();
  const of = asked === '' ? (beginnings[0]?.key ?? '') : asked;
  const [kind = '', id = ''] = splitOnce(of);
  const query = useApi<LineageGraph>(of === '' ? null : '/api/v1/lineage', { kind, id });
  const empty = (
    <Empty title="Nothing is linked yet" command="tilth pipeline run">
      Links appear when a pipeline reads a dataset version, a run logs it, or a version is registered from a
      run.
    </Empty>
  );
  return (
    <Page
      title="Lineage"
      name="Lineage"
      lead="From data to run to model version to endpoint: what came from what."
      cli={
        of === ''
          ? 'tilth data list'
          : `curl -s '${location.origin}${withParams('/api/v1/lineage', { kind, id })}'`
      }
      actions={
        beginnings.length === 0 && of === '' ? null : (
          <select
            className="field max-w-full"
            aria-label="Around"
            value={of}
            onChange={(event) => setOf(event.target.value)}
          >
            {beginnings.some((each) => each.key === of) ? null : (
              <option value={of}>{id.slice(0, 32)}</option>
            )}
            {beginnings.map((each) => (
              <option key={each.key} value={each.key}>
                {each.label}
              </option>
            ))}
          </select>
        )
      }
    >
      <Panel
        title="Lineage"
        flush
        aside={of === '' ? null : <Badge tone="accent">around {id.slice(0, 32)}</Badge>}
      >
        {of === '' ? (
          empty
        ) : (
          <Answer query={query} isEmpty={(graph) => graph.edges.length === 0} empty={empty}>
            {(graph) => <Drawn graph={graph} />}
          </Answer>
        )}
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
      edges: graph.edges.map((edge): GraphEdge => ({
        from: keyOf(edge.from),
        to: keyOf(edge.to),
        label: edge.relation,
      })),
    }),
    [graph],
  );
  return (
    <Suspense fallback={<div className="h-[260px]" />}>
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
  if (node.kind === 'run')
    return { label: shortId(node.id), path: `/develop/runs/${segment(node.id)}`, tone };
  if (node.kind === 'endpoint')
    return { label: node.id, path: `/deploy/endpoints/${segment(node.id)}`, tone };
  if (node.kind === 'model-version') {
    const at = Math.max(node.id.lastIndexOf('/'), node.id.lastIndexOf('@'), node.id.lastIndexOf(':'));
    const [model, version] = [node.id.slice(0, at), node.id.slice(at + 1)];
    return {
      label: model,
      detail: `version ${version}`,
      path: `/deploy/models/${segment(model)}/${version}`,
      tone,
    };
  }
  if (node.kind === 'dataset-version') {
    const at = Math.max(node.id.lastIndexOf('@'), node.id.lastIndexOf(':'));
    if (at === -1) return { label: shortId(node.id), tone };
    const name = node.id.slice(0, at);
    return {
      label: name,
      detail: node.id.slice(at + 1, at + 13),
      path: `/develop/data/${segment(name)}`,
      tone,
    };
  }
  return { label: node.id.slice(0, 24), tone };
}
