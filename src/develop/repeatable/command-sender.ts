import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { call, serverAddress } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';
import { CommandOutput } from './command-output.ts';
import type { Gathered } from './gather-source.ts';
import type { CommandEnd, CommandEnded } from './repeatable-api.ts';
import { commandFiles } from './repeatable.ts';

/** How long the end waits for a server that has gone. */
const patienceMs = 60_000;
/** Brings output, files and facts to the server while the command runs, as often as it takes. */
export class CommandSender {
  readonly output = new CommandOutput();
  readonly #flags: CommonFlags;
  readonly #id: string;
  readonly #files = new Map<string, string | Buffer>();
  readonly #loop: Promise<void>;
  #isOver = false;
  #isRefused = false;
  #isAway = false;
  #giveUpAt = Infinity;
  #sentVersion = 0;
  #place = '';
  readonly #sent = new Set<string>();
  readonly #stop = new AbortController();

  readonly #isQuiet: boolean;

  /** @param isQuiet the last word on its runs is somebody else's */
  constructor(flags: CommonFlags, id: string, files: Gathered['files'], { isQuiet = false } = {}) {
    this.#flags = flags;
    this.#isQuiet = isQuiet;
    this.#id = id;
    this.add(files);
    this.#loop = this.#follow();
  }

  add(files: Gathered['files']): void {
    for (const { path, content } of files) this.#files.set(path, content);
  }

  async facts(tags: Gathered['tags']): Promise<void> {
    if (Object.keys(tags).length === 0) return;
    await this.#persist(() => call(this.#flags, 'POST', `/api/v1/command-runs/${this.#id}/facts`, { tags }));
  }

  /** The last of the output, and how it ended. */
  async finish(end: CommandEnd): Promise<void> {
    this.#giveUpAt = Date.now() + patienceMs;
    this.#isOver = true;
    this.#stop.abort();
    await this.#loop;
    await this.#sendAll(true);
    const ended = await this.#persist(() =>
      call<CommandEnded>(this.#flags, 'POST', `/api/v1/command-runs/${this.#id}/end`, end),
    );
    if (ended === undefined) this.#keepHere(end);
    else if (!this.#isQuiet)
      for (const { id, name, status } of ended.runs.slice(0, 20))
        note(`${status.toLowerCase()}: ${name} (${id})`);
  }

  async #follow(): Promise<void> {
    // the first lines show at once, and much output is not sent again every second
    for (let pauseMs = 200; !this.#isOver;) {
      await wait(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#isOver) return;
      const startedAt = performance.now();
      await this.#sendAll();
      pauseMs = Math.max(1_000, 10 * (performance.now() - startedAt));
    }
  }

  /** @param isLast also when nothing was printed since: the run may have moved to another experiment */
  async #sendAll(isLast = false): Promise<void> {
    const { version } = this.output;
    const isNew = version !== this.#sentVersion || (isLast && version > 0);
    if (isNew && (await this.#put(commandFiles.output, this.output.text()))) this.#sentVersion = version;
    for (const [path, content] of this.#files) {
      if (this.#sent.has(path)) continue;
      if (await this.#put(path, content)) this.#sent.add(path);
    }
  }

  async #put(path: string, content: string | Buffer): Promise<boolean> {
    const uri = await this.#persist(() => putFile(this.#flags, this.#id, path, content));
    if (uri === undefined) return false;
    // its script has chosen another experiment, and artifacts lie with theirs
    if (this.#place !== '' && uri !== this.#place) this.#sent.clear();
    this.#place = uri;
    return true;
  }

  /** Again and again while no server answers; undefined when it gave up, or was refused. */
  async #persist<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let pauseMs = 250; ; pauseMs = Math.min(2 * pauseMs, 3_000)) {
      try {
        const answer = await work();
        if (this.#isAway) note('The server answers again; nothing is lost.');
        this.#isAway = false;
        return answer;
      } catch (thrown) {
        const isPassing = thrown instanceof TilthError ? thrown.status >= 500 : true;
        if (!isPassing) {
          if (!this.#isRefused)
            note(`The server does not take what the command leaves: ${messageOf(thrown)}`);
          this.#isRefused = true;
          return undefined;
        }
        if (!this.#isAway)
          note(
            `No server answers at ${serverAddress(this.#flags)}: the command goes on, and what it prints is kept until it does.`,
          );
        this.#isAway = true;
        if (Date.now() > this.#giveUpAt) return undefined;
        await wait(pauseMs);
      }
    }
  }

  #keepHere(end: CommandEnd): void {
    const folder = mkdtempSync(join(tmpdir(), `tilth-run-${this.#id.slice(0, 8)}-`));
    writeFileSync(join(folder, 'output.txt'), this.output.text());
    for (const [path, content] of this.#files) writeFileSync(join(folder, basename(path)), content);
    writeFileSync(join(folder, 'end.json'), `${JSON.stringify(end, null, 2)}\n`);
    note(`The run ${this.#id} could not be ended on the server; its output is kept in ${folder}`);
  }
}

async function putFile(
  flags: CommonFlags,
  id: string,
  path: string,
  content: string | Buffer,
): Promise<string> {
  const token = process.env['TILTH_TOKEN'];
  const response = await fetch(
    `${serverAddress(flags)}/api/v1/command-runs/${id}/file?path=${encodeURIComponent(path)}`,
    {
      method: 'PUT',
      headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` },
      body: typeof content === 'string' ? content : new Uint8Array(content),
      signal: AbortSignal.timeout(60_000),
    },
  );
  const text = await response.text();
  if (response.ok) return (JSON.parse(text) as { artifactUri: string }).artifactUri;
  throw new TilthError('OUTPUT_NOT_TAKEN', response.status, text.slice(0, 300));
}
