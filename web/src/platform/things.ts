import { segment } from './api.ts';

export interface Thing {
  readonly kind: string;
  readonly name: string;
  readonly path: string;
}

const pathOf = {
  projects: () => '/start',
  datasets: (name: string) => `/develop/data/${segment(name)}`,
  models: (name: string) => `/deploy/models/${segment(name)}`,
  endpoints: (name: string) => `/deploy/endpoints/${segment(name)}`,
} as const;
type Kind = keyof typeof pathOf;

/** Names in the lists that the server gave, with their addresses on this page. */
export const things = (lists: Readonly<Record<Kind, unknown>>): Thing[] =>
  (Object.keys(pathOf) as Kind[]).flatMap((kind) =>
    namesIn(lists[kind]).map((name) => ({ kind: kind.slice(0, -1), name, path: pathOf[kind](name) })),
  );

function namesIn(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) =>
    typeof each === 'object' && each !== null && 'name' in each && typeof each.name === 'string'
      ? [each.name]
      : [],
  );
}
