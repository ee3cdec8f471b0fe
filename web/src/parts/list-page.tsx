import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { ApiError } from '../platform/api.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from './answer.tsx';
import { FilterBox, Page } from './basics.tsx';

interface ListShape<T> {
  readonly title: string;
  readonly lead: string;
  readonly cli: string;
  readonly query: UseQueryResult<T[], ApiError>;
  /** what there will be and how it comes, while there is nothing */
  readonly empty: ReactNode;
  /** what the filter box says and the words of a thing that it looks in */
  readonly filter: string;
  readonly wordsOf: (thing: T) => string;
  /** the things are cards of their own, not rows in one */
  readonly isCards?: boolean;
  readonly children: (things: T[]) => ReactNode;
  readonly after?: ReactNode;
}

/** A screen that lists things of one kind; what was typed to find some of them is in its address. */
export function ListPage<T>({
  title,
  lead,
  cli,
  query,
  empty,
  filter,
  wordsOf,
  isCards = false,
  children,
  after,
}: ListShape<T>) {
  const [typed, setTyped] = useUrlState('filter');
  const wanted = typed.toLowerCase();
  const list = (
    <Answer query={query} empty={isCards ? <div className="card">{empty}</div> : empty}>
      {(things) => {
        const found = things.filter((thing) => wordsOf(thing).toLowerCase().includes(wanted));
        return found.length === 0 ? (
          <p className="px-4 py-6 text-sm text-ink-2">Nothing here has “{typed}” in its name.</p>
        ) : (
          children(found)
        );
      }}
    </Answer>
  );
  return (
    <Page
      title={title}
      name={title}
      lead={lead}
      cli={cli}
      actions={<FilterBox value={typed} onChange={setTyped} placeholder={filter} />}
    >
      {isCards ? (
        <div className="flex flex-col gap-5">{list}</div>
      ) : (
        <section className="card min-w-0" aria-label={title}>
          {list}
        </section>
      )}
      {after}
    </Page>
  );
}
