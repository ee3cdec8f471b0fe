/** Python's fnmatch on POSIX: `*` crosses slashes, `[seq]` and `[!seq]` are sets, capitals matter. */
export function matchesPattern(path: string, pattern: string): boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '*') source += '[^]*';
    else if (character === '?') source += '[^]';
    else if (character === '[') {
      const from = pattern[at + 1] === '!' ? at + 2 : at + 1;
      const end = pattern.indexOf(']', from + (pattern[from] === ']' ? 1 : 0));
      if (end < 0) source += String.raw`\[`;
      else {
        const set = pattern.slice(from, end).replace(/[\\\]^]/g, String.raw`\$&`);
        source += `[${from === at + 2 ? '^' : ''}${set}]`;
        at = end;
      }
    } else source += character.replace(/[\\^$.+()[\]{}|]/g, String.raw`\$&`);
  }
  return new RegExp(`^(?:${source})$`).test(path);
}

/** The kind of line end a file begins with, as Python's text reader finds it in the first part of the file. */
export function lineEnd(text: string): '\n' | '\r' | '\r\n' {
  for (let from = 0; from < text.length; from += 8192) {
    const part = text.slice(0, from + 8192);
    const hasReturn = /\r(?!\n)/.test(part);
    if (/(?<!\r)\n/.test(part)) return hasReturn ? '\r' : '\n';
    if (hasReturn) return '\r';
    if (part.includes('\r\n')) return '\r\n';
  }
  return '\n';
}
