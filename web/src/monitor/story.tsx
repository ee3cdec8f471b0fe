import type { ReactNode } from 'react';
import type { RetrainingView } from '../../../src/maintain/retraining/retraining-api.ts';
import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';
import { day, shortDay } from '../platform/format.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { seriesColour } from '../platform/theme.ts';
import { Icon } from '../parts/icon.tsx';
import type { Reign } from './reigns.ts';

type Mark = PerformanceHistory['marks'][number];

interface StoryShape {
  readonly reigns: readonly Reign[];
  readonly alerts: readonly Alert[];
  readonly retrainings: readonly RetrainingView[];
  readonly marks: readonly Mark[];
  readonly extent: readonly [number, number];
  readonly gutter: number;
}

/** What people and rules did, in three rows over the chart, on its time axis. */
export function Story({ reigns, alerts, retrainings, marks, extent, gutter }: StoryShape) {
  const [first, last] = extent;
  const isNarrow = useIsNarrow();
  const place = (at: number): number =>
    ((Math.min(Math.max(at, first), last) - first) / (last - first || 1)) * 100;
  const fired = alerts.filter((alert) => alert.raisedEventAt !== null);
  const rollbacks = marks.filter((mark) => mark.kind === 'rollback' && mark.eventAt !== null);
  return (
    <div className="flex flex-col gap-1 text-xs" aria-hidden="true">
      <Lane name="champion" gutter={gutter}>
        {reigns.map((reign) => (
          <Bar
            key={reign.from}
            left={place(reign.from)}
            right={place(reign.to)}
            leastPx={26}
            title={`version ${reign.version} is champion ${shortDay(reign.from)} to ${day(reign.to)}`}
            className="font-medium text-ink"
            style={{
              background: `color-mix(in srgb, ${seriesColour(reign.version - 1)} 18%, var(--surface))`,
              borderLeft: `3px solid ${seriesColour(reign.version - 1)}`,
            }}
          >
            <span className="truncate pl-1">
              {place(reign.to) - place(reign.from) > 15 ? `version ${reign.version}` : `v${reign.version}`}
            </span>
          </Bar>
        ))}
        {(isNarrow ? [] : rollbacks.slice(-1)).map((mark) => (
          <span
            key={mark.seq}
            title={`rolled back ${rollbacks.length === 1 ? 'once' : `${rollbacks.length} times`}, last ${mark.text}`}
            className="absolute top-0.5 z-10 grid size-4 place-items-center rounded-full bg-warn-soft text-warn"
            style={{ left: `calc(${place(mark.eventAt ?? first)}% - 20px)` }}
          >
            <Icon name="rollback" size={11} />
          </span>
        ))}
      </Lane>
      <Lane name="retraining" gutter={gutter}>
        {retrainings.map((each) => (
          <Bar
            key={each.id}
            left={place(each.shadowFrom)}
            right={place(each.decidedAsOf ?? each.shadowUntil)}
            leastPx={isNarrow ? 24 : 34}
            title={`${each.candidate === null ? 'no candidate yet' : `version ${each.candidate}`}: ${each.state}; in the shadow from ${shortDay(each.shadowFrom)} to ${day(each.decidedAsOf ?? each.shadowUntil)}`}
            className={`justify-center gap-0.5 border font-medium ${retrainingLook[each.state]}`}
          >
            {each.candidate === null ? '…' : `${isNarrow ? '' : 'v'}${each.candidate}`}
            {each.state === 'promoted' ? (
              <Icon name="check" size={11} />
            ) : each.state === 'refused' || each.state === 'failed' ? (
              <Icon name="cross" size={11} />
            ) : null}
          </Bar>
        ))}
      </Lane>
      <Lane name="alert" gutter={gutter}>
        {fired.map((alert) => (
          <Bar
            key={alert.id}
            left={place(alert.raisedEventAt ?? first)}
            right={place(
              alert.state === 'firing' ? last : Math.max(alert.windowEnd, alert.raisedEventAt ?? first),
            )}
            leastPx={8}
            title={`${alert.rule}, ${alert.state}: ${alert.summary}`}
            className="bg-bad"
          />
        ))}
      </Lane>
    </div>
  );
}

const retrainingLook: Readonly<Record<RetrainingView['state'], string>> = {
  training: 'border-info bg-info-soft text-info',
  shadow: 'border-info bg-info-soft text-info',
  judging: 'border-info bg-info-soft text-info',
  'awaiting-approval': 'border-warn bg-warn-soft text-warn',
  promoted: 'border-good bg-good-soft text-good',
  refused: 'border-line-strong bg-sunken text-ink-2',
  failed: 'border-bad bg-bad-soft text-bad',
};

const Lane = ({ name, gutter, children }: { name: string; gutter: number; children: ReactNode }) => (
  <div className="flex h-5 items-stretch">
    <span className="self-center truncate pr-2 text-right text-ink-2" style={{ width: gutter }}>
      {name}
    </span>
    <div className="relative mr-4 min-w-0 flex-1 overflow-hidden rounded-sm bg-ground">{children}</div>
  </div>
);

interface BarShape {
  /** % of the lane */
  readonly left: number;
  readonly right: number;
  /** short ones stay visible */
  readonly leastPx: number;
  readonly title: string;
  readonly className: string;
  readonly style?: React.CSSProperties;
  readonly children?: ReactNode;
}

const Bar = ({ left, right, leastPx, title, className, style, children }: BarShape) => (
  <span
    title={title}
    className={`absolute inset-y-0 flex items-center rounded-sm ${className}`}
    style={{
      left: `min(${left}%, calc(100% - ${leastPx}px))`,
      width: `max(${leastPx}px, calc(${right - left}% - 1px))`,
      ...style,
    }}
  >
    {children}
  </span>
);
