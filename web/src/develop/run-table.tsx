import { Link, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { useIsNarrow } from '../platform/narrow.ts';
import { Icon } from '../parts/icon.tsx';
import { Cell, type Column } from './run-columns.tsx';
import type { TableRun } from './tracking.ts';

const rowPx = 36;
const tickPx = 40;
/** Rows ready above and below the sight: a fast wheel goes about this far between two drawings. */
const rowsAhead = 24;
/** Rows left below the sight when the next page is asked for. */
const pageAhead = 300;

interface Shape {
  readonly runs: readonly TableRun[];
  readonly columns: readonly Column[];
  readonly order: string;
  readonly onOrder: (order: string) => void;
  readonly picked: readonly string[];
  readonly onPick: (ids: readonly string[]) => void;
  /** there is little left to scroll to */
  readonly onEnd: () => void;
  readonly onTop: (isAtTop: boolean) => void;
  /** changes when the table shows another list, which starts at its top */
  readonly listKey: string;
}

/** Only the cells in sight are in the document, however many runs and columns there are. */
export function RunTable({ runs, columns, order, onOrder, picked, onPick, onEnd, onTop, listKey }: Shape) {
  const holder = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState(-1);
  const anchor = useRef(-1);
  const navigate = useNavigate();
  const isNarrow = useIsNarrow();
  const leftPx = tickPx + (isNarrow ? 148 : 236);

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const asked = columns.reduce((sum, column) => sum + column.width, 0);
  // few columns share the width that is there
  const stretch = Math.max(1, (width - leftPx) / Math.max(asked, 1));
  const rows = useVirtualizer({ count: runs.length, getScrollElement: () => holder.current, estimateSize: () => rowPx, overscan: rowsAhead, scrollPaddingStart: rowPx });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => holder.current,
    estimateSize: (index) => (columns[index]?.width ?? 0) * stretch,
    overscan: 4,
  });
  useEffect(() => across.measure(), [columns, stretch, across]);
  useEffect(() => {
    holder.current?.scrollTo({ top: 0 });
    setActive(-1);
  }, [listKey]);

  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const isAtTop = (rows.scrollOffset ?? 0) < rowPx;
  useEffect(() => {
    if (runs.length > 0 && last >= runs.length - pageAhead) onEnd();
  }, [last, runs.length, onEnd]);
  useEffect(() => onTop(isAtTop), [isAtTop, onTop]);

  const sight = across.getVirtualItems();
  const from = sight[0]?.index ?? 0;
  const to = sight.at(-1)?.index ?? -1;
  const cells = useMemo(() => {
    let left = leftPx;
    return columns
      .map((column) => {
        const placed = { column, left, width: column.width * stretch };
        left += placed.width;
        return placed;
      })
      .slice(from, to + 1);
  }, [columns, stretch, leftPx, from, to]);
  const whole = useMemo(() => {
    const first = runs.slice(0, 100);
    const isWhole = (key: string): boolean => first.every((run) => Number.isInteger(run.metrics.get(key) ?? 0));
    return new Set(cells.flatMap(({ column }) => (column.group === 'metric' && isWhole(column.label) ? column.id : [])));
    // the first runs decide; pages that come below don't
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [runs[0], cells]);
  const isPicked = useMemo(() => new Set(picked), [picked]);

  const pick = useRef<(index: number, isRange: boolean) => void>(() => {});
  pick.current = (index, isRange) => {
    const id = runs[index]?.id;
    if (id === undefined) return;
    if (isRange && anchor.current >= 0) {
      const range = runs.slice(Math.min(anchor.current, index), Math.max(anchor.current, index) + 1).map((run) => run.id);
      onPick([...new Set([...picked, ...range])]);
    } else onPick(isPicked.has(id) ? picked.filter((each) => each !== id) : [...picked, id]);
    anchor.current = index;
  };

  const goTo = (index: number): void => {
    const next = Math.min(Math.max(index, 0), runs.length - 1);
    setActive(next);
    rows.scrollToIndex(next, { align: 'auto' });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.target !== holder.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((holder.current.clientHeight - rowPx) / rowPx) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      if (event.shiftKey && active >= 0 && anchor.current < 0) anchor.current = active;
      const next = active < 0 && step === 1 ? 0 : active + step;
      goTo(next);
      if (event.shiftKey) pick.current(Math.min(Math.max(next, 0), runs.length - 1), true);
    } else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      holder.current.scrollBy({ left: event.key === 'ArrowRight' ? 160 : -160 });
    } else if (event.key === ' ' && active >= 0) pick.current(active, event.shiftKey);
    else if (event.key === 'Enter' && runs[active] !== undefined) void navigate({ to: `/develop/runs/${runs[active].id}` });
    else return;
    event.preventDefault();
  };

  const [key, way] = splitOrder(order);
  const wide = leftPx + across.getTotalSize();
  return (
    <div
      ref={holder}
      role="grid"
      aria-label="Runs"
      aria-rowcount={runs.length + 1}
      aria-colcount={columns.length + 2}
      aria-multiselectable="true"
      aria-activedescendant={active < 0 ? undefined : `run-row-${active}`}
      aria-keyshortcuts="ArrowUp ArrowDown Space Enter"
      tabIndex={0}
      onKeyDown={onKeyDown}
      className="overflow-auto overscroll-contain text-sm -outline-offset-2"
      style={{ height: Math.max(rowPx * 3, Math.min(rowPx * (runs.length + 1) + 16, 100_000)), maxHeight: 'max(320px, calc(100dvh - 272px))' }}
    >
      <div style={{ width: wide, minWidth: '100%' }}>
        <div role="row" className="sticky top-0 z-20 h-9 border-b border-line bg-surface text-xs font-medium text-ink-3" style={{ width: wide, minWidth: '100%' }}>
          <span className="sticky left-0 z-10 flex h-full items-center bg-surface" style={{ width: leftPx }}>
            <span role="columnheader" className="sr-only">
              Selected
            </span>
            <span role="columnheader" className="truncate" style={{ paddingLeft: tickPx + 4 }}>
              Run
            </span>
          </span>
          {cells.map(({ column, left, width: cellWidth }, place) => {
            const isKey = key === column.order && column.order !== '';
            return (
              <span
                key={column.id}
                role="columnheader"
                aria-colindex={from + place + 3}
                aria-sort={isKey ? (way === 'ASC' ? 'ascending' : 'descending') : 'none'}
                className={`absolute top-0 flex h-full items-center px-3 ${column.isNumber ? 'justify-end' : ''}`}
                style={{ left, width: cellWidth }}
              >
                {column.order === '' ? (
                  <span className="truncate">{column.label}</span>
                ) : (
                  <button
                    type="button"
                    title={`${column.group === 'run' ? '' : `${column.group} `}${column.label}: sort`}
                    className={`inline-flex max-w-full min-w-0 items-center gap-1 hover:text-ink ${isKey ? 'text-ink' : ''}`}
                    onClick={() => onOrder(`${column.order} ${isKey && way === 'DESC' ? 'ASC' : 'DESC'}`)}
                  >
                    <span className="truncate">{column.label}</span>
                    {isKey ? <Icon name={way === 'ASC' ? 'up' : 'down'} size={12} className="shrink-0" /> : null}
                  </button>
                )}
              </span>
            );
          })}
        </div>
        <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
          {items.map((item) => {
            const run = runs[item.index];
            return run === undefined ? null : (
              <Row
                key={run.id}
                run={run}
                index={item.index}
                start={item.start}
                cells={cells}
                whole={whole}
                leftPx={leftPx}
                isPicked={isPicked.has(run.id)}
                isActive={item.index === active}
                pick={pick}
              />
            );
          })}
        </div>
        {runs.length === 0 ? <p className="sticky left-0 w-fit px-4 py-5 text-ink-2">No run fits this filter.</p> : null}
      </div>
    </div>
  );
}

interface RowShape {
  readonly run: TableRun;
  readonly index: number;
  readonly start: number;
  readonly cells: readonly { column: Column; left: number; width: number }[];
  readonly whole: ReadonlySet<string>;
  readonly leftPx: number;
  readonly isPicked: boolean;
  readonly isActive: boolean;
  readonly pick: { readonly current: (index: number, isRange: boolean) => void };
}

const Row = memo(function Row({ run, index, start, cells, whole, leftPx, isPicked, isActive, pick }: RowShape) {
  const ground = isPicked ? 'bg-accent-soft' : isActive ? 'bg-sunken' : 'bg-surface group-hover:bg-sunken';
  return (
    <div
      role="row"
      id={`run-row-${index}`}
      aria-rowindex={index + 2}
      aria-selected={isPicked}
      className={`group absolute inset-x-0 border-b border-line ${ground}`}
      style={{ height: rowPx, transform: `translateY(${start}px)` }}
    >
      <span className={`sticky left-0 z-10 flex h-full items-center ${ground}`} style={{ width: leftPx }}>
        <span role="gridcell" className="grid shrink-0 place-items-center" style={{ width: tickPx }}>
          <input
            type="checkbox"
            className="accent-(--accent)"
            aria-label={`Select ${run.name}`}
            checked={isPicked}
            onChange={(event) => pick.current(index, (event.nativeEvent as MouseEvent).shiftKey)}
          />
        </span>
        <span role="gridcell" className={`min-w-0 flex-1 truncate px-1 ${isActive ? 'outline-2 outline-accent' : ''}`}>
          <Link to={`/develop/runs/${run.id}`} className="link" title={run.name}>
            {run.name}
          </Link>
        </span>
      </span>
      {cells.map(({ column, left, width }) => (
        <span
          key={column.id}
          role="gridcell"
          className={`absolute top-0 truncate px-3 leading-[35px] ${column.isNumber ? 'num' : ''}`}
          style={{ left, width }}
        >
          <Cell run={run} column={column} areWhole={whole.has(column.id)} />
        </span>
      ))}
    </div>
  );
});

function splitOrder(order: string): readonly [string, string] {
  const at = order.lastIndexOf(' ');
  return [order.slice(0, at), order.slice(at + 1)];
}
