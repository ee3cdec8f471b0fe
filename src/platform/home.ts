import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Where everything local lives: database, blobs, predictions, logs. */
export interface Home {
  readonly root: string;
  /** The SQLite file, or the address of a PostgreSQL database: the one thing that may live elsewhere. */
  readonly database: string;
  readonly blobs: string;
  /** Append-only segments and Parquet of the prediction log. */
  readonly predictions: string;
  /** What the data plane needs to go on without the control plane. */
  readonly serving: string;
  readonly logs: string;
  /** Process ids and ports of what `tilth up` started. */
  readonly run: string;
}

/**
 * `--home`, else `TILTH_HOME`, else `.tilth` of the project that holds the current folder, else the user's data folder.
 */
export function resolveHome(flag?: string, environment = process.env, folder = process.cwd()): Home {
  const root = resolve(flag ?? environment['TILTH_HOME'] ?? projectHome(folder) ?? userHome(environment));
  return {
    root,
    database: databaseOf(root, environment['TILTH_DATABASE_URL']),
    blobs: join(root, 'blobs'),
    predictions: join(root, 'predictions'),
    serving: join(root, 'serving'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
  };
}

/** The home with the database that a flag names: an address, or `sqlite` for the file in the home. */
export const withDatabase = (home: Home, flag: string | undefined): Home =>
  flag === undefined ? home : { ...home, database: databaseOf(home.root, flag) };

const databaseOf = (root: string, named: string | undefined): string =>
  named === undefined || named === '' || named === 'sqlite' ? join(root, 'tilth.db') : named;

export function createHome(home: Home): Home {
  for (const folder of [home.root, home.blobs, home.predictions, home.serving, home.logs, home.run]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  return home;
}

function projectHome(folder: string): string | undefined {
  const project = findUp('tilth.yaml', folder);
  return project === undefined ? undefined : join(project, '.tilth');
}

/** The nearest folder from `folder` upwards that holds `name`. */
export function findUp(name: string, folder = process.cwd()): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (existsSync(join(at, name))) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** Where what belongs to the user, and to no project, lives. */
export function userHome(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'tilth');
}
