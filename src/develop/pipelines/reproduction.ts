import { paramsReader } from '../dvc-files/params-file.ts';
import { claimPaths, type PathUse } from '../dvc-files/path-locks.ts';
import { depsOf } from '../dvc-files/targets.ts';
import { withRepositoryLock } from '../dvc-files/repository-lock.ts';
import { stagePath } from '../dvc-files/stage.ts';
import { readIndex, type Index, type RecordedStage } from '../dvc-files/stored.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { graphOf, reached, usersOf, type Graph } from './graph.ts';
import { reproductionFailed, runStopped, stageFailed } from './pipeline-errors.ts';
import { planOf, type Choice } from './plan.ts';
import { runCommands, type CommandEnd, type Stream } from './stage-command.ts';
import { clearOuts, decide, type Decision, type DecisionOptions } from './stage-decision.ts';
import { restoreOuts, settle, type Settled } from './stage-settling.ts';

/** What became of a stage; `recorded`: its outputs, or versioned data, were taken as they were found. */
export type Outcome =
  | 'unchanged'
  | 'frozen'
  | 'restored'
  | 'recorded'
  | 'ran'
  | 'failed'
  | 'skipped'
  | 'stopped';

export interface StageOutcome {
  /** `train`, `sub/dvc.yaml:train`, `data.dvc` */
  readonly stage: string;
  readonly outcome: Outcome;
}

export interface ReproductionOptions extends Choice, Omit<DecisionOptions, 'isDry'> {
  readonly isDry?: boolean;
  /** stages that depend on one that ran do so too, whatever changed */
  readonly forcesDownstream?: boolean;
  /** `keep-going` runs all that does not depend on what failed, `ignore` that too */
  readonly onError: 'fail' | 'keep-going' | 'ignore';
  /** false: outputs are hashed, and nothing is put into the cache */
  readonly isStored: boolean;
  /** how many stages may run at once */
  readonly jobs: number;
  readonly environment: NodeJS.ProcessEnv;
  /** aborted with the signal's name: running stages are stopped */
  readonly signal: AbortSignal;
  /** asked before a stage runs; false ends the run */
  readonly confirm?: (stage: RecordedStage) => Promise<boolean>;
  /** asked before a stage reads anything, and refuses by throwing: contracts and policies of the project */
  readonly allow?: (stage: RecordedStage) => Promise<void>;
  /** brings what a stage made, or misses, from the remote; whether it could */
  readonly pull?: (stage: RecordedStage, workspace: Workspace) => Promise<boolean>;
  /** brings what a stage reads and what is not there, before it is decided about */
  readonly pullDependencies?: (stage: RecordedStage, workspace: Workspace, index: Index) => Promise<void>;
}

/** Told of what happens, in the order in which it does. */
export interface Watcher {
  planned?(stages: readonly RecordedStage[], graph: Graph): Promise<void> | void;
  decided?(stage: RecordedStage, outcome: Outcome): void;
  /** before the first line of its command: what its commands find in their environment beside all others' */
  starting?(stage: RecordedStage): Promise<NodeJS.ProcessEnv> | NodeJS.ProcessEnv;
  line?(stage: RecordedStage, line: string): void;
  output?(stage: RecordedStage, stream: Stream, chunk: Buffer): void;
  settled?(stage: RecordedStage, settled: Settled): void;
  ended?(stage: RecordedStage, outcome: Outcome, error: unknown): Promise<void> | void;
}

interface Run {
  readonly stage: RecordedStage;
  readonly end: CommandEnd;
  readonly thrown: unknown;
}

/**
 * Brings a pipeline up to date: stages in order, unchanged ones skipped, independent ones at once, `dvc.lock` written after each
 * one that finished, so that a run that was broken off goes on where it stopped.
 *
 * @throws STAGE_FAILED, REPRODUCTION_FAILED, PIPELINE_STOPPED, and what stops a plan or a decision
 */
export async function reproduce(
  repository: Repository,
  options: ReproductionOptions,
  watchers: readonly Watcher[],
): Promise<StageOutcome[]> {
  const index = readIndex(repository);
  const graph = graphOf(index);
  const plan = planOf(index, graph, options);
  return new Reproduction(index, graph, plan, options, watchers).run();
}

class Reproduction {
  readonly #index: Index;
  readonly #graph: Graph;
  readonly #plan: readonly RecordedStage[];
  readonly #options: ReproductionOptions;
  readonly #watchers: readonly Watcher[];
  readonly #waiting: Set<RecordedStage>;
  readonly #running = new Map<RecordedStage, Promise<Run>>();
  readonly #outcomes = new Map<RecordedStage, Outcome>();
  readonly #forced = new Set<RecordedStage>();
  /** path → md5 of what was made last, by this run or before */
  readonly #remade = new Map<string, string>();
  readonly #failures: { readonly stage: RecordedStage; readonly error: unknown }[] = [];
  /** paths that running stages use are kept from other processes; the functions let them go */
  readonly #claims = new Map<RecordedStage, () => void>();
  readonly #stop = new AbortController();
  /** what watchers still do about stages that ended; waited for without the lock */
  #endings: Promise<void>[] = [];
  readonly #planned: ReadonlySet<RecordedStage>;

  constructor(
    index: Index,
    graph: Graph,
    plan: readonly RecordedStage[],
    options: ReproductionOptions,
    watchers: readonly Watcher[],
  ) {
    this.#index = index;
    this.#graph = graph;
    this.#plan = plan;
    this.#options = options;
    this.#watchers = watchers;
    this.#waiting = new Set(plan);
    this.#planned = new Set(plan);
    for (const { path, md5 } of index.outs) if (md5 !== undefined) this.#remade.set(path, md5);
    const { signal } = options;
    if (signal.aborted) this.#stop.abort(signal.reason);
    signal.addEventListener('abort', () => this.#stop.abort(signal.reason), { once: true });
  }

  async run(): Promise<StageOutcome[]> {
    for (const watcher of this.#watchers) await watcher.planned?.(this.#plan, this.#graph);
    let ended: Run[] = [];
    for (;;) {
      // one lock and one look at the files for all stages up to the next that runs
      const due = await this.#inWorkspace(async (workspace) => {
        for (const run of ended) this.#settleRun(workspace, run);
        return this.#decideReady(workspace);
      });
      await Promise.all(this.#endings.splice(0));
      for (const stage of due) this.#running.set(stage, this.#start(stage));
      if (this.#running.size === 0) break;
      const first = await Promise.race(this.#running.values());
      ended = [first];
      this.#running.delete(first.stage);
    }
    return this.#finish();
  }

  #finish(): StageOutcome[] {
    const stopped = [...this.#outcomes]
      .filter(([, outcome]) => outcome === 'stopped')
      .map(([{ address }]) => address);
    if (this.#options.signal.aborted) throw runStopped(stopped);
    const [first] = this.#failures;
    if (first !== undefined && this.#options.onError === 'fail') throw first.error;
    if (first !== undefined && this.#options.onError === 'keep-going')
      throw reproductionFailed(this.#failures.map(({ stage }) => stage.address));
    return this.#plan.flatMap((stage) => {
      const outcome = this.#outcomes.get(stage);
      return outcome === undefined ? [] : [{ stage: stage.address, outcome }];
    });
  }

  /** Goes through the stages whose turn it is; those that have to run get their old outputs out of the way. */
  async #decideReady(workspace: Workspace): Promise<RecordedStage[]> {
    const due: RecordedStage[] = [];
    const read = paramsReader();
    for (let stage = this.#nextReady(due.length); stage !== undefined; stage = this.#nextReady(due.length)) {
      this.#waiting.delete(stage);
      try {
        const isForced = this.#options.isForced || this.#forced.has(stage);
        const options = { ...this.#options, isForced, isDry: this.#options.isDry === true };
        if (!options.isDry && !this.#mayStayAway(workspace, stage, options))
          await this.#options.pullDependencies?.(stage, workspace, this.#index);
        let decision = decide(workspace, stage, read, options, this.#remade);
        if (decision.kind !== 'unchanged' && (await this.#isPulled(workspace, stage, options)))
          decision = { kind: 'unchanged' };
        if (decision.kind === 'run' && this.#options.isDry !== true) await this.#options.allow?.(stage);
        if (decision.kind === 'run') {
          if (this.#options.confirm !== undefined && !(await this.#options.confirm(stage)))
            throw runStopped([stage.address]);
          this.#decided(stage, 'ran');
          if (this.#options.isDry === true) this.#outcomes.set(stage, 'ran');
          else {
            this.#claims.set(
              stage,
              claimPaths(this.#index.repository, `tilth pipeline run: ${stage.address}`, usedBy(stage)),
            );
            if (stage.record.kind === 'stage') clearOuts(workspace, stage.record.stage);
            due.push(stage);
          }
        } else this.#apply(workspace, stage, decision);
      } catch (error) {
        this.#failed(stage, error);
      }
    }
    return due;
  }

  /** What a stage needs is not brought when the stage is up to date without it. */
  #mayStayAway(workspace: Workspace, stage: RecordedStage, options: DecisionOptions): boolean {
    if (!options.allowsMissing || this.#options.pullDependencies === undefined) return false;
    try {
      return decide(workspace, stage, paramsReader(), options, this.#remade).kind === 'unchanged';
    } catch {
      return false;
    }
  }

  async #isPulled(workspace: Workspace, stage: RecordedStage, options: DecisionOptions): Promise<boolean> {
    if (this.#options.pull === undefined || options.isForced) return false;
    const isOnlyMissing =
      decide(workspace, stage, paramsReader(), { ...options, allowsMissing: true }, this.#remade).kind ===
      'unchanged';
    return isOnlyMissing && this.#options.pull(stage, workspace);
  }

  #nextReady(startingCount: number): RecordedStage | undefined {
    if (this.#stop.signal.aborted) return undefined;
    const isFull = this.#running.size + startingCount >= this.#options.jobs;
    if (isFull) return undefined;
    for (const stage of this.#waiting) {
      const isAlone = stage.isFrozen || this.#options.isSingle === true;
      const needs = isAlone ? [] : (this.#graph.needs.get(stage) ?? []);
      const isReady = needs.every((needed) => !this.#isOpen(needed));
      if (isReady) return stage;
      // one at a time keeps dvc's order
      if (this.#options.jobs === 1) return undefined;
    }
    return undefined;
  }

  /** In the plan, and not done yet. */
  readonly #isOpen = (stage: RecordedStage): boolean =>
    this.#waiting.has(stage) ||
    this.#running.has(stage) ||
    (this.#planned.has(stage) && !this.#outcomes.has(stage));

  #apply(workspace: Workspace, stage: RecordedStage, decision: Exclude<Decision, { kind: 'run' }>): void {
    const outcome =
      decision.kind === 'restore'
        ? 'restored'
        : decision.kind === 'record'
          ? 'recorded'
          : stage.isFrozen && stage.record.kind === 'stage'
            ? 'frozen'
            : 'unchanged';
    this.#decided(stage, outcome);
    this.#outcomes.set(stage, outcome);
    if (decision.kind === 'unchanged' || this.#options.isDry === true) return;
    if (decision.kind === 'restore' && stage.record.kind === 'stage') {
      restoreOuts(workspace, stage.record.stage, decision.from);
    }
    this.#settled(stage, settle(workspace, stage, paramsReader(), this.#options));
  }

  #decided(stage: RecordedStage, outcome: Outcome): void {
    for (const watcher of this.#watchers) watcher.decided?.(stage, outcome);
    if (
      this.#options.forcesDownstream === true &&
      (outcome === 'ran' || outcome === 'restored' || outcome === 'recorded')
    ) {
      for (const user of usersOf(this.#graph).get(stage) ?? []) this.#forced.add(user);
    }
  }

  #settled(stage: RecordedStage, settled: Settled): void {
    if (stage.record.kind === 'stage') {
      for (const { path, md5 } of settled.locked?.outs ?? [])
        this.#remade.set(stagePath(stage.record.stage, path), md5);
    }
    for (const watcher of this.#watchers) watcher.settled?.(stage, settled);
  }

  async #start(stage: RecordedStage): Promise<Run> {
    try {
      const found = await Promise.all(this.#watchers.map(async (watcher) => watcher.starting?.(stage)));
      const environment = {
        ...this.#options.environment,
        ...Object.assign({}, ...found),
      } as NodeJS.ProcessEnv;
      if (stage.record.kind !== 'stage') return { stage, end: { kind: 'done' }, thrown: undefined };
      const end = await runCommands(stage.record.stage, {
        environment: {
          DVC_ROOT: this.#index.repository.root,
          ...environment,
          DVC_STAGE: stage.address,
          TILTH_STAGE: stage.address,
        },
        signal: this.#stop.signal,
        mayReadInput: this.#options.jobs === 1,
        onLine: (line) => this.#watchers.forEach((watcher) => watcher.line?.(stage, line)),
        onOutput: (stream, chunk) =>
          this.#watchers.forEach((watcher) => watcher.output?.(stage, stream, chunk)),
      });
      return { stage, end, thrown: undefined };
    } catch (thrown) {
      return { stage, end: { kind: 'stopped' }, thrown };
    }
  }

  #settleRun(workspace: Workspace, { stage, end, thrown }: Run): void {
    this.#claims.get(stage)?.();
    this.#claims.delete(stage);
    try {
      if (thrown !== undefined) throw thrown;
      if (end.kind === 'failed') throw stageFailed(stage.address, end.line, end.code ?? end.signal);
      if (end.kind === 'stopped') {
        this.#outcomes.set(stage, 'stopped');
        this.#ended(stage, 'stopped', undefined);
        return;
      }
      this.#settled(stage, settle(workspace, stage, paramsReader(), this.#options));
      this.#outcomes.set(stage, 'ran');
      this.#ended(stage, 'ran', undefined);
    } catch (error) {
      this.#failed(stage, error);
    }
  }

  #ended(stage: RecordedStage, outcome: Outcome, error: unknown): void {
    for (const watcher of this.#watchers)
      this.#endings.push(Promise.resolve(watcher.ended?.(stage, outcome, error)));
  }

  #failed(stage: RecordedStage, error: unknown): void {
    this.#outcomes.set(stage, 'failed');
    this.#failures.push({ stage, error });
    this.#ended(stage, 'failed', error);
    const { onError } = this.#options;
    if (onError === 'ignore') return;
    // what runs beside it may finish: it has done nothing wrong
    const skipped =
      onError === 'fail'
        ? [...this.#waiting]
        : [...reached([stage], usersOf(this.#graph))].filter((one) => this.#waiting.has(one));
    for (const one of skipped) {
      this.#waiting.delete(one);
      this.#outcomes.set(one, 'skipped');
      for (const watcher of this.#watchers) watcher.decided?.(one, 'skipped');
    }
  }

  #inWorkspace<T>(work: (workspace: Workspace) => Promise<T>): Promise<T> {
    return withRepositoryLock(this.#index.repository, async () => {
      const workspace = new Workspace(this.#index.repository);
      try {
        return await work(workspace);
      } finally {
        workspace.close();
      }
    });
  }
}

const usedBy = (stage: RecordedStage): PathUse => ({
  reads: depsOf(stage),
  writes: stage.outs.map(({ path }) => path),
});
