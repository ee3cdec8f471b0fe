import type { Drawing } from './pipeline.ts';

/** Boxes below each other, each below all that it needs, with lines between. */
export function toText({ names, edges }: Drawing): string {
  const depth = new Map(names.map((name) => [name, 0]));
  for (let isMoved = true; isMoved;) {
    isMoved = false;
    for (const { from, to } of edges) {
      const below = (depth.get(from) ?? 0) + 1;
      if ((depth.get(to) ?? 0) >= below) continue;
      depth.set(to, below);
      isMoved = true;
    }
  }
  const levels = Array.from({ length: Math.max(0, ...depth.values()) + 1 }, (_, level) =>
    names.filter((name) => depth.get(name) === level),
  );
  const needs = (name: string): string[] => edges.filter(({ to }) => to === name).map(({ from }) => from);
  return levels
    .map((level) => boxes(level, (name) => needs(name)))
    .filter((text) => text !== '')
    .join('\n');
}

function boxes(names: readonly string[], needs: (name: string) => readonly string[]): string {
  const cells = names.map((name) => {
    const above = needs(name);
    const label = above.length === 0 ? name : `${name} ← ${above.join(', ')}`;
    return [`+-${'-'.repeat(label.length)}-+`, `| ${label} |`, `+-${'-'.repeat(label.length)}-+`];
  });
  return [0, 1, 2].map((row) => cells.map((cell) => cell[row] ?? '').join('  ')).join('\n');
}
