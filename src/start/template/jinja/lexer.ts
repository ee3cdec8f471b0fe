import { EngineCannot, TemplateFault } from './faults.ts';
import { spaces, strip } from './text.ts';

/** The parts of Jinja2's environment that a template may set. */
export interface Syntax {
  readonly blockStart: string;
  readonly blockEnd: string;
  readonly variableStart: string;
  readonly variableEnd: string;
  readonly commentStart: string;
  readonly commentEnd: string;
  readonly trimBlocks: boolean;
  readonly lstripBlocks: boolean;
  /** tags of extensions that are on */
  readonly extraTags: ReadonlySet<string>;
}

export const defaultSyntax: Syntax = {
  blockStart: '{%',
  blockEnd: '%}',
  variableStart: '{{',
  variableEnd: '}}',
  commentStart: '{#',
  commentEnd: '#}',
  trimBlocks: false,
  lstripBlocks: false,
  extraTags: new Set(),
};

export type Token =
  | { readonly kind: 'data'; readonly text: string; readonly line: number }
  | { readonly kind: 'begin'; readonly of: 'block' | 'variable'; readonly line: number }
  | { readonly kind: 'end'; readonly line: number }
  | { readonly kind: 'name'; readonly text: string; readonly line: number }
  | { readonly kind: 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'integer'; readonly text: string; readonly line: number }
  | { readonly kind: 'float'; readonly text: string; readonly line: number }
  | { readonly kind: 'operator'; readonly text: string; readonly line: number };

const operators = [
  '**',
  '//',
  '==',
  '!=',
  '>=',
  '<=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '~',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '>',
  '<',
  '=',
  '.',
  ':',
  '|',
  ',',
  ';',
];
const gaps = new RegExp(`[${spaces}]+`, 'y');
const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

/**
 * Splits a template as Jinja2's lexer does, white-space control included.
 *
 * @throws TemplateFault with the line
 */
export function tokenize(template: string, syntax: Syntax = defaultSyntax): Token[] {
  const source = template.replace(/\r\n?/g, '\n');
  const tokens: Token[] = [];
  const starts = [
    { kind: 'block' as const, mark: syntax.blockStart },
    { kind: 'variable' as const, mark: syntax.variableStart },
    { kind: 'comment' as const, mark: syntax.commentStart },
  ].sort((a, b) => b.mark.length - a.mark.length);
  const blockStart = escapeRegex(syntax.blockStart);
  const blockEnd = escapeRegex(syntax.blockEnd);
  const trimmed = syntax.trimBlocks ? String.raw`\n?` : '';
  const gap = `[${spaces}]*`;
  const rawBegin = new RegExp(`${blockStart}[-+]?${gap}raw${gap}(?:-${blockEnd}${gap}|${blockEnd})`, 'y');
  const rawEnd = new RegExp(
    String.raw`${blockStart}([-+]?)${gap}endraw${gap}(?:\+${blockEnd}|-${blockEnd}${gap}|${blockEnd}${trimmed})`,
    'g',
  );
  const endOfBlock = new RegExp(String.raw`(?:\+${blockEnd}|-${blockEnd}${gap}|${blockEnd}${trimmed})`, 'y');
  const endOfVariable = new RegExp(
    `(?:-${escapeRegex(syntax.variableEnd)}${gap}|${escapeRegex(syntax.variableEnd)})`,
    'y',
  );
  const commentEnd = escapeRegex(syntax.commentEnd);
  const endOfComment = new RegExp(
    String.raw`(?:\+${commentEnd}|-${commentEnd}${gap}|${commentEnd}${trimmed})`,
    'g',
  );

  let position = 0;
  let line = 1;
  const advance = (to: number): void => {
    for (let at = position; at < to; at += 1) if (source.charCodeAt(at) === 10) line += 1;
    position = to;
  };
  const pushData = (text: string): void => {
    if (text !== '') tokens.push({ kind: 'data', text, line });
  };
  const stripped = (
    data: string,
    from: number,
    sign: string | undefined,
    kind: 'block' | 'variable' | 'comment',
  ): string => {
    if (sign === '-') return strip(data, undefined, 'right');
    if (sign === '+' || !syntax.lstripBlocks || kind === 'variable') return data;
    const lineStart = data.lastIndexOf('\n') + 1;
    const startsLine = lineStart > 0 || from === 0 || source[from - 1] === '\n';
    return startsLine && strip(data.slice(lineStart), undefined, 'left') === ''
      ? data.slice(0, lineStart)
      : data;
  };

  while (position < source.length) {
    let found: { kind: 'block' | 'variable' | 'comment'; mark: string; at: number } | undefined;
    for (const { kind, mark } of starts) {
      const at = source.indexOf(mark, position);
      if (at >= 0 && (found === undefined || at < found.at)) found = { kind, mark, at };
    }
    if (found === undefined) {
      pushData(source.slice(position));
      break;
    }
    const afterMark = found.at + found.mark.length;
    const sign = /[-+]/.test(source[afterMark] ?? '') ? source[afterMark] : undefined;
    pushData(stripped(source.slice(position, found.at), position, sign, found.kind));
    advance(found.at);

    if (found.kind === 'comment') {
      // what begins with the last character of the template is let pass
      if (afterMark === source.length) break;
      endOfComment.lastIndex = afterMark;
      const end = endOfComment.exec(source);
      if (end === null) throw new TemplateFault(`Missing end of comment tag (line ${line})`);
      advance(end.index + end[0].length);
      continue;
    }
    rawBegin.lastIndex = position;
    const raw = found.kind === 'block' ? rawBegin.exec(source) : null;
    if (raw !== null) {
      advance(position + raw[0].length);
      if (position === source.length) break;
      rawEnd.lastIndex = position;
      const end = rawEnd.exec(source);
      if (end === null) throw new TemplateFault(`Missing end of raw directive (line ${line})`);
      pushData(
        stripped(source.slice(position, end.index), position, end[1] === '' ? undefined : end[1], 'block'),
      );
      advance(end.index + end[0].length);
      continue;
    }
    tokens.push({ kind: 'begin', of: found.kind, line });
    advance(afterMark + (sign === undefined ? 0 : 1));
    readTag(found.kind === 'block' ? endOfBlock : endOfVariable);
  }
  return tokens;

  function readTag(end: RegExp): void {
    const open: string[] = [];
    for (;;) {
      if (position >= source.length) throw new TemplateFault(`unexpected end of template (line ${line})`);
      end.lastIndex = position;
      const ending = open.length === 0 ? end.exec(source) : null;
      if (ending !== null) {
        tokens.push({ kind: 'end', line });
        advance(position + ending[0].length);
        return;
      }
      const space = match(gaps);
      if (space !== undefined) {
        advance(position + space.length);
        continue;
      }
      const float = match(/(?<!\.)\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?[eE][+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*)/y);
      if (float !== undefined) {
        take('float', float, float.replaceAll('_', ''));
        continue;
      }
      const integer = match(
        /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y,
      );
      if (integer !== undefined) {
        take('integer', integer, integer.replaceAll('_', ''));
        continue;
      }
      const name = match(/[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy);
      if (name !== undefined) {
        take('name', name, name);
        continue;
      }
      const text = match(/'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"/y);
      if (text !== undefined) {
        take('string', text, unescapeText(text.slice(1, -1)));
        continue;
      }
      const operator = operators.find((each) => source.startsWith(each, position));
      if (operator === undefined) {
        throw new TemplateFault(`unexpected char ${JSON.stringify(source[position])} (line ${line})`);
      }
      const closes = closing[operator];
      if (closes !== undefined) open.push(closes);
      else if (')]}'.includes(operator) && open.pop() !== operator) {
        throw new TemplateFault(`unexpected '${operator}' (line ${line})`);
      }
      take('operator', operator, operator);
    }
  }

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = position;
    return pattern.exec(source)?.[0];
  }

  function take(kind: 'float' | 'integer' | 'name' | 'string' | 'operator', raw: string, text: string): void {
    tokens.push({ kind, text, line });
    advance(position + raw.length);
  }
}

const simpleEscapes: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** What a string of the template means, by Python's escapes. */
function unescapeText(text: string): string {
  return text.replace(
    /\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|[^])/gu,
    (whole, escape: string) => {
      const simple = simpleEscapes[escape];
      if (simple !== undefined) return simple;
      if (escape === 'N') throw new EngineCannot('named characters in a string need Python');
      if (/^[xuU]$/.test(escape)) throw new TemplateFault(`truncated \\${escape} escape`);
      const code = Number.parseInt(escape.replace(/^[xuU]/, ''), /^[xuU]/.test(escape) ? 16 : 8);
      if (/^(?:[xuU]|[0-7])/.test(escape)) {
        if (code > 0x10_ffff) throw new TemplateFault('illegal Unicode character');
        return String.fromCodePoint(code);
      }
      // Jinja2 spells characters beyond ASCII as escapes first, so that the backslash before one meets another
      return escape > '\u007f' ? `\\${spelled(escape)}` : whole;
    },
  );
}

function spelled(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  if (code.length <= 2) return `x${code.padStart(2, '0')}`;
  return code.length <= 4 ? `u${code.padStart(4, '0')}` : `U${code.padStart(8, '0')}`;
}
