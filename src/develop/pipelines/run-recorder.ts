import { call, serverAddress } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import { note } from '../../platform/terminal.ts';
import { headCommit, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { stagePath } from '../dvc-files/stage.ts';
import { depsOf } from '../dvc-files/targets.ts';
import type { Recorded, RecordedStage } from '../dvc-files/stored.ts';
import { endOf } from '../repeatable/command-end.ts';
import { CommandSender } from '../repeatable/command-sender.ts';
import type { CommandRunView, NewCommandRun } from '../repeatable/repeatable-api.ts';
import { commandRunTag } from '../repeatable/repeatable.ts';
import { inheritedTags, userName } from '../repeatable/run-command.ts';
import { reached, type Graph } from './graph.ts';
import type { NewExecution, NewPipeline, PipelineStage, StagePath, StageStatus } from './pipeline-api.ts';
import type { ProjectNames } from './project-data.ts';
import type { Outcome, Watcher } from './reproduction.ts';
import { RunFacts } from './run-facts.ts';
import { commandLines } from './stage-command.ts';
import { logResults } from './stage-results.ts';
import type { Settled } from './stage-settling.ts';

interface Recording {
  readonly execution: NewExecution & { readonly inputs: StagePath[] };
  readonly runId: string;
  readonly sender: CommandSender;
  settled: Settled | undefined;
}

const statuses: Readonly<Record<Outcome, StageStatus>> = {
  unchanged: 'unchanged',
  frozen: 'frozen',
  restored: 'restored',
  recorded: 'unchanged',
  ran: 'running',
  failed: 'failed',
  skipped: 'skipped',
  stopped: 'stopped',
};

/**
 * Makes every execution of a stage a run in tracking, with what it read and made, and tells the server how the pipeline
 * stands. A server that is away is no reason not to run: it is said once.
 */
export class RunRecorder implements Watcher {
  readonly #flags: CommonFlags;
  readonly #repository: Repository;
  readonly #names: ProjectNames;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #recordings = new Map<RecordedStage, Recording>();
  readonly #statuses = new Map<RecordedStage, StageStatus>();
  #graph: Graph = { stages: [], needs: new Map() };
  #state: 'unknown' | 'recording' | 'silent' = 'unknown';
  #facts: RunFacts | undefined;
  #isBehind = false;
  #sending: Promise<void> | undefined;

  constructor(
    flags: CommonFlags,
    repository: Repository,
    names: ProjectNames,
    environment: NodeJS.ProcessEnv,
  ) {
    this.#flags = flags;
    this.#repository = repository;
    this.#names = names;
    this.#environment = environment;
  }

  planned(stages: readonly RecordedStage[], graph: Graph): void {
    this.#graph = graph;
    for (const stage of graph.stages)
      if (stage.record.kind === 'stage') this.#statuses.set(stage, 'unchanged');
    for (const stage of stages) if (stage.record.kind === 'stage') this.#statuses.set(stage, 'waiting');
  }

  decided(stage: RecordedStage, outcome: Outcome): void {
    if (stage.record.kind === 'stage') this.#statuses.set(stage, statuses[outcome]);
  }

  async starting(stage: RecordedStage): Promise<NodeJS.ProcessEnv> {
    if (stage.record.kind !== 'stage' || !(await this.#isThere())) return {};
    return (await this.#persist(() => this.#start(stage))) ?? {};
  }

  output(stage: RecordedStage, stream: 'out' | 'err', chunk: Buffer): void {
    this.#recordings.get(stage)?.sender.output.add(stream, chunk, Date.now());
  }

  settled(stage: RecordedStage, settled: Settled): void {
    const recording = this.#recordings.get(stage);
    if (recording !== undefined) recording.settled = settled;
  }

  async ended(stage: RecordedStage, outcome: Outcome, error: unknown): Promise<void> {
    if (stage.record.kind === 'stage')
      this.#statuses.set(stage, outcome === 'ran' ? 'succeeded' : statuses[outcome]);
    const recording = this.#recordings.get(stage);
    if (recording === undefined) return;
    this.#recordings.delete(stage);
    await this.#persist(() => this.#end(stage, recording, outcome, error));
    this.#tell();
  }

  /** To be called when the run is over, however it ended. */
  async finish(): Promise<void> {
    await this.#sending;
    if (this.#state === 'recording') await this.#persist(() => this.#sendPipeline(false));
  }

  async #isThere(): Promise<boolean> {
    if (this.#state === 'unknown') {
      const answer = await this.#persist(() => call(this.#flags, 'GET', '/api/v1/me'));
      if (answer !== undefined) this.#state = 'recording';
    }
    return this.#state === 'recording';
  }

  async #persist<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#state === 'silent') return undefined;
    try {
      return await work();
    } catch (reason) {
      this.#state = 'silent';
      const isAway = reason instanceof TilthError && reason.code === 'SERVER_NOT_REACHABLE';
      note(
        isAway
          ? `No tilth server answers at ${serverAddress(this.#flags)}: this run is kept in dvc.lock only, and MLflow is told of no server.`
          : `The server does not record this run: ${messageOf(reason)}`,
      );
      return undefined;
    }
  }

  async #start(stage: RecordedStage): Promise<NodeJS.ProcessEnv> {
    if (stage.record.kind !== 'stage') return {};
    const { project } = this.#names;
    this.#facts ??= new RunFacts(this.#repository, this.#environment);
    const lines = commandLines(stage.record.stage.cmd);
    const id = newUlid();
    const commit = headCommit(this.#repository.root) ?? null;
    const inherited = inheritedTags();
    const tags = {
      ...this.#facts.of(stage.record.stage, stage.address),
      ...inherited,
      ...this.#stageTags(stage, id, commit),
    };
    const outer = process.env['TILTH_RUN_ID'];
    const wanted: NewCommandRun = {
      // whatever experiment its script chooses: the run goes there when its client starts it
      experiment: project,
      name: stage.address,
      userId: userName(),
      startedAt: Date.now(),
      tags: { ...tags, ...(outer === undefined || outer === '' ? {} : { 'mlflow.parentRunId': outer }) },
    };
    const run = await call<CommandRunView>(this.#flags, 'POST', '/api/v1/command-runs', wanted);
    const sender = new CommandSender(this.#flags, run.id, this.#facts.files, { isQuiet: true });
    this.#facts.whenPython(stage.record.stage, async ({ tags: found, files }) => {
      sender.add(files);
      await sender.facts(found);
    });
    const execution = {
      id,
      project,
      stage: stage.address,
      cmd: lines.join('\n'),
      state: 'running' as const,
      startedAt: Date.now(),
      inputs: this.#inputs(stage),
      needs: (this.#graph.needs.get(stage) ?? [])
        .filter(({ record }) => record.kind === 'stage')
        .map(({ address }) => address),
      commit,
      runId: run.id,
    };
    this.#recordings.set(stage, { execution, runId: run.id, sender, settled: undefined });
    await call(this.#flags, 'POST', '/api/v1/pipelines/executions', execution);
    this.#tell();
    return this.#stageEnvironment(run, {
      ...inherited,
      ...this.#stageTags(stage, id, commit),
      ...this.#facts.contextTags,
    });
  }

  /** Where its MLflow client finds us, and that the first run it starts is the run of the stage. */
  #stageEnvironment(run: CommandRunView, context: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    const token = this.#environment['TILTH_TOKEN'];
    const address = serverAddress(this.#flags);
    const isElsewhere = this.#environment['MLFLOW_TRACKING_URI'] !== undefined;
    return {
      ...(isElsewhere
        ? {}
        : {
            MLFLOW_TRACKING_URI: address,
            ...(token === undefined || token === '' ? {} : { MLFLOW_TRACKING_TOKEN: token }),
          }),
      MLFLOW_RUN_CONTEXT: JSON.stringify({ ...context, [commandRunTag]: run.id }),
      TILTH_URL: address,
      TILTH_RUN_ID: run.id,
      PYTHONUNBUFFERED: this.#environment['PYTHONUNBUFFERED'] ?? '1',
      PYTHONHASHSEED: this.#environment['PYTHONHASHSEED'] ?? '0',
    };
  }

  async #end(
    stage: RecordedStage,
    { execution, runId, sender, settled }: Recording,
    outcome: Outcome,
    error: unknown,
  ): Promise<void> {
    const endedAt = Date.now();
    sender.output.end(endedAt);
    if (error !== undefined) sender.output.add('err', Buffer.from(`${messageOf(error)}\n`), endedAt);
    await this.#facts?.pythonKnown();
    if (settled?.locked !== undefined && stage.record.kind === 'stage') {
      // a result that the server does not take must not keep the run from ending
      await logResults(this.#flags, runId, stage.record.stage, settled.locked, execution.inputs).catch(
        (reason: unknown) =>
          note(`The server does not take all results of ${stage.address}: ${messageOf(reason)}`),
      );
    }
    const isStopped = outcome === 'stopped';
    await sender.finish(
      endOf(
        {
          code: outcome === 'ran' ? 0 : 1,
          signal: undefined,
          interruptedAt: isStopped ? endedAt : undefined,
          endedAt,
        },
        sender.output,
      ),
    );
    await call(this.#flags, 'POST', '/api/v1/pipelines/executions', {
      ...execution,
      state: outcome === 'ran' ? 'succeeded' : isStopped ? 'stopped' : 'failed',
      finishedAt: endedAt,
      outputs: this.#outputs(stage, settled),
      error: error === undefined ? null : messageOf(error).slice(0, 2_000),
    } satisfies NewExecution);
  }

  /** Where a run comes from: pipeline, stage, commit, and the version of each dataset that reaches it, also through earlier stages. */
  #stageTags(stage: RecordedStage, execution: string, commit: string | null): Record<string, string> {
    const tags: Record<string, string> = {
      'tilth.pipeline': this.#names.project,
      'tilth.stage': stage.address,
      'tilth.execution': execution,
      ...(commit === null ? {} : { 'tilth.commit': commit }),
    };
    for (const one of reached([stage], this.#graph.needs)) {
      for (const { path, md5 } of one.record.kind === 'dvc-file' ? one.outs : []) {
        const dataset = this.#names.datasets.get(path);
        if (dataset !== undefined && md5 !== undefined) tags[`tilth.dataset.${dataset}`] = md5;
      }
    }
    return tags;
  }

  #inputs(stage: RecordedStage): StagePath[] {
    const known = new Map(
      this.#graph.stages.flatMap((one) => one.outs.map((out): [string, Recorded] => [out.path, out])),
    );
    const { record } = stage;
    const params = new Set(
      record.kind === 'stage' ? record.stage.params.map(({ file }) => stagePath(record.stage, file)) : [],
    );
    return depsOf(stage)
      .filter((path) => !params.has(path))
      .map((path) => ({
        path: repositoryPath(this.#repository, path),
        md5: this.#facts?.md5Of(path) ?? known.get(path)?.md5 ?? '',
        dataset: this.#names.datasets.get(path) ?? null,
      }));
  }

  #outputs(stage: RecordedStage, settled: Settled | undefined): StagePath[] {
    return (settled?.locked?.outs ?? []).map(({ path, md5 }) => {
      const at = stage.outs.find(
        (out) => stage.record.kind === 'stage' && out.path.endsWith(path.replace(/^\.\//, '')),
      )?.path;
      return { path: at === undefined ? path : repositoryPath(this.#repository, at), md5, dataset: null };
    });
  }

  /** One at a time; what changed meanwhile goes with the next. */
  #tell(): void {
    if (this.#sending !== undefined) {
      this.#isBehind = true;
      return;
    }
    this.#sending = this.#persist(() => this.#sendPipeline(true)).then(() => {
      this.#sending = undefined;
      if (this.#isBehind) {
        this.#isBehind = false;
        this.#tell();
      }
    });
  }

  async #sendPipeline(isRunning: boolean): Promise<void> {
    const pipeline: NewPipeline = {
      stages: [...this.#statuses].flatMap(([stage, status]) =>
        pipelineStage(this.#repository, stage, status),
      ),
      edges: [...this.#graph.needs].flatMap(([stage, needs]) =>
        needs
          .filter(({ record }) => record.kind === 'stage' && stage.record.kind === 'stage')
          .map(({ address }) => ({ from: address, to: stage.address })),
      ),
      isRunning,
      commit: headCommit(this.#repository.root) ?? null,
    };
    await call(this.#flags, 'PUT', `/api/v1/pipelines/${encodeURIComponent(this.#names.project)}`, pipeline);
  }
}

function pipelineStage(
  repository: Repository,
  recorded: RecordedStage,
  status: StageStatus,
): PipelineStage[] {
  if (recorded.record.kind !== 'stage') return [];
  const { stage } = recorded.record;
  return [
    {
      name: recorded.address,
      status,
      cmd: commandLines(stage.cmd).join('\n'),
      description: stage.description ?? null,
      isFrozen: stage.isFrozen,
      inputs: depsOf(recorded).map((path) => repositoryPath(repository, path)),
      outputs: recorded.outs.map(({ path }) => repositoryPath(repository, path)),
      params: stage.params.flatMap(({ file, keys }) =>
        keys.length === 0 ? [file] : keys.map((key) => `${file}: ${key}`),
      ),
    },
  ];
}
