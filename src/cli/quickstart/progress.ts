import pc from 'picocolors';
import { messageOf } from '../../platform/errors.ts';

/** Tells on standard error what is being done, how long it took, and what came of it. */
export class Progress {
  readonly #isLive = process.stderr.isTTY;
  readonly #startedAt = Date.now();

  station(name: string, what: string): void {
    process.stderr.write(`\n${pc.bold(pc.green(name))}  ${pc.dim(what)}\n`);
  }

  /**
   * Runs one step; its line says `…` while it works, then the time and the outcome.
   *
   * @param outcome one line made of the result
   */
  async step<T>(title: string, work: (update: (line: string) => void) => Promise<T>, outcome?: (result: T) => string): Promise<T> {
    const startedAt = Date.now();
    const show = (line: string): void => {
      if (this.#isLive) process.stderr.write(`\r\u001b[2K  … ${line.slice(0, (process.stderr.columns ?? 100) - 6)}`);
    };
    const end = (mark: string, line: string): void => {
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      process.stderr.write(`${this.#isLive ? '\r\u001b[2K' : ''}  ${mark} ${line} ${pc.dim(`${seconds} s`)}\n`);
    };
    show(title);
    try {
      const result = await work((line) => show(`${title}: ${line}`));
      const said = outcome?.(result);
      end(pc.green('✓'), said === undefined ? title : `${title}: ${said}`);
      return result;
    } catch (thrown) {
      end(pc.red('✗'), `${title}: ${messageOf(thrown).split('\n')[0] ?? ''}`);
      throw thrown;
    }
  }

  skip(title: string, why: string): void {
    process.stderr.write(`  ${pc.dim(`↷ ${title}: ${why}`)}\n`);
  }

  say(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  elapsedSeconds(): number {
    return (Date.now() - this.#startedAt) / 1000;
  }
}
