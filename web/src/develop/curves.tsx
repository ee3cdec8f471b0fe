import { useMemo } from 'react';
import type { MetricHistoryView } from '../../../src/develop/tracking/tracking-api.ts';
import { count, number } from '../platform/format.ts';
import { seriesCount } from '../platform/theme.ts';
import { useUrlState } from '../platform/url.ts';
import { LineChart, type Line } from '../parts/line-chart.tsx';
import { Segmented } from '../parts/basics.tsx';
import { smoothed } from './plots.ts';
import { useMetricHistories } from './tracking.ts';

interface Shape {
  readonly ids: readonly string[];
  readonly names: readonly string[];
  readonly metric: string;
  /** more may come */
  readonly isLive?: boolean;
}

/** One metric of several runs, by step or by time since the first point. A metric that was logged once has no curve. */
export function Curves({ ids, names, metric, isLive = false }: Shape) {
  const [by, setBy] = useUrlState('by', 'step');
  const [scale, setScale] = useUrlState('scale', 'linear');
  const [smoothing, setSmoothing] = useUrlState('smoothing', '0');
  const weight = Math.min(0.99, Math.max(0, Number(smoothing) || 0));
  const histories = useMetricHistories(ids, metric, isLive).data;
  const { x, lines } = useMemo(() => linesOf(histories ?? [], names, by === 'time', weight), [histories, names, by, weight]);
  if (histories === undefined) return <div style={{ height: 240 }} aria-busy="true" />;
  if (x.length < 2)
    return (
      <p className="px-4 py-6 text-sm text-ink-2">
        {metric} was logged at one step only; the table has its value.
      </p>
    );
  const thinned = histories.filter((history) => history.points.length < history.pointCount);
  return (
    <div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 pb-2 text-sm">
        <Segmented
          label="Along"
          value={by}
          options={[
            { value: 'step', label: 'Step' },
            { value: 'time', label: 'Seconds' },
          ]}
          onChange={setBy}
        />
        <Segmented
          label="Scale"
          value={scale}
          options={[
            { value: 'linear', label: 'Linear' },
            { value: 'log', label: 'Log' },
          ]}
          onChange={setScale}
        />
        <label className="flex items-center gap-2 text-ink-2">
          Smoothing
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            className="w-28 accent-(--accent)"
            value={weight}
            onChange={(event) => setSmoothing(event.target.value)}
          />
          <span className="w-8 text-xs">{weight.toFixed(2)}</span>
        </label>
      </div>
      <LineChart label={metric} x={x} lines={lines} height={260} isLog={scale === 'log'} format={(value) => number(value)} />
      <Legend lines={lines.filter((line) => line.isFaint !== true)} />
      {thinned.length === 0 ? null : (
        <p className="px-4 pb-3 text-xs text-ink-3">
          {count(Math.max(...thinned.map((history) => history.pointCount)))} points, thinned out; the smallest and largest of each
          stretch are kept.
        </p>
      )}
    </div>
  );
}

/** All lines over the places where any has a point; a line passes over the others' places. */
function linesOf(
  histories: readonly MetricHistoryView[],
  names: readonly string[],
  isByTime: boolean,
  weight: number,
): { x: number[]; lines: Line[] } {
  const placed = histories.map(({ points }) => {
    const start = points.reduce((first, point) => Math.min(first, point.timestamp), Infinity);
    return points.map((point) => ({ at: isByTime ? (point.timestamp - start) / 1000 : point.step, value: point.value })).sort((a, b) => a.at - b.at);
  });
  const x = [...new Set(placed.flatMap((points) => points.map((point) => point.at)))].sort((a, b) => a - b);
  const lines = placed.flatMap((points, index) => {
    const own = { label: names[index] ?? '', colour: (index % seriesCount) + 1 };
    const along = (values: readonly (number | null)[]): (number | null | undefined)[] => {
      const byPlace = new Map(points.map((point, place) => [point.at, values[place]]));
      return x.map((at) => byPlace.get(at));
    };
    const raw = points.map((point) => point.value);
    const line: Line = { ...own, values: along(raw) };
    return weight === 0 ? [line] : [{ ...line, isFaint: true, width: 1 }, { ...own, values: along(smoothed(raw, weight)) }];
  });
  return { x, lines };
}

/** Which colour is which line. */
export const Legend = ({ lines }: { lines: readonly Pick<Line, 'label' | 'colour' | 'isDashed'>[] }) => (
  <ul className="flex flex-wrap gap-x-4 gap-y-1 px-4 pt-2 pb-3 text-xs">
    {lines.map((line, index) => (
      <li key={`${line.label}/${index}`} className="flex items-center gap-1.5">
        <svg width="18" height="6" aria-hidden="true">
          <line
            x1="0"
            y1="3"
            x2="18"
            y2="3"
            stroke={`var(--series-${line.colour})`}
            strokeWidth="2.5"
            strokeDasharray={line.isDashed === true ? '5 4' : undefined}
          />
        </svg>
        {line.label}
      </li>
    ))}
  </ul>
);
