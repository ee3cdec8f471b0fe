import { useVirtualizer } from '@tanstack/react-virtual';
import { Popover } from 'radix-ui';
import { useMemo, useState } from 'react';
import type { RunKeys } from '../../../src/develop/tracking/tracking-api.ts';
import { duration, fixed, number } from '../platform/format.ts';
import { Badge, When, type Tone } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import type { TableRun } from './tracking.ts';

export const statusTone: Readonly<Record<string, Tone>> = {
  finished: 'good',
  failed: 'bad',
  killed: 'bad',
  running: 'info',
  scheduled: 'plain',
};

/** A column of the runs table; its id is `m.auc`, `p.depth`, `t.note`, or a word for what every run has. */
export interface Column {
  readonly id: string;
  readonly label: string;
  readonly group: 'run' | 'metric' | 'param' | 'tag';
  /** in MLflow's words, for the server to sort by; '' where it can't */
  readonly order: string;
  readonly width: number;
  readonly isNumber: boolean;
}

const ofRuns: readonly Column[] = [
  { id: 'status', label: 'Status', group: 'run', order: 'attributes.status', width: 104, isNumber: false },
  { id: 'started', label: 'Started', group: 'run', order: 'attributes.start_time', width: 116, isNumber: false },
  { id: 'took', label: 'Took', group: 'run', order: '', width: 92, isNumber: true },
  { id: 'user', label: 'User', group: 'run', order: 'attributes.user_id', width: 104, isNumber: false },
  { id: 'id', label: 'Run id', group: 'run', order: '', width: 280, isNumber: false },
];
const families = { metric: 'metrics', param: 'params', tag: 'tags' } as const;
const widths = { metric: 124, param: 148, tag: 180 } as const;

function columnOf(id: string): Column | undefined {
  const group = ({ m: 'metric', p: 'param', t: 'tag' } as const)[id.slice(0, 2).replace('.', '') as 'm'];
  if (group === undefined || id[1] !== '.') return ofRuns.find((column) => column.id === id);
  const label = id.slice(2);
  return { id, label, group, order: `${families[group]}.\`${label}\``, width: widths[group], isNumber: group === 'metric' };
}

/** Every column that there is. */
export const knownColumns = (keys: RunKeys | undefined): readonly Column[] => [
  ...ofRuns,
  ...(keys?.metrics ?? []).flatMap((key) => columnOf(`m.${key}`) ?? []),
  ...(keys?.params ?? []).flatMap((key) => columnOf(`p.${key}`) ?? []),
  ...(keys?.tags ?? []).filter((key) => key !== 'mlflow.runName').flatMap((key) => columnOf(`t.${key}`) ?? []),
];

const usualMetrics = 3;
const usualParams = 2;

/** The chosen ones in their order; without a choice when and how a run went, some metrics and some params. */
export function shownColumns(chosen: string, keys: RunKeys | undefined): readonly Column[] {
  if (chosen === 'all') return knownColumns(keys);
  if (chosen !== '') return chosen.split(',').flatMap((id) => columnOf(id) ?? []);
  const metrics = [...(keys?.metrics ?? [])].sort((a, b) => weight(b) - weight(a)).slice(0, usualMetrics);
  const params = (keys?.params ?? []).slice(0, usualParams);
  return [...ofRuns.slice(0, 3).map(({ id }) => id), ...metrics.map((key) => `m.${key}`), ...params.map((key) => `p.${key}`)].flatMap(
    (id) => columnOf(id) ?? [],
  );
}

/** Metrics on held-out data say more than those on the training data. */
const weight = (key: string): number =>
  /^(val|valid|validation|test|holdout|eval)/i.test(key) ? 2 : /train/i.test(key) ? 0 : 1;

const savedName = (experiment: string): string => `tilth.columns.${experiment}`;
/** An address longer than this is refused on its way; a longer choice is only saved. */
const longestAddress = 3_000;

/** The columns that someone chose for an experiment: the address says them, else what was saved in this browser. */
export function useChosenColumns(
  experiment: string,
  inAddress: string,
  setInAddress: (text: string) => void,
): readonly [string, (columns: readonly Column[] | 'all' | 'usual') => void] {
  // read again when a choice too long for the address was made
  const [, setCount] = useState(0);
  const saved = localStorage.getItem(savedName(experiment)) ?? '';
  return [
    inAddress === '' ? saved : inAddress,
    (columns) => {
      const text = columns === 'usual' ? '' : columns === 'all' ? 'all' : columns.map(({ id }) => id).join(',');
      if (text === '') localStorage.removeItem(savedName(experiment));
      else localStorage.setItem(savedName(experiment), text);
      setInAddress(text.length > longestAddress ? '' : text);
      setCount((count) => count + 1);
    },
  ];
}

/** What stands in a cell, as text; whole numbers stay whole, others have as many decimals in every row. */
export function cellText(run: TableRun, column: Column, areWhole = false): string | undefined {
  if (column.group === 'metric') {
    const value = run.metrics.get(column.label);
    if (value === undefined) return undefined;
    if (Number.isNaN(value)) return 'NaN';
    if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
    return areWhole || Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 1e-3) ? number(value) : fixed(value, 4);
  }
  if (column.group === 'param') return run.params.get(column.label);
  if (column.group === 'tag') return run.tags.get(column.label);
  if (column.id === 'took') return run.endedAt === null || run.startedAt === null ? undefined : duration(run.endedAt - run.startedAt);
  if (column.id === 'id') return run.id;
  return run.user;
}

export function Cell({ run, column, areWhole }: { run: TableRun; column: Column; areWhole: boolean }) {
  if (column.id === 'status') return <Badge tone={statusTone[run.status] ?? 'plain'}>{run.status}</Badge>;
  if (column.id === 'started') return <When at={run.startedAt} />;
  const text = cellText(run, column, areWhole);
  return text === undefined || text === '' ? <span className="text-ink-3">–</span> : text;
}

const optionPx = 28;

interface Choice {
  readonly known: readonly Column[];
  readonly shown: readonly Column[];
  readonly onChange: (columns: readonly Column[] | 'all' | 'usual') => void;
}

/** Which columns the table shows; a thousand are searched by name and chosen together. */
export function ColumnChoice({ known, shown, onChange }: Choice) {
  return (
    <Popover.Root>
      <Popover.Trigger className="button">
        <Icon name="columns" />
        Columns
        <span className="text-xs font-normal text-ink-3">{shown.length}</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={12}
          aria-label="Columns"
          className="card z-40 flex w-80 max-w-[92vw] flex-col gap-2 p-3 shadow-high"
        >
          <Options known={known} shown={shown} onChange={onChange} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Options({ known, shown, onChange }: Choice) {
  const [find, setFind] = useState('');
  // state, not a reference: the list is measured when it is there
  const [list, setList] = useState<HTMLDivElement | null>(null);
  const isShown = useMemo(() => new Set(shown.map((column) => column.id)), [shown]);
  const found = useMemo(() => known.filter((column) => `${column.group} ${column.label}`.toLowerCase().includes(find.toLowerCase())), [known, find]);
  const rows = useVirtualizer({ count: found.length, getScrollElement: () => list, estimateSize: () => optionPx, overscan: 8 });
  const add = (columns: readonly Column[]): void => onChange([...shown, ...columns.filter((column) => !isShown.has(column.id))]);
  const remove = (columns: readonly Column[]): void => {
    const gone = new Set(columns.map((column) => column.id));
    const left = shown.filter((column) => !gone.has(column.id));
    onChange(left.length === 0 ? 'usual' : left);
  };
  return (
    <>
      <input
        className="field"
        aria-label="Find a column"
        placeholder={`Find one of ${known.length} columns`}
        value={find}
        onChange={(event) => setFind(event.target.value)}
      />
      <div ref={setList} className="max-h-[46vh] overflow-y-auto">
        <ul className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => {
            const column = found[item.index];
            if (column === undefined) return null;
            return (
              <li key={column.id} className="absolute inset-x-0" style={{ height: optionPx, transform: `translateY(${item.start}px)` }}>
                <label className="flex h-full cursor-pointer items-center gap-2 rounded-sm px-1.5 text-sm hover:bg-sunken">
                  <input
                    type="checkbox"
                    className="accent-(--accent)"
                    checked={isShown.has(column.id)}
                    onChange={(event) => (event.target.checked ? add([column]) : remove([column]))}
                  />
                  <span className="min-w-0 truncate" title={column.label}>
                    {column.label}
                  </span>
                  <span className="ml-auto text-xs text-ink-3">{column.group}</span>
                </label>
              </li>
            );
          })}
        </ul>
        {found.length === 0 ? <p className="px-1.5 py-2 text-sm text-ink-2">No column has this name.</p> : null}
      </div>
      <div className="flex flex-wrap gap-2">
        <button type="button" className="button h-7 px-2" onClick={() => (find === '' ? onChange('all') : add(found))}>
          Show {find === '' ? 'all' : `these ${found.length}`}
        </button>
        {find === '' ? null : (
          <button type="button" className="button h-7 px-2" onClick={() => remove(found)}>
            Hide these
          </button>
        )}
        <button type="button" className="button button-quiet ml-auto h-7" onClick={() => onChange('usual')}>
          The usual ones
        </button>
      </div>
    </>
  );
}
