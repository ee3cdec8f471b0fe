import { useNavigate } from '@tanstack/react-router';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { axisOf, colourAt, placeOn, ticksOf, type Axis, type PlotRun } from './plots.ts';

const height = 340;
const top = 44;
const bottom = height - 20;
const side = 64;
const leastGapPx = 104;
const brushPx = 26;

/** From and to on an axis, 0..1 from its low end. */
type Brush = readonly [number, number];

interface Shape {
  readonly runs: readonly PlotRun[];
  readonly axes: readonly string[];
  /** the axis that colours the lines */
  readonly colourBy: string;
  /** the ids of the runs inside all brushes; all of them without one */
  readonly onInside?: (ids: readonly string[]) => void;
}

/** Each run a line across its params and metrics; dragging along an axis keeps the runs inside. */
export function ParallelCoordinates({ runs, axes: ids, colourBy, onInside }: Shape) {
  const holder = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const [brushes, setBrushes] = useState<ReadonlyMap<string, Brush>>(new Map());
  const [pointed, setPointed] = useState<string | null>(null);
  const navigate = useNavigate();
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const axes = useMemo(() => ids.flatMap((id) => axisOf(id, runs) ?? []), [ids, runs]);
  const gap = Math.max(leastGapPx, (width - 2 * side) / Math.max(1, axes.length - 1));
  const wide = Math.max(width, 2 * side + gap * (axes.length - 1));
  const lines = useMemo(() => {
    const colour = axisOf(colourBy, runs);
    return runs.map((run) => ({
      run,
      places: axes.map((axis) => placeOn(axis, run.values.get(axis.id))),
      colour: colourAt(colour === undefined ? undefined : placeOn(colour, run.values.get(colour.id))),
    }));
  }, [runs, axes, colourBy]);
  const inside = useMemo(() => {
    const held = axes.map((axis) => brushes.get(axis.id));
    const isInside = (places: readonly (number | undefined)[]): boolean =>
      held.every((brush, index) => {
        const place = places[index];
        return brush === undefined || (place !== undefined && place >= brush[0] - 1e-9 && place <= brush[1] + 1e-9);
      });
    return new Set(lines.filter((line) => isInside(line.places)).map((line) => line.run.id));
  }, [lines, axes, brushes]);
  useEffect(() => onInside?.([...inside]), [inside, onInside]);

  const setBrush = (axis: Axis, brush: Brush | undefined): void => {
    const next = new Map(brushes);
    if (brush === undefined) next.delete(axis.id);
    else next.set(axis.id, brush);
    setBrushes(next);
  };
  const shown = runs.find((run) => run.id === pointed);
  return (
    <div>
      <div ref={holder} className="overflow-x-auto" tabIndex={0} aria-label="Parallel coordinates" role="group">
        <svg width={wide} height={height} className="block select-none" onPointerLeave={() => setPointed(null)}>
          <g fill="none">
            {lines.map((line) =>
              inside.has(line.run.id) ? null : <Path key={line.run.id} places={line.places} gap={gap} colour="var(--line)" width={1} opacity={0.6} />,
            )}
            {lines.map((line) =>
              inside.has(line.run.id) ? (
                <Path
                  key={line.run.id}
                  id={line.run.id}
                  places={line.places}
                  gap={gap}
                  colour={line.colour}
                  width={line.run.id === pointed ? 3.5 : 1.4}
                  opacity={pointed === null ? (runs.length > 100 ? 0.5 : 0.85) : line.run.id === pointed ? 1 : 0.3}
                  onPoint={setPointed}
                  onOpen={(id) => void navigate({ to: `/develop/runs/${id}` })}
                />
              ) : null,
            )}
          </g>
          {axes.map((axis, index) => (
            <AxisLine key={axis.id} axis={axis} x={side + index * gap} brush={brushes.get(axis.id)} onBrush={(brush) => setBrush(axis, brush)} />
          ))}
        </svg>
      </div>
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 pb-3 text-xs text-ink-2" aria-live="polite">
        <span>
          {inside.size === runs.length ? `${runs.length} runs. Drag along an axis to keep the runs inside.` : `${inside.size} of ${runs.length} runs are inside.`}
        </span>
        {brushes.size === 0 ? null : (
          <button type="button" className="button button-quiet h-6" onClick={() => setBrushes(new Map())}>
            All again
          </button>
        )}
        {shown === undefined ? null : <span className="font-medium text-ink">{shown.name}</span>}
      </p>
    </div>
  );
}

interface PathShape {
  readonly places: readonly (number | undefined)[];
  readonly gap: number;
  readonly colour: string;
  readonly width: number;
  readonly opacity: number;
  readonly id?: string;
  readonly onPoint?: (id: string) => void;
  readonly onOpen?: (id: string) => void;
}

const y = (place: number): number => bottom - place * (bottom - top);

const Path = memo(
  function Path({ places, gap, colour, width, opacity, id, onPoint, onOpen }: PathShape) {
    let isPen = false;
    let path = '';
    places.forEach((place, index) => {
      if (place === undefined) {
        isPen = false;
        return;
      }
      path += `${isPen ? 'L' : 'M'}${(side + index * gap).toFixed(1)},${y(place).toFixed(1)}`;
      isPen = true;
    });
    return (
      <path
        d={path}
        stroke={colour}
        strokeWidth={width}
        opacity={opacity}
        strokeLinejoin="round"
        className={id === undefined ? '' : 'cursor-pointer'}
        data-run={id}
        onPointerEnter={id === undefined ? undefined : () => onPoint?.(id)}
        onClick={id === undefined ? undefined : () => onOpen?.(id)}
      />
    );
  },
  (a, b) => a.places === b.places && a.gap === b.gap && a.colour === b.colour && a.width === b.width && a.opacity === b.opacity,
);

function AxisLine({ axis, x, brush, onBrush }: { axis: Axis; x: number; brush: Brush | undefined; onBrush: (brush: Brush | undefined) => void }) {
  const start = useRef<number | null>(null);
  const placeOf = (event: React.PointerEvent<SVGRectElement>): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (box.bottom - 6 - event.clientY) / (bottom - top)));
  };
  const step = (event: React.KeyboardEvent): void => {
    const [low, high] = brush ?? [0, 1];
    const by = event.key === 'ArrowUp' ? 0.05 : event.key === 'ArrowDown' ? -0.05 : 0;
    if (event.key === 'Escape') onBrush(undefined);
    else if (by === 0) return;
    else if (event.shiftKey) onBrush([low, Math.min(1, Math.max(low, high + by))]);
    else onBrush([Math.max(0, Math.min(high, low + by)), high]);
    event.preventDefault();
  };
  return (
    <g transform={`translate(${x},0)`} fontSize="11" fill="var(--ink-2)">
      <text textAnchor="middle" y={18} fontWeight="600" fill="var(--ink)">
        <title>{axis.label}</title>
        {axis.label.length > 15 ? `${axis.label.slice(0, 14)}…` : axis.label}
      </text>
      <text textAnchor="middle" y={32} fontSize="10" fill="var(--ink-3)">
        {axis.id.startsWith('m.') ? 'metric' : 'param'}
        {axis.kind === 'log' ? ', log' : ''}
      </text>
      <line y1={top} y2={bottom} stroke="var(--line-strong)" />
      {ticksOf(axis).map((tick) => (
        <g key={tick.text} transform={`translate(0,${y(tick.at)})`}>
          <line x1={-3} x2={3} stroke="var(--line-strong)" />
          <text x={6} y={3.5} stroke="var(--surface)" strokeWidth="3" paintOrder="stroke">
            {tick.text.length > 14 ? `${tick.text.slice(0, 13)}…` : tick.text}
          </text>
        </g>
      ))}
      {brush === undefined ? null : (
        <rect
          x={-7}
          width={14}
          y={y(brush[1])}
          height={Math.max(2, y(brush[0]) - y(brush[1]))}
          fill="var(--accent)"
          fillOpacity={0.25}
          stroke="var(--accent)"
        />
      )}
      <rect
        x={-brushPx / 2}
        y={top - 6}
        width={brushPx}
        height={bottom - top + 12}
        fill="transparent"
        className="cursor-ns-resize"
        style={{ touchAction: 'pan-x' }}
        tabIndex={0}
        role="slider"
        aria-orientation="vertical"
        aria-label={`Keep runs by ${axis.label}: arrows move the lower end, with Shift the upper`}
        aria-valuemin={0}
        aria-valuemax={1}
        aria-valuenow={brush?.[0] ?? 0}
        data-axis={axis.id}
        onKeyDown={step}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          start.current = placeOf(event);
        }}
        onPointerMove={(event) => {
          if (start.current === null) return;
          const now = placeOf(event);
          if (Math.abs(now - start.current) > 0.015) onBrush([Math.min(start.current, now), Math.max(start.current, now)]);
        }}
        onPointerUp={(event) => {
          // a click without a drag takes the brush away
          if (start.current !== null && Math.abs(placeOf(event) - start.current) <= 0.015) onBrush(undefined);
          start.current = null;
        }}
      />
    </g>
  );
}
