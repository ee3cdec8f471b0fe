import { join } from 'node:path';
import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import { resolveHome } from '../../platform/home.ts';
import { note } from '../../platform/terminal.ts';
import { runCommand } from '../repeatable/run-command.ts';
import { applyChanges, git, makePlace, type Place } from './place.ts';
import { dataOf, restoreData } from './place-data.ts';
import { environmentFor, wordsFor, type EnvironmentSource, type Ready } from './place-environment.ts';
import type { Likeness, NewReproduction } from './reproduce-api.ts';
import { StepFailed, stopped } from './reproduce-errors.ts';
import { runStage } from './run-stage.ts';
import { dataOfStages, measuredStages, withUpstream, type Execution } from './stage-target.ts';
import { fileOf, type Target } from './target.ts';

export interface GroundOptions {
  readonly environment: EnvironmentSource;
  readonly mayReuse: boolean;
  /** of a stage: what it depends on too */
  readonly withUpstream: boolean;
  /** a revision instead of the recorded commit */
  readonly commit: string | undefined;
  readonly leftOut: readonly string[];
}

/** What is another than in the run. */
export interface Variation {
  /** of its run: `again`, `repeat`, `seed 5` */
  readonly label: string;
  readonly words?: (words: readonly string[]) => readonly string[];
  readonly variables?: NodeJS.ProcessEnv;
}

/** A run, and what its stages made where it is one of a stage. */
export interface Made {
  readonly runId: string;
  readonly stage: NewReproduction['stage'];
}

/** Everything that a run is done again on: code, data and environment in a folder of their own. */
export class Ground {
  readonly flags: CommonFlags;
  readonly target: Target;
  readonly place: Place;
  readonly ready: Ready;
  /** what is worth saying of where it all came from */
  readonly notes: readonly string[];
  readonly #options: GroundOptions;
  readonly #patch: Buffer;
  readonly #executions: readonly Execution[] | undefined;
  #isUsed = false;
  static #isCommandOn = false;

  private constructor(
    made: Pick<Ground, 'flags' | 'target' | 'place' | 'ready' | 'notes'>,
    options: GroundOptions,
    patch: Buffer,
  ) {
    this.flags = made.flags;
    this.target = made.target;
    this.place = made.place;
    this.ready = made.ready;
    this.notes = made.notes;
    this.#options = options;
    this.#patch = patch;
    this.#executions = executionsOf(made.target, options);
  }

  /** While a command runs, it gets the signals, and ends by itself. */
  static get isCommandOn(): boolean {
    return Ground.#isCommandOn;
  }

  /**
   * @param onPlace is told of the folder as soon as there is one
   * @throws StepFailed, with nothing left behind
   */
  static async prepare(
    flags: CommonFlags,
    target: Target,
    options: GroundOptions,
    onPlace: (place: Place) => void = () => undefined,
  ): Promise<Ground> {
    const { commit, run } = target;
    const { tags } = run;
    note(`1/4 code: commit ${commit.slice(0, 10)}`);
    const wanted = {
      commit,
      tree: tags['tilth.code.tree'],
      remote: tags['mlflow.source.git.repoURL'],
      instead: options.commit,
    };
    const place = makePlace(wanted);
    onPlace(place);
    try {
      const lost = tags['tilth.changes.lost'];
      const patch = tags['tilth.dirty'] === 'true' ? await fileOf(flags, target, 'changes') : undefined;
      if (patch !== undefined) applyChanges(place, patch);
      note('2/4 data');
      const data = await restore(place, target, options);
      note('3/4 environment');
      const packages = (await fileOf(flags, target, 'packages'))?.toString('utf8');
      const { environment: source, mayReuse } = options;
      const home = resolveHome(flags.home).root;
      const ready = await environmentFor(place, {
        source,
        mayReuse,
        home,
        tags,
        words: target.words,
        packages,
        onLine: note,
      });
      const notes = [
        ...place.notes,
        ...(lost === undefined
          ? []
          : [`Not kept with the run, and so not there: ${lost.split('\n').join(', ')}.`]),
        ...data,
        ...ready.notes,
      ];
      return new Ground({ flags, target, place, ready, notes }, options, patch ?? Buffer.alloc(0));
    } catch (thrown) {
      place.remove();
      throw thrown;
    }
  }

  /** What the run itself made. */
  get recorded(): Made {
    const stage = this.#executions === undefined ? null : measuredStages(this.place, this.#executions);
    const outputs = stage?.outputs.map((each) => ({ ...each, found: each.recorded }));
    return {
      runId: this.target.run.id,
      stage: stage === null || outputs === undefined ? null : { ...stage, outputs },
    };
  }

  /** Where the command starts. */
  get folder(): string {
    return this.target.stage === undefined
      ? join(this.place.folder, this.target.run.tags['tilth.folder'] ?? '.')
      : this.place.folder;
  }

  /**
   * Runs it, from the same start every time.
   *
   * @param change is done to the folder before it starts
   * @throws StepFailed when the command fails
   */
  async run(variation: Variation, change: () => void = () => undefined): Promise<Made> {
    if (this.#isUsed) await this.#reset();
    this.#isUsed = true;
    change();
    process.chdir(this.folder);
    Ground.#isCommandOn = true;
    try {
      const runId = await this.#start(variation);
      return {
        runId,
        stage: this.#executions === undefined ? null : measuredStages(this.place, this.#executions),
      };
    } finally {
      Ground.#isCommandOn = false;
    }
  }

  /** Every output that both made, bit by bit. */
  async isSame(one: Made, other: Made): Promise<boolean> {
    const { outputs } = await this.likeness(one.runId, other.runId);
    const found = new Map(one.stage?.outputs.map((each) => [each.path, each.found]));
    const isEqual = outputs.every(
      ({ state }) => state === 'equal' || state === 'equal but for' || state === 'left out',
    );
    return isEqual && (other.stage?.outputs ?? []).every((each) => found.get(each.path) === each.found);
  }

  likeness(id: string, otherId: string): Promise<Likeness> {
    const { leftOut } = this.#options;
    const query = leftOut.length === 0 ? '' : `?leaveOut=${encodeURIComponent(leftOut.join(','))}`;
    return call<Likeness>(this.flags, 'GET', `/api/v1/runs/${id}/likeness/${otherId}${query}`);
  }

  /** Everything as it was before the command ran, but for the environment. */
  async #reset(): Promise<void> {
    const { place, target } = this;
    process.chdir(place.folder);
    git(place.folder, ['reset', '--quiet', '--hard', place.commit]);
    git(place.folder, ['clean', '-ffdxq', '-e', '.venv', '-e', '/.dvc/cache', '-e', '/.dvc/config.local']);
    applyChanges(place, this.#patch);
    await restore(place, target, this.#options);
  }

  async #start({ label, words: change, variables = {} }: Variation): Promise<string> {
    const { flags, target, place, ready } = this;
    const { run, stage } = target;
    const tags = { 'tilth.reproduces': run.id, 'tilth.reproduction.part': label };
    if (stage !== undefined) {
      return runStage({
        flags,
        place,
        ready,
        stage: stage.stage,
        withUpstream: this.#options.withUpstream,
        tags,
        variables,
      });
    }
    const words = wordsFor(place, ready, run.tags, change?.(target.words) ?? target.words);
    const named = { ...flags, experiment: run.experimentName, name: `${run.name} ${label}` };
    const options = { tags, environment: { ...ready.environment, ...variables }, isOutputProgress: true };
    const done = await runCommand(words, named, options).catch((thrown: unknown) => {
      if (!(thrown instanceof TilthError) || thrown.code !== 'COMMAND_NOT_STARTED') throw thrown;
      throw new StepFailed(
        'command',
        thrown.message,
        'Build the environment that it needs: tilth reproduce RUN --environment packages',
      );
    });
    if (done.code === 0) return done.runId;
    throw await this.#failed(done.runId, words, done.code);
  }

  async #failed(runId: string, words: readonly string[], code: number): Promise<Error> {
    const { tags, status } = await call<{ tags: Record<string, string>; status: string }>(
      this.flags,
      'GET',
      `/api/v1/runs/${runId}`,
    );
    if (status === 'KILLED') return stopped();
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
}

/** Of a stage: it, and what it depends on where that is asked for. */
function executionsOf({ stage }: Target, options: GroundOptions): readonly Execution[] | undefined {
  if (stage === undefined) return undefined;
  return options.withUpstream ? withUpstream(stage) : [stage];
}

async function restore(place: Place, target: Target, options: GroundOptions): Promise<string[]> {
  const executions = executionsOf(target, options);
  const wanted =
    executions === undefined
      ? await dataOf(place, target.run.tags, !isPipeline(target.words))
      : dataOfStages(place, executions);
  return restoreData(place, wanted, note);
}

/** A pipeline makes what lies between its stages again. */
const isPipeline = (words: readonly string[]): boolean =>
  /(?:^|[\s/])(?:dvc\s+(?:repro|exp)|tilth\s+(?:pipeline\s+run|dvc\s+repro))\b/.test(words.join(' '));
