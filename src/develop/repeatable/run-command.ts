import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants, tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { call, serverAddress } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { findUp } from '../../platform/home.ts';
import { note } from '../../platform/terminal.ts';
import { CommandOutput } from './command-output.ts';
import { gatherData } from './gather-data.ts';
import { findLock, gatherMachine, gatherPython, lockTags, seedsOf } from './gather-environment.ts';
import { commandLine, gatherSource, type Gathered } from './gather-source.ts';
import type { CommandEnd, CommandEnded, CommandRunView, NewCommandRun } from './repeatable-api.ts';
import { commandFiles, commandRunTag } from './repeatable.ts';

export interface RunFlags extends CommonFlags {
  readonly experiment?: string;
  readonly name?: string;
}

interface CommandOptions {
  /** tags of its runs, beside the facts */
  readonly tags?: Readonly<Record<string, string>>;
  /** changes to the environment that we are in */
  readonly environment?: NodeJS.ProcessEnv;
  /** what the command prints is progress, and no result */
  readonly isOutputProgress?: boolean;
}

/** How long the end waits for a server that has gone. */
const patienceMs = 60_000;
/** A run that ended this shortly before the command failed ended because it did, and so did one that ended after its last traceback. */
const failureMs = 5_000;
const longestFailureMs = 60_000;

/**
 * Runs a command whose MLflow client logs here. Its run is there from the start, the first run that the client starts is that
 * one, and all its runs have what is needed to repeat them.
 *
 * @returns the command's exit code, 128 and more where a signal ended it, and the id of its first run
 * @throws SERVER_NOT_REACHABLE before the command is started, COMMAND_NOT_STARTED
 */
export async function runCommand(
  command: readonly string[],
  flags: RunFlags,
  options: CommandOptions = {},
): Promise<{ code: number; runId: string }> {
  const folder = process.cwd();
  const address = serverAddress(flags);
  await call(flags, 'GET', '/api/v1/me');
  const environment = { ...commandEnvironment(address), ...options.environment };
  const { line, hiddenCount } = commandLine(command);
  const source = gatherSource(folder);
  const lock = findLock(folder, findUp('.git', folder) ?? folder);
  const inherited = inheritedTags();
  const outer = process.env['TILTH_RUN_ID'];
  const userId = userName();
  const tags: Record<string, string> = {
    ...gatherMachine(environment),
    ...lockTags(lock),
    ...(await gatherData(folder)),
    ...seedsOf(command),
    ...source.tags,
    ...inherited,
    ...options.tags,
    'tilth.command': line.slice(0, 8_000),
    ...(hiddenCount === 0 && line.length < 6_000 ? { 'tilth.command.words': JSON.stringify(command) } : {}),
    ...(hiddenCount === 0 ? {} : { 'tilth.command.hidden': String(hiddenCount) }),
    'tilth.hash_seed': environment['PYTHONHASHSEED'] ?? '',
    'mlflow.source.name': scriptOf(command),
    'mlflow.source.type': 'LOCAL',
    'mlflow.user': userId,
    ...(outer === undefined || process.env['TILTH_URL'] !== address ? {} : { 'mlflow.parentRunId': outer }),
  };
  const experiment = flags.experiment ?? process.env['MLFLOW_EXPERIMENT_NAME'] ?? process.env['MLFLOW_EXPERIMENT_ID'];
  const { name } = flags;
  const wanted: NewCommandRun = {
    ...(experiment === undefined || experiment === '' ? {} : { experiment }),
    ...(name === undefined ? {} : { name }),
    userId,
    startedAt: Date.now(),
    tags,
  };
  const run = await call<CommandRunView>(flags, 'POST', '/api/v1/command-runs', wanted);
  note(`run ${run.name} in ${run.experimentName}: ${address}/develop/runs/${run.id}`);

  const context = {
    ...inherited,
    ...Object.fromEntries(Object.entries(source.tags).filter(([key]) => key.startsWith('mlflow.'))),
    'tilth.command': tags['tilth.command'],
    [commandRunTag]: run.id,
  };
  const childEnvironment: NodeJS.ProcessEnv = {
    ...environment,
    TILTH_URL: address,
    TILTH_RUN_ID: run.id,
    MLFLOW_RUN_CONTEXT: JSON.stringify(context),
    ...(flags.experiment === undefined ? {} : { MLFLOW_EXPERIMENT_NAME: run.experimentName }),
  };
  if (flags.experiment !== undefined) delete childEnvironment['MLFLOW_EXPERIMENT_ID'];

  const sender = new Sender(flags, run.id, source.files);
  const python = gatherPython(command, folder, childEnvironment, lock).then(async (found) => {
    sender.add(found.files);
    await sender.facts(found.tags);
    return found.tags;
  });
  let end: CommandOutcome;
  try {
    end = await startAndFollow(command, childEnvironment, sender.output, options.isOutputProgress === true);
  } catch (thrown) {
    end = { code: 127, signal: undefined, interruptedAt: undefined, endedAt: Date.now() };
    sender.output.add('err', Buffer.from(messageOf(thrown)), end.endedAt);
    await sender.finish(endOf(end, sender.output));
    throw thrown;
  }
  sender.output.end(end.endedAt);
  await python;
  await sender.finish(endOf(end, sender.output));
  return { code: exitCodeOf(end), runId: run.id };
}

interface CommandOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | undefined;
  /** when somebody asked it to stop; ms since the epoch */
  readonly interruptedAt: number | undefined;
  readonly endedAt: number;
}

const exitCodeOf = ({ code, signal }: CommandOutcome): number => code ?? 128 + (signal === undefined ? 0 : constants.signals[signal]);

function endOf(end: CommandOutcome, output: CommandOutput): CommandEnd {
  const { signal, interruptedAt, endedAt } = end;
  const isStopped = interruptedAt !== undefined || signal !== undefined;
  const status = isStopped ? 'KILLED' : end.code === 0 ? 'FINISHED' : 'FAILED';
  const words = status === 'FAILED' ? output.lastLines(20) : '';
  return {
    status,
    endedAt,
    since: interruptedAt ?? failedSince(endedAt, output.lastTracebackAt),
    tags: {
      'tilth.exit_code': String(exitCodeOf(end)),
      ...(signal === undefined ? {} : { 'tilth.signal': signal }),
      ...(words === '' ? {} : { 'tilth.error': words }),
    },
  };
}

/** Python tells what went wrong before it ends what is open; what it told long ago it has survived. */
const failedSince = (endedAt: number, tracebackAt: number | undefined): number =>
  tracebackAt === undefined || tracebackAt < endedAt - longestFailureMs ? endedAt - failureMs : Math.min(tracebackAt - 1_000, endedAt - failureMs);

/** What MLflow's client and a repeatable Python need, around the user's own environment. */
function commandEnvironment(address: string): NodeJS.ProcessEnv {
  const token = process.env['TILTH_TOKEN'];
  return {
    ...process.env,
    MLFLOW_TRACKING_URI: address,
    ...(token === undefined || token === '' ? {} : { MLFLOW_TRACKING_TOKEN: token }),
    // what is printed is seen when it is printed, as on a terminal
    PYTHONUNBUFFERED: process.env['PYTHONUNBUFFERED'] ?? '1',
    // the order of a set of texts is another one in each process otherwise
    PYTHONHASHSEED: process.env['PYTHONHASHSEED'] ?? '0',
  };
}

/** What an outer command, such as a pipeline, says about the run. */
function inheritedTags(): Record<string, string> {
  try {
    const { [commandRunTag]: _outer, ...tags } = JSON.parse(process.env['MLFLOW_RUN_CONTEXT'] ?? '{}') as Record<string, string>;
    return tags;
  } catch {
    return {};
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? '';
  }
}

/** `train.py` of `poetry run python -u src/train.py --depth 3`; the program where there is no script. */
const scriptOf = (command: readonly string[]): string =>
  command.find((word) => /\.(?:py|ipynb|sh|R|jl)$/.test(word)) ?? basename(command[0] ?? '');

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
const stopping: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

/** Standard input and signals go through to the command, and what it prints goes through to ours. */
function startAndFollow(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  output: CommandOutput,
  isOutputProgress: boolean,
): Promise<CommandOutcome> {
  const [program = '', ...rest] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['inherit', 'pipe', 'pipe'], env: environment });
    const isOnTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
    const told = new Set<string>();
    let interruptedAt: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping.has(signal)) interruptedAt ??= Date.now();
      // Ctrl-C and Ctrl-\ reach everything on the terminal, the command too: twice would end its tidying up
      const isTold = isOnTerminal && !told.has(signal) && (signal === 'SIGINT' || signal === 'SIGQUIT');
      told.add(signal);
      if (!isTold) child.kill(signal);
    };
    for (const signal of forwarded) process.on(signal, onSignal);
    const letGo = (): void => {
      for (const signal of forwarded) process.off(signal, onSignal);
    };
    passOn(child, 'out', output, isOutputProgress ? process.stderr : process.stdout);
    passOn(child, 'err', output, process.stderr);
    child.on('error', (cause) => {
      letGo();
      reject(
        new TilthError('COMMAND_NOT_STARTED', 400, `${program} can't be started: ${cause.message}`, 'Is it installed, and on the PATH?', { cause }),
      );
    });
    child.on('exit', (code, signal) => {
      const endedAt = Date.now();
      const done = (): void => {
        letGo();
        resolve({ code, signal: signal ?? undefined, interruptedAt, endedAt });
      };
      // what it left running may hold its output open for ever
      const late = setTimeout(() => {
        for (const pipe of [child.stdout, child.stderr]) (pipe as Socket).unref();
        done();
      }, 1_000);
      child.on('close', () => {
        clearTimeout(late);
        done();
      });
    });
  });
}

function passOn(child: ChildProcess, stream: 'out' | 'err', output: CommandOutput, to: NodeJS.WriteStream): void {
  const from = stream === 'out' ? child.stdout : child.stderr;
  if (from === null) return;
  from.on('data', (chunk: Buffer) => output.add(stream, chunk, Date.now()));
  from.pipe(to, { end: false });
  // `tilth run -- COMMAND | head`: the command learns of it as it would without us
  to.on('error', () => from.destroy());
}

/** Brings output, files and facts to the server while the command runs, as often as it takes. */
class Sender {
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

  constructor(flags: CommonFlags, id: string, files: Gathered['files']) {
    this.#flags = flags;
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
    const ended = await this.#persist(() => call<CommandEnded>(this.#flags, 'POST', `/api/v1/command-runs/${this.#id}/end`, end));
    if (ended === undefined) this.#keepHere(end);
    else for (const { id, name, status } of ended.runs.slice(0, 20)) note(`${status.toLowerCase()}: ${name} (${id})`);
  }

  async #follow(): Promise<void> {
    // the first lines show at once, and much output is not sent again every second
    for (let pauseMs = 200; !this.#isOver; ) {
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
          if (!this.#isRefused) note(`The server does not take what the command leaves: ${messageOf(thrown)}`);
          this.#isRefused = true;
          return undefined;
        }
        if (!this.#isAway) note(`No server answers at ${serverAddress(this.#flags)}: the command goes on, and what it prints is kept until it does.`);
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

async function putFile(flags: CommonFlags, id: string, path: string, content: string | Buffer): Promise<string> {
  const token = process.env['TILTH_TOKEN'];
  const response = await fetch(`${serverAddress(flags)}/api/v1/command-runs/${id}/file?path=${encodeURIComponent(path)}`, {
    method: 'PUT',
    headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` },
    body: typeof content === 'string' ? content : new Uint8Array(content),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (response.ok) return (JSON.parse(text) as { artifactUri: string }).artifactUri;
  throw new TilthError('OUTPUT_NOT_TAKEN', response.status, text.slice(0, 300));
}
