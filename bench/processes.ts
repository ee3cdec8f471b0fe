import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Client } from './client.ts';
import type { Practice, Round } from './measure.ts';

const root = join(import.meta.dirname, '..');
export const templateFolder = join(root, 'templates', 'ml-project');

/** Our program as a clone runs it, on the Node that comes with it. */
export const tilth = (...args: string[]): string[] => [
  process.execPath,
  join(root, 'bin', 'tilth.js'),
  ...args,
];

/** Our program as `npm install` puts it on a machine: built, without its sources. */
export async function installedTilth(): Promise<(...args: string[]) => string[]> {
  const folder = temporaryFolder('package');
  await runToEnd([process.execPath, join(root, 'scripts', 'build.js'), '--out', join(folder, 'dist')], {
    cwd: root,
  });
  for (const part of ['bin', 'package.json', 'templates', 'python', 'web/dist'])
    if (existsSync(join(root, part))) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const launcher = join(folder, 'bin', 'tilth.js');
  // as its line for the shell has it started
  const flags =
    readFileSync(launcher, 'utf8')
      .split('\n', 2)[1]
      ?.match(/--[\w-]+=\d+/g) ?? [];
  return (...args) => [process.execPath, ...flags, launcher, ...args];
}

export const pythonOf = (practice: string): string =>
  join(root, '.venvs', `bench-${practice}`, 'bin', 'python');
export const scriptOf = (practice: string, name: string): string =>
  join(root, '.venvs', `bench-${practice}`, 'bin', name);

const atExit = new Set<() => void>();
process.once('exit', () => {
  for (const one of atExit) one();
});

/** A folder that is gone when the bench ends. @param parent where it lies, else the system's own place */
export function temporaryFolder(name: string, parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, `tilth-bench-${name}-`));
  atExit.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const home = temporaryFolder('home');

/** One thread each, nobody's settings, no usage reports, and no tilth server that happens to run here. */
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  HOME: home,
  XDG_DATA_HOME: join(home, 'data'),
  XDG_CONFIG_HOME: join(home, 'config'),
  XDG_CACHE_HOME: join(home, 'cache'),
  TILTH_URL: 'http://127.0.0.1:9',
  TILTH_TOKEN: '',
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  PYTHONWARNINGS: 'ignore',
  DO_NOT_TRACK: '1',
  DVC_NO_ANALYTICS: '1',
  DVC_SITE_CACHE_DIR: join(home, 'dvc'),
  MLFLOW_DISABLE_TELEMETRY: 'true',
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
  MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
};

export interface Ended {
  readonly seconds: number;
  /** with all of its own children, in steps of 10 ms */
  readonly cpuMs: number;
  readonly stdout: string;
}

interface Options {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** Runs a program to its end, the only one of ours that ends meanwhile. */
export async function runToEnd(
  [command = '', ...args]: readonly string[],
  options: Options = {},
): Promise<Ended> {
  const cpuBefore = endedChildrenCpuMs();
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd: options.cwd ?? home,
    env: { ...environment, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return { seconds, cpuMs: endedChildrenCpuMs() - cpuBefore, stdout };
}

/** A server as a child process, with all processes it makes. */
export interface RunningServer {
  readonly address: string;
  /** from the start of the process to the first answer that it is ready */
  readonly startSeconds: number;
  cpuMs(): number;
  memoryMiB(): number;
  processCount(): number;
  stop(): Promise<void>;
}

const startTimeoutMs = 180_000;

/** Starts a server on a free port and waits until `readyPath` answers 200. */
export async function startServer(
  commandFor: (port: number) => readonly string[],
  readyPath: string,
  options: Options = {},
): Promise<RunningServer> {
  const port = await freePort();
  const [command = '', ...args] = commandFor(port);
  const address = `http://127.0.0.1:${port}`;
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd: options.cwd ?? home,
    env: { ...environment, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { pid } = child;
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = (): void => void child.kill('SIGKILL');
  atExit.add(kill);
  while (!(await isReady(address, readyPath))) {
    if (child.exitCode !== null || pid === undefined)
      throw new Error(`${command} ${args.join(' ')} ended:\n${stderr}`);
    if (performance.now() - startedAt > startTimeoutMs) {
      kill();
      throw new Error(`${command} ${args.join(' ')} is not ready after ${startTimeoutMs} ms:\n${stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const startSeconds = (performance.now() - startedAt) / 1000;
  const sum = (of: (pid: number) => number): number =>
    treeOf(pid ?? 0).reduce((all, each) => all + of(each), 0);
  return {
    address,
    startSeconds,
    cpuMs: () => sum(processCpuMs),
    memoryMiB: () => sum(proportionalMiB),
    processCount: () => treeOf(pid ?? 0).length,
    stop: async () => {
      const children = treeOf(pid ?? 0);
      await endOf(child, ended);
      for (const one of children) endIfAlive(one);
      atExit.delete(kill);
    },
  };
}

async function endOf(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(timer);
}

function endIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

async function isReady(address: string, path: string): Promise<boolean> {
  const client = new Client(address);
  try {
    await client.count(client.prepare('GET', path));
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

// proc(5): the numbers after the name in parentheses; times in hundredths of a second
const statOf = (pid: number | 'self'): string[] => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
};
const ticks = (stat: readonly string[], ...places: number[]): number =>
  places.reduce((sum, place) => sum + Number(stat[place] ?? 0), 0) * 10;

const endedChildrenCpuMs = (): number => ticks(statOf('self'), 13, 14);

function processCpuMs(pid: number): number {
  try {
    return ticks(statOf(pid), 11, 12, 13, 14);
  } catch {
    return 0;
  }
}

/** Memory of its own and its part of what it shares, so that a sum over processes is true. */
function proportionalMiB(pid: number): number {
  try {
    return (
      Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024
    );
  } catch {
    return 0;
  }
}

function treeOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(statOf(Number(name))[1]));
    } catch {
      // it has ended
    }
  }
  const tree = [pid];
  for (const parent of tree) for (const [child, of] of parents) if (of === parent) tree.push(child);
  return tree;
}

/** Installed versions of packages of a peer's environment. */
export async function versionsIn(practice: string, names: readonly string[]): Promise<Practice['versions']> {
  const source =
    'import sys, json, platform; from importlib.metadata import version\nprint(json.dumps({"python": platform.python_version(), **{n: version(n) for n in sys.argv[1:]}}))';
  const { stdout } = await runToEnd([pythonOf(practice), '-c', source, ...names]);
  return JSON.parse(stdout) as Record<string, string>;
}

/** One start from nothing to the first answer, and the processor time that it took. */
export async function coldStart(start: () => Promise<RunningServer>): Promise<Round> {
  const server = await start();
  const cpuMs = server.cpuMs();
  await server.stop();
  return { value: server.startSeconds, cpuMs };
}
