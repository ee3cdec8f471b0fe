import { StringDecoder } from 'node:string_decoder';

export type Stream = 'out' | 'err';

interface Limits {
  /** characters of the first lines, which are always kept */
  readonly head: number;
  /** characters of the last lines */
  readonly tail: number;
  /** of one line */
  readonly line: number;
}

const usual: Limits = { head: 1_000_000, tail: 3_000_000, line: 10_000 };

/**
 * What a command prints, line by line with the time and the stream of each, as it comes. Of very much, the first and the last
 * lines are kept, and how much is left out between them is said.
 */
export class CommandOutput {
  readonly #limits: Limits;
  readonly #head: string[] = [];
  readonly #tail: string[] = [];
  /** where the tail begins in its list: shifting each line off it would copy it every time */
  #tailAt = 0;
  #headSize = 0;
  #tailSize = 0;
  #leftOutCount = 0;
  #version = 0;
  #lastTracebackAt: number | undefined;
  readonly #open: Record<Stream, { text: string; decoder: StringDecoder }> = {
    out: { text: '', decoder: new StringDecoder('utf8') },
    err: { text: '', decoder: new StringDecoder('utf8') },
  };
  readonly #last: { stream: Stream; text: string }[] = [];

  constructor(limits: Limits = usual) {
    this.#limits = limits;
  }

  /** ms since the epoch; of a Python that ends with an exception */
  get lastTracebackAt(): number | undefined {
    return this.#lastTracebackAt;
  }

  /** Changes whenever the text does. */
  get version(): number {
    return this.#version;
  }

  /** @param at ms since the epoch */
  add(stream: Stream, chunk: Buffer, at: number): void {
    const open = this.#open[stream];
    const lines = (open.text + open.decoder.write(chunk)).split('\n');
    // an endless line, a progress bar for example, is not kept growing
    open.text = (lines.pop() ?? '').slice(-2 * this.#limits.line);
    for (const line of lines) this.#addLine(stream, line, at);
  }

  /** The lines that no line break has ended. */
  end(at: number): void {
    for (const stream of ['out', 'err'] as const) {
      const open = this.#open[stream];
      const rest = open.text + open.decoder.end();
      open.text = '';
      if (rest !== '') this.#addLine(stream, rest, at);
    }
  }

  #addLine(stream: Stream, line: string, at: number): void {
    const shown = visible(line);
    const cut = shown.length > this.#limits.line ? `${shown.slice(0, this.#limits.line)}…` : shown;
    if (cut.startsWith('Traceback (most recent call last)')) this.#lastTracebackAt = at;
    this.#last.push({ stream, text: cut });
    if (this.#last.length > 50) this.#last.shift();
    const text = `${new Date(at).toISOString()} ${stream} ${cut}\n`;
    this.#version += 1;
    if (this.#tail.length === 0 && this.#headSize + text.length <= this.#limits.head) {
      this.#head.push(text);
      this.#headSize += text.length;
      return;
    }
    this.#tail.push(text);
    this.#tailSize += text.length;
    while (this.#tailSize > this.#limits.tail && this.#tailAt < this.#tail.length) {
      this.#tailSize -= this.#tail[this.#tailAt]?.length ?? 0;
      this.#tail[this.#tailAt] = '';
      this.#tailAt += 1;
      this.#leftOutCount += 1;
    }
    if (this.#tailAt > 10_000) {
      this.#tail.splice(0, this.#tailAt);
      this.#tailAt = 0;
    }
  }

  text(): string {
    const between = this.#leftOutCount === 0 ? [] : [`… ${this.#leftOutCount} lines are left out here …\n`];
    return [...this.#head, ...between, ...this.#tail].join('');
  }

  /** The last lines for a person who asks why it failed: of errors where there are any. */
  lastLines(count: number): string {
    const errors = this.#last.filter(({ stream, text }) => stream === 'err' && text.trim() !== '');
    const lines = (errors.length === 0 ? this.#last : errors).slice(-count).map(({ text }) => text);
    return lines.join('\n').slice(-4_000);
  }
}

// eslint-disable-next-line no-control-regex
const escapes = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007]*(?:\u0007|\u001b\\))/g;

/** A line as it stands on a screen at its end: what a carriage return writes over is gone, and so are colours. */
function visible(line: string): string {
  const plain = line.replace(/\r+$/, '').replace(escapes, '');
  return plain.slice(plain.lastIndexOf('\r') + 1);
}
