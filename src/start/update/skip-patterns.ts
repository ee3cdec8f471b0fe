/**
 * Whether a file is left out of updates by `skip`: a path of a file or folder as it is written, or, with a `*` in it,
 * a pattern of Python's `Path.glob`.
 */
export function isSkipped(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const plain = pattern.replace(/^\.\//, '').replace(/\/+$/, '');
    const steps = path.split('/');
    if (!pattern.includes('*')) return plain === '.' || path === plain || path.startsWith(`${plain}/`);
    const wanted = plain.split('/').filter((step) => step !== '' && step !== '.');
    // a folder that matches takes all in it along
    return ['', ...steps].some((_step, at) => matches(steps.slice(0, at), wanted, at === steps.length));
  });
}

/** @param isFile `**` at the end stands for folders only */
function matches(steps: readonly string[], pattern: readonly string[], isFile: boolean): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return steps.length === 0;
  if (first === '**') {
    if (rest.length === 0) return !isFile || steps.length === 0;
    return steps.some((_step, at) => matches(steps.slice(at), rest, isFile));
  }
  const [step, ...others] = steps;
  return step !== undefined && matchesStep(step, first) && matches(others, rest, isFile);
}

function matchesStep(step: string, pattern: string): boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '*') source += '.*';
    else if (character === '?') source += '.';
    else if (character === '[') {
      const from = pattern[at + 1] === '!' ? at + 2 : at + 1;
      const end = pattern.indexOf(']', from + 1);
      if (end < 0) source += String.raw`\[`;
      else {
        source += `[${from === at + 2 ? '^' : ''}${pattern.slice(from, end).replace(/[\\\]^]/g, String.raw`\$&`)}]`;
        at = end;
      }
    } else source += character.replace(/[\\^$.+()|{}\]]/g, String.raw`\$&`);
  }
  return new RegExp(`^${source}$`, 's').test(step);
}
