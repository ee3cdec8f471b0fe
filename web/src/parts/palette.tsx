import { useEffect, useMemo, useRef, useState } from 'react';
import { useApi } from '../platform/api.ts';
import { places } from '../platform/places.ts';
import { sections } from '../platform/shortcuts.ts';
import { things, type Thing } from '../platform/things.ts';
import { toggleTheme } from '../platform/theme.ts';
import { Dialog } from './dialog.tsx';

interface Entry {
  readonly label: string;
  readonly group: string;
  readonly keys?: string;
  readonly act: () => void;
}

/** Letters of the query in order within the text; a run of them at a word's start counts more. */
function score(text: string, query: string): number {
  if (query === '') return 1;
  const hay = text.toLowerCase();
  const needle = query.toLowerCase();
  const at = hay.indexOf(needle);
  if (at === 0) return 100;
  if (at > 0) return /[\s/-]/.test(hay[at - 1] ?? '') ? 80 : 60;
  let from = 0;
  for (const letter of needle) {
    from = hay.indexOf(letter, from) + 1;
    if (from === 0) return 0;
  }
  return 20;
}

const shownCount = 30;

export function Palette(props: {
  open: boolean;
  onClose: () => void;
  go: (path: string) => void;
  help: () => void;
  actAs: () => void;
}) {
  const { open, onClose } = props;
  return (
    <Dialog open={open} onClose={onClose} title="Go to" high wide>
      {open ? <Search {...props} /> : null}
    </Dialog>
  );
}

function Search({
  onClose,
  go,
  help,
  actAs,
}: {
  onClose: () => void;
  go: (path: string) => void;
  help: () => void;
  actAs: () => void;
}) {
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const found = useThings();
  const entries = useMemo(() => {
    const visit = (path: string) => () => go(path);
    const all: Entry[] = [
      ...sections.map((each) => ({
        label: each.name,
        group: each.says,
        keys: `g ${each.key}`,
        act: visit(each.path),
      })),
      ...places.map((each) => ({ label: each.name, group: each.section, act: visit(each.path) })),
      ...found.map((each) => ({ label: each.name, group: each.kind, act: visit(each.path) })),
      { label: 'Switch between light and dark', group: 'action', keys: 'Alt M', act: toggleTheme },
      { label: 'Act as another person', group: 'action', act: actAs },
      { label: 'Keyboard shortcuts', group: 'action', keys: '?', act: help },
    ];
    return all
      .map((entry) => ({
        entry,
        points: Math.max(score(entry.label, query), score(`${entry.group} ${entry.label}`, query) - 5),
      }))
      .filter((each) => each.points > 0)
      .sort((a, b) => b.points - a.points)
      .slice(0, shownCount)
      .map((each) => each.entry);
  }, [query, found, go, help, actAs]);
  useEffect(() => setChosen(0), [query]);
  useEffect(() => {
    // in braces: newer browsers answer a promise here, which is no clean-up
    list.current?.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  const act = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    onClose();
    entry.act();
  };
  return (
    <>
      <input
        className="field h-10 w-full text-base"
        placeholder="A section, run, model, dataset, endpoint …"
        aria-label="Search"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={`palette-${chosen}`}
        value={query}
        autoFocus
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setChosen((index) => Math.min(index + 1, entries.length - 1));
          else if (event.key === 'ArrowUp') setChosen((index) => Math.max(index - 1, 0));
          else if (event.key === 'Enter') act(entries[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <ul
        ref={list}
        id="palette-list"
        role="listbox"
        aria-label="Results"
        className="mt-3 max-h-[52vh] overflow-y-auto"
      >
        {entries.map((entry, index) => (
          <li
            key={`${entry.group}/${entry.label}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseMove={() => setChosen(index)}
            onClick={() => act(entry)}
            className={`flex cursor-pointer items-baseline gap-3 rounded-md px-3 py-1.5 ${index === chosen ? 'bg-accent-soft' : ''}`}
          >
            <span className="min-w-0 truncate font-medium">{entry.label}</span>
            <span className="min-w-0 flex-1 truncate text-sm text-ink-2">{entry.group}</span>
            {entry.keys === undefined ? null : <kbd className="text-xs text-ink-2">{entry.keys}</kbd>}
          </li>
        ))}
        {entries.length === 0 ? (
          <li className="px-3 py-4 text-sm text-ink-2">Nothing is called “{query}”.</li>
        ) : null}
      </ul>
    </>
  );
}

/** Everything with a name that the server knows. */
function useThings(): readonly Thing[] {
  const projects = useApi<unknown>('/api/v1/projects');
  const datasets = useApi<unknown>('/api/v1/datasets');
  const models = useApi<unknown>('/api/v1/models');
  const endpoints = useApi<unknown>('/api/v1/endpoints');
  return useMemo(
    () =>
      things({
        projects: projects.data,
        datasets: datasets.data,
        models: models.data,
        endpoints: endpoints.data,
      }),
    [projects.data, datasets.data, models.data, endpoints.data],
  );
}
