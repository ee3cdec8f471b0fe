import { useState } from 'react';
import type { ColumnDifference, DataDifference } from '../../../src/develop/data/profile-api.ts';
import type { DatasetColumnDrift, DatasetDrift } from '../../../src/monitor/drift/dataset-drift-api.ts';
import { count, fixed, number, share } from '../platform/format.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { Badge, Panel, Segmented } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { Bars, type Bar } from './bars.tsx';
import { figureOf } from './column-bars.ts';

const heads = [
  'Column',
  'Moved',
  figure('Decided by'),
  figure('PSI'),
  figure('Jensen–Shannon'),
  figure('Missing'),
  figure('Mean'),
  'Before and now',
];
/** a telephone shows what moved and how it looks */
const narrowHeads = ['Column', 'Moved', 'Before and now'];
const atOnce = 50;
const methodNames: Readonly<Record<string, string>> = {
  ks: 'Kolmogorov–Smirnov p',
  wasserstein: 'Wasserstein',
  psi: 'PSI',
  jensenshannon: 'Jensen–Shannon',
  chisquare: 'chi-square p',
  z: 'z test p',
};

/** How far each column moved, those that moved first. */
export function ColumnDrifts({ drift, difference }: { drift: DatasetDrift; difference: DataDifference }) {
  return drift.tables.map((table) => (
    <TableDrifts
      key={table.name}
      table={table}
      columns={difference.tables.find(({ name }) => name === table.name)?.columns ?? []}
    />
  ));
}

function TableDrifts({
  table,
  columns,
}: {
  table: DatasetDrift['tables'][number];
  columns: readonly ColumnDifference[];
}) {
  const moved = table.columns.filter(({ drifted }) => drifted);
  const [wanted, setWanted] = useState<'moved' | 'all'>(moved.length === 0 ? 'all' : 'moved');
  const isNarrow = useIsNarrow();
  const [shown, setShown] = useState(atOnce);
  const list = (wanted === 'moved' ? moved : table.columns).toSorted(
    (left, right) => Number(right.drifted) - Number(left.drifted) || right.jensenShannon - left.jensenShannon,
  );
  return (
    <Panel
      title={`Drift of ${table.name}`}
      flush
      aside={
        <>
          <span className="flex items-center gap-1.5 text-xs">
            <span aria-hidden="true" className="size-2.5 bg-line-strong" /> before
            <span aria-hidden="true" className="ml-1 size-2.5 bg-accent" /> now
          </span>
          <Badge tone={moved.length === 0 ? 'good' : 'warn'}>
            {moved.length === 0
              ? 'no column moved'
              : `${count(moved.length)} of ${count(table.columns.length)} moved`}
          </Badge>
          {moved.length === 0 || moved.length === table.columns.length ? null : (
            <Segmented
              label="Columns"
              value={wanted}
              options={[
                { value: 'moved', label: 'Moved' },
                { value: 'all', label: 'All' },
              ]}
              onChange={setWanted}
            />
          )}
        </>
      }
    >
      {list.length === 0 ? null : (
        <Table heads={isNarrow ? narrowHeads : heads} caption={`Drift of each column of ${table.name}`}>
          {list.slice(0, shown).map((column) => (
            <Row
              key={column.name}
              isNarrow={isNarrow}
              drift={column}
              column={columns.find(({ name }) => name === column.name)}
            />
          ))}
        </Table>
      )}
      {list.length > shown ? (
        <div className="flex items-center gap-3 border-t border-line px-4 py-3 text-sm text-ink-2">
          <button type="button" className="button" onClick={() => setShown(shown + 2 * atOnce)}>
            Show more columns
          </button>
          {count(shown)} of {count(list.length)}
        </div>
      ) : null}
      {table.notCompared.length === 0 ? null : (
        <details className="border-t border-line px-4 py-3 text-sm text-ink-2">
          <summary className="hover:text-accent">{count(table.notCompared.length)} not compared</summary>
          <ul className="mt-2 flex flex-col gap-0.5">
            {table.notCompared.map(({ name, reason }) => (
              <li key={name} className="break-words">
                {name}: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

const between = (
  pair: { from: number | null; to: number | null } | undefined,
  say: (value: number) => string,
) =>
  pair === undefined || pair.from === null || pair.to === null
    ? '–'
    : pair.from === pair.to
      ? say(pair.to)
      : `${say(pair.from)} → ${say(pair.to)}`;

const Row = ({
  drift,
  column,
  isNarrow,
}: {
  drift: DatasetColumnDrift;
  column: ColumnDifference | undefined;
  isNarrow: boolean;
}) => (
  <tr>
    <td className="max-w-[220px] min-w-[110px] break-all">{drift.name}</td>
    <td>
      {drift.drifted ? (
        <Badge tone="warn">moved</Badge>
      ) : (
        <Badge tone="good" icon="check">
          steady
        </Badge>
      )}
    </td>
    {isNarrow ? null : (
      <>
        <td className="num">
          {fixed(drift.score)}
          <span className="block text-2xs whitespace-nowrap text-ink-3">
            {methodNames[drift.method] ?? drift.method}, limit {drift.threshold}
          </span>
        </td>
        <td className="num">{fixed(drift.psi)}</td>
        <td className="num">{fixed(drift.jensenShannon)}</td>
        <td className="num text-xs whitespace-nowrap">{between(column?.nullShare, share)}</td>
        <td className="num text-xs whitespace-nowrap">{between(column?.mean, number)}</td>
      </>
    )}
    <td className="min-w-[140px] sm:min-w-[200px]">
      <Bars bars={barsOf(drift)} label={`Shares of ${drift.name}, before and now`} />
    </td>
  </tr>
);

function barsOf(drift: DatasetColumnDrift): Bar[] {
  const { edges, kind } = drift;
  const said = (value: number): string => figureOf(kind, value);
  const label = (bin: number): string => {
    if (drift.by === 'values') return drift.values[bin] ?? '';
    const [low, high] = [edges[bin - 1], edges[bin]];
    if (low === undefined) return `below ${said(high ?? 0)}`;
    return high === undefined ? `from ${said(low)}` : `${said(low)} to ${said(high)}`;
  };
  return drift.to.map((size, bin) => ({ label: label(bin), size, before: drift.from[bin] ?? 0 }));
}
