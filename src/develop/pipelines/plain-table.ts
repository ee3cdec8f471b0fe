/** A table as dvc prints it: two spaces between columns, each at least two wider than its head; or in Markdown. */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  isMarkdown = false,
): string {
  const widths = head.map((name, at) =>
    Math.max(name.length + 2, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const padded = (row: readonly string[]): string[] => row.map((cell, at) => cell.padEnd(widths[at] ?? 0));
  if (!isMarkdown) return [head, ...rows].map((row) => padded(row).join('  ').trimEnd()).join('\n');
  const line = (row: readonly string[]): string => `| ${padded(row).join(' | ')} |`;
  return [
    line(head),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rows.map(line),
    '',
  ].join('\n');
}
