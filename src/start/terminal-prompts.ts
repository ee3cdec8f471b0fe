import { createInterface } from 'node:readline';
import { TilthError } from '../platform/errors.ts';
import { parseJson, yesOrNo, type Ask } from './template/context.ts';
import { dumpJson } from './template/jinja/values.ts';

/** Questions in the terminal; written to standard error, which leaves standard output to the result. */
export function terminalPrompts(): Ask & { close(): void } {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // lines are kept as they come, so that what is typed or pasted ahead of a question answers it
  const lines: string[] = [];
  let isClosed = false;
  let wake = (): void => undefined;
  terminal.on('line', (line) => {
    lines.push(line);
    wake();
  });
  terminal.on('close', () => {
    isClosed = true;
    wake();
  });
  const question = async (text: string): Promise<string> => {
    terminal.setPrompt(`  ${text}: `);
    terminal.prompt();
    while (lines.length === 0 && !isClosed) await new Promise<void>((resolve) => (wake = resolve));
    const line = lines.shift();
    if (line === undefined)
      throw new TilthError('STOPPED', 400, 'Stopped before the last answer; nothing was written.');
    return line.trim();
  };
  const until = async <T>(text: string, read: (answer: string) => T | undefined): Promise<T> => {
    for (;;) {
      const value = read(await question(text));
      if (value !== undefined) return value;
    }
  };
  return {
    async text(asked, otherwise) {
      const answer = await question(`${asked} (${otherwise})`);
      return answer === '' ? otherwise : answer;
    },
    yesNo: (asked, otherwise) =>
      until(`${asked} [y/n] (${otherwise ? 'y' : 'n'})`, (answer) =>
        answer === '' ? otherwise : yesOrNo(answer),
      ),
    async choice(asked, labels) {
      const lines = labels.map((label, index) => `    ${index + 1} - ${label}`);
      const number = await until(
        `${asked}\n${lines.join('\n')}\n    Choose from 1 to ${labels.length} (1)`,
        (answer) => {
          const chosen = answer === '' ? 1 : Number(answer);
          return Number.isInteger(chosen) && chosen >= 1 && chosen <= labels.length ? chosen : undefined;
        },
      );
      return number - 1;
    },
    json: (asked, otherwise) =>
      until(`${asked} (${dumpJson(otherwise, undefined, false)})`, (answer) => {
        if (answer === '') return otherwise;
        try {
          const value = parseJson(answer);
          return value instanceof Map ? value : undefined;
        } catch {
          return undefined;
        }
      }),
    close: () => terminal.close(),
  };
}
