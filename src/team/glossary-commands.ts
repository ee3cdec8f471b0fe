import { withCommonFlags, type AddCommands, type CommonFlags } from '../platform/command.ts';
import { print, table } from '../platform/terminal.ts';
import { explain, glossary } from './glossary.ts';
import type { GlossaryWord } from './glossary-api.ts';

const practices: readonly GlossaryWord['practice'][] = ['start', 'develop', 'deploy', 'monitor', 'maintain', 'team'];

export const addGlossaryCommands: AddCommands = (program) => {
  withCommonFlags(program.command('explain [word...]').description('what a word means here, where the thing lives and who may do what with it')).action(
    (words: string[], flags: CommonFlags) => {
      if (words.length === 0) {
        print(flags, glossary, (all) => table(['word', 'practice', 'means'], all.map((each) => [each.word, each.practice, each.means])));
        return;
      }
      print(flags, explain(words.join(' ')), describe);
    },
  );
};

/** The word with its place in the life cycle. */
function describe(found: GlossaryWord): string[] {
  return [
    `${found.word}: ${found.means}`,
    '',
    `  ${practices.map((practice) => (practice === found.practice ? `[${practice}]` : practice)).join(' → ')}`,
    '',
    `  lives in   ${found.lives}`,
    ...(found.command === null ? [] : [`  command    ${found.command}`]),
    ...(found.page === null ? [] : [`  page       ${found.page}`]),
    ...(found.alsoCalled.length === 0 ? [] : [`  found by   ${found.alsoCalled.join(', ')}`]),
    ...found.rights.map(({ verb, roles }, index) => `  ${index === 0 ? 'who may' : '       '}    ${verb}: ${roles.length === 0 ? 'only tilth itself' : roles.join(', ')}`),
  ];
}
