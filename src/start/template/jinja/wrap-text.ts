import { EngineCannot, TemplateFault } from './faults.ts';
import { splitLines, strip } from './text.ts';

interface Wrapping {
  readonly width: number;
  readonly breaksWords: boolean;
  readonly between: string;
  readonly breaksAtHyphens: boolean;
}

/**
 * The `wordwrap` filter: each line broken at spaces so that it fits the width.
 *
 * @throws EngineCannot for words with hyphens that may be broken there, whose rules are Python's own
 */
export function wrapText(text: string, wrapping: Wrapping): string {
  if (wrapping.breaksAtHyphens && text.includes('-'))
    throw new EngineCannot('wrapping at hyphens needs Python');
  return splitLines(text, false)
    .map((line) => wrapLine(line, wrapping).join(wrapping.between))
    .join(wrapping.between);
}

const isBlank = (piece: readonly string[] | undefined): boolean =>
  piece !== undefined && strip(piece.join(''), undefined, 'both') === '';

function wrapLine(text: string, { width, breaksWords }: Wrapping): string[] {
  if (width <= 0) throw new TemplateFault(`invalid width ${width} (must be > 0)`);
  const waiting = text
    .split(/([\t\n\v\f\r ]+)/)
    .filter((piece) => piece !== '')
    .map((piece) => Array.from(piece));
  const lines: string[] = [];
  while (waiting.length > 0) {
    const line: string[][] = [];
    let size = 0;
    // the first line keeps its indentation
    if (lines.length > 0 && isBlank(waiting[0])) waiting.shift();
    for (let next = waiting[0]; next !== undefined && size + next.length <= width; next = waiting[0]) {
      line.push(next);
      size += next.length;
      waiting.shift();
    }
    const [tooLong] = waiting;
    if (tooLong !== undefined && tooLong.length > width) {
      const room = width - size;
      if (breaksWords) {
        line.push(tooLong.slice(0, room));
        waiting[0] = tooLong.slice(room);
      } else if (line.length === 0) {
        line.push(tooLong);
        waiting.shift();
      }
    }
    if (isBlank(line.at(-1))) line.pop();
    if (line.length > 0) lines.push(line.flat().join(''));
  }
  return lines;
}
