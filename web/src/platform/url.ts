import { useNavigate, useSearch } from '@tanstack/react-router';

export type Search = Record<string, string>;

export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== '')
      query.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  const text = query.toString().replaceAll('%2C', ',');
  return text === '' ? '' : `?${text}`;
}

/** State that lives in the address, so that a link shows the same; the fallback is left out of it. */
export function useUrlState(key: string, fallback = ''): readonly [string, (value: string) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  return [
    search[key] ?? fallback,
    (value) =>
      void navigate({
        to: '.',
        search: ((before: Search) => ({ ...before, [key]: value === fallback ? undefined : value })) as never,
        replace: true,
        resetScroll: false,
      }),
  ];
}
