import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { tick } from '../platform/format.ts';
import { Panel } from '../parts/basics.tsx';
import { LineChart, type Line } from '../parts/line-chart.tsx';
import { colourOf, isBad, levelsOf } from './bad-windows.ts';
import { reignsOf } from './reigns.ts';
import { windowsOf } from './windows.ts';

/** How a model's champions did, window by window: the monitor's chart in small. Nothing where nothing is known. */
export default function Pulse({ model }: { model: string }) {
  const history = useApi<PerformanceHistory>(`/api/v1/models/${segment(model)}/performance`, {
    metric: 'auc',
  });
  const alerts = useApi<Alert[]>('/api/v1/alerts', { model });
  const windows = useMemo(() => windowsOf(history.data), [history.data]);
  const first = windows[0];
  const last = windows.at(-1);
  if (history.data === undefined || first === undefined || last === undefined) return null;
  const data = history.data;
  const extent = [first.from, last.to] as const;
  const rules = alerts.data ?? [];
  const champions = data.series
    .filter((series) => series.variant === 'champion')
    .sort((a, b) => a.version - b.version);
  const lines = champions.map((series): Line => {
    const points = new Map(series.points.map((point) => [point.windowStart, point]));
    return {
      label: `version ${series.version}`,
      colour: colourOf(series.version),
      values: windows.map((window) => points.get(window.from)?.value ?? null),
      low: windows.map((window) => points.get(window.from)?.low ?? null),
      high: windows.map((window) => points.get(window.from)?.high ?? null),
      isBad: windows.map((window) => isBad(data, rules, series.version, points.get(window.from))),
    };
  });
  const badCount = lines.reduce((sum, line) => sum + (line.isBad?.filter(Boolean).length ?? 0), 0);
  return (
    <Panel
      title={`${model}, AUC by ${data.granularity}`}
      flush
      aside={
        <Link to={`/monitor/${segment(model)}`} className="link">
          monitor
        </Link>
      }
    >
      <LineChart
        label={`AUC of the champions of ${model} by ${data.granularity}`}
        x={windows.map((window) => (window.from + window.to) / 2)}
        lines={lines}
        levels={levelsOf(data, rules, reignsOf(data.marks, extent))}
        isTime
        height={210}
        gutter={44}
        extent={extent}
        format={tick}
      />
      <p className="flex flex-wrap gap-x-4 gap-y-1 px-4 pb-3 text-xs text-ink-2">
        {champions.map((series) => (
          <span key={series.version} className="flex items-center gap-1.5">
            <span
              className="h-0.5 w-4 rounded-full"
              style={{ background: `var(--series-${colourOf(series.version)})` }}
            />
            version {series.version}
          </span>
        ))}
        {badCount === 0 ? null : (
          <span className="flex items-center gap-1.5">
            <span className="size-2 rounded-full bg-bad" />
            {badCount} of {windows.length} windows beyond the threshold
          </span>
        )}
      </p>
    </Panel>
  );
}
