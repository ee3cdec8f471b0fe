import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import pc from 'picocolors';
import { TilthError } from '../platform/errors.ts';
import { GoBack, yesOrNo, type Ask, type Asked } from './template/context.ts';
import { parseJson } from './template/read-json.ts';
import { strip } from './template/jinja/methods.ts';
import { OrderedDict, dumpJson, equal, type Value } from './template/jinja/values.ts';

/** Sent by an answer that doesn't fit; its message tells what would. */
class Unfit extends Error {}

/**
 * Questions in the terminal; written to standard error, which leaves standard output to the result.
 * What is typed means what it means to cookiecutter: Enter takes the default, spaces alone are an empty answer.
 *
 * @param signal stops a question that waits
 */
export function terminalPrompts(signal?: AbortSignal): Ask & { close(): void } {
  // lines are kept as they come, so that what is typed or pasted ahead of a question answers it
  const lines: string[] = [];
  let terminal: Interface | undefined;
  let isStopped = false;
  let isHidden = false;
  let hasExplained = false;
  let wake = (): void => undefined;
  const screen = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!isHidden) process.stderr.write(chunk);
      done();
    },
  });
  const stop = (): void => {
    isStopped = true;
    wake();
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  const open = (): Interface => {
    const made = createInterface({ input: process.stdin, output: screen, terminal: true, historySize: 0 });
    made.on('line', (line) => {
      lines.push(line);
      wake();
    });
    made.on('SIGINT', stop);
    made.on('close', () => {
      // closed by us only to make room for a hook
      if (terminal === made) stop();
    });
    return made;
  };
  const rest = (): void => {
    const open = terminal;
    terminal = undefined;
    open?.close();
  };
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const lineOf = async (prompt: string, hides = false): Promise<string> => {
    terminal ??= open();
    terminal.setPrompt(prompt);
    terminal.prompt();
    isHidden = hides;
    try {
      while (lines.length === 0 && !isStopped) await new Promise<void>((resolve) => (wake = resolve));
    } finally {
      isHidden = false;
      if (hides) say('');
    }
    const line = lines.shift();
    if (line === undefined || isStopped) {
      rest();
      say('');
      throw new TilthError('STOPPED', 400, 'Stopped before the last answer; nothing was written.');
    }
    return line;
  };

  async function answerOf<T>(
    prompt: string,
    asked: Asked | undefined,
    otherwise: T | undefined,
    read: (typed: string) => T,
  ): Promise<T> {
    if (asked !== undefined && !hasExplained) {
      say(pc.dim('  Enter takes the answer in brackets, < goes back to the question before, Ctrl-C stops.'));
      hasExplained = true;
    }
    for (;;) {
      const line = await lineOf(prompt);
      const typed = strip(line, undefined, 'both');
      if (asked !== undefined && typed === '<') {
        if (asked.canGoBack) throw new GoBack();
        say(pc.yellow('    This is the first question.'));
        continue;
      }
      if (line === '' && otherwise !== undefined) return otherwise;
      try {
        if (line === '') throw new Unfit('There is no default: type an answer, or a space for an empty one.');
        return read(typed);
      } catch (thrown) {
        if (!(thrown instanceof Unfit)) throw thrown;
        say(pc.yellow(`    ${thrown.message}`));
      }
    }
  }

  return {
    text: (question, otherwise, asked) => {
      const before = typeof asked?.before === 'string' ? asked.before : otherwise;
      const shown = before === null ? '' : ` ${bracketed(before)}`;
      return answerOf(`  ${titleOf(question)}${shown}: `, asked, before ?? undefined, (typed) => typed);
    },
    yesNo: (question, otherwise, asked) => {
      const before = typeof asked?.before === 'boolean' ? asked.before : otherwise;
      const prompt = `  ${titleOf(question)} [y/n] ${bracketed(before ? 'y' : 'n')}: `;
      return answerOf(prompt, asked, before, (typed) => {
        const answer = yesOrNo(typed);
        if (answer === undefined)
          throw new Unfit('Answer y or n; yes, no, true, false, on, off, 1 and 0 do as well.');
        return answer;
      });
    },
    choice: (question, labels, asked) => {
      const { before, options } = asked ?? {};
      const known = before === undefined ? -1 : (options?.findIndex((each) => equal(each, before)) ?? -1);
      const otherwise = Math.max(known, 0);
      say(`  ${titleOf(question)}`);
      for (const [index, label] of labels.entries())
        say(`    ${pc.magenta(String(index + 1))} - ${pc.bold(plainMarkup(label))}`);
      const range = `1 to ${labels.length}`;
      return answerOf(
        `    Choose from ${range} ${bracketed(String(otherwise + 1))}: `,
        asked,
        otherwise,
        (typed) => {
          if (!/^[1-9]\d*$/.test(typed) || Number(typed) > labels.length)
            throw new Unfit(`${JSON.stringify(typed)} is not a number from ${range}.`);
          return Number(typed) - 1;
        },
      );
    },
    json: (question, otherwise, asked) => {
      const before = asked?.before ?? otherwise;
      const prompt = `  ${titleOf(question)} ${bracketed(dumpJson(before, undefined, false))}: `;
      return answerOf<Value>(prompt, asked, before, dictionaryOf);
    },
    secret: (question) => lineOf(`  ${titleOf(question)}: `, true),
    broken: (variable, reason) => {
      say(
        pc.yellow(`    The template does not take these answers: unable to render '${variable}': ${reason}.`),
      );
      return 'ask-again';
    },
    rest,
    close: rest,
  };
}

function dictionaryOf(typed: string): Value {
  const example = 'such as {"key": "value"}';
  let value: Value;
  try {
    value = parseJson(typed, OrderedDict);
  } catch (cause) {
    throw new Unfit(`This is not JSON: type an object ${example}.`, { cause });
  }
  if (!(value instanceof Map)) throw new Unfit(`This is JSON, and not an object ${example}.`);
  return value;
}

const bracketed = (text: string): string => pc.cyan(`(${text})`);

const titleOf = (question: string): string => {
  const [, number = '', words = question] = /^(\[\d+\/\d+\] )?(.*)$/s.exec(question) ?? [];
  return `${pc.dim(number)}${plainMarkup(words)}`;
};

/** Questions may hold the marks of the Rich library, which cookiecutter prints with: `[bold]Name[/]`. */
export const plainMarkup = (text: string): string =>
  text.replace(/(\\*)\[([a-z#/@][^[]*?)\]/g, (_whole, slashes: string, tag: string) =>
    slashes.length % 2 === 1
      ? `${slashes.slice(0, (slashes.length - 1) / 2)}[${tag}]`
      : slashes.slice(slashes.length / 2),
  );
