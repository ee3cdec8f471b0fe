import { compareCodePoints } from '../dvc-files/python-text.ts';
import type { DataDiff } from './data-diff.ts';

interface ShownEntry {
  readonly path: string | { readonly old: string; readonly new: string };
  readonly hash?: string | null | { readonly old: string | null; readonly new: string | null };
}

type State = keyof DataDiff;
const states = [
  'added',
  'deleted',
  'renamed',
  'modified',
  'not in cache',
] as const satisfies readonly State[];

export type ShownDiff = Partial<Record<State, readonly ShownEntry[]>>;

/** What `dvc diff --json` prints: sorted by path, with hashes only where they were asked for. */
export function shownDiff(
  diff: DataDiff,
  { withHash, withMissing }: { withHash: boolean; withMissing: boolean },
): ShownDiff {
  const shown: Record<string, ShownEntry[]> = {};
  for (const [state, entries] of Object.entries(diff) as [State, readonly ShownEntry[]][]) {
    if (state === 'not in cache' && !withMissing) continue;
    const sorted = [...entries].sort((left, right) => compareCodePoints(orderOf(left), orderOf(right)));
    shown[state] = withHash ? sorted : sorted.map(({ path }) => ({ path }));
  }
  return shown;
}

const orderOf = ({ path }: ShownEntry): string => (typeof path === 'string' ? path : path.old);
const pathText = ({ path }: ShownEntry): string =>
  typeof path === 'string' ? path : `${path.old} -> ${path.new}`;

function hashText({ hash }: ShownEntry): string {
  if (typeof hash === 'string') return hash.slice(0, 8);
  return hash === undefined || hash === null
    ? ''
    : `${hash.old?.slice(0, 8) ?? ''}..${hash.new?.slice(0, 8) ?? ''}`;
}

/** Paths by what happened to them, and a line with counts of files. */
export function diffLines(diff: ShownDiff): string[] {
  const lines = states.flatMap((state) => {
    const entries = diff[state] ?? [];
    if (entries.length === 0) return [];
    const items = entries.map(
      (entry) => `    ${[hashText(entry), pathText(entry)].filter((part) => part !== '').join('  ')}`,
    );
    return [`${state.slice(0, 1).toUpperCase()}${state.slice(1)}:`, ...items, ''];
  });
  const counts = states.flatMap((state) => {
    const count = (diff[state] ?? []).filter((entry) => !pathText(entry).endsWith('/')).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  return counts.length === 0 ? lines : [...lines, `files summary: ${counts.join(', ')}`];
}

export function diffTable(diff: ShownDiff, withHash: boolean): string[] {
  const header = withHash ? ['Status', 'Hash', 'Path'] : ['Status', 'Path'];
  const rows = states.flatMap((state) =>
    (diff[state] ?? []).map((entry) =>
      withHash ? [state, hashText(entry), pathText(entry)] : [state, pathText(entry)],
    ),
  );
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(header), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line), ''];
}
