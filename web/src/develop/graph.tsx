import { Background, Controls, MarkerType, ReactFlow, type ReactFlowInstance } from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import { useEffect, useMemo, useRef, type KeyboardEvent } from 'react';
import { useShownTheme } from '../platform/theme.ts';
import { GraphBox, boxHeight, boxWidth, type Boxed, type GraphNode } from './graph-box.tsx';
import { GraphLine, type Routed } from './graph-line.tsx';
import { layout, lineKey, type Point } from './graph-layout.ts';

export type { GraphNode } from './graph-box.tsx';
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly label?: string;
}

const gapX = 96;
const gapY = 20;
/** above this many boxes only those in sight are drawn, and the whole is too small to read at once */
const many = 60;
/** above this many lines only those of the chosen box say what they mean */
const manyLines = 40;
const boxes = { thing: GraphBox };
const lineTypes = { routed: GraphLine };

interface GraphShape {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly label: string;
  readonly chosen?: string | undefined;
  readonly onChoose?: (id: string) => void;
}

/** What came from what, left to right. Arrow keys go from box to box; a box is chosen by click or Enter. */
export default function Graph({ nodes, edges, label, chosen, onChoose }: GraphShape) {
  const theme = useShownTheme();
  const flow = useRef<ReactFlowInstance<Boxed, Routed> | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const drawn = useMemo(
    () =>
      layout(
        nodes.map(({ id }) => id),
        edges,
        { boxWidth, boxHeight, gapX, gapY },
      ),
    [nodes, edges],
  );
  const { places } = drawn;
  const placed = useMemo(
    (): Boxed[] =>
      nodes.map((node) => ({
        id: node.id,
        type: 'thing' as const,
        position: places.get(node.id) ?? { x: 0, y: 0 },
        data: { ...node, isChosen: node.id === chosen, ...(onChoose === undefined ? {} : { onChoose }) },
        width: boxWidth,
        height: boxHeight,
        focusable: false,
      })),
    [nodes, places, chosen, onChoose],
  );
  const isBusy = edges.length > manyLines;
  const lines = useMemo(
    () => edges.map((edge) => lineOf(edge, chosen, drawn.passes.get(lineKey(edge)) ?? [], isBusy)),
    [edges, chosen, drawn, isBusy],
  );
  const isLarge = nodes.length > many;
  const show = (instance: ReactFlowInstance<Boxed, Routed>): void => {
    const place = chosen === undefined ? undefined : places.get(chosen);
    if (isLarge && place !== undefined) {
      // where nothing lies before it, what comes of it gets the room
      const ahead = edges.some(({ to }) => to === chosen) ? 0 : 2 * (boxWidth + gapX) - boxWidth;
      void instance.setCenter(place.x + boxWidth / 2 + ahead, place.y + boxHeight / 2, { zoom: 0.8 });
    } else void instance.fitView({ padding: 0.12, maxZoom: 1.1 });
  };
  useEffect(() => {
    if (flow.current !== null) show(flow.current);
    // a new picture is looked at anew; a state that changes in it leaves the view where the person put it
  }, [places, chosen === undefined]);
  const step = (event: KeyboardEvent): void => {
    const from = (event.target as HTMLElement).closest<HTMLElement>('[data-box]')?.dataset['box'];
    const to = from === undefined ? undefined : neighbour(event.key, from, drawn.columns, edges);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const place = places.get(to);
    if (place === undefined) return;
    const zoom = Math.max(flow.current?.getZoom() ?? 1, 0.5);
    void flow.current?.setCenter(place.x + boxWidth / 2, place.y + boxHeight / 2, { zoom });
    // a box out of sight is drawn only when the view has come there
    requestAnimationFrame(() => setTimeout(() => focusBox(frame.current, to), isLarge ? 60 : 0));
  };
  return (
    <div
      ref={frame}
      className="w-full"
      style={{ height: `clamp(220px, ${drawn.height + 120}px, 68vh)` }}
      role="group"
      aria-label={label}
      onKeyDownCapture={step}
    >
      <ReactFlow
        nodes={placed}
        edges={lines}
        nodeTypes={boxes}
        edgeTypes={lineTypes}
        colorMode={theme}
        onInit={(instance) => {
          flow.current = instance;
          show(instance);
        }}
        minZoom={0.05}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        onlyRenderVisibleElements={isLarge}
        proOptions={{ hideAttribution: true }}
        style={{ background: 'transparent' }}
      >
        <Background gap={20} color="var(--line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

const focusBox = (frame: HTMLElement | null, id: string): void =>
  [...(frame?.querySelectorAll<HTMLElement>('[data-box]') ?? [])]
    .find((box) => box.dataset['box'] === id)
    ?.focus();

function lineOf(
  edge: GraphEdge,
  chosen: string | undefined,
  passes: readonly Point[],
  isBusy: boolean,
): Routed {
  const isNear = chosen !== undefined && (edge.from === chosen || edge.to === chosen);
  const colour = isNear ? 'var(--accent)' : 'var(--line-strong)';
  return {
    id: `${edge.from} ${edge.to} ${edge.label ?? ''}`,
    type: 'routed',
    source: edge.from,
    target: edge.to,
    data: { passes },
    ...(edge.label === undefined || (isBusy && !isNear) ? {} : { label: edge.label }),
    style: { stroke: colour },
    labelStyle: { fill: 'var(--ink-2)', fontSize: 11 },
    labelBgStyle: { fill: 'var(--surface)' },
    markerEnd: { type: MarkerType.ArrowClosed, color: colour, width: 16, height: 16 },
  };
}

/** The box that an arrow key leads to: back and forth along the lines, up and down in the column. */
function neighbour(
  key: string,
  from: string,
  columns: readonly (readonly string[])[],
  edges: readonly GraphEdge[],
): string | undefined {
  if (key === 'ArrowRight') return edges.find((edge) => edge.from === from)?.to;
  if (key === 'ArrowLeft') return edges.find((edge) => edge.to === from)?.from;
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return undefined;
  const column = columns.find((each) => each.includes(from));
  return column?.[column.indexOf(from) + (key === 'ArrowDown' ? 1 : -1)];
}
