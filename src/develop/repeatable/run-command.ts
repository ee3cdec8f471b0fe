import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { call, serverAddress } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { findUp } from '../../platform/home.ts';
import { note } from '../../platform/terminal.ts';
import { endOf, exitCodeOf, type CommandOutcome } from './command-end.ts';
import type { CommandOutput } from './command-output.ts';
import { CommandSender } from './command-sender.ts';
import { gatherData } from './gather-data.ts';
import { findLock, gatherMachine, gatherPython, lockTags, seedsOf } from './gather-environment.ts';
import { commandLine, gatherSource } from './gather-source.ts';
import type { CommandRunView, NewCommandRun } from './repeatable-api.ts';
import { commandRunTag } from './repeatable.ts';

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

  const sender = new CommandSender(flags, run.id, source.files);
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

/** What MLflow's client and a repeatable Python need, around the user's own environment. */
export function commandEnvironment(address: string): NodeJS.ProcessEnv {
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
export function inheritedTags(): Record<string, string> {
  try {
    const { [commandRunTag]: _outer, ...tags } = JSON.parse(process.env['MLFLOW_RUN_CONTEXT'] ?? '{}') as Record<string, string>;
    return tags;
  } catch {
    return {};
  }
}

export function userName(): string {
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
