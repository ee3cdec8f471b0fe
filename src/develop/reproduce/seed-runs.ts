import { note } from '../../platform/terminal.ts';
import { isSeedName } from '../repeatable/repeatable.ts';
import { fixedGenerators } from './generators.ts';
import type { Ground } from './ground.ts';
import { otherSeed, seedPlace, withSeed } from './other-seed.ts';
import type { NewReproduction } from './reproduce-api.ts';
import { StepFailed } from './reproduce-errors.ts';

type SeedRuns = NonNullable<NewReproduction['seeds']>;

/** Runs it with other seeds; what fails is left out, and said. */
export async function runWithSeeds(
  ground: Ground,
  count: number,
  confidence: number,
): Promise<{ seeds: SeedRuns; notes: string[] }> {
  const { target, folder } = ground;
  const seat = seedPlace(target.stage === undefined ? target.words : [], folder);
  const runIds: string[] = [];
  const notes: string[] = [];
  for (let index = 1; index <= count; index += 1) {
    const seed = otherSeed(index);
    note(`seed ${index}/${count}`);
    const generators =
      seat.kind === 'generators' ? fixedGenerators(seed, ground.ready.environment) : undefined;
    try {
      const words = (all: readonly string[]): readonly string[] =>
        seat.kind === 'words' ? withSeed(seat, all, seed) : all;
      const variables = generators?.variables ?? {};
      const { runId } = await ground.run({ label: `seed ${seed}`, words, variables }, () => {
        if (seat.kind === 'file') withSeed(seat, [], seed);
      });
      runIds.push(runId);
    } catch (thrown) {
      if (!(thrown instanceof StepFailed)) throw thrown;
      notes.push(`The run with the seed ${seed} failed: ${thrown.message}`);
    } finally {
      generators?.remove();
    }
  }
  const isInCode = seat.kind === 'generators' && Object.keys(target.run.params).some(isSeedName);
  const how = isInCode
    ? `${seat.said}; the run's own seed stands in its code, and was not changed`
    : seat.said;
  return { seeds: { runIds, how, confidence }, notes };
}
