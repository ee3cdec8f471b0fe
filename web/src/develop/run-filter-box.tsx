import { useQuery, keepPreviousData } from '@tanstack/react-query';
import { Popover } from 'radix-ui';
import { useEffect, useId, useRef, useState } from 'react';
import type { FilterCompletion } from '../../../src/develop/tracking/tracking-api.ts';
import { ask, withParams, type ApiError } from '../platform/api.ts';
import { Icon } from '../parts/icon.tsx';
import { isName } from './tracking.ts';

/** After this long without a key, a filter that is one is used, and one that is none says why. */
const restMs = 400;

interface Shape {
  readonly experiment: string;
  /** the filter that the list shows */
  readonly value: string;
  readonly onChange: (filter: string) => void;
  readonly className?: string;
}

/** The filter of the runs: completes fields, operators and values, and shows the place where a filter stops being one. */
export function RunFilterBox({ experiment, value, onChange, className = '' }: Shape) {
  const [text, setText] = useState(value);
  const [cursor, setCursor] = useState(value.length);
  const [isOpen, setOpen] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const [isAtRest, setAtRest] = useState(true);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const problemId = useId();

  const completion = useQuery<FilterCompletion & { of: string; at: number }, ApiError>({
    queryKey: ['filter-completions', experiment, text, cursor],
    placeholderData: keepPreviousData,
    enabled: isOpen || text !== value,
    queryFn: async ({ signal }) => {
      const address = withParams('/api/v1/runs/filter-completions', { experiment, filter: text, at: cursor });
      return { ...(await ask<FilterCompletion>('GET', address, undefined, signal)), of: text, at: cursor };
    },
  }).data;
  const known = completion?.of === text ? completion : undefined;
  const isReady = isName(text) || known?.problem === null;
  const problem = isName(text) || !isAtRest ? null : (known?.problem ?? null);
  // while the server thinks about one more letter, what fits the letters before is near enough
  const isNear =
    completion !== undefined &&
    text.length - completion.of.length === cursor - completion.at &&
    text.startsWith(completion.of.slice(0, completion.at)) &&
    /^[\w.]*$/.test(text.slice(completion.at, cursor));
  // a filter that is complete is not covered by what else could follow, unless someone asks
  const isWanted = isAsked || completion?.problem !== null || text === '';
  const options = isOpen && isNear && isWanted ? completion.options : [];
  const active = chosen < options.length ? chosen : -1;

  // a filter from elsewhere: the address, a reset
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    setAtRest(false);
    const timer = setTimeout(() => setAtRest(true), restMs);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    if (isAtRest && isReady && text !== value) onChange(text);
  }, [isAtRest, isReady, text, value, onChange]);

  const type = (next: string, at: number): void => {
    setText(next);
    setCursor(at);
    setChosen(-1);
    setAsked(false);
    setOpen(true);
  };
  const take = (index: number): void => {
    const option = options[index];
    if (option === undefined || completion === undefined) return;
    const before = text.slice(0, completion.from) + option.text;
    const rest = text.slice(cursor);
    const spaced = rest.startsWith(' ') || option.text.endsWith('(') ? before : `${before} `;
    type(spaced + rest, spaced.length);
    // after React has put the text into the field
    requestAnimationFrame(() => input.current?.setSelectionRange(spaced.length, spaced.length));
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && options.length > 0) {
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setChosen((active + step + options.length + (active < 0 && step < 0 ? 1 : 0)) % options.length);
    } else if (event.key === 'ArrowDown' || (event.key === ' ' && event.ctrlKey)) {
      setAsked(true);
      setOpen(true);
    } else if (event.key === 'Tab' && !event.shiftKey && options.length > 0 && (active >= 0 || known?.from !== known?.to)) {
      take(Math.max(active, 0));
    } else if (event.key === 'Enter' && active >= 0) {
      take(active);
    } else if (event.key === 'Enter') {
      setOpen(false);
      setAtRest(true);
      return;
    } else if (event.key === 'Escape' && isOpen) {
      setOpen(false);
      event.stopPropagation();
    } else return;
    event.preventDefault();
  };

  return (
    <div className={`relative flex min-w-0 flex-col gap-1 ${className}`}>
      <div className="flex items-center gap-1">
        <span className="relative min-w-0 flex-1">
          <Icon name="search" size={14} className="pointer-events-none absolute top-2.5 left-2.5 text-ink-3" />
          <input
            ref={input}
            type="search"
            data-filter
            autoComplete="off"
            spellCheck={false}
            className={`field w-full pr-7 pl-8 ${problem === null ? '' : 'border-bad'}`}
            value={text}
            placeholder="metrics.auc > 0.7, or a word of the name"
            aria-label="Filter the runs"
            aria-controls={listId}
            aria-autocomplete="list"
            aria-activedescendant={active < 0 ? undefined : `${listId}-${active}`}
            aria-invalid={problem !== null}
            aria-describedby={problem === null ? undefined : problemId}
            onChange={(event) => type(event.target.value, event.target.selectionStart ?? event.target.value.length)}
            onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? text.length)}
            onFocus={() => setOpen(true)}
            onBlur={() => setOpen(false)}
            onKeyDown={onKeyDown}
          />
        </span>
        <GrammarHelp />
      </div>
      <span role="status" className="sr-only">
        {options.length === 0 ? '' : `${options.length} suggestions`}
      </span>
      {options.length === 0 ? null : (
        <ul
          id={listId}
          role="listbox"
          aria-label="What fits here"
          className="card absolute top-10 left-0 z-40 max-h-72 w-full overflow-y-auto p-1 text-sm shadow-high"
        >
          {options.map((option, index) => (
            <li
              key={option.text}
              id={`${listId}-${index}`}
              ref={index === active ? (item) => item?.scrollIntoView({ block: 'nearest' }) : undefined}
              role="option"
              aria-selected={index === active}
              className={`flex cursor-pointer items-baseline gap-3 rounded-sm px-2 py-1 ${index === active ? 'bg-accent-soft' : 'hover:bg-sunken'}`}
              // a click would first take the cursor out of the field
              onPointerDown={(event) => {
                event.preventDefault();
                take(index);
              }}
            >
              <code className="min-w-0 truncate">{option.text}</code>
              {option.runCount === undefined ? null : (
                <span className="ml-auto shrink-0 text-xs text-ink-3" title="of the newest runs">
                  {option.runCount}
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      {problem === null || text === '' ? null : (
        <p id={problemId} role="status" className="text-xs text-ink-2">
          <code className="break-all">
            {text.slice(0, problem.at)}
            <mark className="rounded-sm bg-bad-soft px-0.5 text-bad">
              {text.slice(problem.at, problem.at + problem.length) || '…'}
            </mark>
            {text.slice(problem.at + problem.length)}
          </code>
          <span className="block">{problem.message}</span>
          {problem.hint === null ? null : <span className="block text-ink-3">{problem.hint}</span>}
        </p>
      )}
    </div>
  );
}

const grammar: readonly { says: string; write: string }[] = [
  { says: 'numbers', write: 'metrics.auc >= 0.7   number(params.depth) < 5   metrics.f1 BETWEEN 0.6 AND 0.8' },
  { says: 'calculated', write: 'metrics.auc_train - metrics.auc < 0.05   abs(metrics.bias) < 1   (end_time - start_time) / 1000 > 60' },
  { says: 'texts', write: "params.model = 'tree'   tags.stage LIKE 'prod%'   run_name ILIKE '%night%'" },
  { says: 'lists', write: "params.model IN ('tree', 'linear')   status NOT IN ('FAILED')" },
  { says: 'missing', write: 'metrics.auc IS NULL   tags.kept IS NOT NULL' },
  { says: 'joined', write: "NOT (metrics.auc < 0.7 OR params.model = 'linear') AND status = 'FINISHED'" },
  { says: 'other keys', write: 'metrics.`val loss` < 0.2' },
];

function GrammarHelp() {
  return (
    <Popover.Root>
      <Popover.Trigger className="button button-quiet shrink-0" aria-label="How a filter is written" title="How a filter is written">
        ?
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={12}
          className="card z-40 flex max-h-[70vh] w-[36rem] max-w-[90vw] flex-col gap-3 overflow-y-auto p-4 text-sm shadow-high"
        >
          <p>
            A filter in MLflow’s language, and more. A word alone looks for it in the names of runs.
          </p>
          <dl className="grid grid-cols-[6rem_1fr] gap-x-3 gap-y-2">
            {grammar.map(({ says, write }) => (
              <div key={says} className="contents">
                <dt className="text-ink-3">{says}</dt>
                <dd className="flex flex-col gap-0.5">
                  {write.split('   ').map((each) => (
                    <code key={each}>{each}</code>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
          <p className="text-ink-2">
            NOT binds closest, then AND, then OR. What a run lacks is neither so nor not so: NOT metrics.auc &gt; 0.7
            finds runs that have the metric; for those without it, say OR metrics.auc IS NULL.
          </p>
          <p className="text-ink-3">↑ ↓ choose, Tab or Enter takes, Ctrl Space opens, Esc closes.</p>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
