import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import type { RetrainingView } from '../../../src/maintain/retraining/retraining-api.ts';
import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';
import { segment, useApi } from '../platform/api.ts';
import {
  count,
  day,
  fixed,
  isoWeek,
  readable,
  share,
  shellWord,
  shortDay,
  tick,
} from '../platform/format.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, Segmented, When } from '../parts/basics.tsx';
import { LineChart, type Level, type Line, type Mark, type Span } from '../parts/line-chart.tsx';
import { VersionLink } from '../deploy/version-link.tsx';
import { Alerts } from './alerts.tsx';
import { CalibrationPanel } from './calibration.tsx';
import { DriftPanel } from './drift.tsx';
import { Predictions } from './predictions.tsx';
import { colourOf, isBad, levelsOf } from './bad-windows.ts';
import { reignsOf, storyOf, type Reign } from './reigns.ts';
import { Story } from './story.tsx';
import { windowsOf, type TimeWindow } from './windows.ts';

const metrics = [
  { value: 'auc', label: 'AUC', says: 'how well the two outcomes are told apart; 0.5 is chance' },
  { value: 'brier', label: 'Brier', says: 'mean squared error of the probability; lower is better' },
  { value: 'base_rate', label: 'Base rate', says: 'share of rows for which the positive class came true' },
  {
    value: 'ece',
    label: 'Calibration',
    says: 'how far probabilities lie from what came true; lower is better',
  },
] as const;

/** Room for feature names beside the heat map; charts above it use the same, so that times stand under each other. */
const wideGutter = 112;
const narrowGutter = 76;

export function MonitorPage() {
  const { model } = useParams({ strict: false });
  const models = useApi<RegisteredModel[]>('/api/v1/models');
  const navigate = useNavigate();
  const shown = model ?? models.data?.[0]?.name;
  if (shown === undefined) {
    return (
      <Page
        title="Monitor"
        name="Monitor"
        lead="How every version performs, week by week, once the truth is known."
        cli="tilth monitor history MODEL"
      >
        <section className="card" aria-label="Models">
          <Answer
            query={models}
            empty={
              <Empty title="No model is registered yet" command="tilth quickstart">
                The history begins with the first logged predictions of an endpoint.
              </Empty>
            }
          >
            {() => <Empty title="No model is registered yet" command="tilth quickstart" />}
          </Answer>
        </section>
      </Page>
    );
  }
  return (
    <ModelHistory
      key={shown}
      model={shown}
      choice={
        (models.data?.length ?? 0) > 1 ? (
          <select
            className="field"
            aria-label="Model"
            value={shown}
            onChange={(event) => void navigate({ to: `/monitor/${segment(event.target.value)}` })}
          >
            {models.data?.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        ) : null
      }
    />
  );
}

function ModelHistory({ model, choice }: { model: string; choice: React.ReactNode }) {
  const [metric, setMetric] = useUrlState('metric', 'auc');
  const [hover, setHover] = useState<number | null>(null);
  const gutter = useIsNarrow() ? narrowGutter : wideGutter;
  const history = useApi<PerformanceHistory>(`/api/v1/models/${segment(model)}/performance`, { metric });
  const alerts = useApi<Alert[]>('/api/v1/alerts', { model });
  const retrainings = useApi<RetrainingView[]>('/api/v1/retrainings', { model });
  const windows = useMemo(() => windowsOf(history.data), [history.data]);
  const extent = useMemo((): readonly [number, number] | undefined => {
    const first = windows[0];
    const last = windows.at(-1);
    if (first === undefined || last === undefined) return undefined;
    // what was decided when the newest window ended needs room beside it
    const isEndMarked = history.data?.marks.some((mark) => (mark.eventAt ?? 0) >= last.to) === true;
    return [first.from, isEndMarked ? last.to + (last.to - last.from) : last.to];
  }, [windows, history.data]);
  const reigns = useMemo(
    () => (history.data === undefined || extent === undefined ? [] : reignsOf(history.data.marks, extent)),
    [history.data, extent],
  );
  const told = { alerts: alerts.data ?? [], retrainings: retrainings.data ?? [] };
  return (
    <Page
      name={`Monitor ${model}`}
      title={model}
      lead={
        windows.length === 0
          ? 'Performance of every version by window, once the truth is known; under it how far each feature moved in the same windows.'
          : storyOf(reigns, told.alerts, told.retrainings)
      }
      cli={`tilth monitor history ${shellWord(model)}`}
      actions={
        <>
          {choice}
          <Link to={`/deploy/models/${segment(model)}`} className="button">
            Versions
          </Link>
        </>
      }
    >
      <Panel
        title="Performance of every version"
        flush
        aside={
          <Segmented
            label="Metric"
            value={metric}
            options={metrics.map(({ value, label }) => ({ value, label }))}
            onChange={setMetric}
          />
        }
      >
        <Answer
          query={history}
          isEmpty={(data) => data.series.length === 0}
          empty={
            <Empty title="Nothing is known yet" command={`tilth monitor history ${shellWord(model)}`}>
              A window has a value once enough of its predictions have their ground truth.
            </Empty>
          }
        >
          {(data) => (
            <History
              history={data}
              reigns={reigns}
              {...told}
              gutter={gutter}
              windows={windows}
              extent={extent}
              hover={hover}
              onHover={setHover}
            />
          )}
        </Answer>
      </Panel>
      <DriftPanel
        model={model}
        reigns={reigns}
        windows={windows}
        extent={extent}
        gutter={gutter}
        hover={hover}
        onHover={setHover}
      />
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <Alerts model={model} />
        <CalibrationPanel model={model} />
      </div>
      <Predictions model={model} />
    </Page>
  );
}

const badgeTone = {
  deploy: 'plain',
  promotion: 'good',
  rollback: 'warn',
  alert: 'bad',
  retraining: 'info',
  refusal: 'plain',
} as const;
/** What crosses the chart as a line; the rows over it have the words. */
const lineTone: Readonly<Partial<Record<PerformanceHistory['marks'][number]['kind'], Mark['tone']>>> = {
  promotion: 'accent',
  rollback: 'warn',
  alert: 'bad',
  refusal: 'plain',
};

interface HistoryShape {
  readonly alerts: readonly Alert[];
  readonly retrainings: readonly RetrainingView[];
  readonly reigns: readonly Reign[];
  readonly gutter: number;
  readonly history: PerformanceHistory;
  readonly windows: readonly TimeWindow[];
  readonly extent: readonly [number, number] | undefined;
  readonly hover: number | null;
  readonly onHover: (index: number | null) => void;
}

const rank = (variant: string): number => (variant === 'champion' ? 0 : variant === 'canary' ? 1 : 2);
/** By version, the part that answered people first. */
const inOrder = (series: PerformanceHistory['series']): PerformanceHistory['series'] =>
  [...series].sort((a, b) => a.version - b.version || rank(a.variant) - rank(b.variant));

const nameOf = (series: { version: number; variant: string }): string =>
  `version ${series.version}${series.variant === 'champion' ? '' : ` ${series.variant}`}`;

function History({
  history: given,
  alerts,
  retrainings,
  reigns,
  gutter,
  windows,
  extent,
  hover,
  onHover,
}: HistoryShape) {
  const history = useMemo(() => ({ ...given, series: inOrder(given.series) }), [given]);
  const x = useMemo(() => windows.map((window) => (window.from + window.to) / 2), [windows]);
  const byStart = useMemo(
    () => history.series.map((series) => new Map(series.points.map((point) => [point.windowStart, point]))),
    [history],
  );
  const lines = useMemo(
    (): Line[] =>
      history.series.map((series, index) => {
        const at = (window: TimeWindow) => byStart[index]?.get(window.from);
        return {
          label: nameOf(series),
          colour: colourOf(series.version),
          isDashed: series.variant === 'shadow',
          values: windows.map((window) => at(window)?.value ?? null),
          low: windows.map((window) => at(window)?.low ?? null),
          high: windows.map((window) => at(window)?.high ?? null),
          isBad: windows.map(
            (window) => series.variant === 'champion' && isBad(history, alerts, series.version, at(window)),
          ),
        };
      }),
    [history, windows, byStart, alerts],
  );
  const marks = useMemo(
    (): Mark[] =>
      history.marks.flatMap((mark) => {
        const tone = lineTone[mark.kind];
        return mark.eventAt === null || tone === undefined ? [] : [{ at: mark.eventAt, tone }];
      }),
    [history],
  );
  const gaps = useMemo(
    (): Span[] =>
      windows.filter(
        (window) => !byStart.some((points) => (points.get(window.from)?.value ?? null) !== null),
      ),
    [windows, byStart],
  );
  const levels = useMemo(() => levelsOf(history, alerts, reigns), [history, alerts, reigns]);
  // so that pointing at another window moves nothing on the page
  const mostServing = Math.max(
    1,
    ...windows.map((each) => byStart.filter((points) => points.has(each.from)).length),
  );
  // without a pointer: the newest window of which something is known
  const newestKnown = windows.findLastIndex((each) =>
    byStart.some((points) => (points.get(each.from)?.value ?? null) !== null),
  );
  const index = hover ?? (newestKnown === -1 ? windows.length - 1 : newestKnown);
  const window = windows[index];
  const says = metrics.find((each) => each.value === history.metric)?.says;
  return (
    <div>
      <div className="pt-4">
        {extent === undefined ? null : (
          <Story
            reigns={reigns}
            alerts={alerts}
            retrainings={retrainings}
            marks={history.marks}
            extent={extent}
            gutter={gutter}
          />
        )}
        <LineChart
          label={`${history.metric} of every version of ${history.model} by ${history.granularity}`}
          x={x}
          lines={lines}
          isTime
          height={340}
          gutter={gutter}
          marks={marks}
          gaps={gaps}
          levels={levels}
          extent={extent}
          hover={hover}
          onHover={onHover}
          format={tick}
        />
        {extent === undefined ? null : (
          <Coverage
            history={history}
            gutter={gutter}
            windows={windows}
            extent={extent}
            hover={hover}
            onHover={onHover}
          />
        )}
        <Legend levels={levels} betterWhen={history.betterWhen} gutter={gutter} />
      </div>
      <div className="border-t border-line px-4 py-3">
        <p className="flex flex-wrap items-baseline gap-x-3 text-sm">
          <strong className="font-semibold">
            {window === undefined
              ? ''
              : `${history.granularity === 'week' ? `${isoWeek(window.from)}, ` : ''}${shortDay(window.from)} – ${day(window.to - 1)}`}
          </strong>
          <span className="text-ink-2">{says}</span>
        </p>
        <div className="mt-2 overflow-x-auto" style={{ minHeight: 34 + mostServing * 37 }}>
          <table className="data-table">
            <thead>
              <tr>
                <th className="!pl-0">Version</th>
                <th className="num">
                  {metrics.find((each) => each.value === history.metric)?.label ?? history.metric}
                </th>
                <th className="num">95 % interval</th>
                <th className="num">Rows</th>
                <th className="num">Truth known</th>
              </tr>
            </thead>
            <tbody>
              {history.series.map((series, at) => {
                const point = window === undefined ? undefined : byStart[at]?.get(window.from);
                if (point === undefined) return null;
                const isBelow =
                  series.variant === 'champion' && isBad(history, alerts, series.version, point);
                return (
                  <tr key={`${series.version}/${series.variant}`}>
                    <td className="!pl-0">
                      <span className="flex items-center gap-2 whitespace-nowrap">
                        <Swatch colour={colourOf(series.version)} isDashed={series.variant === 'shadow'} />
                        <VersionLink model={history.model} version={series.version} />
                        <span className="text-ink-3">{series.variant}</span>
                        {isBelow ? <Badge tone="bad">beyond the threshold</Badge> : null}
                        {point.isPartial ? <Badge>part of the window</Badge> : null}
                      </span>
                    </td>
                    <td className={`num font-medium ${isBelow ? 'text-bad' : ''}`}>
                      {point.state === 'not yet known' ? 'not yet known' : fixed(point.value)}
                    </td>
                    <td className="num whitespace-nowrap">
                      {point.low === null ? '–' : `${fixed(point.low)} – ${fixed(point.high)}`}
                    </td>
                    <td className="num">{count(point.rowCount)}</td>
                    <td className="num">
                      {point.rowCount === 0 ? '–' : share(point.labelledCount / point.rowCount)}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </div>
      {history.marks.length === 0 ? null : (
        <details className="border-t border-line px-4 py-3 text-sm">
          <summary className="link w-fit">What happened ({history.marks.length})</summary>
          <ol className="mt-2 flex flex-col gap-1.5">
            {history.marks.map((mark) => (
              <li key={`${mark.seq}/${mark.kind}`} className="flex flex-wrap items-center gap-2">
                <span className="w-[84px] shrink-0">
                  <Badge tone={badgeTone[mark.kind]}>{mark.kind}</Badge>
                </span>
                <span className="min-w-0 break-words">{readable(mark.text)}</span>
                <span className="text-xs text-ink-3">
                  {mark.eventAt === null ? '' : `${day(mark.eventAt)} in the data, `}
                  <When at={mark.at} />
                </span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </div>
  );
}

/** How to read the chart, in the order of its drawing. */
function Legend({
  levels,
  betterWhen,
  gutter,
}: {
  levels: readonly Level[];
  betterWhen: PerformanceHistory['betterWhen'];
  gutter: number;
}) {
  const valuesOf = (tone: Level['tone']): string =>
    [...new Set(levels.filter((level) => level.tone === tone).map((level) => fixed(level.value)))].join(
      ', then ',
    );
  const isRuled = levels.some((level) => level.tone === 'bad');
  const entry = 'flex items-center gap-1.5';
  return (
    <ul
      className="flex flex-wrap gap-x-5 gap-y-1 pt-3 pr-4 pb-4 text-xs text-ink-2"
      style={{ paddingLeft: gutter }}
    >
      <li className={entry}>
        <span className="h-3 w-5 rounded-[2px] bg-accent-soft" />
        95 % interval
      </li>
      <li className={entry}>
        <span className="w-5 border-t-2 border-dashed border-ink-3" />
        in the shadow
      </li>
      {levels.length === 0 ? null : (
        <li className={entry}>
          <span className="w-5 border-t-2 border-dotted border-ink-3" />
          {isRuled ? 'reference' : 'first whole window'} {valuesOf(undefined)}
        </li>
      )}
      {isRuled ? (
        <>
          <li className={entry}>
            <span className="w-5 border-t-2 border-dotted border-bad" />
            alert {betterWhen === 'lower' ? 'above' : 'below'} {valuesOf('bad')}
          </li>
          <li className={entry}>
            <span className="size-2 rounded-full bg-bad" />
            whole interval beyond it
          </li>
        </>
      ) : null}
    </ul>
  );
}

export const Swatch = ({ colour, isDashed }: { colour: number; isDashed: boolean }) => (
  <svg width="20" height="6" aria-hidden="true" className="shrink-0">
    <line
      x1="1"
      y1="3"
      x2="19"
      y2="3"
      stroke={`var(--series-${colour})`}
      strokeWidth="2.5"
      strokeLinecap="round"
      strokeDasharray={isDashed ? '4 5' : undefined}
    />
  </svg>
);

/** How much of each window's truth is known, as a bar per window under the chart. */
function Coverage({
  history,
  gutter,
  windows,
  extent,
  hover,
  onHover,
}: Omit<HistoryShape, 'alerts' | 'retrainings' | 'reigns' | 'extent'> & {
  extent: readonly [number, number];
}) {
  const [from, to] = extent;
  const place = (at: number): number => ((at - from) / (to - from || 1)) * 100;
  return (
    <div className="flex h-7 items-end text-xs" onMouseLeave={() => onHover(null)}>
      <span className="self-center pr-2 text-right text-ink-2" style={{ width: gutter }}>
        truth known
      </span>
      <div className="relative mr-4 h-5 min-w-0 flex-1">
        {windows.map((window, index) => {
          const points = history.series.flatMap((series) =>
            series.points.filter((point) => point.windowStart === window.from),
          );
          const rowCount = points.reduce((sum, point) => sum + point.rowCount, 0);
          const labelledCount = points.reduce((sum, point) => sum + point.labelledCount, 0);
          const known = rowCount === 0 ? 0 : labelledCount / rowCount;
          return (
            <span
              key={window.from}
              title={`${shortDay(window.from)}: truth known for ${share(known)} of ${count(rowCount)} rows`}
              onMouseEnter={() => onHover(index)}
              className="absolute inset-y-0 flex items-end rounded-[2px] bg-sunken"
              style={{
                left: `${place(window.from)}%`,
                width: `max(2px, calc(${place(window.to) - place(window.from)}% - 2px))`,
              }}
            >
              <span
                className="block w-full rounded-[2px] bg-accent"
                style={{ height: `${known * 100}%`, opacity: hover === null || hover === index ? 0.75 : 0.4 }}
              />
            </span>
          );
        })}
      </div>
    </div>
  );
}
