import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installedTilth, scriptOf, startServer, temporaryFolder, type RunningServer } from '../processes.ts';
import * as mlflow from './fill-mlflow.ts';
import * as tilth from './fill-tilth.ts';

/** A folder of a server's own, where its database and its artifacts lie. */
export interface Place {
  start(): Promise<RunningServer>;
  /** Only while no server runs on it, and after one did. */
  addRuns(experiment: string, from: number, to: number): Promise<void>;
  /** A curve `loss`; as above. */
  addCurve(run: string, pointCount: number): Promise<void>;
  /** of the database */
  bytes(): number;
}

/** New folders for our server, as a package has it, and for MLflow's. */
export async function newPlaces(): Promise<{ ours: () => Place; peer: () => Place }> {
  const program = await installedTilth();
  return {
    ours: () => {
      const home = temporaryFolder('tracking');
      const database = join(home, 'tilth.db');
      return {
        start: () =>
          startServer((port) => program('server', '--home', home, '--port', String(port)), '/health'),
        addRuns: (experiment, from, to) => tilth.addRuns(database, experiment, from, to),
        addCurve: (run, pointCount) => tilth.addCurve(database, run, pointCount),
        bytes: () => bytesOf(home, 'tilth.db'),
      };
    },
    peer: () => {
      const home = temporaryFolder('mlflow');
      const database = join(home, 'mlflow.db');
      const flags = [
        '--workers',
        '1',
        '--backend-store-uri',
        `sqlite:///${database}`,
        '--artifacts-destination',
        join(home, 'artifacts'),
      ];
      return {
        start: () =>
          startServer(
            (port) => [
              scriptOf('tracking', 'mlflow'),
              'server',
              '--host',
              '127.0.0.1',
              '--port',
              String(port),
              ...flags,
            ],
            '/health',
            { cwd: home },
          ),
        addRuns: async (experiment, from, to) => mlflow.addRuns(database, experiment, from, to),
        addCurve: async (run, pointCount) => mlflow.addCurve(database, run, pointCount),
        bytes: () => bytesOf(home, 'mlflow.db'),
      };
    },
  };
}

/** A database and what SQLite keeps beside it. */
const bytesOf = (folder: string, name: string): number =>
  readdirSync(folder)
    .filter((each) => each.startsWith(name))
    .reduce((sum, each) => sum + statSync(join(folder, each)).size, 0);
