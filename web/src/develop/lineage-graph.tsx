import { useMemo, useState } from 'react';
import type { LineageEdge } from '../../../src/develop/lineage/lineage-api.ts';
import { count } from '../platform/format.ts';
import Graph, { type GraphEdge, type GraphNode } from './graph.tsx';
import { addressOf, kindNames, nameOf, toneOf } from './lineage-names.ts';
import { bundles, keyOf, type Bundle, type Placed } from './lineage-shape.ts';

/** The lineage around a thing as a picture; many of a kind that lead nowhere else are one box until opened. */
export default function LineageGraph({
  placed,
  edges,
  focus,
  onFocus,
}: {
  placed: readonly Placed[];
  edges: readonly LineageEdge[];
  focus: string;
  onFocus: (key: string) => void;
}) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const drawn = useMemo(() => {
    const bundled = bundles(placed, edges, open);
    const nodes = new Map<string, GraphNode>();
    for (const { node } of placed) {
      const key = keyOf(node);
      const bundle = bundled.get(key);
      if (bundle === undefined) {
        nodes.set(key, {
          id: key,
          kind: kindNames[node.kind],
          label: nameOf(node),
          ...(node.detail === null && node.state === null
            ? {}
            : { detail: [node.detail, node.state].filter((each) => each !== null).join(' · ') }),
          address: addressOf(node),
          tone: toneOf(node),
        });
      } else nodes.set(bundle.key, boxOf(bundle));
    }
    const idOf = (key: string): string => bundled.get(key)?.key ?? key;
    const lines = new Map<string, GraphEdge>();
    for (const edge of edges) {
      const line = { from: idOf(keyOf(edge.from)), to: idOf(keyOf(edge.to)), label: edge.relation };
      lines.set(`${line.from}\n${line.to}\n${line.label}`, line);
    }
    return { nodes: [...nodes.values()], edges: [...lines.values()] };
  }, [placed, edges, open]);
  return (
    <Graph
      nodes={drawn.nodes}
      edges={drawn.edges}
      chosen={focus}
      label={`Lineage of ${placed.length} things`}
      onChoose={(id) =>
        placed.some(({ node }) => keyOf(node) === id) ? onFocus(id) : setOpen(new Set([...open, id]))
      }
    />
  );
}

const boxOf = ({ key, kind, members }: Bundle): GraphNode => ({
  id: key,
  kind: kindNames[kind],
  label: `${count(members.length)} ${kindNames[kind]}s`,
  detail: 'show each',
  isBundle: true,
  tone: toneOf({ kind, state: null }),
});
