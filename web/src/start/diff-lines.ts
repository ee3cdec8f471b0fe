/** One line of a unified diff, with its number on either side. */
export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed' | 'hunk' | 'note';
  readonly text: string;
  readonly before: number | null;
  readonly after: number | null;
}

const header =
  /^(?:diff --git |index |old mode |new mode |new file mode |deleted file mode |similarity index |dissimilarity index |rename from |rename to |--- |\+\+\+ )/;
const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/;

/** The lines of one file's unified diff; what only repeats the file's name is left out. */
export function diffLines(diff: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let before = 0;
  let after = 0;
  let left = { before: 0, after: 0 };
  const text = diff.endsWith('\n') ? diff.slice(0, -1) : diff;
  for (const line of text === '' ? [] : text.split('\n')) {
    const isInside = left.before > 0 || left.after > 0;
    const start = isInside ? null : hunk.exec(line);
    if (start !== null) {
      before = Number(start[1]);
      after = Number(start[3]);
      left = { before: Number(start[2] ?? 1), after: Number(start[4] ?? 1) };
      lines.push({ kind: 'hunk', text: start[5] ?? '', before: null, after: null });
    } else if (line.startsWith('\\')) {
      lines.push({ kind: 'note', text: line.slice(2), before: null, after: null });
    } else if (isInside && line.startsWith('+')) {
      lines.push({ kind: 'added', text: line.slice(1), before: null, after });
      after += 1;
      left = { ...left, after: left.after - 1 };
    } else if (isInside && line.startsWith('-')) {
      lines.push({ kind: 'removed', text: line.slice(1), before, after: null });
      before += 1;
      left = { ...left, before: left.before - 1 };
    } else if (isInside) {
      lines.push({ kind: 'same', text: line.slice(1), before, after });
      before += 1;
      after += 1;
      left = { before: left.before - 1, after: left.after - 1 };
    } else if (/^(?:old|new) mode /.test(line) || line.startsWith('Binary files ')) {
      lines.push({ kind: 'note', text: line, before: null, after: null });
    } else if (!header.test(line) && line !== '') {
      lines.push({ kind: 'note', text: line, before: null, after: null });
    }
  }
  return lines;
}

/** How many lines come and go. */
export function diffSize(diff: string): { added: number; removed: number } {
  const lines = diffLines(diff);
  return {
    added: lines.filter((line) => line.kind === 'added').length,
    removed: lines.filter((line) => line.kind === 'removed').length,
  };
}
