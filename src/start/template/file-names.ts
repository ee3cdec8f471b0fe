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

/** The kind of line end a file begins with, as Python's text reader finds it: in pieces, until the first line is whole. */
export function lineEnd(content: Uint8Array): '\n' | '\r' | '\r\n' {
  const pieceSize = 8192;
  let isHeld = false;
  for (let from = 0; from < content.length; from += pieceSize) {
    const piece = content.subarray(from, from + pieceSize);
    const isLast = from + pieceSize >= content.length;
    const seen = { '\n': false, '\r': false, '\r\n': false };
    for (const byte of piece) {
      if (byte === 10) seen[isHeld ? '\r\n' : '\n'] = true;
      else if (isHeld) seen['\r'] = true;
      isHeld = byte === 13;
    }
    // a return at the end of a piece may have its newline in the next one
    if (isHeld && isLast) seen['\r'] = true;
    if (seen['\r']) return '\r';
    if (seen['\n']) return '\n';
    if (seen['\r\n']) return '\r\n';
  }
  return '\n';
}
