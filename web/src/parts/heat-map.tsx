import { Fragment } from 'react';
import { shortDay } from '../platform/format.ts';

export interface HeatRow {
  readonly name: string;
  /** one value per column; null where nothing is known */
  readonly values: readonly (number | null)[];
}

interface HeatMapShape {
  readonly label: string;
  readonly columns: readonly { readonly from: number; readonly to: number }[];
  readonly rows: readonly HeatRow[];
  /** values at which the colour changes, ascending; one fewer than colours */
  readonly steps: readonly [number, number, number, number];
  readonly format: (value: number) => string;
  readonly hover: number | null;
  readonly onHover: (column: number | null) => void;
  readonly gutter: number;
  /** ms at the left and right edge of the chart above */
  readonly extent: readonly [number, number];
  /** ms at which the thing compared with changes */
  readonly breaks?: readonly number[];
}

const rowPx = 22;

/** Feature by window; its columns stand under the same times of the chart above it. */
export function HeatMap({
  label,
  columns,
  rows,
  steps,
  format,
  hover,
  onHover,
  gutter,
  extent,
  breaks = [],
}: HeatMapShape) {
  const [from, to] = extent;
  const place = (at: number): number => ((Math.min(Math.max(at, from), to) - from) / (to - from || 1)) * 100;
  return (
    <div role="table" aria-label={label} className="text-xs" onMouseLeave={() => onHover(null)}>
      {rows.map((row) => (
        <div role="row" key={row.name} className="flex items-center" style={{ height: rowPx }}>
          <span
            role="rowheader"
            className="truncate pr-2 text-right text-ink-2"
            style={{ width: gutter }}
            title={row.name}
          >
            {row.name}
          </span>
          <div className="relative mr-4 h-full min-w-0 flex-1">
            {columns.map((column, index) => {
              const value = row.values[index] ?? null;
              const left = place(column.from);
              const right = place(column.to);
              return (
                <Fragment key={column.from}>
                  <span
                    role="cell"
                    title={`${row.name}, ${shortDay(column.from)}: ${value === null ? 'not known' : format(value)}`}
                    aria-label={value === null ? 'not known' : format(value)}
                    onMouseEnter={() => onHover(index)}
                    className="absolute inset-y-px"
                    style={{
                      left: `${left}%`,
                      width: `max(2px, calc(${right - left}% - 2px))`,
                      background:
                        value === null
                          ? 'transparent'
                          : `var(--heat-${steps.filter((step) => value >= step).length})`,
                      boxShadow:
                        value === null
                          ? 'inset 0 0 0 1px var(--line)'
                          : hover === index
                            ? 'inset 0 0 0 1.5px var(--ink)'
                            : 'none',
                    }}
                  />
                </Fragment>
              );
            })}
            {breaks.map((at) => (
              <span
                key={at}
                aria-hidden="true"
                className="absolute -inset-y-px w-[2px] bg-accent"
                style={{ left: `calc(${place(at)}% - 2px)` }}
              />
            ))}
          </div>
        </div>
      ))}
    </div>
  );
}

/** What the colours mean. */
export const HeatScale = ({
  steps,
  format,
}: {
  steps: readonly number[];
  format: (value: number) => string;
}) => (
  <ul className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-2" aria-label="Colour scale">
    {[null, ...steps].map((step, index) => (
      <li key={index} className="flex items-center gap-1">
        <span className="size-3 rounded-[2px]" style={{ background: `var(--heat-${index})` }} />
        {step === null ? `below ${format(steps[0] ?? 0)}` : `from ${format(step)}`}
      </li>
    ))}
  </ul>
);
