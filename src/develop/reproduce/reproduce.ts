import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { note } from '../../platform/terminal.ts';
import { gatherMachine } from '../repeatable/gather-environment.ts';
import { userName } from '../repeatable/run-command.ts';
import { explain } from './experiments.ts';
import { Ground, type GroundOptions } from './ground.ts';
import type { Place } from './place.ts';
import type { NewReproduction, Reproduction } from './reproduce-api.ts';
import { StepFailed } from './reproduce-errors.ts';
import { runWithSeeds } from './seed-runs.ts';
import { targetOf, type Target } from './target.ts';

export interface ReproduceOptions extends GroundOptions {
  readonly isKept: boolean;
  /** how many other seeds; 0: the noise is not asked for */
  readonly seedCount: number;
  readonly confidence: number;
  /** also what takes many runs: one ingredient at a time */
  readonly explains: boolean;
  /** false: nothing is run but the reproduction itself */
  readonly experiments: boolean;
}

/**
 * Does a run again in a clean checkout of its own, compares every output bit by bit, finds out why they differ where they do, and
 * keeps the verdict with the run.
 *
 * @param named a run, or a version of a model
 * @throws RUN_NOT_FOUND, RUN_NOT_REPEATABLE, REPRODUCTION_STOPPED; a step that fails is a verdict
 */
export async function reproduce(
  flags: CommonFlags,
  named: string,
  options: ReproduceOptions,
): Promise<Reproduction> {
  const target = await targetOf(flags, named);
  const told = await inPlace(options.isKept, (onPlace) => doAgain(flags, target, options, onPlace));
  return call<Reproduction>(flags, 'POST', `/api/v1/runs/${target.run.id}/reproductions`, told);
}

async function doAgain(
  flags: CommonFlags,
  target: Target,
  options: ReproduceOptions,
  onPlace: (place: Place) => void,
): Promise<NewReproduction> {
  const where = { folder: '', user: userName(), machine: machine() };
  const told = { leftOut: [...options.leftOut], place: where };
  const keep = (place: Place): void => {
    where.folder = place.folder;
    onPlace(place);
  };
  try {
    const ground = await Ground.prepare(flags, target, options, keep);
    note(`4/4 command: ${target.words.join(' ')}`);
    const again = await ground.run({ label: 'again' });
    const { runId: againId, stage } = again;
    const likeness = await ground.likeness(target.run.id, againId);
    const isSame = await ground.isSame(ground.recorded, again);
    const experiments =
      isSame || !options.experiments ? [] : await explain(ground, again, likeness, options, options.explains);
    const others =
      isSame || options.seedCount === 0
        ? undefined
        : await runWithSeeds(ground, options.seedCount, options.confidence);
    return {
      ...told,
      againId,
      stage,
      experiments,
      seeds: others?.seeds ?? null,
      notes: [...ground.notes, ...(others?.notes ?? [])],
    };
  } catch (thrown) {
    if (!(thrown instanceof StepFailed)) throw thrown;
    return { ...told, againId: null, failure: thrown.failure };
  }
}

/** Leaves nothing behind, however it ends; a command that is running gets the signals itself. */
async function inPlace<T>(
  isKept: boolean,
  work: (onPlace: (place: Place) => void) => Promise<T>,
): Promise<T> {
  const back = process.cwd();
  let place: Place | undefined;
  const leave = (): void => {
    if (!isKept) place?.remove();
  };
  const stop = (): void => {
    if (!Ground.isCommandOn) process.exit(130);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  process.on('exit', leave);
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work((made) => (place = made));
  } finally {
    process.chdir(back);
    leave();
    process.off('exit', leave);
    for (const signal of signals) process.off(signal, stop);
    if (isKept && place !== undefined) note(`kept: ${place.folder}`);
  }
}

function machine(): string {
  const facts = gatherMachine(process.env);
  return ['tilth.cpu', 'tilth.cores', 'tilth.os'].flatMap((name) => facts[name] ?? []).join(', ');
}
