import { join } from 'node:path';
import { packagePath } from '../../platform/package-root.ts';
import type { Facts, Memory } from './memory.ts';
import type { Progress } from './progress.ts';

/** Who types a command; both are made by the quickstart and marked as simulated wherever they show. */
export type Person = 'ana' | 'ben';

/** What every station of the quickstart needs to know. */
export interface Journey {
  /** holds everything the quickstart makes; removing it removes all */
  readonly folder: string;
  readonly home: string;
  /** the project that the template becomes */
  readonly project: string;
  /** control plane and data plane */
  readonly address: string;
  readonly planeAddress: string;
  readonly memory: Memory;
  readonly progress: Progress;
  /** traffic before this ISO date is replayed */
  readonly until: string;
}

/** One of the five practices, carried out once; resumed as a whole when it was cut off. */
export interface Station {
  readonly name: 'start' | 'develop' | 'deploy' | 'monitor' | 'maintain';
  readonly what: string;
  readonly run: (journey: Journey) => Promise<Facts>;
}

export const model = 'late-arrival';
export const projectPackage = 'late_flights';

/** The environment of one person's terminal, inside the project. */
export const terminalOf = (journey: Journey, person?: Person): NodeJS.ProcessEnv => ({
  TILTH_URL: journey.address,
  TILTH_HOME: journey.home,
  MLFLOW_TRACKING_URI: journey.address,
  // two cores are shared by everything here; more threads only get in each other's way
  OMP_NUM_THREADS: '1',
  PYTHONUNBUFFERED: '1',
  // the public clients report their use to their makers unless they are asked not to
  DO_NOT_TRACK: 'true',
  DVC_NO_ANALYTICS: '1',
  ...(person === undefined ? {} : { TILTH_TOKEN: journey.memory.get(`token ${person}`) ?? '' }),
  ...(person === undefined ? {} : { MLFLOW_TRACKING_TOKEN: journey.memory.get(`token ${person}`) ?? '' }),
});

export const pythonOf = (journey: Journey): string => join(journey.project, '.venv', 'bin', 'python');

/** Python of the environment with the public clients that check our answers. */
export const clientsOf = (journey: Journey): string => join(journey.folder, 'clients', 'bin', 'python');

/** A script that ships with tilth. */
export const scriptOf = (name: string): string => packagePath('python', 'quickstart', name);
