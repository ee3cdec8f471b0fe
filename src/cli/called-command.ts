import { Command } from 'commander';

/** Stands for all commands that the words of a call do not name: it takes what is said of it and forgets it. */
class UncalledCommand extends Command {
  override command(): never {
    return this as never;
  }
  override addCommand(): this {
    return this;
  }
  override description(): never {
    return this as never;
  }
  override option(): this {
    return this;
  }
  override addOption(): this {
    return this;
  }
  override argument(): this {
    return this;
  }
  override action(): this {
    return this;
  }
  override hook(): this {
    return this;
  }
}

const uncalled = new UncalledCommand();

/**
 * A command line that knows only the commands which the words of a call name: to describe eighty verbs with their flags
 * takes as long as a verb takes to run. What it can't make sense of has to be given to a whole one.
 */
export class CalledCommand extends Command {
  readonly #words: ReadonlySet<string>;
  #isPart = false;

  constructor(name: string, words: ReadonlySet<string>) {
    super(name);
    this.#words = words;
  }

  override createCommand(name: string): CalledCommand {
    return new CalledCommand(name, this.#words);
  }

  override command(usage: string, ...rest: never[]): never {
    const [name = ''] = usage.split(' ', 1);
    if (this.#words.has(name)) return super.command(usage, ...rest) as never;
    this.#isPart = true;
    return uncalled as never;
  }

  /** True when a group is named without any of its verbs. */
  get isIncomplete(): boolean {
    return (
      (this.#isPart && this.commands.length === 0) ||
      this.commands.some((one) => one instanceof CalledCommand && one.isIncomplete)
    );
  }
}
