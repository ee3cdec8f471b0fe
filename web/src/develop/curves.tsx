import { useMemo } from 'react';
import { number } from '../platform/format.ts';
import { seriesCount } from '../platform/theme.ts';
import { LineChart, type Line } from '../parts/line-chart.tsx';
import { useMetricHistories } from './tracking.ts';

/** One metric of several runs, step by step. A metric that was logged once has no curve. */
export function Curves({
  ids,
  names,
  metric,
}: {
  ids: readonly string[];
  names: readonly string[];
  metric: string;
}) {
  const query = useMetricHistories(ids, metric);
  const histories = query.data;
  const { x, lines } = useMemo(() => {
    const steps = [
      ...new Set((histories ?? []).flatMap((history) => history.points.map((point) => point.step))),
    ].sort((a, b) => a - b);
    const made: Line[] = (histories ?? []).map((history, index) => {
      const byStep = new Map(history.points.map((point) => [point.step, point.value]));
      return {
        label: names[index] ?? '',
        colour: (index % seriesCount) + 1,
        values: steps.map((step) => byStep.get(step) ?? null),
      };
    });
    return { x: steps, lines: made };
  }, [histories, names]);
  if (histories === undefined) return <div style={{ height: 240 }} />;
  if (x.length < 2)
    return (
      <p className="px-4 py-6 text-sm text-ink-2">
        {metric} was logged at one step only; the table has its value.
      </p>
    );
  return (
    <div>
      <LineChart label={metric} x={x} lines={lines} height={240} format={(value) => number(value)} />
      <Legend lines={lines} />
    </div>
  );
}

/** Which colour is which line. */
export const Legend = ({ lines }: { lines: readonly Pick<Line, 'label' | 'colour' | 'isDashed'>[] }) => (
  <ul className="flex flex-wrap gap-x-4 gap-y-1 px-4 pt-2 pb-3 text-xs">
    {lines.map((line) => (
      <li key={line.label} className="flex items-center gap-1.5">
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
