import type { LineageEdge, LineageNode } from '../../../src/develop/lineage/lineage-api.ts';
import type { LineageView, NamedNode } from '../../../src/server/lineage/lineage-view-api.ts';

export type Way = 'both' | 'ancestors' | 'descendants';

export const keyOf = (node: LineageNode): string => `${node.kind}:${node.id}`;

/** A node with how many steps it stands from the one that was asked about: ancestors have negative steps. */
export interface Placed {
  readonly node: NamedNode;
  readonly steps: number;
}

/** The part of a lineage that leads to a thing, that comes from it, or both; nearest first. */
export function around(
  view: LineageView,
  focus: string,
  way: Way,
): { placed: Placed[]; edges: LineageEdge[] } {
  const steps = new Map([[focus, 0]]);
  if (way !== 'descendants') walk(view.edges, focus, 'to', 'from', -1, steps);
  if (way !== 'ancestors') walk(view.edges, focus, 'from', 'to', 1, steps);
  const placed = view.nodes.flatMap((node) => {
    const at = steps.get(keyOf(node));
    return at === undefined ? [] : [{ node, steps: at }];
  });
  return {
    placed: placed.toSorted((left, right) => Math.abs(left.steps) - Math.abs(right.steps)),
    edges: view.edges.filter(({ from, to }) => steps.has(keyOf(from)) && steps.has(keyOf(to))),
  };
}

function walk(
  edges: readonly LineageEdge[],
  focus: string,
  near: 'from' | 'to',
  far: 'from' | 'to',
  sign: number,
  steps: Map<string, number>,
): void {
  const beyond = Map.groupBy(edges, (edge) => keyOf(edge[near]));
  let reached = [focus];
  for (let step = 1; reached.length > 0; step += 1) {
    const next: string[] = [];
    for (const edge of reached.flatMap((key) => beyond.get(key) ?? [])) {
      const key = keyOf(edge[far]);
      if (steps.has(key)) continue;
      steps.set(key, step * sign);
      next.push(key);
    }
    reached = next;
  }
}

/** Things of one kind that hang on the same neighbours and lead nowhere else, drawn as one. */
export interface Bundle {
  readonly key: string;
  readonly kind: NamedNode['kind'];
  readonly members: readonly NamedNode[];
}

const fewMembers = 5;

/**
 * Puts together what would only fill the picture: more than five runs of one dataset version that nothing came of.
 *
 * @param open keys of bundles that are shown with all their members
 * @returns the bundle of each member, by the member's key
 */
export function bundles(
  placed: readonly Placed[],
  edges: readonly LineageEdge[],
  open: ReadonlySet<string>,
): Map<string, Bundle> {
  const neighbours = new Map<string, { before: Set<string>; after: Set<string> }>();
  const of = (key: string): { before: Set<string>; after: Set<string> } => {
    const found = neighbours.get(key) ?? { before: new Set<string>(), after: new Set<string>() };
    neighbours.set(key, found);
    return found;
  };
  for (const { from, to } of edges) {
    of(keyOf(to)).before.add(keyOf(from));
    of(keyOf(from)).after.add(keyOf(to));
  }
  const alike = Map.groupBy(
    placed.filter(({ steps }) => steps !== 0),
    ({ node }) => {
      const { before, after } = of(keyOf(node));
      return `${node.kind}|${[...before].toSorted().join(' ')}|${[...after].toSorted().join(' ')}`;
    },
  );
  const found = new Map<string, Bundle>();
  for (const [key, members] of alike) {
    if (members.length <= fewMembers || open.has(key)) continue;
    const bundle = { key, kind: members[0]?.node.kind ?? 'run', members: members.map(({ node }) => node) };
    for (const { node } of members) found.set(keyOf(node), bundle);
  }
  return found;
}
