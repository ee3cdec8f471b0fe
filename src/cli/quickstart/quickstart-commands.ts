import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import type { AddCommands } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import { isPortFree } from '../../platform/port.ts';
import { startUp, untilToldToStop, type RunningUp } from '../up-commands.ts';
import type { Journey, Station } from './journey.ts';
import { Memory } from './memory.ts';
import { Progress } from './progress.ts';
import { undo } from './undo.ts';

interface QuickstartFlags {
  readonly exit?: boolean;
  readonly json?: string;
  readonly undo?: boolean;
  readonly folder: string;
  readonly port: string;
  readonly until: string;
}

/** In their order; loaded only for a journey, so that the help of all commands stays quick. */
const loadStations = async (): Promise<readonly Station[]> => [
  (await import('./start-station.ts')).startStation,
  (await import('./develop-station.ts')).developStation,
  (await import('./deploy-station.ts')).deployStation,
  (await import('./monitor-station.ts')).monitorStation,
  (await import('./maintain-station.ts')).maintainStation,
];

export const addQuickstartCommands: AddCommands = (program) => {
  program
    .command('quickstart')
    .description('the whole way on real flights: start, develop, deploy, monitor, maintain')
    .option('--exit', 'end after the summary instead of staying up')
    .option('--json <file>', 'write the facts of every station')
    .option('--undo', 'stop it and remove all that it made')
    .option('--folder <folder>', 'where everything goes', join('.tilth', 'quickstart'))
    .option('--port <n>', 'the page; a free one when it is taken', '5080')
    .option('--until <date>', 'replay the traffic before this date', '2014-01-01')
    .action(async (flags: QuickstartFlags) => {
      const folder = resolve(flags.folder);
      if (flags.undo === true) await undo(folder);
      else await travel(folder, flags);
    });
};

/** Goes from station to station; those that are done are kept, so a second run goes on where the first one ended. */
async function travel(folder: string, flags: QuickstartFlags): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // what the programs that it calls leave in their temporary folder goes with the rest
  process.env['TMPDIR'] = join(folder, 'tmp');
  mkdirSync(process.env['TMPDIR'], { recursive: true, mode: 0o700 });
  const progress = new Progress();
  const memory = new Memory(join(folder, 'memory.json'));
  const home = join(folder, 'home');
  progress.say(`${pc.bold('tilth quickstart')}  everything it makes is in ${folder}`);
  const up = await startPlanes(home, Number(flags.port));
  const journey: Journey = {
    folder,
    home,
    project: join(folder, 'late-flights'),
    address: up.address,
    planeAddress: up.planeAddress,
    memory,
    progress,
    until: flags.until,
  };
  // whatever happens, no process is left behind
  process.once('exit', () => void up.stop());
  const interrupted = untilToldToStop().then(async () => {
    await up.stop();
    process.exit(130);
  });
  try {
    await untilHealthy(up.address);
    progress.say(`The page is at ${pc.cyan(up.address)} from now on.`);
    for (const station of await loadStations()) await visit(station, journey);
    writeFacts(flags, journey);
    summarize(journey);
    if (flags.exit !== true) {
      progress.say(`\nIt stays up: look at ${pc.cyan(up.address)}. ${pc.dim('Ctrl-C ends it; npm run quickstart brings it back.')}`);
      await interrupted;
    }
  } finally {
    await up.stop();
  }
}

async function visit(station: Station, journey: Journey): Promise<void> {
  const { memory, progress } = journey;
  progress.station(station.name, station.what);
  if (memory.factsOf(station.name) !== undefined) {
    progress.skip('done before', 'kept');
    return;
  }
  const startedAt = Date.now();
  const facts = await station.run(journey);
  memory.finish(station.name, { ...facts, seconds: (Date.now() - startedAt) / 1000 });
}

async function startPlanes(home: string, wanted: number): Promise<RunningUp> {
  const port = await freePort(wanted);
  const servePort = await freePort(port + 1);
  return startUp({ home, port: String(port), servePort: String(servePort), host: '127.0.0.1', database: 'sqlite' });
}

/** The wanted port, or the next one that nobody listens on. */
async function freePort(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + 200; port += 1) {
    if (await isPortFree('127.0.0.1', port)) return port;
  }
  throw new TilthError('PORT_TAKEN', 409, `No port from ${wanted} on is free.`, 'Choose another range: npm run quickstart -- --port 7000');
}

async function untilHealthy(address: string): Promise<void> {
  for (const startedAt = Date.now(); Date.now() - startedAt < 30_000; await sleep(100)) {
    const response = await fetch(`${address}/health`).catch(() => undefined);
    if (response?.ok === true) return;
  }
  throw new TilthError('SERVER_NOT_REACHABLE', 503, `The control plane at ${address} did not come up.`, 'Its log is in the folder home/logs.');
}

function writeFacts(flags: QuickstartFlags, journey: Journey): void {
  const facts = { tilth: 1, until: journey.until, node: process.versions.node, stations: journey.memory.allFacts() };
  writeFileSync(join(journey.folder, 'facts.json'), JSON.stringify(facts, null, 2));
  if (flags.json !== undefined) writeFileSync(resolve(flags.json), JSON.stringify(facts, null, 2));
}

function summarize(journey: Journey): void {
  const { progress, folder } = journey;
  progress.say(`\n${pc.bold('The whole way, in')} ${progress.elapsedSeconds().toFixed(0)} s. The facts: ${join(folder, 'facts.json')}`);
  progress.say(
    [
      'The same for a project of your own:',
      '  tilth up                                   the page and both planes',
      '  tilth start                                a project from our template, or from any cookiecutter template',
      '  tilth data add data/raw && tilth pipeline run',
      '  tilth model register MODEL --run RUN --wait && tilth model request MODEL 1',
      '  tilth endpoint create NAME --model MODEL',
      `Remove all of this: ${pc.cyan('npm run quickstart -- --undo')}`,
    ].join('\n'),
  );
}
