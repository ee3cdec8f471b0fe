import { hostname } from 'node:os';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { serverAddress } from '../../platform/client.ts';
import { resolveHome } from '../../platform/home.ts';
import { note, print, usage } from '../../platform/terminal.ts';
import {
  homeOf,
  joinOthers,
  metricsOfAll,
  placeAmongMany,
  portOfOthers,
  tellFailure,
} from './processes/one-of-many.ts';

interface ServeFlags extends CommonFlags {
  readonly port?: string;
  readonly host?: string;
  readonly grpcPort?: string;
  readonly sealed?: string;
  readonly plane?: string;
  readonly durability: string;
  readonly workers: string;
  readonly sagemaker?: boolean;
  readonly requestTimeout: string;
  readonly maxRows: string;
  readonly maxBodyMb: string;
  readonly drainTimeoutMs: string;
  readonly drainDelayMs: string;
  readonly serverKey?: string;
  readonly pythonWorkers: string;
  readonly pythonMemoryMb?: string;
}

export const addServingCommands: AddCommands = (program) => {
  withCommonFlags(program.command('serve').description('the data plane: answers requests for predictions'))
    .option('--port <n>', 'where it listens; 0 takes a free one (5081)')
    .option('--host <address>', 'which address it listens on (127.0.0.1)')
    .option(
      '--sagemaker',
      'as SageMaker starts a container: port 8080 on all addresses, /ping and /invocations',
    )
    .option('--workers <n>', 'processes that answer at this port, one per core at most', '1')
    .option(
      '--request-timeout <ms>',
      'how long a request may take; x-tilth-deadline-ms of a request can only be shorter',
      '10000',
    )
    .option('--max-rows <n>', 'rows in one request', '100000')
    .option('--max-body-mb <mb>', 'size of one request', '64')
    .option('--grpc-port <n>', 'where it also answers over gRPC (8001 is usual); not at all unless given')
    .option(
      '--sealed <folder>',
      'serve what this folder holds, for ever as it is, and ask no control plane (tilth deploy manifests makes it)',
    )
    .option('--plane <name>', 'its name in reports and in the prediction log')
    .option(
      '--durability <how>',
      'group: answer after the log is written; strict: after it is on disk',
      'group',
    )
    .option('--drain-delay-ms <ms>', 'how long it still takes requests after SIGTERM', '250')
    .option('--drain-timeout-ms <ms>', 'how long it then waits for those under way', '10000')
    .option(
      '--server-key <key>',
      'what the control plane must sign with, as `tilth endpoint key` tells it; else the key met first is trusted',
    )
    .option('--python-workers <n>', 'processes per model that its own Python serves', '1')
    .option(
      '--python-memory-mb <mb>',
      'memory above which such a process is ended; half of the machine’s, at most 4096',
    )
    .action(async (flags: ServeFlags) => {
      const { durability } = flags;
      if (durability !== 'group' && durability !== 'strict') {
        throw usage(`--durability is group or strict, not ${durability}.`);
      }
      const port = portOf('--port', flags.port ?? (flags.sagemaker === true ? '8080' : '5081'));
      const host = flags.host ?? (flags.sagemaker === true ? '0.0.0.0' : '127.0.0.1');
      const grpcPort = flags.grpcPort === undefined ? undefined : portOf('--grpc-port', flags.grpcPort);
      const pythonWorkers = numberOf('--python-workers', flags.pythonWorkers, 1, 256);
      const workers = numberOf('--workers', flags.workers, 1, 256);
      const place = placeAmongMany();
      if (workers > 1 && place === undefined) return answerWithMany(flags, workers, host, port);
      const softwareVersion = program.version();
      const home = resolveHome(flags.home);
      const { startDataPlane } = await import('./data-plane.ts');
      const { spanTarget } = await import('./telemetry/span-exporter.ts');
      // it answers as soon as it listens: a signal that comes then must find somebody who finishes what is under way
      const end = untilEnd();
      const starting = startDataPlane({
        port: portOfOthers() ?? port,
        host,
        grpcPort,
        home: place === undefined ? home : homeOf(home, place),
        server: serverAddress(flags),
        sealed: flags.sealed,
        token: process.env['TILTH_TOKEN'],
        serverKey: flags.serverKey,
        pythonWorkers,
        spans: spanTarget(process.env),
        pythonMemoryBytes: megabytes(flags.pythonMemoryMb),
        plane: place === undefined ? flags.plane : `${flags.plane ?? hostname()}-${place}`,
        durability,
        limits: { bodyBytes: numberOf('--max-body-mb', flags.maxBodyMb, 1, 4096) * 2 ** 20 },
        maxRows: numberOf('--max-rows', flags.maxRows, 1, 100_000_000),
        requestTimeoutMs: numberOf('--request-timeout', flags.requestTimeout, 1, 86_400_000),
        drainDelayMs: numberOf('--drain-delay-ms', flags.drainDelayMs, 0, 3_600_000),
        drainTimeoutMs: numberOf('--drain-timeout-ms', flags.drainTimeoutMs, 0, 3_600_000),
        ...(place === undefined ? {} : { metricsOfAll, isPortShared: true }),
        ...(softwareVersion === undefined ? {} : { softwareVersion }),
      });
      if (place !== undefined) starting.catch(tellFailure);
      const plane = await starting;
      if (place === undefined) tellAddress(flags, plane);
      else joinOthers(plane);
      await end;
      if (place === undefined) note('Finishing what is under way …');
      await plane.close();
      // what it shares with the others keeps a process alive
      if (place !== undefined) process.exit();
    });
};

function tellAddress(
  flags: ServeFlags,
  { address, grpcAddress }: { readonly address: string; readonly grpcAddress: string | undefined },
): void {
  print(flags, { address, ...(grpcAddress === undefined ? {} : { grpcAddress }) }, () => [
    `Predictions are answered at ${address}`,
    ...(grpcAddress === undefined ? [] : [`and over gRPC at ${grpcAddress}`]),
  ]);
}

/** SIGTERM, or Ctrl-C. */
const untilEnd = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });

/** This process only keeps the others, which run the same command. */
async function answerWithMany(flags: ServeFlags, count: number, host: string, port: number): Promise<void> {
  const [{ startPlaneProcesses }, { createLogger }] = await Promise.all([
    import('./processes/plane-processes.ts'),
    import('../../platform/log.ts'),
  ]);
  const processes = await startPlaneProcesses(count, host, port, createLogger('serve'));
  tellAddress(flags, processes);
  await untilEnd();
  note('Finishing what is under way …');
  await processes.close();
}

function numberOf(flag: string, given: string, least: number, most: number): number {
  const number = Number(given);
  if (!Number.isInteger(number) || number < least || number > most)
    throw usage(`${flag} is a number from ${least} to ${most}, not ${given}.`);
  return number;
}

function portOf(flag: string, given: string): number {
  const port = Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(`${flag} ${given} is no port.`);
  return port;
}

function megabytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!(count >= 1)) throw usage(`--python-memory-mb is a number of megabytes, not ${text}.`);
  return count * 2 ** 20;
}
