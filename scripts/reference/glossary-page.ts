import { glossary } from '../../src/team/glossary.ts';
import { code, pageHead } from './page.ts';

/** `docs/glossary.md` */
export function glossaryPage(): string {
  const byPractice = Map.groupBy(glossary, (word) => word.practice);
  const sections = [...byPractice].map(([practice, words]) => {
    const entries = words.map(({ word, means, lives, command, alsoCalled }) =>
      [
        `- **${word}**: ${means}`,
        `  Lives in ${lives}.${command === null ? '' : ` See: ${code(command)}.`}${alsoCalled.length === 0 ? '' : ` Elsewhere: ${alsoCalled.join(', ')}.`}`,
      ].join('<br>\n'),
    );
    return `## ${practice}\n\n${entries.join('\n')}\n`;
  });
  const head = pageHead('The common language', 'One word for one thing, in the command line, on the page, in the API and in this documentation. In a terminal: `tilth explain WORD`.');
  return `${head}\n${sections.join('\n')}`;
}
