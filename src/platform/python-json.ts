/**
 * JSON as Python writes it: `NaN` counts as a missing value, `Infinity` as the number.
 *
 * @throws SyntaxError
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!/NaN|Infinity/.test(text)) throw cause;
    // strings are matched first, so that these words inside of them stay
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|NaN|Infinity/g, (token) => plain[token] ?? token));
  }
}

/** 1e999 is read as Infinity. */
const plain: Record<string, string> = { NaN: 'null', Infinity: '1e999' };
