import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { number } from '../platform/format.ts';
import { axisOf, colourAt, placeOn, ticksOf, type PlotRun } from './plots.ts';

const height = 320;
const edge = { left: 64, right: 20, top: 14, bottom: 40 } as const;

interface Shape {
  readonly runs: readonly PlotRun[];
  readonly x: string;
  readonly y: string;
  readonly colourBy: string;
}

/** Runs as points over any two of their params and metrics. */
export function Scatter({ runs, x, y, colourBy }: Shape) {
  const holder = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const [pointed, setPointed] = useState<string | null>(null);
  const navigate = useNavigate();
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const drawing = useMemo(() => {
    const across = axisOf(x, runs);
    const up = axisOf(y, runs);
    const colour = axisOf(colourBy, runs);
    if (across === undefined || up === undefined) return undefined;
    const points = runs.flatMap((run) => {
      const left = placeOn(across, run.values.get(x));
      const top = placeOn(up, run.values.get(y));
      return left === undefined || top === undefined
        ? []
        : { run, left, top, colour: colourAt(colour === undefined ? undefined : placeOn(colour, run.values.get(colourBy))) };
    });
    return { across, up, points };
  }, [runs, x, y, colourBy]);
  const inner = { width: Math.max(80, width - edge.left - edge.right), height: height - edge.top - edge.bottom };
  const shown = drawing?.points.find((point) => point.run.id === pointed)?.run;
  const said = (value: number | string | undefined): string => (typeof value === 'number' ? number(value, 6) : (value ?? '–'));
  return (
    <div>
      <div ref={holder} className="min-w-0">
        {drawing === undefined ? (
          <p className="px-4 py-6 text-sm text-ink-2">Choose two params or metrics that these runs have.</p>
        ) : (
          <svg width="100%" height={height} role="img" aria-label={`${drawing.up.label} over ${drawing.across.label}: ${drawing.points.length} runs`} fontSize="11" fill="var(--ink-3)">
            <g transform={`translate(${edge.left},${edge.top})`}>
              {ticksOf(drawing.up).map((tick) => (
                <g key={tick.text} transform={`translate(0,${(1 - tick.at) * inner.height})`}>
                  <line x2={inner.width} stroke="var(--line)" />
                  <text x={-8} y={3.5} textAnchor="end">
                    {tick.text.slice(0, 9)}
                  </text>
                </g>
              ))}
              {ticksOf(drawing.across, Math.max(2, Math.floor(inner.width / 90))).map((tick) => (
                <g key={tick.text} transform={`translate(${tick.at * inner.width},${inner.height})`}>
                  <line y2={4} stroke="var(--line-strong)" />
                  <text y={17} textAnchor="middle">
                    {tick.text.slice(0, 12)}
                  </text>
                </g>
              ))}
              <text x={inner.width} y={inner.height + 33} textAnchor="end" fill="var(--ink-2)">
                {drawing.across.label}
                {drawing.across.kind === 'log' ? ' (log)' : ''} →
              </text>
              <text x={4} y={9} fill="var(--ink-2)" stroke="var(--surface)" strokeWidth="3" paintOrder="stroke">
                ↑ {drawing.up.label}
                {drawing.up.kind === 'log' ? ' (log)' : ''}
              </text>
              {drawing.points.map(({ run, left, top, colour }) => (
                <circle
                  key={run.id}
                  data-run={run.id}
                  cx={left * inner.width}
                  cy={(1 - top) * inner.height}
                  r={run.id === pointed ? 7 : runs.length > 200 ? 3.5 : 5}
                  fill={colour}
                  fillOpacity={0.8}
                  stroke="var(--surface)"
                  className="cursor-pointer"
                  onPointerEnter={() => setPointed(run.id)}
                  onPointerLeave={() => setPointed(null)}
                  onClick={() => void navigate({ to: `/develop/runs/${run.id}` })}
                />
              ))}
            </g>
          </svg>
        )}
      </div>
      <p className="min-h-7 px-4 pb-3 text-xs text-ink-2">
        {shown === undefined || drawing === undefined ? (
          drawing === undefined ? '' : `${drawing.points.length} of ${runs.length} runs have both.`
        ) : (
          <>
            <span className="font-medium text-ink">{shown.name}</span> {drawing.across.label} {said(shown.values.get(x))}, {drawing.up.label}{' '}
            {said(shown.values.get(y))}
          </>
        )}
      </p>
    </div>
  );
}
