import type { CardPart } from './card-api.ts';

/** The nine parts of Mitchell et al., "Model Cards for Model Reporting", 2019, in their order. */
export const partTitles = [
  'Model details',
  'Intended use',
  'Factors',
  'Metrics',
  'Evaluation data',
  'Training data',
  'Quantitative analyses',
  'Ethical considerations',
  'Caveats and recommendations',
] as const satisfies readonly CardPart['title'][];
export type PartTitle = (typeof partTitles)[number];

/** What no measurement can tell; asked for until somebody says it. */
export const questions: readonly { readonly label: string; readonly part: PartTitle; readonly asks: string }[] = [
  { label: 'Licence', part: 'Model details', asks: 'under which licence others may use the model, as SPDX name' },
  { label: 'Intended use', part: 'Intended use', asks: 'what the answers are for' },
  { label: 'Users', part: 'Intended use', asks: 'who acts on the answers' },
  { label: 'Not for', part: 'Intended use', asks: 'what the answers must not be used for' },
  { label: 'Groups', part: 'Factors', asks: 'for which groups of people or situations the answers may differ in quality' },
  { label: 'Why these metrics', part: 'Metrics', asks: 'why these metrics stand for what matters' },
  { label: 'Possible harm', part: 'Ethical considerations', asks: 'who is worse off after a wrong answer, and what is done about it' },
  { label: 'Known limits', part: 'Caveats and recommendations', asks: 'what the model is known not to do well' },
];

/** What a person said, by the label of the question. */
export type PersonsWords = ReadonlyMap<string, string>;

export const notSaid = 'not said yet';

/**
 * Reads what people wrote into a MODEL_CARD.md: `- **Intended use**: …` in a list, or a section under `## Intended use`.
 * Headings of generated parts are no answers; nor is an answer that still says "not said yet".
 */
export function readWords(markdown: string): PersonsWords {
  const words = new Map<string, string>();
  const say = (label: string, lines: readonly string[]): void => {
    const text = lines.join(' ').replaceAll(/\s+/g, ' ').trim();
    const question = questions.find((each) => each.label.toLowerCase() === label.trim().toLowerCase());
    if (question !== undefined && text !== '' && !isOpen(text) && !words.has(question.label)) words.set(question.label, text);
  };
  const lines = markdown.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const item = /^\s*[-*] \*\*([^*]+?):?\*\*:?\s*(.*)$/.exec(line);
    if (item !== null) {
      const rest = paragraphAfter(lines, at + 1, (next) => /^\s+\S/.test(next) && !/^\s*[-*] /.test(next));
      say(item[1] ?? '', [item[2] ?? '', ...rest]);
    }
    const heading = /^#{2,4} (.+?)\s*$/.exec(line);
    if (heading !== null) {
      const body = paragraphAfter(lines, at + 1, (next) => !next.startsWith('#'));
      // a generated part holds a list of facts below its heading, a person's section holds prose
      say(heading[1] ?? '', body.filter((each) => !/^\s*([-*] |\||<!--)/.test(each) && !/^\s+\S/.test(each)));
    }
  }
  return words;
}

function paragraphAfter(lines: readonly string[], from: number, belongs: (line: string) => boolean): string[] {
  const found: string[] = [];
  for (let at = from; at < lines.length && belongs(lines[at] ?? ''); at += 1) found.push(lines[at] ?? '');
  return found;
}

const isOpen = (text: string): boolean => /^[_*\s]*(not said yet|todo|tbd|\.\.\.|…)/i.test(text);
