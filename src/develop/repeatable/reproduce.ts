import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { call, serverAddress } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import { findUp, resolveHome } from '../../platform/home.ts';
import { note } from '../../platform/terminal.ts';
import { installEnvironment } from '../../start/project/environment.ts';
import type { RunDetail } from '../tracking/tracking-api.ts';
import type { RunRepeatability } from './repeatable-api.ts';
import { commandFiles } from './repeatable.ts';
import { runCommand } from './run-command.ts';

const cannotRepeat = (message: string, hint: string): TilthError => new TilthError('RUN_NOT_REPEATABLE', 400, message, hint);

interface Plan {
  readonly run: RunDetail;
  readonly summary: string;
  readonly steps: readonly string[];
  readonly firstRunId: string;
  readonly commit: string;
  readonly words: readonly string[];
}

/** What it takes to do a run again. @throws RUN_NOT_FOUND, RUN_NOT_REPEATABLE */
export async function planOf(flags: CommonFlags, id: string): Promise<Plan> {
  const path = `/api/v1/runs/${encodeURIComponent(id)}`;
  const run = await call<RunDetail>(flags, 'GET', path);
  const { summary, steps, firstRunId } = await call<RunRepeatability>(flags, 'GET', `${path}/repeatability`);
  const commit = run.tags['mlflow.source.git.commit'];
  const recorded = run.tags['tilth.command.words'];
  if (firstRunId === null || recorded === undefined) {
    throw cannotRepeat(`The whole command of the run ${id} was not recorded.`, 'Only runs of tilth run can be done again, and secrets of their arguments are not kept.');
  }
  if (commit === undefined) throw cannotRepeat(`The run ${id} has no commit.`, `tilth run show ${id}`);
  return { run, summary, steps, firstRunId, commit, words: JSON.parse(recorded) as string[] };
}

export type Agreement = 'equal' | 'within tolerance' | 'differs' | 'only once';

export interface ComparedMetric {
  readonly key: string;
  readonly was: number | null | undefined;
  readonly is: number | null | undefined;
  readonly agreement: Agreement;
}

export interface Reproduction {
  readonly outcome: 'equal' | 'within tolerance' | 'differs' | 'failed' | 'nothing to compare';
  readonly runId: string;
  readonly againId: string;
  readonly metrics: readonly ComparedMetric[];
}

type Values = Readonly<Record<string, { readonly value: number | null }>>;

/** Final values side by side. @param tolerance as a share of the larger one */
export function compareMetrics(was: Values, is: Values, tolerance: number): ComparedMetric[] {
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter((key) => !key.startsWith('system/')).sort();
  return keys.map((key) => {
    const [before, after] = [was[key], is[key]];
    if (before === undefined || after === undefined) return { key, was: before?.value, is: after?.value, agreement: 'only once' };
    return { key, was: before.value, is: after.value, agreement: agreementOf(before.value, after.value, tolerance) };
  });
}

function agreementOf(was: number | null, is: number | null, tolerance: number): Agreement {
  if (was === is) return 'equal';
  if (was === null || is === null) return 'differs';
  return Math.abs(was - is) <= tolerance * Math.max(Math.abs(was), Math.abs(is)) ? 'within tolerance' : 'differs';
}

/**
 * Does a run again in a worktree of its own: its commit and its changes, its data from the cache, its environment from the lock.
 *
 * @throws RUN_NOT_REPEATABLE, ENVIRONMENT_NOT_INSTALLED, and what `tilth data checkout` says
 */
export async function reproduce(flags: CommonFlags, id: string, options: { tolerance: number; isKept: boolean }): Promise<Reproduction> {
  const { run, commit, firstRunId, words } = await planOf(flags, id);
  const here = findUp('.git', process.cwd());
  if (here === undefined) throw cannotRepeat('This folder is in no git repository.', `git clone ${run.tags['mlflow.source.git.repoURL'] ?? 'REPOSITORY'}, and again in there`);
  const place = join(mkdtempSync(join(tmpdir(), 'tilth-reproduce-')), 'worktree');
  const back = process.cwd();
  must(here, 'git', ['worktree', 'add', '--quiet', '--detach', place, commit], 'git fetch, so that the commit is here');
  try {
    if (run.tags['tilth.dirty'] === 'true') await applyChanges(flags, firstRunId, place);
    restoreData(here, place);
    const environment = await environmentOf(flags, run, place);
    process.chdir(join(place, run.tags['tilth.folder'] ?? '.'));
    note(`running it again in ${place}`);
    const again = await runCommand(
      words,
      { ...flags, experiment: run.experimentName, name: `${run.name} again` },
      { tags: { 'tilth.reproduces': run.id }, environment, isOutputProgress: true },
    );
    const after = await call<RunDetail>(flags, 'GET', `/api/v1/runs/${again.runId}`);
    const metrics = compareMetrics(run.metrics, after.metrics, options.tolerance);
    return { outcome: again.code === 0 ? outcomeOf(metrics) : 'failed', runId: run.id, againId: again.runId, metrics };
  } finally {
    process.chdir(back);
    if (!options.isKept) {
      spawnSync('git', ['-C', here, 'worktree', 'remove', '--force', place]);
      rmSync(join(place, '..'), { recursive: true, force: true });
    }
  }
}

function outcomeOf(metrics: readonly ComparedMetric[]): Reproduction['outcome'] {
  if (metrics.length === 0) return 'nothing to compare';
  if (metrics.some(({ agreement }) => agreement === 'differs' || agreement === 'only once')) return 'differs';
  return metrics.every(({ agreement }) => agreement === 'equal') ? 'equal' : 'within tolerance';
}

function must(folder: string, program: string, args: readonly string[], hint: string, input?: Buffer): void {
  const { status, stderr, error } = spawnSync(program, args, { cwd: folder, ...(input === undefined ? {} : { input }), encoding: 'utf8' });
  if (status === 0) return;
  throw cannotRepeat(`${program} ${args[0] ?? ''} failed: ${(error?.message ?? stderr).trim()}`, hint);
}

async function applyChanges(flags: CommonFlags, firstRunId: string, place: string): Promise<void> {
  const token = process.env['TILTH_TOKEN'];
  const address = `${serverAddress(flags)}/api/v1/runs/${firstRunId}/artifact?path=${commandFiles.changes}`;
  const response = await fetch(address, { headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` } });
  if (!response.ok) throw cannotRepeat(`The changes of the run could not be read: the server answered ${response.status}.`, `tilth run show ${firstRunId}`);
  must(place, 'git', ['apply'], 'Try it by hand: tilth reproduce RUN --dry-run', Buffer.from(await response.arrayBuffer()));
}

/** The worktree reads the cache of the repository that it belongs to. */
function restoreData(here: string, place: string): void {
  const cache = join(here, '.dvc', 'cache');
  if (!existsSync(join(place, '.dvc'))) return;
  if (existsSync(cache) && !existsSync(join(place, '.dvc', 'cache'))) symlinkSync(cache, join(place, '.dvc', 'cache'));
  must(place, process.execPath, [process.argv[1] ?? '', 'data', 'checkout'], 'Bring the data into the cache: dvc pull');
}

async function environmentOf(flags: CommonFlags, run: RunDetail, place: string): Promise<NodeJS.ProcessEnv> {
  const hashSeed = run.tags['tilth.hash_seed'];
  const seeds = hashSeed === undefined ? {} : { PYTHONHASHSEED: hashSeed };
  const found = await installEnvironment({
    folder: place,
    home: resolveHome(flags.home).root,
    mayInstallPoetry: false,
    onLine: note,
  });
  if (found.outcome === 'no-lock') {
    note('There is no poetry.lock: it runs in the environment that is here.');
    return seeds;
  }
  const folder = join(place, '.venv');
  note(`environment of poetry.lock: ${found.packageCount} packages in ${relative(place, folder)}`);
  return { ...seeds, VIRTUAL_ENV: folder, PATH: [join(folder, 'bin'), process.env['PATH'] ?? ''].join(delimiter) };
}
