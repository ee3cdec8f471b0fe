import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type Facts = Readonly<Record<string, unknown>>;

interface Content {
  readonly facts: Record<string, Facts>;
  readonly kept: Record<string, string>;
}

/** Which stations are done and what they found, so that a second run goes on where the first one stopped. */
export class Memory {
  readonly #file: string;
  readonly #content: Content;

  constructor(file: string) {
    this.#file = file;
    this.#content = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as Content)
      : { facts: {}, kept: {} };
  }

  factsOf(station: string): Facts | undefined {
    return this.#content.facts[station];
  }

  allFacts(): Readonly<Record<string, Facts>> {
    return this.#content.facts;
  }

  finish(station: string, facts: Facts): void {
    this.#content.facts[station] = facts;
    this.#save();
  }

  /** Small texts that later runs need again, such as the tokens of the two people. */
  get(key: string): string | undefined {
    return this.#content.kept[key];
  }

  keep(key: string, value: string): void {
    this.#content.kept[key] = value;
    this.#save();
  }

  #save(): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#file}.part`, JSON.stringify(this.#content, null, 2), { mode: 0o600 });
    renameSync(`${this.#file}.part`, this.#file);
  }
}
