import type { CommonFlags } from '../../platform/command.ts';
import type { Repository } from '../dvc-files/repository.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';
import type { Graph } from './graph.ts';
import type { Outcome, Watcher } from './reproduction.ts';
import type { RunRecorder } from './run-recorder.ts';
import type { Settled } from './stage-settling.ts';

/** The recorder of a run, loaded when the first stage starts: most runs find nothing to do. */
export class LazyRecorder implements Watcher {
  readonly #flags: CommonFlags;
  readonly #repository: Repository;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #before: ((recorder: RunRecorder) => void)[] = [];
  #recorder: Promise<RunRecorder> | undefined;
  #loaded: RunRecorder | undefined;

  constructor(flags: CommonFlags, repository: Repository, environment: NodeJS.ProcessEnv) {
    this.#flags = flags;
    this.#repository = repository;
    this.#environment = environment;
  }

  planned(stages: readonly RecordedStage[], graph: Graph): void {
    this.#tell((recorder) => recorder.planned(stages, graph));
  }

  decided(stage: RecordedStage, outcome: Outcome): void {
    this.#tell((recorder) => recorder.decided(stage, outcome));
  }

  async starting(stage: RecordedStage): Promise<NodeJS.ProcessEnv> {
    this.#recorder ??= this.#load();
    return (await this.#recorder).starting(stage);
  }

  output(stage: RecordedStage, stream: 'out' | 'err', chunk: Buffer): void {
    this.#loaded?.output(stage, stream, chunk);
  }

  settled(stage: RecordedStage, settled: Settled): void {
    this.#loaded?.settled(stage, settled);
  }

  ended(stage: RecordedStage, outcome: Outcome, error: unknown): Promise<void> {
    return this.#loaded?.ended(stage, outcome, error) ?? Promise.resolve();
  }

  async finish(): Promise<void> {
    await this.#loaded?.finish();
  }

  #tell(work: (recorder: RunRecorder) => void): void {
    if (this.#loaded === undefined) this.#before.push(work);
    else work(this.#loaded);
  }

  async #load(): Promise<RunRecorder> {
    const [{ RunRecorder }, { projectNames }] = await Promise.all([
      import('./run-recorder.ts'),
      import('./project-data.ts'),
    ]);
    const names = await projectNames(this.#repository, process.cwd());
    const recorder = new RunRecorder(this.#flags, this.#repository, names, this.#environment);
    for (const work of this.#before.splice(0)) work(recorder);
    this.#loaded = recorder;
    return recorder;
  }
}
