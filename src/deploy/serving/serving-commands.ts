import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { serverAddress } from '../../platform/client.ts';
import { resolveHome } from '../../platform/home.ts';
import { note, print, usage } from '../../platform/terminal.ts';

interface ServeFlags extends CommonFlags {
  readonly port: string;
  readonly host: string;
  readonly grpcPort?: string;
  readonly sealed?: string;
  readonly plane?: string;
  readonly durability: string;
  readonly drainDelayMs: string;
  readonly serverKey?: string;
  readonly pythonWorkers: string;
  readonly pythonMemoryMb?: string;
}

export const addServingCommands: AddCommands = (program) => {
  withCommonFlags(program.command('serve').description('the data plane: answers requests for predictions'))
    .option('--port <n>', 'where it listens; 0 takes a free one', '5081')
    .option('--host <address>', 'which address it listens on', '127.0.0.1')
    .option('--grpc-port <n>', 'where it also answers over gRPC (8001 is usual); not at all unless given')
    .option('--sealed <folder>', 'serve what this folder holds, for ever as it is, and ask no control plane (tilth deploy manifests makes it)')
    .option('--plane <name>', 'its name in reports and in the prediction log')
    .option(
      '--durability <how>',
      'group: answer after the log is written; strict: after it is on disk',
      'group',
    )
    .option('--drain-delay-ms <ms>', 'how long it still takes requests after SIGTERM', '250')
    .option(
      '--server-key <key>',
      'what the control plane must sign with, as `tilth endpoint key` tells it; else the key met first is trusted',
    )
    .option('--python-workers <n>', 'processes per model that its own Python serves', '1')
    .option('--python-memory-mb <mb>', 'memory above which such a process is ended; half of the machine’s, at most 4096')
    .action(async (flags: ServeFlags) => {
      const { durability } = flags;
      if (durability !== 'group' && durability !== 'strict') {
        throw usage(`--durability is group or strict, not ${durability}.`);
      }
      const port = portOf('--port', flags.port);
      const grpcPort = flags.grpcPort === undefined ? undefined : portOf('--grpc-port', flags.grpcPort);
      const pythonWorkers = Number(flags.pythonWorkers);
      if (!Number.isInteger(pythonWorkers) || pythonWorkers < 1 || pythonWorkers > 256) {
        throw usage(`--python-workers is a number from 1 to 256, not ${flags.pythonWorkers}.`);
      }
      const softwareVersion = program.version();
      const { startDataPlane } = await import('./data-plane.ts');
      const plane = await startDataPlane({
        port,
        host: flags.host,
        grpcPort,
        home: resolveHome(flags.home),
        server: serverAddress(flags),
        sealed: flags.sealed,
        token: process.env['TILTH_TOKEN'],
        serverKey: flags.serverKey,
        pythonWorkers,
        pythonMemoryBytes: megabytes(flags.pythonMemoryMb),
        plane: flags.plane,
        durability,
        drainDelayMs: Number(flags.drainDelayMs),
        ...(softwareVersion === undefined ? {} : { softwareVersion }),
      });
      const { address, grpcAddress } = plane;
      print(flags, { address, ...(grpcAddress === undefined ? {} : { grpcAddress }) }, () => [
        `Predictions are answered at ${address}`,
        ...(grpcAddress === undefined ? [] : [`and over gRPC at ${grpcAddress}`]),
      ]);
      await new Promise<void>((resolve) => {
        process.once('SIGTERM', resolve);
        process.once('SIGINT', resolve);
      });
      note('Finishing what is under way …');
      await plane.close();
    });
};

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
