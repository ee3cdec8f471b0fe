/**
 * Columns of a graph that flows left to right: each node stands one after the last of those it came from;
 * within a column by the middle of their places. Nodes of a cycle stand where they were met first.
 */
export function layers(
  ids: readonly string[],
  edges: readonly { readonly from: string; readonly to: string }[],
): string[][] {
  const known = new Set(ids);
  const sources = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const edge of edges)
    if (known.has(edge.from) && known.has(edge.to)) sources.get(edge.to)?.push(edge.from);
  const depths = new Map<string, number>();
  const open = new Set<string>();
  const depthOf = (id: string): number => {
    const found = depths.get(id);
    if (found !== undefined) return found;
    if (open.has(id)) return 0;
    open.add(id);
    const depth = Math.max(-1, ...(sources.get(id) ?? []).map(depthOf)) + 1;
    open.delete(id);
    depths.set(id, depth);
    return depth;
  };
  const columns: string[][] = [];
  for (const id of ids) (columns[depthOf(id)] ??= []).push(id);
  const places = new Map<string, number>();
  for (let at = 0; at < columns.length; at += 1) {
    const column = columns[at] ?? [];
    const middle = (id: string): number => {
      const from = (sources.get(id) ?? []).flatMap((source) => places.get(source) ?? []);
      return from.length === 0 ? 0 : from.reduce((sum, place) => sum + place, 0) / from.length;
    };
    const sorted = column.map((id) => ({ id, middle: middle(id) })).sort((a, b) => a.middle - b.middle);
    sorted.forEach(({ id }, index) => places.set(id, index - (sorted.length - 1) / 2));
    columns[at] = sorted.map(({ id }) => id);
  }
  return columns.map((column) => column ?? []);
}
