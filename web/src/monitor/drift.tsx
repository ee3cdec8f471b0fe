import { useMemo } from 'react';
import type { DriftHistory, FeatureDrift } from '../../../src/monitor/drift/drift-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { fixed, shellWord, shortDay } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Panel, Segmented } from '../parts/basics.tsx';
import { HeatMap, HeatScale, type HeatRow } from '../parts/heat-map.tsx';
import type { Reign } from './reigns.ts';
import type { TimeWindow } from './windows.ts';

/** Both read the same way for numbers and categories, so that features can stand in one picture. */
const methods = [
  { value: 'psi', label: 'PSI', steps: [0.1, 0.25, 1, 4] },
  { value: 'jensenshannon', label: 'Jensen–Shannon', steps: [0.1, 0.2, 0.3, 0.5] },
] as const;

interface DriftShape {
  readonly model: string;
  readonly reigns: readonly Reign[];
  readonly windows: readonly TimeWindow[];
  readonly extent: readonly [number, number] | undefined;
  readonly gutter: number;
  readonly hover: number | null;
  readonly onHover: (index: number | null) => void;
}

export function DriftPanel(props: DriftShape) {
  const { model } = props;
  const query = useApi<DriftHistory>(`/api/v1/models/${segment(model)}/drift`);
  const [methodName, setMethod] = useUrlState('drift', 'psi');
  const [version, setVersion] = useUrlState('version');
  const method = methods.find((each) => each.value === methodName) ?? methods[0];
  const versions = useMemo(
    () => [...new Set((query.data?.windows ?? []).map((window) => window.version))].sort((a, b) => a - b),
    [query.data],
  );
  // each window against the data of the version that answered then, unless one version is chosen
  const shown = versions.includes(Number(version)) ? Number(version) : null;
  return (
    <Panel
      title="Drift of each feature"
      flush
      aside={
        <>
          {versions.length < 2 ? null : (
            <select
              className="field"
              aria-label="Version"
              value={shown ?? ''}
              onChange={(event) => setVersion(event.target.value)}
            >
              <option value="">against the champion’s data</option>
              {versions.map((each) => (
                <option key={each} value={each}>
                  against version {each}’s data
                </option>
              ))}
            </select>
          )}
          <Segmented
            label="Method"
            value={method.value}
            options={methods.map(({ value, label }) => ({ value, label }))}
            onChange={setMethod}
          />
        </>
      }
    >
      <Answer
        query={query}
        isEmpty={(data) => data.windows.length === 0}
        empty={
          <Empty title="No window was compared yet" command={`tilth monitor history ${shellWord(model)}`}>
            Each window’s inputs are compared with the rows that the version learned from.
          </Empty>
        }
      >
        {(data) => (
          <Drawn
            {...props}
            history={data}
            version={shown ?? (versions.length === 1 ? (versions[0] ?? null) : null)}
            method={method}
          />
        )}
      </Answer>
    </Panel>
  );
}

function Drawn({
  history,
  version,
  reigns,
  method,
  windows,
  extent,
  gutter,
  hover,
  onHover,
}: DriftShape & { history: DriftHistory; version: number | null; method: (typeof methods)[number] }) {
  const own = useMemo(() => {
    const championAt = (at: number): number | undefined =>
      reigns.find((reign) => at >= reign.from && at < reign.to)?.version;
    return history.windows
      .filter((window) => window.version === (version ?? championAt(window.windowStart)))
      .sort((a, b) => a.windowStart - b.windowStart);
  }, [history, version, reigns]);
  const columns: readonly TimeWindow[] =
    windows.length > 0 ? windows : own.map((window) => ({ from: window.windowStart, to: window.windowEnd }));
  const edge = extent ?? ([columns[0]?.from ?? 0, columns.at(-1)?.to ?? 1] as const);
  const found = useMemo(() => {
    const byStart = new Map(
      own.map((window) => [
        window.windowStart,
        new Map(window.features.map((feature) => [feature.feature, feature])),
      ]),
    );
    const names = [...new Set(own.flatMap((window) => window.features.map((feature) => feature.feature)))];
    const scoreOf = (feature: FeatureDrift | undefined): number | null =>
      feature?.scores[method.value]?.value ?? null;
    const rows: HeatRow[] = names.map((name) => ({
      name,
      values: columns.map((column) => scoreOf(byStart.get(column.from)?.get(name))),
    }));
    const largest = (row: HeatRow): number => Math.max(0, ...row.values.map((value) => value ?? 0));
    return rows.sort((a, b) => largest(b) - largest(a));
  }, [own, columns, method]);
  const format = (value: number): string => fixed(value, value < 10 ? 2 : 1);
  const baseline =
    own[0]?.baseline === 'reference'
      ? 'its first window'
      : `the rows that ${version === null ? 'the champion of that week' : `version ${version}`} learned from`;
  const at = hover === null ? undefined : columns[hover];
  const moved =
    hover === null ? [] : found.filter((row) => (row.values[hover] ?? 0) >= method.steps[1]).slice(0, 4);
  return (
    <div className="py-3">
      <HeatMap
        label={`Drift of each feature by window, ${method.label}`}
        columns={columns}
        rows={found}
        steps={method.steps}
        format={format}
        hover={hover}
        onHover={onHover}
        gutter={gutter}
        extent={edge}
        breaks={version === null ? reigns.slice(1).map((reign) => reign.from) : []}
      />
      <div className="mt-3 flex flex-wrap items-center justify-between gap-x-6 gap-y-2 px-4">
        <HeatScale steps={method.steps} format={(value) => String(value)} />
        <p className="min-h-5 text-sm text-ink-2">
          {at === undefined
            ? `Compared with ${baseline}. A feature that moved need not harm: look at the line above.`
            : `${shortDay(at.from)}: ${moved.length === 0 ? 'nothing moved much' : moved.map((row) => `${row.name} ${format(row.values[hover ?? 0] ?? 0)}`).join(', ')}`}
        </p>
      </div>
    </div>
  );
}
