import { useDeferredValue, useId, useState, type KeyboardEvent } from 'react';
import type { NamedNode } from '../../../src/server/lineage/lineage-view-api.ts';
import { useApi } from '../platform/api.ts';
import { keyOf } from './lineage-shape.ts';
import { kindNames, nameOf } from './lineage-names.ts';

/** Finds a thing by letters of its name; arrow keys choose, Enter goes there. */
export function LineageSearch({ onChoose }: { onChoose: (key: string) => void }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const words = useDeferredValue(typed.trim());
  const list = useId();
  const query = useApi<NamedNode[]>(words === '' ? null : '/api/v1/lineage/search', { words });
  const found = words === '' ? [] : (query.data ?? []);
  const choose = (node: NamedNode | undefined): void => {
    if (node === undefined) return;
    onChoose(keyOf(node));
    setTyped('');
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') setOpen(false);
    else if (event.key === 'Enter') choose(found[at]);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setAt((at + step + found.length) % Math.max(1, found.length));
    }
  };
  const isShown = isOpen && words !== '';
  return (
    <div
      className="relative w-72 max-w-full"
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <input
        type="search"
        role="combobox"
        data-filter
        className="field w-full"
        placeholder="Find a dataset, run, model …"
        aria-label="Find a thing in the lineage"
        aria-expanded={isShown}
        aria-controls={list}
        aria-autocomplete="list"
        {...(isShown && found[at] !== undefined ? { 'aria-activedescendant': `${list}-${at}` } : {})}
        value={typed}
        onFocus={() => setOpen(true)}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
          setOpen(true);
        }}
        onKeyDown={onKeyDown}
      />
      {isShown ? (
        <ul
          id={list}
          role="listbox"
          aria-label="Found"
          className="card absolute right-0 z-20 mt-1 max-h-80 w-full min-w-64 overflow-y-auto py-1 shadow-high"
        >
          {found.length === 0 ? (
            <li className="px-3 py-2 text-sm text-ink-2">
              {query.isFetching ? 'Looking …' : `Nothing is called “${words}”.`}
            </li>
          ) : (
            found.map((node, index) => (
              <li
                key={keyOf(node)}
                id={`${list}-${index}`}
                role="option"
                aria-selected={index === at}
                className={`cursor-pointer px-3 py-1.5 text-sm ${index === at ? 'bg-accent-soft' : 'hover:bg-sunken'}`}
                onMouseDown={(event) => {
                  event.preventDefault();
                  choose(node);
                }}
              >
                <span className="block truncate font-medium">{nameOf(node)}</span>
                <span className="block truncate text-2xs text-ink-3">
                  {kindNames[node.kind]}
                  {node.detail === null ? '' : ` · ${node.detail}`}
                </span>
              </li>
            ))
          )}
        </ul>
      ) : null}
    </div>
  );
}
