import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { commandFiles } from '../repeatable/repeatable.ts';
import type { RunRepeatability } from '../repeatable/repeatable-api.ts';
import type { RunDetail } from '../tracking/tracking-api.ts';
import { aliasUnknown, cannotRepeat, versionWithoutRun } from './reproduce-errors.ts';
import type { StageTarget } from './stage-target.ts';

/** What it takes to do a run again. */
export interface Target {
  readonly run: RunDetail;
  readonly summary: string;
  /** what to type to do it by hand */
  readonly steps: readonly string[];
  /** the run that holds the changes and the packages */
  readonly firstRunId: string;
  readonly commit: string;
  readonly words: readonly string[];
  /** of the execution of a stage, which is run without the rest of its pipeline */
  readonly stage: StageTarget | undefined;
}

/**
 * A run by its id, or the run of a model version: `models:/name/3`, `name/3`, `models:/name@alias`, `name@alias`.
 *
 * @throws RUN_NOT_FOUND, RUN_NOT_REPEATABLE, MODEL_VERSION_NOT_FOUND, MODEL_VERSION_WITHOUT_RUN, MODEL_ALIAS_UNKNOWN
 */
export async function targetOf(flags: CommonFlags, named: string): Promise<Target> {
  const id = await runIdOf(flags, named);
  const path = `/api/v1/runs/${encodeURIComponent(id)}`;
  const run = await call<RunDetail>(flags, 'GET', path);
  const { summary, steps, firstRunId } = await call<RunRepeatability>(flags, 'GET', `${path}/repeatability`);
  const execution = run.tags['tilth.execution'];
  const commit = run.tags['mlflow.source.git.commit'] ?? run.tags['tilth.commit'];
  if (commit === undefined)
    throw cannotRepeat(
      `The run ${id} has no commit.`,
      'Commit the code, and start it with: tilth run -- COMMAND',
    );
  if (execution !== undefined) {
    const { stageTargetOf } = await import('./stage-target.ts');
    const stage = await stageTargetOf(flags, run, execution);
    return {
      run,
      summary,
      steps,
      firstRunId: firstRunId ?? run.id,
      commit,
      words: ['tilth', 'pipeline', 'run', '--force', stage.stage],
      stage,
    };
  }
  const recorded = run.tags['tilth.command.words'];
  if (firstRunId === null || recorded === undefined) {
    throw cannotRepeat(
      `The whole command of the run ${id} was not recorded.`,
      'Only runs of tilth run can be done again, and secrets of their arguments are not kept.',
    );
  }
  return {
    run,
    summary,
    steps,
    firstRunId,
    commit,
    words: JSON.parse(recorded) as string[],
    stage: undefined,
  };
}

interface Version {
  readonly version: number;
  readonly runId: string | null;
  readonly aliases: readonly string[];
}

/** @param named a run's id is 32 hex digits; a model's name is followed by a version or an alias */
async function runIdOf(flags: CommonFlags, named: string): Promise<string> {
  const isModel = named.startsWith('models:/');
  const text = isModel ? named.slice('models:/'.length) : named;
  const [, byVersion, version = ''] = /^(.+)\/(\d+)$/.exec(text) ?? [];
  if (byVersion !== undefined) {
    const { runId } = await call<Version>(
      flags,
      'GET',
      `/api/v1/models/${encodeURIComponent(byVersion)}/versions/${version}`,
    );
    if (runId === null) throw versionWithoutRun(byVersion, version);
    return runId;
  }
  const [, byAlias, alias = ''] = /^(.+)@([^@/]+)$/.exec(text) ?? [];
  if (byAlias === undefined) return named;
  const versions = await call<Version[]>(
    flags,
    'GET',
    `/api/v1/models/${encodeURIComponent(byAlias)}/versions`,
  );
  const found = versions.find(({ aliases }) => aliases.includes(alias));
  if (found === undefined) throw aliasUnknown(byAlias, alias);
  if (found.runId === null) throw versionWithoutRun(byAlias, String(found.version));
  return found.runId;
}

/** A file that the command left; undefined where it left none. @throws RUN_NOT_REPEATABLE */
export async function fileOf(
  flags: CommonFlags,
  target: Target,
  file: keyof typeof commandFiles,
): Promise<Buffer | undefined> {
  const { serverAddress } = await import('../../platform/client.ts');
  const token = process.env['TILTH_TOKEN'];
  const address = `${serverAddress(flags)}/api/v1/runs/${target.firstRunId}/artifact?path=${commandFiles[file]}`;
  const response = await fetch(address, {
    headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` },
  });
  if (response.status === 404) return undefined;
  if (!response.ok)
    throw cannotRepeat(
      `${commandFiles[file]} of the run could not be read: the server answered ${response.status}.`,
      `tilth run show ${target.firstRunId}`,
    );
  return Buffer.from(await response.arrayBuffer());
}
