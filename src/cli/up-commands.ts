import { rmSync, writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../platform/command.ts';
import { isPostgresAddress } from '../platform/database/database-address.ts';
import { createHome, resolveHome, withDatabase } from '../platform/home.ts';
import { isPortFree, portTaken } from '../platform/port.ts';
import { note } from '../platform/terminal.ts';
import { superviseProcess, type Supervised } from './supervisor.ts';

interface UpFlags extends CommonFlags {
  readonly port: string;
  readonly servePort?: string;
  readonly grpcPort?: string;
  readonly host: string;
  readonly database?: string;
}

const databaseFlag = ['--database <url>', 'postgres://…, or sqlite for the file in the home (TILTH_DATABASE_URL)'] as const;

export const addUpCommands: AddCommands = (program) => {
  withCommonFlags(program.command('server').description('the control plane: tracking, registry, monitoring, page'))
    .option('--port <n>', 'where it listens', '5080')
    .option('--host <address>', 'loopback unless you say otherwise', '127.0.0.1')
    .option(...databaseFlag)
    .action(async (flags: UpFlags) => {
      const { startServer } = await import('../server/server.ts');
      const home = withDatabase(resolveHome(flags.home), flags.database);
      // stages, hooks and models that the server starts are not to find its password
      delete process.env['TILTH_DATABASE_URL'];
      const server = await startServer({ home, port: Number(flags.port), host: flags.host });
      note(`The control plane answers at ${server.address}`);
      // a server is seldom told to stop in peace, and what was compiled for this start serves the next one too
      setTimeout(flushCompileCache, 2_000).unref();
      await untilToldToStop();
      await server.close();
      process.exit(0);
    });

  withCommonFlags(program.command('up').description('control plane and data plane on this machine, restarted when they fall'))
    .option('--port <n>', 'control plane', '5080')
    .option('--serve-port <n>', 'data plane; the control plane’s port + 1 unless given')
    .option('--grpc-port <n>', 'where the data plane also answers over gRPC; not at all unless given')
    .option('--host <address>', 'loopback unless you say otherwise', '127.0.0.1')
    .option(...databaseFlag)
    .action(async (flags: UpFlags) => {
      const running = await startUp(flags);
      note(`tilth is at ${running.address}   (Ctrl-C ends it)`);
      await untilToldToStop();
      await running.stop();
      process.exit(0);
    });
};

export interface RunningUp {
  readonly address: string;
  readonly planeAddress: string;
  stop(): Promise<void>;
}

/** Starts both planes as processes of their own, so that each survives the other's restart. */
export async function startUp(flags: Pick<UpFlags, 'home' | 'port' | 'servePort' | 'grpcPort' | 'host' | 'database'>): Promise<RunningUp> {
  const home = createHome(withDatabase(resolveHome(flags.home), flags.database));
  const servePort = flags.servePort ?? String(Number(flags.port) + 1);
  // said here, once, instead of by a child that is started again and again
  await requireFree(flags.host, Number(flags.port));
  await requireFree('127.0.0.1', Number(servePort));
  if (flags.grpcPort !== undefined) await requireFree('127.0.0.1', Number(flags.grpcPort));
  const grpc = flags.grpcPort === undefined ? [] : ['--grpc-port', flags.grpcPort];
  if (isPostgresAddress(home.database)) await (await import('../platform/database/open-database.ts')).askDatabase(home.database);
  const address = `http://${flags.host}:${flags.port}`;
  const planeAddress = `http://127.0.0.1:${servePort}`;
  const shared = ['--home', home.root];
  const { TILTH_DATABASE_URL: _url, ...withoutDatabase } = process.env;
  // in the environment, since everybody on the machine may read what a command was called with
  const withDatabaseUrl = { ...process.env, TILTH_DATABASE_URL: isPostgresAddress(home.database) ? home.database : 'sqlite' };
  const processes: Supervised[] = [
    superviseProcess('server', ['server', '--port', flags.port, '--host', flags.host, ...shared], home, withDatabaseUrl),
    superviseProcess('serve', ['serve', '--port', servePort, '--server', address, ...grpc, ...shared], home, withoutDatabase),
  ];
  const file = join(home.run, 'up.json');
  const record = (): void =>
    writeFileSync(
      file,
      JSON.stringify({ address, planeAddress, pid: process.pid, processes: processes.map((each) => ({ name: each.name, pid: each.pid() })) }),
    );
  for (const each of processes) each.onStart(record);
  record();
  return {
    address,
    planeAddress,
    stop: async () => {
      await Promise.all(processes.map((each) => each.stop()));
      rmSync(file, { force: true });
    },
  };
}

/** @throws PORT_TAKEN */
async function requireFree(host: string, port: number): Promise<void> {
  if (!(await isPortFree(host, port))) throw portTaken(port);
}

/** Answers at the first SIGINT or SIGTERM; those that follow don't cut the orderly end short. */
export const untilToldToStop = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
