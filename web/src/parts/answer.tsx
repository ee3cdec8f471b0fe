import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, useState, type ReactNode } from 'react';
import { ApiError } from '../platform/api.ts';
import { Command } from './basics.tsx';
import { Icon } from './icon.tsx';

const patienceMs = 400;

/** Grey lines, only when an answer takes long enough to be noticed. */
function Waiting() {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), patienceMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="flex flex-col gap-3 px-4 py-6" aria-busy="true" aria-label="Loading">
      {isLong ? (
        ['w-1/2', 'w-3/4', 'w-2/5'].map((width) => (
          <div key={width} className={`h-3 rounded-sm bg-sunken ${width}`} />
        ))
      ) : (
        <div className="h-16" />
      )}
    </div>
  );
}

/** What to do next; the command in it ready to copy. */
export function NextStep({ hint }: { hint: string }) {
  const command = hint.match(/\b(?:tilth|npm run) [^.;]*$/)?.[0];
  const words = command === undefined ? hint : hint.slice(0, -command.length);
  return (
    <>
      {words === '' ? null : <span className="block break-words text-ink-2">{words}</span>}
      {command === undefined ? null : (
        <span className="mt-1 block">
          <Command text={command} isSmall />
        </span>
      )}
    </>
  );
}

/** What went wrong, what to do, and the code to look up. */
export function Failure({ error }: { error: unknown }) {
  const known = error instanceof ApiError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div role="alert" className="flex gap-3 rounded-md bg-bad-soft px-4 py-3 text-sm">
      <Icon name="attention" className="mt-0.5 text-bad" />
      <div className="min-w-0">
        <p className="font-medium break-words">{message}</p>
        {known?.hint === undefined ? null : (
          <p className="mt-0.5">
            <NextStep hint={known.hint} />
          </p>
        )}
        {known === undefined ? null : <p className="mt-1 text-xs text-ink-2">{known.code}</p>}
      </div>
    </div>
  );
}

const isNothing = (error: ApiError): boolean => error.status === 404;

/** Shows what a question was answered with; `empty` also where there is no such thing. */
export function Answer<T>(props: {
  query: UseQueryResult<T, ApiError>;
  empty?: ReactNode;
  isEmpty?: (data: T) => boolean;
  children: (data: T) => ReactNode;
}) {
  const { query, empty } = props;
  if (query.data !== undefined && (query.error === null || !isNothing(query.error))) {
    const isEmpty = props.isEmpty?.(query.data) ?? (Array.isArray(query.data) && query.data.length === 0);
    return (
      <>
        {query.error === null ? null : (
          <div className="p-4">
            <Failure error={query.error} />
          </div>
        )}
        {isEmpty && empty !== undefined ? empty : props.children(query.data)}
      </>
    );
  }
  if (query.error !== null) {
    if (isNothing(query.error) && empty !== undefined) return empty;
    return (
      <div className="p-4">
        <Failure error={query.error} />
      </div>
    );
  }
  return <Waiting />;
}
