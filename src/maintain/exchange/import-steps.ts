import type { Actor } from '../../platform/actor.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import type { ImportRequest } from './exchange-api.ts';
import type { Tally } from './import-tally.ts';
import type { MlflowSource } from './records.ts';

export type Progress = Pick<JobContext, 'progress' | 'signal' | 'log'>;

/** What the steps of one import share. */
export interface Import {
  readonly world: World;
  readonly actor: Actor;
  readonly source: MlflowSource;
  readonly request: ImportRequest;
  /** folders whose files may be copied */
  readonly roots: readonly string[];
  readonly job: Progress;
  readonly tally: Tally;
  /** where the artifacts of a source's run or model are here, by their address there */
  readonly places: Map<string, string>;
}
