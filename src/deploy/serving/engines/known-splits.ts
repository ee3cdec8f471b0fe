import { parsePythonJson } from '../../../platform/python-json.ts';
import { readNumbers, type NumberList } from '../dialects/number-lists.ts';

/** A `dataframe_split` of numbers whose beginning was seen before. */
export interface KnownSplit {
  /** the same array for the same beginning: what was found out about it can be kept */
  readonly columns: readonly string[];
  /** column after column */
  readonly numbers: NumberList & { readonly rowLength: number };
}

interface Beginning {
  /** up to the list of rows */
  readonly bytes: Buffer;
  readonly columns: readonly string[];
}

/** Most recently used first. A caller sends the same columns again and again; there are few callers of a kind. */
const beginnings: Beginning[] = [];
const keptBeginnings = 8;
const longestBeginning = 64 * 1024;

const dataKey = '"data"';
const openList = 0x5b;

/**
 * Reads the rows of a body that begins, byte by byte, as one that was read before: its columns need no reading.
 *
 * @returns undefined when it does not, or holds anything but numbers after it
 */
export function readKnownSplit(body: Buffer): KnownSplit | undefined {
  for (let index = 0; index < beginnings.length; index++) {
    const beginning = beginnings[index] as Beginning;
    const { bytes, columns } = beginning;
    if (body.length <= bytes.length || body.compare(bytes, 0, bytes.length, 0, bytes.length) !== 0) continue;
    if (index > 0) {
      beginnings.splice(index, 1);
      beginnings.unshift(beginning);
    }
    const numbers = body[bytes.length] === openList ? readNumbers(body, bytes.length, 'columns') : undefined;
    if (numbers?.rowLength !== columns.length || !isEndOfSplit(body, numbers.end)) return undefined;
    return { columns, numbers: numbers as KnownSplit['numbers'] };
  }
  return undefined;
}

/** Two closing braces and nothing more. */
function isEndOfSplit(body: Buffer, from: number): boolean {
  let braces = 0;
  for (let at = from; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte === 0x7d && braces < 2) braces++;
    else if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return braces === 2;
}

/** Keeps the beginning of a body that was read in full; called for valid bodies only. */
export function rememberSplit(body: Buffer): void {
  for (
    let key = body.indexOf(dataKey);
    key !== -1 && key < longestBeginning;
    key = body.indexOf(dataKey, key + 1)
  ) {
    let at = key + dataKey.length;
    while (at < body.length && body[at] !== openList && at < key + dataKey.length + 8) at++;
    const columns = columnsOf(body.toString('utf8', 0, at));
    if (columns === undefined) continue;
    beginnings.unshift({ bytes: Buffer.from(body.subarray(0, at)), columns });
    if (beginnings.length > keptBeginnings) beginnings.pop();
    return;
  }
}

/** The columns when this, completed by an empty list of rows, is a split and nothing else. */
function columnsOf(beginning: string): readonly string[] | undefined {
  try {
    const document = parsePythonJson(`${beginning}[]}}`) as { dataframe_split?: Record<string, unknown> };
    const { dataframe_split: split, ...others } = document;
    if (split === undefined || Object.keys(others).length > 0) return undefined;
    const { columns, data, index: _, ...more } = split;
    if (!Array.isArray(data) || data.length > 0 || Object.keys(more).length > 0 || !Array.isArray(columns))
      return undefined;
    return columns.every((name) => typeof name === 'string') ? columns : undefined;
  } catch {
    return undefined;
  }
}
