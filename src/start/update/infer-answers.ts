/** A line of a template with values in it, as a pattern that finds them in a project's line. */
export interface HoleLine {
  /** position among the template's lines */
  readonly at: number;
  readonly pattern: RegExp;
  /** what stands in each group of the pattern, without the braces */
  readonly expressions: readonly string[];
  /** how many letters and digits are fixed: how telling a match is */
  readonly weight: number;
}

/** A file of a template, line by line. */
export interface TemplateText {
  /** lines that stand in every project as they are; undefined for lines with holes, blanks and those with tags only */
  readonly literals: readonly (string | undefined)[];
  readonly holes: readonly HoleLine[];
  /** lines that a project should have */
  readonly lineCount: number;
  /** conditions and loops */
  readonly tags: readonly string[];
}

/** One place of the project that tells a value. */
export interface Evidence {
  /** the expression of the template, such as `cookiecutter.author` */
  readonly expression: string;
  readonly value: string;
  readonly weight: number;
  readonly file: string;
  /** from 1; 0 when the name of the file tells */
  readonly line: number;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);

/** Reads a template file for what it tells of a project, with Jinja2's usual delimiters. */
export function readTemplateText(text: string): TemplateText {
  const literals: (string | undefined)[] = [];
  const holes: HoleLine[] = [];
  let lineCount = 0;
  let isRaw = false;
  let isComment = false;
  for (const [at, full] of text.split(/\r?\n/).entries()) {
    let line = full.trimEnd();
    if (isComment) {
      const end = line.indexOf('#}');
      literals.push(undefined);
      if (end >= 0) isComment = false;
      continue;
    }
    if (isRaw || /\{%-?\s*raw/.test(line)) {
      const ends = /\{%-?\s*endraw\s*-?%\}/.test(line);
      isRaw = !ends && (isRaw || /\{%-?\s*raw/.test(line));
      line = line.replace(/\{%-?\s*(?:end)?raw\s*-?%\}/g, '');
      literals.push(line.trim() === '' ? undefined : line);
      if (line.trim() !== '') lineCount += 1;
      continue;
    }
    line = line.replace(/\{#.*?#\}/g, '');
    if (line.includes('{#')) {
      isComment = true;
      line = line.slice(0, line.indexOf('{#'));
    }
    const isTagsOnly = line.includes('{%') && line.replace(/\{%.*?%\}/g, '').trim() === '';
    if (line.trim() === '' || isTagsOnly) {
      literals.push(undefined);
      continue;
    }
    lineCount += 1;
    const hole = readHoles(line, at);
    literals.push(hole === undefined ? line : undefined);
    if (hole !== undefined) holes.push(hole);
  }
  return { literals, holes, lineCount, tags: text.match(/\{%.*?%\}/gs) ?? [] };
}

/** @returns undefined for a line without holes */
export function readHoles(line: string, at = 0, value = '.+?'): HoleLine | undefined {
  const parts = line.split(/(\{\{.*?\}\}|\{%.*?%\})/);
  if (parts.length === 1) return undefined;
  const expressions: string[] = [];
  let source = '';
  let weight = 0;
  for (const part of parts) {
    if (part.startsWith('{%')) source += '.*?';
    else if (part.startsWith('{{')) {
      const expression = part.slice(2, -2).replace(/^-|-$/g, '').trim();
      const quoted = /^'([^']*)'$|^"([^"]*)"$/.exec(expression);
      const known = expressions.indexOf(expression);
      if (quoted !== null) source += escaped(quoted[1] ?? quoted[2] ?? '');
      else if (known >= 0) source += `\\${known + 1}`;
      else {
        expressions.push(expression);
        source += `(${value})`;
      }
    } else {
      source += escaped(part);
      weight += part.replace(/[^\p{L}\p{N}]/gu, '').length;
    }
  }
  return { at, pattern: new RegExp(`^${source}$`, 'u'), expressions, weight };
}

/** How many lines of the template's file the project's file has, and what its holes hold there. */
export function compareText(
  template: TemplateText,
  lines: readonly string[],
  file: string,
): { matchedCount: number; evidence: Evidence[] } {
  const counts = new Map<string, number>();
  const positions = new Map<string, number[]>();
  for (const [at, line] of lines.entries()) {
    const text = line.trimEnd();
    counts.set(text, (counts.get(text) ?? 0) + 1);
    const known = positions.get(text);
    if (known === undefined) positions.set(text, [at]);
    else known.push(at);
  }
  let matchedCount = 0;
  for (const literal of template.literals) {
    if (literal === undefined) continue;
    const left = counts.get(literal) ?? 0;
    if (left === 0) continue;
    counts.set(literal, left - 1);
    matchedCount += 1;
  }
  const evidence: Evidence[] = [];
  for (const hole of template.holes) {
    const found = bestMatch(hole, template, lines);
    if (found === undefined) continue;
    matchedCount += 1;
    for (const [at, expression] of hole.expressions.entries()) {
      const value = found.groups[at + 1];
      if (value !== undefined)
        evidence.push({ expression, value, weight: found.weight, file, line: found.line + 1 });
    }
  }
  return { matchedCount, evidence };
}

/** The line that fits, told from others by its neighbours; a line of little text needs them. */
function bestMatch(
  hole: HoleLine,
  template: TemplateText,
  lines: readonly string[],
): { groups: RegExpExecArray; line: number; weight: number } | undefined {
  const before = neighbour(template.literals, hole.at, -1);
  const after = neighbour(template.literals, hole.at, 1);
  let best: { groups: RegExpExecArray; line: number; weight: number } | undefined;
  for (const [at, line] of lines.entries()) {
    const groups = hole.pattern.exec(line.trimEnd());
    if (groups === null) continue;
    const near =
      (before !== undefined && neighbour(lines, at, -1)?.trimEnd() === before ? 6 : 0) +
      (after !== undefined && neighbour(lines, at, 1)?.trimEnd() === after ? 6 : 0);
    const weight = Math.min(hole.weight, 12) + near;
    if (weight >= 3 && weight > (best?.weight ?? 0)) best = { groups, line: at, weight };
  }
  return best;
}

function neighbour(lines: readonly (string | undefined)[], from: number, step: 1 | -1): string | undefined {
  for (let at = from + step; at >= 0 && at < lines.length && Math.abs(at - from) <= 4; at += step) {
    const line = lines[at];
    if (line !== undefined && line.trim() !== '') return line;
  }
  return undefined;
}

/** The variable that an expression is, if it is nothing else. */
export const variableOf = (expression: string): string | undefined =>
  /^cookiecutter\.(\w+)$/.exec(expression)?.[1] ?? /^cookiecutter\[["'](\w+)["']\]$/.exec(expression)?.[1];

/** Variables that an expression or a text of Jinja2 uses. */
export const variablesIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/\bcookiecutter(?:\.|\[["'])(\w+)/g)].map((match) => match[1] ?? '')),
];

/** Values to try where only a shortened form is found: `my_flights` may have been `My flights` or `My Flights`. */
export function originalsOf(value: string): string[] {
  const words = value.split(/[-_\s.]+/).filter((word) => word !== '');
  const spaced = words.join(' ');
  const title = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(' ');
  const sentence = spaced.charAt(0).toUpperCase() + spaced.slice(1);
  return [...new Set([value, title, sentence, spaced, words.join('-'), words.join('_')])];
}

/** The value with the most weight behind it. */
export function mostTold(
  evidence: readonly Evidence[],
): { value: string; share: number; weight: number } | undefined {
  const weights = new Map<string, number>();
  for (const each of evidence) weights.set(each.value, (weights.get(each.value) ?? 0) + each.weight);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const best = [...weights].sort((one, other) => other[1] - one[1])[0];
  return best === undefined ? undefined : { value: best[0], share: best[1] / total, weight: best[1] };
}

/** Share of lines that two texts have in common, 0..1; 1 for two empty ones. */
export function likeness(matchedCount: number, oneCount: number, otherCount: number): number {
  return oneCount + otherCount === 0 ? 1 : (2 * matchedCount) / (oneCount + otherCount);
}

/** How many lines two files share, order aside; blank ones don't count. */
export function commonLines(one: readonly string[], other: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const line of one) counts.set(line, (counts.get(line) ?? 0) + 1);
  let common = 0;
  for (const line of other) {
    const left = counts.get(line) ?? 0;
    if (left === 0) continue;
    counts.set(line, left - 1);
    common += 1;
  }
  return common;
}
