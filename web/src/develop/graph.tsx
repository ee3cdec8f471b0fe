import {
  Background,
  Controls,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  type Edge,
  type Node,
  type NodeProps,
} from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useShownTheme } from '../platform/theme.ts';
import { layers } from './layers.ts';

export interface GraphNode {
  readonly id: string;
  readonly kind: string;
  readonly label: string;
  readonly detail?: string;
  readonly path?: string | undefined;
  readonly tone?: 'plain' | 'accent' | 'bad' | 'info';
}
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly label?: string;
}

const nodeWidth = 208;
const nodeHeight = 60;
const gapX = 88;
const gapY = 20;

type Boxed = Node<GraphNode & Record<string, unknown>, 'thing'>;

const edgeTone = {
  plain: 'border-line-strong',
  accent: 'border-accent',
  bad: 'border-bad',
  info: 'border-info',
} as const;

function Thing({ data }: NodeProps<Boxed>) {
  const body = (
    <>
      <span className="block text-2xs text-ink-3">{data.kind.replace('-', ' ')}</span>
      <span className="block truncate text-sm font-medium">{data.label}</span>
      {data.detail === undefined ? null : (
        <span className="block truncate text-2xs text-ink-2">{data.detail}</span>
      )}
    </>
  );
  return (
    <div
      className={`flex flex-col justify-center rounded-md border border-l-4 bg-surface px-3 py-1 text-ink ${edgeTone[data.tone ?? 'plain']}`}
      style={{ width: nodeWidth, height: nodeHeight }}
      title={`${data.kind.replace('-', ' ')} ${data.label}`}
    >
      <Handle
        type="target"
        position={Position.Left}
        className="!size-1 !min-h-0 !min-w-0 !border-0 !bg-transparent"
      />
      {data.path === undefined ? (
        body
      ) : (
        <Link to={data.path} className="min-w-0 hover:text-accent">
          {body}
        </Link>
      )}
      <Handle
        type="source"
        position={Position.Right}
        className="!size-1 !min-h-0 !min-w-0 !border-0 !bg-transparent"
      />
    </div>
  );
}

const kinds = { thing: Thing };

/** What came from what, left to right. */
export default function Graph({
  nodes,
  edges,
  label,
}: {
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
  label: string;
}) {
  const theme = useShownTheme();
  const placed = useMemo((): Boxed[] => {
    const columns = layers(
      nodes.map((node) => node.id),
      edges,
    );
    const tallest = Math.max(1, ...columns.map((column) => column.length));
    return columns.flatMap((column, x) =>
      column.map((id, y) => {
        const node = nodes.find((each) => each.id === id);
        return {
          id,
          type: 'thing' as const,
          position: {
            x: x * (nodeWidth + gapX),
            y: (y + (tallest - column.length) / 2) * (nodeHeight + gapY),
          },
          data: { ...(node ?? { id, kind: '', label: id }) },
          width: nodeWidth,
          height: nodeHeight,
        };
      }),
    );
  }, [nodes, edges]);
  const lines = useMemo(
    (): Edge[] =>
      edges.map((edge) => ({
        id: `${edge.from} ${edge.to} ${edge.label ?? ''}`,
        source: edge.from,
        target: edge.to,
        ...(edge.label === undefined ? {} : { label: edge.label }),
        style: { stroke: 'var(--line-strong)' },
        labelStyle: { fill: 'var(--ink-2)', fontSize: 11 },
        labelBgStyle: { fill: 'var(--ground)' },
        markerEnd: { type: MarkerType.ArrowClosed, color: 'var(--line-strong)', width: 16, height: 16 },
      })),
    [edges],
  );
  const lowest = Math.max(0, ...placed.map((node) => node.position.y)) + nodeHeight;
  return (
    <div
      className="w-full"
      style={{ height: `clamp(260px, ${lowest + 160}px, 68vh)` }}
      role="group"
      aria-label={label}
    >
      <ReactFlow
        nodes={placed}
        edges={lines}
        nodeTypes={kinds}
        colorMode={theme}
        fitView
        fitViewOptions={{ padding: 0.12, maxZoom: 1.1 }}
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        proOptions={{ hideAttribution: true }}
        style={{ background: 'transparent' }}
      >
        <Background gap={20} color="var(--line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
