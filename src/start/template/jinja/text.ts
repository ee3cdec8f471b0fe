import { EngineCannot } from './faults.ts';

/** What Python counts as white space, for the inside of a regular expression's brackets. */
export const spaces = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
const space = new RegExp(`[${spaces}]`);
export const isSpace = (character: string): boolean => space.test(character);

export const isCased = (character: string): boolean => /[\p{Lowercase}\p{Uppercase}\p{Lt}]/u.test(character);

/** str.strip and its one-sided forms; without characters it takes white space away. */
export function strip(self: string, characters: string | undefined, side: 'both' | 'left' | 'right'): string {
  const set = characters === undefined ? undefined : new Set(characters);
  const drop = (character: string): boolean => (set === undefined ? isSpace(character) : set.has(character));
  const items = Array.from(self);
  let from = 0;
  let to = items.length;
  if (side !== 'right') while (from < to && drop(items[from] ?? '')) from += 1;
  if (side !== 'left') while (to > from && drop(items[to - 1] ?? '')) to -= 1;
  return items.slice(from, to).join('');
}

/** str.split without a separator: the words, and what is left after `limit` of them. */
export function splitWords(self: string, limit: number): string[] {
  const parts: string[] = [];
  let rest = strip(self, undefined, 'left');
  while (rest !== '') {
    if (limit >= 0 && parts.length === limit) return [...parts, rest];
    const at = rest.search(space);
    const word = at < 0 ? rest : rest.slice(0, at);
    parts.push(word);
    rest = strip(rest.slice(word.length), undefined, 'left');
  }
  return parts;
}

export const backwards = (text: string): string => Array.from(text).reverse().join('');

/** str.replace; a negative limit means all. */
export function replaceText(self: string, from: string, to: string, limit: number): string {
  const pieces = from === '' ? ['', ...Array.from(self), ''] : self.split(from);
  const count = limit < 0 ? pieces.length - 1 : Math.min(limit, pieces.length - 1);
  return pieces.map((piece, at) => (at === 0 ? piece : (at <= count ? to : from) + piece)).join('');
}

const digraphs: Readonly<Record<string, string>> = {
  ß: 'Ss',
  Ǆ: 'ǅ',
  ǅ: 'ǅ',
  ǆ: 'ǅ',
  Ǉ: 'ǈ',
  ǈ: 'ǈ',
  ǉ: 'ǈ',
  Ǌ: 'ǋ',
  ǋ: 'ǋ',
  ǌ: 'ǋ',
  Ǳ: 'ǲ',
  ǲ: 'ǲ',
  ǳ: 'ǲ',
};

/** One character as the first of a title. */
function titleCase(character: string): string {
  const known = digraphs[character];
  if (known !== undefined) return known;
  if (/[\u0587\u10d0-\u10ff\u1f80-\u1fff\ufb00-\ufb17]/.test(character))
    throw new EngineCannot(`the title case of '${character}' needs Python`);
  return character.toUpperCase();
}

/** str.title: a letter after anything that is not a letter is upper, every other one lower. */
export function titleText(self: string): string {
  // a final sigma is lower in a form of its own, which the whole word decides
  if (self.includes('Σ')) throw new EngineCannot('the title case of Σ needs Python');
  let follows = false;
  let out = '';
  for (const character of self) {
    out += follows ? character.toLowerCase() : titleCase(character);
    follows = isCased(character);
  }
  return out;
}

export function capitalizeText(self: string): string {
  const [first = '', ...rest] = Array.from(self);
  if (self.includes('Σ')) throw new EngineCannot('the capital form of Σ needs Python');
  return titleCase(first) + rest.join('').toLowerCase();
}

export function swapCase(self: string): string {
  if (/[Σ\p{Lt}]/u.test(self)) throw new EngineCannot('swapcase of such letters needs Python');
  return Array.from(self, (each) =>
    /\p{Uppercase}/u.test(each) ? each.toLowerCase() : each.toUpperCase(),
  ).join('');
}

/** str.casefold for Latin letters. */
export function foldCase(self: string): string {
  if (/[^\0-\xff]/.test(self)) throw new EngineCannot('casefold beyond Latin letters needs Python');
  return self.toLowerCase().replaceAll('ß', 'ss').replaceAll('µ', 'μ');
}

export function padText(self: string, width: number, fill: string, side: 'left' | 'right'): string {
  const missing = width - Array.from(self).length;
  if (missing <= 0) return self;
  return side === 'right' ? self + fill.repeat(missing) : fill.repeat(missing) + self;
}

/** str.center */
export function centerText(self: string, width: number, fill: string): string {
  const missing = width - Array.from(self).length;
  if (missing <= 0) return self;
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return fill.repeat(left) + self + fill.repeat(missing - left);
}

const lineEnds = new RegExp(String.raw`\r\n|[\n\r\v\f\u0085\u2028\u2029\x1c-\x1e]`, 'g');

/** str.splitlines */
export function splitLines(self: string, keepsEnds: boolean): string[] {
  const lines: string[] = [];
  let from = 0;
  for (const end of self.matchAll(lineEnds)) {
    const after = end.index + end[0].length;
    lines.push(self.slice(from, keepsEnds ? after : end.index));
    from = after;
  }
  return from < self.length ? [...lines, self.slice(from)] : lines;
}

/** str.expandtabs */
export function expandTabs(self: string, size: number): string {
  let column = 0;
  let out = '';
  for (const character of self) {
    if (character === '\t') {
      const step = size > 0 ? size - (column % size) : 0;
      out += ' '.repeat(step);
      column += step;
    } else {
      out += character;
      column = character === '\n' || character === '\r' ? 0 : column + 1;
    }
  }
  return out;
}

/** Part of a text in Python's counting of characters. */
export const part = (self: string, from: number, to?: number): string =>
  /[\ud800-\udfff]/.test(self) ? Array.from(self).slice(from, to).join('') : self.slice(from, to);
