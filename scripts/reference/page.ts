/** How a generated page begins. */
export const pageHead = (title: string, introduction: string): string =>
  `# ${title}\n\n<!-- Generated from the code by \`npm run reference\`; change the code, not this page. -->\n\n${introduction}\n`;

/** A Markdown table; cells may hold a pipe or a line break. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');

/** Text as code; with a longer fence where the text holds a backtick. */
export const code = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);
