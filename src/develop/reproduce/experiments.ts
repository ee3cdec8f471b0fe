import { messageOf, TilthError } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';
import { fixedGenerators } from './generators.ts';
import { Ground, type GroundOptions, type Made, type Variation } from './ground.ts';
import { differingSubjects } from './ingredients.ts';
import { otherSeed } from './other-seed.ts';
import type { Experiment, Likeness } from './reproduce-api.ts';
import { StepFailed } from './reproduce-errors.ts';

const oneThread = {
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  NUMEXPR_NUM_THREADS: '1',
} as const;

/**
 * Finds out why a reproduction differs: runs it once more with everything equal; where that differs too, twice with seeded
 * generators; and where it is asked for, with one ingredient at a time as it was recorded.
 *
 * @param isThorough also what takes many runs
 */
export async function explain(
  ground: Ground,
  again: Made,
  likeness: Likeness,
  options: GroundOptions,
  isThorough: boolean,
): Promise<Experiment[]> {
  const made: Experiment[] = [];
  try {
    note('it differs: running it once more with everything equal');
    const repeat = await ground.run({ label: 'repeat' });
    const isStable = await ground.isSame(again, repeat);
    made.push({
      kind: 'repeat',
      subject: null,
      runIds: [again.runId, repeat.runId],
      outcome: isStable ? 'equal' : 'differs',
      said: `Run twice here with everything equal, it gave ${isStable ? 'the same' : 'two results'}.`,
    });
    if (!isStable) made.push(...(await fixGenerators(ground, isThorough)));
    else if (isThorough) made.push(...(await swapThreads(ground, again, likeness)));
  } catch (thrown) {
    if (!(thrown instanceof StepFailed)) throw thrown;
    note(`an experiment failed: ${thrown.message}`);
    made.push({
      kind: 'repeat',
      subject: null,
      runIds: [],
      outcome: 'failed',
      said: `An experiment failed: ${thrown.message}`,
    });
  }
  return isThorough ? [...made, ...(await swapAll(ground, again, likeness, options, made))] : made;
}

async function fixGenerators(ground: Ground, isThorough: boolean): Promise<Experiment[]> {
  note('it differs from itself: running it twice with seeded generators');
  const generators = fixedGenerators(otherSeed(0), ground.ready.environment);
  try {
    const fixed = await pairOf(ground, { label: 'fixed generators', variables: generators.variables });
    const said = fixed.isSame
      ? 'With a seed for every generator that the script left without one, two runs are equal.'
      : 'With a seed for every generator that the script left without one (random, numpy, torch, tensorflow), two runs still differ.';
    const first: Experiment = {
      kind: 'fixed generators',
      subject: null,
      runIds: fixed.runIds,
      outcome: fixed.isSame ? 'equal' : 'differs',
      said,
    };
    if (fixed.isSame || !isThorough) return [first];
    note('running it twice with one thread');
    const single = await pairOf(ground, {
      label: 'one thread',
      variables: { ...generators.variables, ...oneThread },
    });
    const saidOfOne = single.isSame
      ? 'With one thread, two runs are equal: the order of threads makes the difference.'
      : 'With one thread in the numeric libraries, two runs still differ.';
    return [
      first,
      {
        kind: 'one thread',
        subject: null,
        runIds: single.runIds,
        outcome: single.isSame ? 'equal' : 'differs',
        said: saidOfOne,
      },
    ];
  } finally {
    generators.remove();
  }
}

async function pairOf(ground: Ground, variation: Variation): Promise<{ runIds: string[]; isSame: boolean }> {
  const one = await ground.run({ ...variation, label: `${variation.label} 1` });
  const other = await ground.run({ ...variation, label: `${variation.label} 2` });
  return { runIds: [one.runId, other.runId], isSame: await ground.isSame(one, other) };
}

/** As many threads as the run had, where this machine would take another number. */
async function swapThreads(ground: Ground, again: Made, likeness: Likeness): Promise<Experiment[]> {
  const threads = likeness.ingredients.find(({ name, state }) => name === 'threads' && state === 'differs');
  const count = /^(\d+) cores$/.exec(threads?.recorded ?? '')?.[1];
  if (count === undefined) return [];
  note(`swapping back: ${count} threads`);
  const variables = Object.fromEntries(Object.keys(oneThread).map((name) => [name, count]));
  const swapped = await ground.run({ label: 'swap threads', variables });
  return [await judge(ground, 'hardware', swapped, again, `${count} threads, as recorded`)];
}

/** What was not as recorded because it was asked for can be put back, one at a time; of the rest it is said that it can't. */
async function swapAll(
  ground: Ground,
  again: Made,
  likeness: Likeness,
  options: GroundOptions,
  before: readonly Experiment[],
): Promise<Experiment[]> {
  const differing = differingSubjects(likeness.ingredients);
  const swaps = new Map<Experiment['subject'], GroundOptions>();
  if (options.commit !== undefined) swaps.set('code', { ...options, commit: undefined });
  if (options.environment === 'here' || options.mayReuse) {
    const hasLock = ground.target.run.tags['tilth.lock'] !== undefined;
    swaps.set('environment', { ...options, environment: hasLock ? 'lock' : 'packages', mayReuse: false });
  }
  const made: Experiment[] = [];
  for (const subject of differing) {
    const swapped = swaps.get(subject);
    if (swapped !== undefined) made.push(await swap(ground, subject, swapped, again));
    else if (!before.some((each) => each.subject === subject))
      made.push(notPossible(subject, `The recorded ${subject} can not be put back from here.`));
  }
  return made;
}

const notPossible = (subject: Experiment['subject'], said: string): Experiment => ({
  kind: 'swap',
  subject,
  runIds: [],
  outcome: 'not possible',
  said,
});

async function swap(
  ground: Ground,
  subject: NonNullable<Experiment['subject']>,
  options: GroundOptions,
  again: Made,
): Promise<Experiment> {
  note(`swapping back: ${subject}`);
  // what is here is looked for from where the person stands
  process.chdir(ground.place.here ?? ground.place.folder);
  let other: Ground | undefined;
  try {
    other = await Ground.prepare(ground.flags, ground.target, options);
    return await judge(
      ground,
      subject,
      await other.run({ label: `swap ${subject}` }),
      again,
      `the recorded ${subject}`,
    );
  } catch (thrown) {
    const isExpected = thrown instanceof StepFailed || (thrown instanceof TilthError && thrown.status < 500);
    if (!isExpected) throw thrown;
    return notPossible(subject, `The recorded ${subject} could not be put back: ${messageOf(thrown)}`);
  } finally {
    process.chdir(ground.place.folder);
    other?.place.remove();
  }
}

async function judge(
  ground: Ground,
  subject: Experiment['subject'],
  swapped: Made,
  again: Made,
  what: string,
): Promise<Experiment> {
  const outcome = (await ground.isSame(ground.recorded, swapped))
    ? 'as recorded'
    : (await ground.isSame(again, swapped))
      ? 'as reproduced'
      : 'as neither';
  const said = {
    'as recorded': `With ${what}, and all else as it was found, it gave the recorded result.`,
    'as reproduced': `With ${what}, it gave the same as without: that is not it.`,
    'as neither': `With ${what}, it gave a third result: it has a part in it.`,
  }[outcome];
  return { kind: 'swap', subject, runIds: [swapped.runId], outcome, said };
}
