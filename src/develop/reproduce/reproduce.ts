import { join } from 'node:path';
import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { messageOf, TilthError } from '../../platform/errors.ts';
import { resolveHome } from '../../platform/home.ts';
import { note } from '../../platform/terminal.ts';
import { gatherMachine } from '../repeatable/gather-environment.ts';
import { isSeedName } from '../repeatable/repeatable.ts';
import { runCommand, userName } from '../repeatable/run-command.ts';
import { differingSubjects } from './ingredients.ts';
import { fixedGenerators } from './generators.ts';
import { otherSeed, seedPlace, withSeed } from './other-seed.ts';
import { applyChanges, git, makePlace, type Place } from './place.ts';
import { dataOf, restoreData, type WantedData } from './place-data.ts';
import { environmentFor, wordsFor, type EnvironmentSource, type Ready } from './place-environment.ts';
import type { Experiment, Likeness, NewReproduction, Reproduction } from './reproduce-api.ts';
import { StepFailed } from './reproduce-errors.ts';
import { runStage } from './run-stage.ts';
import { dataOfStages, measuredStages, withUpstream, type Execution } from './stage-target.ts';
import { fileOf, targetOf, type Target } from './target.ts';

export interface ReproduceOptions {
  readonly isKept: boolean;
  /** how many other seeds; 0: the noise is not asked for */
  readonly seedCount: number;
  readonly confidence: number;
  /** also what takes many runs: one ingredient at a time */
  readonly explains: boolean;
  /** false: nothing is run but the reproduction itself */
  readonly experiments: boolean;
  readonly environment: EnvironmentSource;
  readonly mayReuse: boolean;
  /** of a stage: what it depends on too */
  readonly withUpstream: boolean;
  /** a revision instead of the recorded commit */
  readonly commit: string | undefined;
  readonly leftOut: readonly string[];
}

/**
 * Does a run again in a clean checkout of its own, compares every output bit by bit, finds out why they differ where they do, and
 * keeps the verdict with the run.
 *
 * @throws RUN_NOT_FOUND, RUN_NOT_REPEATABLE; a step that fails is a verdict
 */
export async function reproduce(
  flags: CommonFlags,
  named: string,
  options: ReproduceOptions,
): Promise<Reproduction> {
  const target = await targetOf(flags, named);
  const session = new Session(flags, target, options);
  const told = await session.run();
  return call<Reproduction>(flags, 'POST', `/api/v1/runs/${target.run.id}/reproductions`, told);
}

interface Variation {
  readonly label: string;
  readonly words?: (words: readonly string[]) => readonly string[];
  readonly variables?: NodeJS.ProcessEnv;
}

class Session {
  readonly #flags: CommonFlags;
  readonly #target: Target;
  readonly #options: ReproduceOptions;
  readonly #notes: string[] = [];
  readonly #experiments: Experiment[] = [];
  #patch: Buffer = Buffer.alloc(0);
  #packages: string | undefined;
  #failedRun: string | null = null;

  constructor(flags: CommonFlags, target: Target, options: ReproduceOptions) {
    this.#flags = flags;
    this.#target = target;
    this.#options = options;
  }

  async run(): Promise<NewReproduction> {
    const back = process.cwd();
    const folder = { path: '' };
    const base = { leftOut: [...this.#options.leftOut], notes: this.#notes, experiments: this.#experiments };
    const where = (): NewReproduction['place'] => ({
      folder: folder.path,
      user: userName(),
      machine: machine(),
    });
    let place: Place | undefined;
    const leave = (): void => {
      if (!this.#options.isKept) place?.remove();
    };
    const stop = (): void => process.exit(130);
    process.once('exit', leave);
    process.once('SIGTERM', stop);
    try {
      note(`1/4 code: commit ${this.#target.commit.slice(0, 10)}`);
      place = await this.#placeOf(this.#options.commit);
      folder.path = place.folder;
      this.#notes.push(...place.notes);
      const executions = this.#executions();
      const ready = await this.#prepare(place, executions);
      note(`4/4 command: ${this.#target.words.join(' ')}`);
      const againId = await this.#runOnce(place, ready, executions, { label: 'again' });
      const stage = executions === undefined ? null : measuredStages(place, executions);
      const likeness = await this.#likeness(againId);
      const isSame =
        likeness.isIdentical &&
        (stage === null || stage.outputs.every(({ recorded, found }) => recorded === found));
      if (!isSame && this.#options.experiments)
        await this.#explain(place, ready, executions, againId, likeness);
      const seeds =
        isSame || this.#options.seedCount === 0 ? null : await this.#otherSeeds(place, ready, executions);
      return { ...base, againId, stage, seeds, place: where() };
    } catch (thrown) {
      if (!(thrown instanceof StepFailed)) throw thrown;
      return { ...base, againId: this.#failedRun, failure: thrown.failure, place: where() };
    } finally {
      process.chdir(back);
      leave();
      process.off('exit', leave);
      process.off('SIGTERM', stop);
      if (this.#options.isKept && folder.path !== '') note(`kept: ${folder.path}`);
    }
  }

  async #placeOf(instead: string | undefined): Promise<Place> {
    const { run, commit } = this.#target;
    const { tags } = run;
    const place = makePlace({
      commit,
      tree: tags['tilth.code.tree'],
      remote: tags['mlflow.source.git.repoURL'],
      instead,
    });
    try {
      this.#patch =
        tags['tilth.dirty'] === 'true'
          ? ((await fileOf(this.#flags, this.#target, 'changes')) ?? Buffer.alloc(0))
          : Buffer.alloc(0);
      this.#packages = (await fileOf(this.#flags, this.#target, 'packages'))?.toString('utf8');
      if (tags['tilth.changes.lost'] !== undefined)
        this.#notes.push(
          `Not kept with the run, and so not there: ${tags['tilth.changes.lost'].split('\n').join(', ')}.`,
        );
      applyChanges(place, this.#patch);
      return place;
    } catch (thrown) {
      place.remove();
      throw thrown;
    }
  }

  /** Of a stage: it, and what it depends on where that is asked for. */
  #executions(): readonly Execution[] | undefined {
    const { stage } = this.#target;
    if (stage === undefined) return undefined;
    return this.#options.withUpstream ? withUpstream(stage) : [stage];
  }

  async #prepare(place: Place, executions: readonly Execution[] | undefined): Promise<Ready> {
    const { run, words } = this.#target;
    note('2/4 data');
    this.#notes.push(...(await this.#restore(place, executions)));
    note('3/4 environment');
    const { environment, mayReuse } = this.#options;
    const wish = {
      source: environment,
      mayReuse,
      home: resolveHome(this.#flags.home).root,
      tags: run.tags,
      words,
      packages: this.#packages,
      onLine: note,
    };
    const ready = await environmentFor(place, wish);
    this.#notes.push(...ready.notes);
    return ready;
  }

  async #restore(place: Place, executions: readonly Execution[] | undefined): Promise<string[]> {
    const wanted: WantedData[] =
      executions === undefined
        ? await dataOf(place, this.#target.run.tags, !isPipeline(this.#target.words))
        : dataOfStages(place, executions);
    return restoreData(place, wanted, note);
  }

  /** Everything as it was before the command ran, but for the environment. */
  async #reset(place: Place, executions: readonly Execution[] | undefined): Promise<void> {
    process.chdir(place.folder);
    const kept = ['-e', '/.venv', '-e', '/.dvc/cache', '-e', '/.dvc/config.local'];
    git(place.folder, ['reset', '--quiet', '--hard', place.commit]);
    git(place.folder, ['clean', '-ffdxq', ...kept]);
    applyChanges(place, this.#patch);
    await this.#restore(place, executions);
  }

  /** @returns the id of its first run. @throws StepFailed when the command fails */
  async #runOnce(
    place: Place,
    ready: Ready,
    executions: readonly Execution[] | undefined,
    variation: Variation,
  ): Promise<string> {
    const { run, stage, words: recorded } = this.#target;
    const tags = { 'tilth.reproduces': run.id, 'tilth.reproduction.part': variation.label };
    const variables = variation.variables ?? {};
    if (stage !== undefined && executions !== undefined) {
      const { withUpstream: isAll } = this.#options;
      variation.words?.([]);
      return runStage({
        flags: this.#flags,
        place,
        ready,
        stage: stage.stage,
        withUpstream: isAll,
        tags,
        variables,
      });
    }
    process.chdir(join(place.folder, run.tags['tilth.folder'] ?? '.'));
    const words = wordsFor(place, ready, run.tags, variation.words?.(recorded) ?? recorded);
    const flags = { ...this.#flags, experiment: run.experimentName, name: `${run.name} ${variation.label}` };
    const options = { tags, environment: { ...ready.environment, ...variables }, isOutputProgress: true };
    const done = await runCommand(words, flags, options).catch((thrown: unknown) => {
      if (!(thrown instanceof TilthError) || thrown.code !== 'COMMAND_NOT_STARTED') throw thrown;
      throw new StepFailed(
        'command',
        thrown.message,
        'Build the environment that it needs: tilth reproduce RUN --environment packages',
      );
    });
    if (done.code !== 0) throw await this.#commandFailed(done.runId, words, done.code);
    return done.runId;
  }

  async #commandFailed(runId: string, words: readonly string[], code: number): Promise<StepFailed> {
    this.#failedRun = runId;
    const { tags } = await call<{ tags: Record<string, string> }>(
      this.#flags,
      'GET',
      `/api/v1/runs/${runId}`,
    );
    const output = tags['tilth.error'] ?? '';
    const path = /No such file or directory: ['"]([^'"]+)['"]/.exec(output)?.[1];
    const todo =
      path === undefined
        ? `See all of its output: tilth run show ${runId}, and try it by hand: tilth reproduce RUN --keep`
        : `${path} is not in the commit, and no .dvc file records it: tilth data add ${path}, or commit it`;
    const last = output.trim().split('\n').at(-1) ?? '';
    return new StepFailed(
      'command',
      `${words.slice(0, 3).join(' ')} ended with ${code}${last === '' ? '' : `: ${last}`}`,
      todo,
      output,
    );
  }

  #likeness(otherId: string, id = this.#target.run.id): Promise<Likeness> {
    const query =
      this.#options.leftOut.length === 0
        ? ''
        : `?leaveOut=${encodeURIComponent(this.#options.leftOut.join(','))}`;
    return call<Likeness>(this.#flags, 'GET', `/api/v1/runs/${id}/likeness/${otherId}${query}`);
  }

  /** Runs it once more with everything equal; where that differs, with fixed generators; and one ingredient at a time. */
  async #explain(
    place: Place,
    ready: Ready,
    executions: readonly Execution[] | undefined,
    againId: string,
    likeness: Likeness,
  ): Promise<void> {
    const once = async (variation: Variation): Promise<string> => {
      await this.#reset(place, executions);
      return this.#runOnce(place, ready, executions, variation);
    };
    try {
      note('it differs: running it once more with everything equal');
      const repeatId = await once({ label: 'repeat' });
      const isStable = (await this.#likeness(repeatId, againId)).isIdentical;
      this.#experiments.push({
        kind: 'repeat',
        subject: null,
        runIds: [againId, repeatId],
        outcome: isStable ? 'equal' : 'differs',
        said: isStable
          ? 'Run twice here with everything equal, it gave the same.'
          : 'Run twice here with everything equal, it gave two results.',
      });
      if (!isStable) await this.#fixGenerators(once, ready);
      else if (this.#options.explains) await this.#swapThreads(once, againId, likeness);
    } catch (thrown) {
      if (!(thrown instanceof StepFailed)) throw thrown;
      this.#notes.push(`An experiment failed: ${thrown.message}`);
    }
    if (this.#options.explains) await this.#swapRest(executions, againId, likeness);
  }

  async #fixGenerators(once: (variation: Variation) => Promise<string>, ready: Ready): Promise<void> {
    const pairOf = async (
      label: string,
      variables: NodeJS.ProcessEnv,
    ): Promise<{ runIds: string[]; isEqual: boolean }> => {
      const runIds = [
        await once({ label: `${label} 1`, variables }),
        await once({ label: `${label} 2`, variables }),
      ];
      return { runIds, isEqual: (await this.#likeness(runIds[1] ?? '', runIds[0])).isIdentical };
    };
    note('it differs from itself: running it twice with seeded generators');
    const generators = fixedGenerators(otherSeed(0), ready.environment);
    try {
      const { runIds, isEqual } = await pairOf('fixed generators', generators.variables);
      const said = isEqual
        ? 'With a seed for every generator that the script left without one, two runs are equal.'
        : 'With a seed for every generator that the script left without one (random, numpy, torch, tensorflow), two runs still differ.';
      this.#experiments.push({
        kind: 'fixed generators',
        subject: null,
        runIds,
        outcome: isEqual ? 'equal' : 'differs',
        said,
      });
      if (isEqual || !this.#options.explains) return;
      note('running it twice with one thread');
      const single = await pairOf('one thread', { ...generators.variables, ...oneThread });
      const saidOfOne = single.isEqual
        ? 'With one thread, two runs are equal: the order of threads makes the difference.'
        : 'With one thread, two runs still differ.';
      this.#experiments.push({
        kind: 'one thread',
        subject: null,
        runIds: single.runIds,
        outcome: single.isEqual ? 'equal' : 'differs',
        said: saidOfOne,
      });
    } finally {
      generators.remove();
    }
  }

  /** As many threads as the run had, where this machine would take another number. */
  async #swapThreads(
    once: (variation: Variation) => Promise<string>,
    againId: string,
    likeness: Likeness,
  ): Promise<void> {
    const threads = likeness.ingredients.find(({ name, state }) => name === 'threads' && state === 'differs');
    const count = /^(\d+) cores$/.exec(threads?.recorded ?? '')?.[1];
    if (count === undefined) return;
    note(`swapping back: ${count} threads`);
    const variables = Object.fromEntries(Object.keys(oneThread).map((name) => [name, count]));
    await this.#judgeSwap(
      'hardware',
      await once({ label: 'swap threads', variables }),
      againId,
      `${count} threads, as recorded`,
    );
  }

  /** What was not as recorded because it was asked for can be put back, one at a time. */
  async #swapRest(
    executions: readonly Execution[] | undefined,
    againId: string,
    likeness: Likeness,
  ): Promise<void> {
    const differing = new Set(differingSubjects(likeness.ingredients));
    const possible = [
      ...(this.#options.commit !== undefined ? (['code'] as const) : []),
      ...(this.#options.environment === 'here' || this.#options.mayReuse ? (['environment'] as const) : []),
    ].filter((subject) => differing.has(subject));
    for (const subject of possible) await this.#swap(subject, executions, againId);
    const tried = new Set(this.#experiments.flatMap((each) => each.subject ?? []));
    for (const subject of differing) {
      if (tried.has(subject)) continue;
      const said = `The recorded ${subject} can not be put back from here.`;
      this.#experiments.push({ kind: 'swap', subject, runIds: [], outcome: 'not possible', said });
    }
  }

  async #swap(
    subject: 'code' | 'environment',
    executions: readonly Execution[] | undefined,
    againId: string,
  ): Promise<void> {
    note(`swapping back: ${subject}`);
    let place: Place | undefined;
    try {
      place = await this.#placeOf(subject === 'code' ? undefined : this.#options.commit);
      await this.#restore(place, executions);
      const { environment, mayReuse } = this.#options;
      const isSwapped = subject === 'environment';
      const source = isSwapped
        ? this.#target.run.tags['tilth.lock'] === undefined
          ? 'packages'
          : 'lock'
        : environment;
      const wish = {
        source,
        mayReuse: mayReuse && !isSwapped,
        home: resolveHome(this.#flags.home).root,
        tags: this.#target.run.tags,
        words: this.#target.words,
        packages: this.#packages,
        onLine: note,
      } as const;
      const ready = await environmentFor(place, wish);
      const runId = await this.#runOnce(place, ready, executions, { label: `swap ${subject}` });
      await this.#judgeSwap(subject, runId, againId, `the recorded ${subject}`);
    } catch (thrown) {
      if (!(thrown instanceof StepFailed || thrown instanceof TilthError)) throw thrown;
      this.#experiments.push({
        kind: 'swap',
        subject,
        runIds: [],
        outcome: 'not possible',
        said: `The recorded ${subject} could not be put back: ${messageOf(thrown)}`,
      });
    } finally {
      process.chdir('/');
      place?.remove();
    }
  }

  async #judgeSwap(
    subject: Experiment['subject'],
    runId: string,
    againId: string,
    what: string,
  ): Promise<void> {
    const [toRun, toAgain] = [await this.#likeness(runId), await this.#likeness(runId, againId)];
    const outcome = toRun.isIdentical ? 'as recorded' : toAgain.isIdentical ? 'as reproduced' : 'as neither';
    const said = {
      'as recorded': `With ${what}, and all else as it was found, it gave the recorded result.`,
      'as reproduced': `With ${what}, it gave the same as without: that is not it.`,
      'as neither': `With ${what}, it gave a third result: it has a part in it.`,
    }[outcome];
    this.#experiments.push({ kind: 'swap', subject, runIds: [runId], outcome, said });
  }

  async #otherSeeds(
    place: Place,
    ready: Ready,
    executions: readonly Execution[] | undefined,
  ): Promise<NewReproduction['seeds']> {
    const { seedCount, confidence } = this.#options;
    const runIds: string[] = [];
    let how = '';
    for (let index = 0; index < seedCount; index += 1) {
      note(`seed ${index + 1}/${seedCount}`);
      await this.#reset(place, executions);
      const folder =
        executions === undefined
          ? join(place.folder, this.#target.run.tags['tilth.folder'] ?? '.')
          : place.folder;
      const seat = seedPlace(executions === undefined ? this.#target.words : [], folder);
      how = this.#saidOf(seat.said, seat.kind === 'generators');
      const seed = otherSeed(index + 1);
      const generators = fixedGenerators(seed, ready.environment);
      try {
        const variables = seat.kind === 'generators' ? generators.variables : {};
        runIds.push(
          await this.#runOnce(place, ready, executions, {
            label: `seed ${seed}`,
            words: (words) => withSeed(seat, words, seed),
            variables,
          }),
        );
      } catch (thrown) {
        if (!(thrown instanceof StepFailed)) throw thrown;
        this.#notes.push(`The run with the seed ${seed} failed: ${thrown.message}`);
      } finally {
        generators.remove();
      }
    }
    return { runIds, how, confidence };
  }

  #saidOf(said: string, isByGenerators: boolean): string {
    const known = Object.keys(this.#target.run.params).some(isSeedName);
    return isByGenerators && known
      ? `${said}; the run's own seed stands in its code, and was not changed`
      : said;
  }
}

const oneThread = {
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  NUMEXPR_NUM_THREADS: '1',
} as const;

/** A pipeline makes what lies between its stages again. */
const isPipeline = (words: readonly string[]): boolean =>
  /(?:^|[\s/])(?:dvc\s+(?:repro|exp)|tilth\s+(?:pipeline\s+run|dvc\s+repro))\b/.test(words.join(' '));

function machine(): string {
  const facts = gatherMachine(process.env);
  return ['tilth.cpu', 'tilth.cores', 'tilth.os'].flatMap((name) => facts[name] ?? []).join(', ');
}
