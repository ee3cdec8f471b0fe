import { useState } from 'react';
import { useIsNarrow } from '../platform/narrow.ts';
import type { ColumnProfile } from '../../../src/develop/data/profile-api.ts';
import { count, number, share } from '../platform/format.ts';
import { Badge, Facts } from '../parts/basics.tsx';
import { Bars } from './bars.tsx';
import { barsInWords, distinctInWords, figureOf, histogramBars, rangeOf } from './column-bars.ts';
import { ClassBadge } from './contract-badge.tsx';

/** One column of a version: what it holds at a glance, all figures when opened. */
export function ColumnRow({ column, rowCount }: { column: ColumnProfile; rowCount: number }) {
  const [isOpen, setOpen] = useState(false);
  const isNarrow = useIsNarrow();
  const missing = rowCount === 0 ? 0 : column.nullCount / rowCount;
  return (
    <>
      <tr>
        <td className="max-w-[240px] min-w-[120px]">
          <button
            type="button"
            aria-expanded={isOpen}
            className="link text-left break-all"
            onClick={() => setOpen(!isOpen)}
          >
            {column.name}
          </button>
          {isNarrow ? (
            <span className="block text-2xs break-words text-ink-3">{column.type.toLowerCase()}</span>
          ) : null}
          {column.classification === null || !column.isMasked ? null : (
            <span className="mt-0.5 block">
              <ClassBadge name={column.classification} />
            </span>
          )}
        </td>
        {isNarrow ? null : (
          <td className="max-w-[160px] text-xs break-words text-ink-2">{column.type.toLowerCase()}</td>
        )}
        <td className="num">
          <span className={missing === 0 ? 'text-ink-3' : ''}>{share(missing)}</span>
          <span aria-hidden="true" className="mt-1 ml-auto block h-1 w-14 rounded-sm bg-sunken">
            <span className="block h-1 rounded-sm bg-warn" style={{ width: `${missing * 100}%` }} />
          </span>
        </td>
        {isNarrow ? null : (
          <>
            <td className="num whitespace-nowrap">{distinctInWords(column)}</td>
            <td className="num text-xs whitespace-nowrap">{rangeOf(column)}</td>
          </>
        )}
        <td className="min-w-[140px] sm:min-w-[200px]">
          <Values column={column} rowCount={rowCount} />
        </td>
      </tr>
      {isOpen ? (
        <tr>
          <td colSpan={isNarrow ? 3 : 6} className="bg-sunken">
            <Details column={column} rowCount={rowCount} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

function Values({ column, rowCount }: { column: ColumnProfile; rowCount: number }) {
  if (column.isMasked)
    return (
      <span title="Its values stay on the machine that has the data">
        <Badge>values masked</Badge>
      </span>
    );
  if (column.histogram !== null) return <Bars bars={histogramBars(column)} label={barsInWords(column)} />;
  if (column.frequent.length === 0)
    return (
      <span className="text-xs text-ink-3">
        {column.distinctCount === 0 ? 'no value' : column.kind === 'other' ? 'nested' : 'each value once'}
      </span>
    );
  return <Frequent column={column} rowCount={rowCount} most={3} />;
}

/** Values with the part of the rows that have each. */
export const Frequent = ({
  column,
  rowCount,
  most,
}: {
  column: ColumnProfile;
  rowCount: number;
  most: number;
}) => (
  <ul className="flex flex-col gap-0.5 text-xs">
    {column.frequent.slice(0, most).map(({ value, count: size }, index) => (
      <li key={index} className="relative flex justify-between gap-3 px-1">
        <span
          aria-hidden="true"
          className="absolute inset-y-0 left-0 rounded-sm bg-accent-soft"
          style={{ width: `${rowCount === 0 ? 0 : (size / rowCount) * 100}%` }}
        />
        <span className="relative min-w-0 truncate" title={value}>
          {value === '' ? '(empty text)' : value}
        </span>
        <span className="relative whitespace-nowrap text-ink-2">
          {share(rowCount === 0 ? 0 : size / rowCount)}
        </span>
      </li>
    ))}
    {column.frequent.length > most ? (
      <li className="px-1 text-ink-3">
        and {count(Math.max(column.distinctCount, column.frequent.length) - most)} more
      </li>
    ) : null}
  </ul>
);

const names = ['5 %', '25 %', 'Median', '75 %', '95 %'];

function Details({ column, rowCount }: { column: ColumnProfile; rowCount: number }) {
  const said = (value: number | null): string => (value === null ? '–' : figureOf(column.kind, value));
  return (
    <div className="grid gap-4 py-2 md:grid-cols-2">
      <Facts
        facts={[
          { label: 'Rows with a value', value: count(rowCount - column.nullCount) },
          { label: 'Missing', value: count(column.nullCount) },
          { label: 'Different values', value: distinctInWords(column) },
          { label: column.kind === 'text' ? 'Mean length' : 'Mean', value: said(column.mean) },
          ...(column.standardDeviation === null || column.kind === 'time'
            ? []
            : [{ label: 'Standard deviation', value: number(column.standardDeviation) }]),
          ...(column.quantiles ?? []).map((value, at) => ({ label: names[at] ?? '', value: said(value) })),
          { label: 'Smallest', value: <span className="break-all">{column.min ?? '–'}</span> },
          { label: 'Largest', value: <span className="break-all">{column.max ?? '–'}</span> },
        ]}
      />
      {column.frequent.length === 0 ? null : (
        <div className="max-h-72 overflow-y-auto" tabIndex={0} role="group" aria-label="Most frequent values">
          <Frequent column={column} rowCount={rowCount} most={50} />
        </div>
      )}
    </div>
  );
}
