import { Link } from '@tanstack/react-router';
import { Popover } from 'radix-ui';
import { useMemo, useState } from 'react';
import { useUrlState } from '../platform/url.ts';
import { Panel } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { ParallelCoordinates } from './parallel.tsx';
import type { PlotRun } from './plots.ts';
import { Scatter } from './scatter.tsx';

const usualParams = 4;
const usualMetrics = 3;
const mostSelected = 100;

/** What differs between many runs, as lines across their params and metrics, and as points over any two. */
export function RunPlots({ runs, keys }: { runs: readonly PlotRun[]; keys: readonly string[] }) {
  const [chosen, setChosen] = useUrlState('axes');
  const [colour, setColour] = useUrlState('colour');
  const [x, setX] = useUrlState('x');
  const [y, setY] = useUrlState('y');
  const [inside, setInside] = useState<readonly string[]>([]);
  const differing = useMemo(() => keys.filter((key) => new Set(runs.map((run) => run.values.get(key))).size > 1), [keys, runs]);
  const metrics = keys.filter((key) => key.startsWith('m.'));
  const usual = useMemo(() => {
    const of = (kind: string): string[] => differing.filter((key) => key.startsWith(kind)).sort((a, b) => weight(b) - weight(a));
    return [...of('p.').slice(0, usualParams), ...of('m.').slice(0, usualMetrics)];
  }, [differing]);
  const axes = useMemo(() => (chosen === '' ? usual : chosen.split(',').filter((key) => keys.includes(key))), [chosen, usual, keys]);
  const best = [...metrics].sort((a, b) => weight(b) - weight(a));
  const colourBy = keys.includes(colour) ? colour : (best[0] ?? axes[0] ?? '');
  const across = keys.includes(x) ? x : (axes.find((key) => key.startsWith('p.')) ?? keys[0] ?? '');
  const up = keys.includes(y) ? y : (best[0] ?? keys.at(-1) ?? '');
  if (keys.length < 2) return null;
  return (
    <>
      <Panel
        title="Parallel coordinates"
        flush
        aside={
          <>
            <KeySelect label="Colour" value={colourBy} keys={keys} onChange={setColour} />
            <AxisChoice keys={keys} axes={axes} onChange={(next) => setChosen(next.join(','))} />
            {inside.length === 0 || inside.length === runs.length || inside.length > mostSelected ? null : (
              <Link to="/develop/compare" search={{ ids: inside.join(',') } as never} className="button">
                Compare these {inside.length}
              </Link>
            )}
          </>
        }
      >
        {axes.length < 2 ? (
          <p className="px-4 py-6 text-sm text-ink-2">Choose two axes or more.</p>
        ) : (
          <ParallelCoordinates runs={runs} axes={axes} colourBy={colourBy} onInside={setInside} />
        )}
      </Panel>
      <Panel
        title="Scatter"
        flush
        aside={
          <>
            <KeySelect label="Across" value={across} keys={keys} onChange={setX} />
            <KeySelect label="Up" value={up} keys={keys} onChange={setY} />
          </>
        }
      >
        <Scatter runs={runs} x={across} y={up} colourBy={colourBy} />
      </Panel>
    </>
  );
}

/** Metrics on held-out data say more than those on the training data. */
const weight = (key: string): number => (/^m\.(val|test|holdout|eval)/i.test(key) ? 2 : /train/i.test(key) ? 0 : 1);

interface Choice {
  readonly label: string;
  readonly value: string;
  readonly keys: readonly string[];
  readonly onChange: (key: string) => void;
}

const KeySelect = ({ label, value, keys, onChange }: Choice) => (
  <label className="flex items-center gap-1.5 text-xs">
    {label}
    <select className="field max-w-40" value={value} onChange={(event) => onChange(event.target.value)}>
      {(['m.', 'p.'] as const).map((kind) => (
        <optgroup key={kind} label={kind === 'm.' ? 'Metrics' : 'Params'}>
          {keys
            .filter((key) => key.startsWith(kind))
            .map((key) => (
              <option key={key} value={key}>
                {key.slice(2)}
              </option>
            ))}
        </optgroup>
      ))}
    </select>
  </label>
);

const mostOffered = 300;

function AxisChoice({ keys, axes, onChange }: { keys: readonly string[]; axes: readonly string[]; onChange: (axes: readonly string[]) => void }) {
  const [find, setFind] = useState('');
  const found = keys.filter((key) => key.slice(2).toLowerCase().includes(find.toLowerCase())).slice(0, mostOffered);
  return (
    <Popover.Root>
      <Popover.Trigger className="button">
        <Icon name="columns" />
        Axes <span className="text-xs font-normal text-ink-3">{axes.length}</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content align="end" sideOffset={6} collisionPadding={12} aria-label="Axes" className="card z-40 flex w-72 flex-col gap-2 p-3 shadow-high">
          <input className="field" aria-label="Find a param or metric" placeholder="Find a param or metric" value={find} onChange={(event) => setFind(event.target.value)} />
          <ul className="max-h-[46vh] overflow-y-auto">
            {found.map((key) => (
              <li key={key}>
                <label className="flex cursor-pointer items-center gap-2 rounded-sm px-1.5 py-1 text-sm hover:bg-sunken">
                  <input
                    type="checkbox"
                    className="accent-(--accent)"
                    checked={axes.includes(key)}
                    onChange={(event) => onChange(event.target.checked ? [...axes, key] : axes.filter((each) => each !== key))}
                  />
                  <span className="min-w-0 truncate">{key.slice(2)}</span>
                  <span className="ml-auto text-xs text-ink-3">{key.startsWith('m.') ? 'metric' : 'param'}</span>
                </label>
              </li>
            ))}
          </ul>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
