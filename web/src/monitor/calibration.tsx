import type { WindowPerformance } from '../../../src/monitor/performance/performance-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, share, shortDay } from '../platform/format.ts';
import { seriesCount } from '../platform/theme.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Panel } from '../parts/basics.tsx';

const size = 260;
const pad = 34;
const inner = size - pad - 10;

/** What was said against what came true, in the newest window whose truth is known. */
export function CalibrationPanel({ model }: { model: string }) {
  const query = useApi<WindowPerformance[]>(`/api/v1/models/${segment(model)}/performance/windows`);
  const newest = query.data
    ?.filter((window) => window.state === 'known' && window.variant !== 'shadow')
    .sort((a, b) => b.windowStart - a.windowStart)[0];
  return (
    <Panel
      title="Calibration"
      aside={
        newest === undefined ? null : `version ${newest.version}, week of ${shortDay(newest.windowStart)}`
      }
      flush
    >
      <Answer
        query={query}
        empty={<Empty title="Not yet known">Drawn once the truth of a window is known.</Empty>}
      >
        {() =>
          newest === undefined ? (
            <Empty title="Not yet known">Drawn once the truth of a window is known.</Empty>
          ) : (
            <Diagram window={newest} />
          )
        }
      </Answer>
    </Panel>
  );
}

const at = (value: number): number => pad + value * inner;
const up = (value: number): number => 10 + (1 - value) * inner;

function Diagram({ window }: { window: WindowPerformance }) {
  const bins = window.calibration.filter(
    (bin) => bin.count > 0 && bin.meanScore !== null && bin.positiveShare !== null,
  );
  const colour = `var(--series-${((window.version - 1) % seriesCount) + 1})`;
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  return (
    <div className="flex flex-wrap items-center gap-6 p-4">
      <svg
        viewBox={`0 0 ${size} ${size}`}
        width={size}
        height={size}
        role="img"
        aria-label="Predicted probability against the share that came true"
        className="max-w-full"
      >
        {[0, 0.5, 1].map((tick) => (
          <g key={tick} className="fill-ink-3 text-[11px]">
            <line x1={at(tick)} x2={at(tick)} y1={up(0)} y2={up(1)} stroke="var(--line)" />
            <line x1={at(0)} x2={at(1)} y1={up(tick)} y2={up(tick)} stroke="var(--line)" />
            <text x={at(tick)} y={size - 4} textAnchor={tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle'}>
              {tick}
            </text>
            <text x={pad - 6} y={up(tick) + 4} textAnchor="end">
              {tick}
            </text>
          </g>
        ))}
        <line x1={at(0)} y1={up(0)} x2={at(1)} y2={up(1)} stroke="var(--line-strong)" strokeDasharray="3 4" />
        {bins.map((bin) => (
          <g key={bin.from}>
            {bin.low === null || bin.high === null ? null : (
              <line
                x1={at(bin.meanScore ?? 0)}
                x2={at(bin.meanScore ?? 0)}
                y1={up(bin.low)}
                y2={up(bin.high)}
                stroke={colour}
                opacity="0.55"
              />
            )}
            <circle
              cx={at(bin.meanScore ?? 0)}
              cy={up(bin.positiveShare ?? 0)}
              r={2.5 + 4 * Math.sqrt(bin.count / most)}
              fill={colour}
              fillOpacity="0.85"
            >
              <title>{`said ${share(bin.meanScore)}, came true ${share(bin.positiveShare)}, ${count(bin.count)} rows`}</title>
            </circle>
          </g>
        ))}
      </svg>
      <p className="max-w-[28ch] text-sm text-ink-2">
        Each dot is a tenth of the probabilities: across what was said, up what came true. On the dashed line
        the model says what happens; above it, it says too little.
      </p>
    </div>
  );
}
