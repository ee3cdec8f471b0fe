import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, day, fixed, share, shellWord, shortDay } from '../platform/format.ts';
import { seriesCount } from '../platform/theme.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, Segmented, When } from '../parts/basics.tsx';
import { LineChart, type Line, type Mark, type Span } from '../parts/line-chart.tsx';
import { VersionLink } from '../deploy/version-link.tsx';
import { Alerts } from './alerts.tsx';
import { CalibrationPanel } from './calibration.tsx';
import { DriftPanel } from './drift.tsx';
import { Predictions } from './predictions.tsx';
import { windowsOf, type TimeWindow } from './windows.ts';

const metrics = [
  { value: 'auc', label: 'AUC', says: 'how well the two outcomes are told apart; 0.5 is chance' },
  { value: 'brier', label: 'Brier', says: 'mean squared error of the probability; lower is better' },
  { value: 'base_rate', label: 'Base rate', says: 'share of rows for which the positive class came true' },
  { value: 'ece', label: 'Calibration', says: 'how far probabilities lie from what came true; lower is better' },
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
      <Page title="Monitor" name="Monitor" lead="How every version performs, week by week, once the truth is known." cli="tilth monitor history MODEL">
        <section className="card" aria-label="Models">
          <Answer query={models} empty={<Empty title="No model is registered yet" command="tilth quickstart">The history begins with the first logged predictions of an endpoint.</Empty>}>
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
          <select className="field" aria-label="Model" value={shown} onChange={(event) => void navigate({ to: `/monitor/${segment(event.target.value)}` })}>
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
  const windows = useMemo(() => windowsOf(history.data), [history.data]);
  const extent = useMemo((): readonly [number, number] | undefined => {
    const first = windows[0];
    const last = windows.at(-1);
    return first === undefined || last === undefined ? undefined : [first.from, last.to];
  }, [windows]);
  return (
    <Page
      name={`Monitor ${model}`}
      title={model}
      lead="Performance of every version by window, once the truth is known; under it how far each feature moved in the same windows."
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
        aside={<Segmented label="Metric" value={metric} options={metrics.map(({ value, label }) => ({ value, label }))} onChange={setMetric} />}
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
          {(data) => <History history={data} alerts={alerts.data} gutter={gutter} windows={windows} extent={extent} hover={hover} onHover={setHover} />}
        </Answer>
      </Panel>
      <DriftPanel model={model} windows={windows} extent={extent} gutter={gutter} hover={hover} onHover={setHover} />
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <Alerts model={model} />
        <CalibrationPanel model={model} />
      </div>
      <Predictions model={model} />
    </Page>
  );
}

const markTone = { deploy: 'accent', promotion: 'accent', rollback: 'warn', alert: 'bad', retraining: 'info' } as const;
const longestMarkWord = 26;

interface HistoryShape {
  readonly alerts?: readonly Alert[] | undefined;
  readonly gutter: number;
  readonly history: PerformanceHistory;
  readonly windows: readonly TimeWindow[];
  readonly extent: readonly [number, number] | undefined;
  readonly hover: number | null;
  readonly onHover: (index: number | null) => void;
}

/** What the alert rules compare with; where none has fired for this metric, the first whole window that is known. */
function referenceOf(history: PerformanceHistory, alerts: readonly Alert[] | undefined): { value: number; label: string } | undefined {
  const alert = alerts?.find((each) => each.metric === history.metric);
  if (alert !== undefined) return { value: alert.reference, label: `reference of version ${alert.version} (${alert.referenceKind})` };
  const point = history.series.find((series) => series.variant !== 'shadow')?.points.find((each) => each.value !== null && !each.isPartial);
  return point === undefined || point.value === null ? undefined : { value: point.value, label: 'first whole window' };
}

const rank = (variant: string): number => (variant === 'champion' ? 0 : variant === 'canary' ? 1 : 2);
/** By version, the part that answered people first. */
const inOrder = (series: PerformanceHistory['series']): PerformanceHistory['series'] =>
  [...series].sort((a, b) => a.version - b.version || rank(a.variant) - rank(b.variant));

const nameOf = (series: { version: number; variant: string }): string => `version ${series.version}${series.variant === 'champion' ? '' : ` ${series.variant}`}`;
const colourOf = (version: number): number => ((version - 1) % seriesCount) + 1;

function History({ history: given, alerts, gutter, windows, extent, hover, onHover }: HistoryShape) {
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
        };
      }),
    [history, windows, byStart],
  );
  const marks = useMemo(
    (): Mark[] =>
      history.marks.flatMap((mark) =>
        mark.eventAt === null ? [] : [{ at: mark.eventAt, label: shortened(mark), tone: markTone[mark.kind] }],
      ),
    [history],
  );
  const gaps = useMemo(
    (): Span[] => windows.filter((window) => !byStart.some((points) => (points.get(window.from)?.value ?? null) !== null)),
    [windows, byStart],
  );
  const reference = useMemo(() => referenceOf(history, alerts), [history, alerts]);
  // without a pointer: the newest window of which something is known
  const newestKnown = windows.findLastIndex((each) => byStart.some((points) => (points.get(each.from)?.value ?? null) !== null));
  const index = hover ?? (newestKnown === -1 ? windows.length - 1 : newestKnown);
  const window = windows[index];
  const says = metrics.find((each) => each.value === history.metric)?.says;
  return (
    <div>
      <div className="pt-3">
        <LineChart
          label={`${history.metric} of every version of ${history.model} by ${history.granularity}`}
          x={x}
          lines={lines}
          isTime
          height={340}
          gutter={gutter}
          marks={marks}
          gaps={gaps}
          reference={reference}
          extent={extent}
          hover={hover}
          onHover={onHover}
          format={(value) => fixed(value, 2)}
        />
        {extent === undefined ? null : <Coverage history={history} gutter={gutter} windows={windows} extent={extent} hover={hover} onHover={onHover} />}
      </div>
      <div className="border-t border-line px-4 py-3">
        <p className="flex flex-wrap items-baseline gap-x-3 text-sm">
          <strong className="font-semibold">{window === undefined ? '' : `${shortDay(window.from)} – ${day(window.to - 1)}`}</strong>
          <span className="text-ink-2">{says}</span>
        </p>
        <div className="mt-2 overflow-x-auto">
          <table className="data-table">
            <thead>
              <tr>
                <th className="!pl-0">Version</th>
                <th className="num">{metrics.find((each) => each.value === history.metric)?.label ?? history.metric}</th>
                <th className="num">95 % interval</th>
                <th className="num">Rows</th>
                <th className="num">Truth known</th>
              </tr>
            </thead>
            <tbody>
              {history.series.map((series, at) => {
                const point = window === undefined ? undefined : byStart[at]?.get(window.from);
                return (
                  <tr key={`${series.version}/${series.variant}`} className={point === undefined ? 'text-ink-3' : ''}>
                    <td className="!pl-0">
                      <span className="flex items-center gap-2 whitespace-nowrap">
                        <Swatch colour={colourOf(series.version)} isDashed={series.variant === 'shadow'} />
                        <VersionLink model={history.model} version={series.version} />
                        {series.variant === 'champion' ? null : <Badge>{series.variant}</Badge>}
                      </span>
                    </td>
                    <td className="num font-medium">
                      {point === undefined ? 'not serving' : point.state === 'not yet known' ? 'not yet known' : fixed(point.value, 4)}
                      {point?.isPartial === true ? <span className="block text-xs font-normal text-ink-3">part of the window</span> : null}
                    </td>
                    <td className="num whitespace-nowrap">
                      {point === undefined || point.low === null ? '–' : `${fixed(point.low, 3)} – ${fixed(point.high, 3)}`}
                    </td>
                    <td className="num">{point === undefined ? '–' : count(point.rowCount)}</td>
                    <td className="num">{point === undefined || point.rowCount === 0 ? '–' : share(point.labelledCount / point.rowCount)}</td>
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
                <Badge tone={markTone[mark.kind]}>{mark.kind}</Badge>
                <span>{mark.text}</span>
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

const shortened = (mark: PerformanceHistory['marks'][number]): string => {
  const text = mark.version === null || mark.kind === 'alert' || mark.kind === 'retraining' ? mark.kind : `${mark.kind} v${mark.version}`;
  return text.length > longestMarkWord ? `${text.slice(0, longestMarkWord - 1)}…` : text;
};

export const Swatch = ({ colour, isDashed }: { colour: number; isDashed: boolean }) => (
  <svg width="20" height="6" aria-hidden="true" className="shrink-0">
    <line x1="1" y1="3" x2="19" y2="3" stroke={`var(--series-${colour})`} strokeWidth="2.5" strokeLinecap="round" strokeDasharray={isDashed ? '4 5' : undefined} />
  </svg>
);

/** How much of each window's truth is known, as a bar per window under the chart. */
function Coverage({ history, gutter, windows, extent, hover, onHover }: HistoryShape & { extent: readonly [number, number] }) {
  const [from, to] = extent;
  const place = (at: number): number => ((at - from) / (to - from || 1)) * 100;
  return (
    <div className="flex h-7 items-end text-xs" onMouseLeave={() => onHover(null)}>
      <span className="self-center pr-2 text-right text-ink-2" style={{ width: gutter }}>
        truth known
      </span>
      <div className="relative mr-4 h-5 min-w-0 flex-1">
        {windows.map((window, index) => {
          const points = history.series.flatMap((series) => series.points.filter((point) => point.windowStart === window.from));
          const rowCount = points.reduce((sum, point) => sum + point.rowCount, 0);
          const labelledCount = points.reduce((sum, point) => sum + point.labelledCount, 0);
          const known = rowCount === 0 ? 0 : labelledCount / rowCount;
          return (
            <span
              key={window.from}
              title={`${shortDay(window.from)}: truth known for ${share(known)} of ${count(rowCount)} rows`}
              onMouseEnter={() => onHover(index)}
              className="absolute inset-y-0 flex items-end rounded-[2px] bg-sunken"
              style={{ left: `${place(window.from)}%`, width: `max(2px, calc(${place(window.to) - place(window.from)}% - 2px))` }}
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
