import { literal } from '../../platform/sql-text.ts';

/**
 * SQL that is true for a text that a regular expression finds something in.
 *
 * An expression that spells out every character of the whole text, as codes and numbers of orders have them, becomes
 * a GLOB: the engine needs a third less time for it.
 */
export function matching(value: string, pattern: string): string {
  const glob = globOf(pattern);
  return glob === undefined
    ? `regexp_matches(${value}, ${literal(pattern)})`
    : `${value} GLOB ${literal(glob)}`;
}

const longestGlob = 200;

/** `^[A-Z]{2}-\d{3}$` → `[A-Z][A-Z]-[0-9][0-9][0-9]`; undefined for what GLOB can't say. */
export function globOf(pattern: string): string | undefined {
  const inside = /^\^(.+)\$$/s.exec(pattern)?.[1];
  if (inside === undefined) return undefined;
  // a class of plain ASCII letters and digits, a digit, or one plain character; each perhaps a fixed number of times
  const part =
    /(?:\[([A-Za-z0-9-]+)\]|(\\d)|\\?([-/_:,@#% ])|\\([.+])|([A-Za-z0-9]))(?:\{(\d{1,3})\})?(?![*+?{])/y;
  let glob = '';
  while (part.lastIndex < inside.length) {
    const found = part.exec(inside);
    if (found === null) return undefined;
    const [, letters, digit, sign, escaped, plain, times = '1'] = found;
    if (letters !== undefined && !/^(?:[A-Za-z0-9](?:-[A-Za-z0-9])?)+$/.test(letters)) return undefined;
    const one =
      letters !== undefined
        ? `[${letters}]`
        : digit !== undefined
          ? '[0-9]'
          : (sign ?? escaped ?? plain ?? '');
    glob += one.repeat(Number(times));
    if (glob.length > longestGlob) return undefined;
  }
  return glob;
}
