import type { Actor } from '../../platform/actor.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { servedVersionOf } from '../endpoints/serving-state.ts';
import { requireApproval, resolveAlias } from '../registry/aliases.ts';
import { standingApproval } from '../registry/approvals/approval-state.ts';
import { champion } from '../registry/registry.ts';
import { getVersionRow } from '../registry/registry-store.ts';
import type { z } from 'zod';
import type { Batch, BatchOutcome, newBatch, StartedBatch } from './batch-api.ts';
import { outputTaken, versionUnservable } from './batch-errors.ts';
import { getBatch, insertBatch, updateBatch } from './batch-store.ts';

/**
 * Lets a version score a batch, by the rule of routes: what takes an approval to answer requests takes it to score.
 * A batch that was begun goes on with its own version, whatever the alias names by now, if that may still score.
 *
 * @throws ALIAS_NOT_FOUND, MODEL_VERSION_NOT_FOUND, APPROVAL_MISSING, BATCH_VERSION_UNSERVABLE
 */
export async function startBatch(
  world: World,
  actor: Actor,
  wanted: z.output<typeof newBatch>,
): Promise<StartedBatch> {
  const { read } = world.database;
  const before = wanted.id === undefined ? undefined : await getBatch(read, wanted.id);
  const alias = wanted.version === undefined ? (wanted.alias ?? champion) : null;
  const version =
    before?.version ?? wanted.version ?? (await resolveAlias(read, wanted.model, alias ?? champion));
  if (before !== undefined && (before.model !== wanted.model || before.isTest !== wanted.isTest))
    throw outputTaken(
      wanted.output,
      `${before.isTest ? 'a test with' : 'it is of'} ${before.model}/${before.version}`,
    );
  const row = await getVersionRow(read, wanted.model, version);
  const hasFile =
    row.engine === 'onnx' ? row.onnx_digest !== null : row.engine === 'python' && row.bundle_digest !== null;
  if (!hasFile || row.schema === null) throw versionUnservable(wanted.model, version, row.reason);
  const now = world.clock.now();
  const started: Batch = {
    id: before?.id ?? newUlid(),
    model: wanted.model,
    version,
    alias: before?.alias ?? alias,
    isTest: wanted.isTest,
    approval: wanted.isTest
      ? null
      : ((await standingApproval(read, wanted.model, version, [champion], now))?.id ?? null),
    input: wanted.input,
    output: wanted.output,
    state: 'running',
    rowCount: null,
    badCount: null,
    requestedBy: actor.id,
    startedAt: before?.startedAt ?? now,
    finishedAt: null,
  };
  const data = {
    version,
    approval: started.approval,
    isTest: started.isTest,
    input: wanted.input,
    output: wanted.output,
  };
  await perform(world, { actor, verb: 'batch.run', kind: 'batch', thing: started.id, data }, async (tx) => {
    if (!wanted.isTest) await requireApproval(tx, wanted.model, version, champion, now);
    if (before === undefined) await insertBatch(tx, started);
    else
      await updateBatch(tx, started.id, { state: 'running', approval: started.approval, finished_at: null });
  });
  return { batch: started, served: await servedVersionOf(read, row) };
}

/** @throws BATCH_UNKNOWN */
export async function finishBatch(
  world: World,
  actor: Actor,
  id: string,
  outcome: BatchOutcome,
): Promise<Batch> {
  await perform(
    world,
    { actor, verb: 'batch.run', kind: 'batch', thing: id, data: { done: outcome } },
    async (tx) => {
      await getBatch(tx, id);
      const { rowCount, badCount } = outcome;
      await updateBatch(tx, id, {
        state: 'done',
        row_count: rowCount,
        bad_count: badCount,
        finished_at: world.clock.now(),
      });
    },
  );
  return getBatch(world.database.read, id);
}
