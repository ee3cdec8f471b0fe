import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSame, readBlob, writeBlob, type Entry, type ProjectRepository, type Tree } from './git.ts';

/** Whether a template, or a hook of it, may write something else each time, such as a secret key. */
export function usesChance(templateFolder: string): boolean {
  for (const entry of readdirSync(templateFolder, { withFileTypes: true })) {
    if (entry.name === '.git') continue;
    const path = join(templateFolder, entry.name);
    if (entry.isDirectory() ? usesChance(path) : entry.isFile() && hasChance(path)) return true;
  }
  return false;
}

const hasChance = (file: string): boolean =>
  statSync(file).size < 500_000 && /random|uuid|secrets|\bmktemp\b/i.test(readFileSync(file, 'latin1'));

/**
 * Gives a render the values of chance that an earlier one has: two renders of one version show which lines chance
 * made, and those are no change of the template's.
 *
 * @param again the same version rendered a second time
 * @param earlier what the values are taken from
 */
export async function settleChance(
  project: ProjectRepository,
  rendered: Tree,
  again: Tree,
  earlier: Tree,
): Promise<Tree> {
  const settled = new Map<string, Entry>(rendered);
  for (const [path, entry] of rendered) {
    const other = again.get(path);
    const before = earlier.get(path);
    if (other === undefined || before === undefined || isSame(entry, other)) continue;
    const [one, two, from] = await Promise.all(
      [entry, other, before].map(({ oid }) => readBlob(project, oid)),
    );
    if (one === undefined || two === undefined || from === undefined) continue;
    if ([one, two, from].some((content) => content.includes(0))) continue;
    const text = settleText(one.toString('latin1'), two.toString('latin1'), from.toString('latin1'));
    settled.set(path, { ...entry, oid: await writeBlob(project, Buffer.from(text, 'latin1')) });
  }
  return settled;
}

/** Line by line: where two renders differ, the earlier line with the same text around the difference. */
export function settleText(rendered: string, again: string, earlier: string): string {
  const lines = rendered.split('\n');
  const others = again.split('\n');
  if (lines.length !== others.length) return rendered;
  const taken = new Set<number>();
  const known = earlier.split('\n');
  return lines
    .map((line, at) => {
      const other = others[at] ?? '';
      if (line === other) return line;
      const { start, end } = around(line, other);
      const place = known.findIndex(
        (each, index) =>
          !taken.has(index) &&
          each.length >= start.length + end.length &&
          each.startsWith(start) &&
          each.endsWith(end),
      );
      if (start.trim() + end.trim() === '' || place < 0) return line;
      taken.add(place);
      return known[place] ?? line;
    })
    .join('\n');
}

/** The text that two lines share before and after their difference, whole words only: letters may be equal by chance. */
function around(one: string, other: string): { start: string; end: string } {
  let from = 0;
  while (from < one.length && one[from] === other[from]) from += 1;
  let to = 0;
  while (to < Math.min(one.length, other.length) - from && one.at(-1 - to) === other.at(-1 - to)) to += 1;
  return {
    start: one.slice(0, from).replace(/[\w!@#$%^&*+/.-]*$/, ''),
    end: one.slice(one.length - to).replace(/^[\w!@#$%^&*+/.-]*/, ''),
  };
}
