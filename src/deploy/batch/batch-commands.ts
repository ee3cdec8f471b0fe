import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { call, serverAddress } from '../../platform/client.ts';
import { systemClock } from '../../platform/clock.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { resolveHome } from '../../platform/home.ts';
import { note, print, usage } from '../../platform/terminal.ts';
import type { ServedVersion } from '../serving/serving-api.ts';
import { parseTarget, progressLine, type BatchManifest, type BatchPlan, type OnBadRow } from './batch.ts';
import type { StartedBatch } from './batch-api.ts';

interface BatchFlags extends CommonFlags {
  readonly input: string;
  readonly output: string;
  readonly onBadRow: string;
  readonly keyColumn?: string;
  readonly eventTimeColumn?: string;
  readonly asTest?: boolean;
  readonly log: boolean;
  readonly pythonWorkers: string;
}

export const addBatchCommands: AddCommands = (program) => {
  withCommonFlags(
    program
      .command('batch <model>')
      .description(
        'score files of rows: MODEL, MODEL@ALIAS or MODEL/VERSION; repeated as it was, it goes on where it ended',
      ),
  )
    .requiredOption(
      '--input <files>',
      'Parquet or CSV: a file, a folder, a pattern in quotes, or s3://BUCKET/PREFIX',
    )
    .requiredOption('--output <folder>', 'where parts and manifest go: a folder, or s3://BUCKET/PREFIX')
    .option(
      '--on-bad-row <what>',
      'fail: name them and end; skip: leave them out; report: keep them with their fault',
      'fail',
    )
    .option('--key-column <column>', 'by which ground truth is joined later')
    .option('--event-time-column <column>', 'when each row happened')
    .option(
      '--as-test',
      'also with a version that is not approved; the batch and its predictions are marked as a test',
    )
    .option('--no-log', 'write nothing to the prediction log')
    .option('--python-workers <n>', 'processes of a model that its own Python scores', '2')
    .action(async (target: string, flags: BatchFlags) => {
      const { onBadRow } = flags;
      if (onBadRow !== 'fail' && onBadRow !== 'skip' && onBadRow !== 'report')
        throw usage(`--on-bad-row is fail, skip or report, not ${onBadRow}.`);
      const manifest = await run(target, flags, onBadRow);
      print(flags, manifest, ({ id, model, version, rowCount, badCount, parts, badRows }) => [
        `Batch ${id}: ${rowCount} rows by ${model}/${version} in ${parts.length} parts at ${flags.output}`,
        ...(badCount === 0 ? [] : [`${badCount} rows were bad:`]),
        ...badRows.slice(0, 20).map(({ file, row, reason }) => `  row ${row} of ${file}: ${reason}`),
      ]);
    });
};

async function run(target: string, flags: BatchFlags, onBadRow: OnBadRow): Promise<BatchManifest> {
  const { listInput, openOutput } = await import('./places.ts');
  const { holdPlan, scoreBatch, storedPlan } = await import('./score-batch.ts');
  const files = await listInput(flags.input);
  const output = await openOutput(flags.output);
  const before = await storedPlan(output);
  const { batch, served } = await call<StartedBatch>(flags, 'POST', '/api/v1/batches', {
    ...parseTarget(target),
    ...(before === undefined ? {} : { id: before.id }),
    isTest: flags.asTest === true,
    input: flags.input,
    output: flags.output,
  });
  const plan: BatchPlan = {
    format: 1,
    id: batch.id,
    model: batch.model,
    version: batch.version,
    digest: served.digest,
    isTest: batch.isTest,
    onBadRow,
    keyColumn: flags.keyColumn ?? null,
    eventTimeColumn: flags.eventTimeColumn ?? null,
    files: files.map(({ name, stamp }) => ({ name, stamp })),
  };
  await holdPlan(output, before, plan);
  if (before !== undefined) note(`Going on with batch ${batch.id}.`);
  const home = resolveHome(flags.home);
  const [{ loadEngine }, { PredictionLog }, { createLogger }] = await Promise.all([
    import('../serving/engines/load-engine.ts'),
    import('../serving/log/prediction-log.ts'),
    import('../../platform/log.ts'),
  ]);
  const logger = createLogger('batch');
  const engine = await loadEngine(served, {
    file: (version) => fetchFile(flags, version, join(home.serving, 'models')),
    folder: home.serving,
    log: logger,
    pythonWorkers: Number(flags.pythonWorkers),
  });
  engine.acquire();
  const log = flags.log
    ? new PredictionLog({
        folder: join(home.predictions, 'segments'),
        plane: `batch-${batch.id}`,
        clock: systemClock,
        log: logger,
        durability: 'strict',
      })
    : undefined;
  const startedAt = performance.now();
  let first: number | undefined;
  let lastSaid = 0;
  try {
    const manifest = await scoreBatch({
      plan,
      files,
      output,
      served,
      engine,
      log,
      caller: batch.requestedBy,
      clock: systemClock,
      onProgress: (done, total) => {
        first ??= done;
        const seconds = (performance.now() - startedAt) / 1000;
        if (seconds - lastSaid < 1) return;
        lastSaid = seconds;
        note(progressLine(done, total, (done - first) / seconds));
      },
    });
    await log?.close();
    await rm(output.scratch, { recursive: true, force: true });
    const outcome = {
      rowCount: manifest.rowCount,
      badCount: manifest.badCount,
      partCount: manifest.parts.length,
    };
    await call(flags, 'POST', `/api/v1/batches/${batch.id}/done`, outcome);
    return manifest;
  } finally {
    await log?.close();
    engine.retire();
    engine.release();
  }
}

/** The graph or bundle of a version, kept beside those of the data plane: by its digest, and checked. */
async function fetchFile(flags: CommonFlags, served: ServedVersion, folder: string): Promise<string> {
  const path = join(folder, served.digest);
  if (existsSync(path) && (await digestOf(path)) === served.digest) return path;
  const token = process.env['TILTH_TOKEN'];
  const headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${serverAddress(flags)}/api/v1/blobs/${served.digest}`, { headers });
  if (!response.ok || response.body === null)
    throw usage(`The file of ${served.model}/${served.version} can't be fetched: HTTP ${response.status}.`);
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.batch-${process.pid}`;
  await writeFile(temporary, Readable.fromWeb(response.body));
  if ((await digestOf(temporary)) !== served.digest)
    throw usage(`What came for ${served.model}/${served.version} is not its file.`);
  await rename(temporary, path);
  return path;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
