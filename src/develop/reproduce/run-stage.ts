import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { call, serverAddress } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import type { RunPage } from '../tracking/tracking-api.ts';
import type { Place } from './place.ts';
import type { Ready } from './place-environment.ts';
import { StepFailed } from './reproduce-errors.ts';

interface StageRun {
  readonly flags: CommonFlags;
  readonly place: Place;
  readonly ready: Ready;
  readonly stage: string;
  readonly withUpstream: boolean;
  /** of its runs */
  readonly tags: Readonly<Record<string, string>>;
  readonly variables: NodeJS.ProcessEnv;
}

/**
 * Runs a stage in the place as `tilth pipeline run` does, with all that is recorded of it there.
 *
 * @returns the id of its run
 * @throws StepFailed
 */
export async function runStage(wanted: StageRun): Promise<string> {
  const { flags, place, ready, stage, tags } = wanted;
  const startedAt = Date.now();
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    ...ready.environment,
    PATH: pathFor(place, ready),
    ...wanted.variables,
    TILTH_URL: serverAddress(flags),
    MLFLOW_RUN_CONTEXT: JSON.stringify(tags),
  };
  const words = ['pipeline', 'run', '--force', ...(wanted.withUpstream ? [] : ['--single-item']), stage];
  const { code, said } = await start(words, place.folder, environment);
  const condition = Object.entries({ ...tags, 'tilth.stage': stage }).map(
    ([key, value]) => `tags."${key}" = '${value}'`,
  );
  const filter = encodeURIComponent(condition.join(' AND '));
  const { runs } = await call<RunPage>(
    flags,
    'GET',
    `/api/v1/runs?filter=${filter}&orderBy=${encodeURIComponent('start_time DESC')}&limit=10`,
  );
  const run = runs
    .filter((each) => each.startedAt >= startedAt && each.tags['tilth.command.run'] === each.id)
    .at(-1);
  if (code === 0 && run !== undefined) return run.id;
  const last = said.trim().split('\n').at(-1) ?? '';
  const todo =
    'Try it by hand: tilth reproduce RUN --keep, and in its folder: tilth pipeline run --force STAGE';
  throw new StepFailed('command', `tilth pipeline run ${stage} ended with ${code}: ${last}`, todo, said);
}

/** The environment of the project that is here, where none was built: `.venv` is not in git. */
function pathFor(place: Place, ready: Ready): string {
  const before = ready.environment['PATH'] ?? process.env['PATH'] ?? '';
  const here = place.here === undefined ? '' : join(place.here, '.venv', 'bin');
  return ready.python === undefined && existsSync(here) ? [here, before].join(delimiter) : before;
}

function start(
  words: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [process.argv[1] ?? '', ...words], {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('utf8')).slice(-16_000);
        process.stderr.write(chunk);
      });
    }
    child.on('error', (error) => resolve({ code: 127, said: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, said }));
  });
}
