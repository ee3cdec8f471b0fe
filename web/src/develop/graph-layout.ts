export interface Line {
  readonly from: string;
  readonly to: string;
}
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Sizes {
  readonly boxWidth: number;
  readonly boxHeight: number;
  readonly gapX: number;
  readonly gapY: number;
}

export interface Layout {
  /** ids from left to right, in each column from top to bottom */
  readonly columns: readonly (readonly string[])[];
  /** top left corner of each box */
  readonly places: ReadonlyMap<string, Point>;
  /** by `lineKey`: where a line passes the columns between its ends, so that no box hides it */
  readonly passes: ReadonlyMap<string, readonly Point[]>;
  readonly height: number;
}

export const lineKey = ({ from, to }: Line): string => `${from}\n${to}`;

/** A place in a column: a box, or where lines of one source pass. */
interface Slot {
  readonly key: string;
  readonly isBox: boolean;
  readonly height: number;
}

const passHeight = 16;
const sweeps = 6;

/**
 * A layered picture that flows left to right (Sugiyama's way): each box one column after the last of those it came
 * from, columns sorted so that lines cross little, boxes near the middle of their neighbours. Boxes of a circle stand
 * where they were met first.
 */
export function layout(ids: readonly string[], lines: readonly Line[], sizes: Sizes): Layout {
  const depths = depthsOf(ids, lines);
  const columns: Slot[][] = [];
  for (const id of ids)
    (columns[depths.get(id) ?? 0] ??= []).push({ key: id, isBox: true, height: sizes.boxHeight });
  const links: [string, string][] = [];
  const routes = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const line of lines) {
    const [from, to] = [depths.get(line.from), depths.get(line.to)];
    if (from === undefined || to === undefined || to <= from || routes.has(lineKey(line))) continue;
    const keys = Array.from({ length: to - from - 1 }, (_, at) => `pass ${from + at + 1} ${line.from}`);
    for (const [at, key] of keys.entries()) {
      if (!seen.has(key)) (columns[from + at + 1] ??= []).push({ key, isBox: false, height: passHeight });
      seen.add(key);
    }
    routes.set(lineKey(line), keys);
    const chain = [line.from, ...keys, line.to];
    for (let at = 1; at < chain.length; at += 1) links.push([chain[at - 1] ?? '', chain[at] ?? '']);
  }
  const whole = columns.map((column) => column ?? []);
  const tops = arrange(whole, links, sizes.gapY);
  const lowest = Math.min(0, ...tops.values());
  const width = sizes.boxWidth + sizes.gapX;
  const topOf = (key: string): number => (tops.get(key) ?? 0) - lowest;
  const columnOf = new Map(whole.flatMap((column, x) => column.map(({ key }): [string, number] => [key, x])));
  return {
    columns: whole.map((column) => column.filter(({ isBox }) => isBox).map(({ key }) => key)),
    places: new Map(ids.map((id) => [id, { x: (columnOf.get(id) ?? 0) * width, y: topOf(id) }])),
    passes: new Map(
      [...routes].map(([key, keys]) => [
        key,
        keys.map((each) => ({ x: (columnOf.get(each) ?? 0) * width, y: topOf(each) + passHeight / 2 })),
      ]),
    ),
    height: Math.max(0, ...whole.flatMap((column) => column.map(({ key, height }) => topOf(key) + height))),
  };
}

/** Columns: after all that a box came from; what came from nothing stands right before what it leads to. */
function depthsOf(ids: readonly string[], lines: readonly Line[]): Map<string, number> {
  const known = new Set(ids);
  const own = lines.filter(({ from, to }) => known.has(from) && known.has(to));
  const sources = Map.groupBy(own, ({ to }) => to);
  const depths = new Map<string, number>();
  const open = new Set<string>();
  const depthOf = (id: string): number => {
    const found = depths.get(id);
    if (found !== undefined) return found;
    if (open.has(id)) return 0;
    open.add(id);
    const depth = (sources.get(id) ?? []).reduce((most, { from }) => Math.max(most, depthOf(from) + 1), 0);
    open.delete(id);
    depths.set(id, depth);
    return depth;
  };
  for (const id of ids) depthOf(id);
  const targets = Map.groupBy(own, ({ from }) => from);
  for (const id of ids) {
    const next = targets.get(id);
    if (next === undefined || sources.has(id)) continue;
    depths.set(id, Math.max(0, Math.min(...next.map(({ to }) => depths.get(to) ?? 1)) - 1));
  }
  return depths;
}

/** Sorts each column by its neighbours, to and fro, then moves boxes towards them; @returns the top of each slot. */
function arrange(columns: Slot[][], links: readonly [string, string][], gapY: number): Map<string, number> {
  const before = Map.groupBy(links, ([, to]) => to);
  const after = Map.groupBy(links, ([from]) => from);
  const centres = new Map<string, number>();
  const stack = (column: readonly Slot[]): void => {
    let y = -column.reduce((sum, { height }) => sum + height + gapY, 0) / 2;
    for (const { key, height } of column) {
      centres.set(key, y + height / 2);
      y += height + gapY;
    }
  };
  for (const column of columns) stack(column);
  const middle = (key: string, side: 0 | 1): number => {
    const near = (side === 0 ? before : after).get(key) ?? [];
    if (near.length === 0) return centres.get(key) ?? 0;
    return near.reduce((sum, link) => sum + (centres.get(link[side]) ?? 0), 0) / near.length;
  };
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    const side = sweep % 2 === 0 ? 0 : 1;
    for (const column of side === 0 ? columns : columns.toReversed()) {
      const wanted = new Map(column.map(({ key }) => [key, middle(key, side)]));
      column.sort((left, right) => (wanted.get(left.key) ?? 0) - (wanted.get(right.key) ?? 0));
      settle(column, wanted, centres, gapY);
    }
  }
  return new Map(columns.flat().map(({ key, height }) => [key, (centres.get(key) ?? 0) - height / 2]));
}

/**
 * As near to where each wants to be as the gaps allow: the mean of pushing all down from the top and all up from the
 * bottom keeps the gaps, since both do.
 */
function settle(
  column: readonly Slot[],
  wanted: ReadonlyMap<string, number>,
  centres: Map<string, number>,
  gapY: number,
): void {
  const distance = (at: number): number =>
    ((column[at]?.height ?? 0) + (column[at + 1]?.height ?? 0)) / 2 + gapY;
  const goals = column.map(({ key }) => wanted.get(key) ?? 0);
  const down = [...goals];
  for (let at = 1; at < down.length; at += 1)
    down[at] = Math.max(down[at] ?? 0, (down[at - 1] ?? 0) + distance(at - 1));
  const up = [...goals];
  for (let at = up.length - 2; at >= 0; at -= 1)
    up[at] = Math.min(up[at] ?? 0, (up[at + 1] ?? 0) - distance(at));
  for (const [at, { key }] of column.entries()) centres.set(key, ((down[at] ?? 0) + (up[at] ?? 0)) / 2);
}
