import { TilthError, messageOf } from '../../platform/errors.ts';
import type { Scores } from '../serving/engines/scores.ts';
import { featuresOf, type Column, type Rows } from '../serving/engines/rows.ts';
import { requestIdOf, rowsPerCall } from './batch.ts';
import { Part } from './part.ts';
import type { Block } from './read-rows.ts';
import type { BatchWork } from './batch-work.ts';

/** Scores and logs the good rows of a block; what the model itself refuses joins the bad ones. */
export async function scoreBlock(
  work: BatchWork,
  fileIndex: number,
  source: string,
  block: Block,
  bad: Map<number, string>,
): Promise<Part> {
  const { plan, served } = work;
  const part = new Part(source, block, served.schema.classes, plan.onBadRow === 'report' ? bad : null);
  if (bad.size > 0 && plan.onBadRow === 'fail') return part;
  for (let from = 0, call = 0; from < block.rowCount; from += rowsPerCall, call += 1) {
    const to = Math.min(from + rowsPerCall, block.rowCount);
    const taken = new Int32Array(to - from);
    let count = 0;
    for (let row = from; row < to; row += 1) if (bad.size === 0 || !bad.has(row)) taken[count++] = row;
    const answers = await scoreApart(work, block, taken.subarray(0, count), bad);
    for (const [index, answered] of answers.entries()) {
      const id = requestIdOf(plan.id, fileIndex, block.index, call) + (index === 0 ? '' : `-${index}`);
      await logScores(work, block, id, answered);
      part.put(answered.places, answered.scores);
    }
  }
  return part;
}

interface Answered {
  /** rows of the block */
  readonly places: Int32Array;
  readonly rows: Rows;
  readonly scores: Scores;
  readonly micros: number;
}

/** Rows that the model refuses are found by halving; where a bad row ends the batch, one is enough. */
async function scoreApart(
  work: BatchWork,
  block: Block,
  places: Int32Array,
  bad: Map<number, string>,
): Promise<Answered[]> {
  if (places.length === 0) return [];
  const startedAt = performance.now();
  try {
    const rows = rowsOf(block, places);
    const scores = await work.engine.score(rows);
    return [{ places, rows, scores, micros: Math.round((performance.now() - startedAt) * 1000) }];
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    if (places.length === 1) {
      bad.set(places[0] as number, `the model refuses it: ${messageOf(thrown)}`);
      return [];
    }
    const middle = places.length >> 1;
    const first = await scoreApart(work, block, places.subarray(0, middle), bad);
    if (bad.size > 0 && work.plan.onBadRow === 'fail') return first;
    return [...first, ...(await scoreApart(work, block, places.subarray(middle), bad))];
  }
}

/** An engine that is busy, gone or late says nothing about the rows. */
const isRefusal = (thrown: unknown): boolean =>
  !(thrown instanceof TilthError) || thrown.code === 'SERVING_ROWS_REFUSED';

function rowsOf(block: Block, places: Int32Array): Rows {
  const [first = 0] = places;
  const isWhole = places[places.length - 1] === first + places.length - 1;
  const columns = block.columns.map((column): Column => {
    if (isWhole)
      return column instanceof Float64Array
        ? column.subarray(first, first + places.length)
        : column.slice(first, first + places.length);
    if (column instanceof Float64Array) return Float64Array.from(places, (place) => column[place] as number);
    return Array.from(places, (place) => column[place] ?? null);
  });
  return { rowCount: places.length, columns };
}

async function logScores(
  { log, plan, served, engine, caller, clock }: BatchWork,
  block: Block,
  requestId: string,
  { places, rows, scores, micros }: Answered,
): Promise<void> {
  if (log === undefined) return;
  const probabilities: Record<string, Float64Array> = {};
  for (let index = 0; index < scores.classCount; index += 1) {
    const column = new Float64Array(scores.rowCount);
    for (let row = 0, at = index; row < column.length; row += 1, at += scores.classCount)
      column[row] = scores.probabilities[at] as number;
    probabilities[String(served.schema.classes[index] ?? index)] = column;
  }
  const { keys, eventAt } = block;
  await log.append({
    requestId,
    at: clock.now(),
    eventAt: eventAt === null ? null : Array.from(places, (place) => eventAt[place] ?? null),
    keys: keys === null ? null : Array.from(places, (place) => keys[place] ?? ''),
    endpoint: `batch-${plan.id}`,
    model: served.model,
    version: served.version,
    runId: served.runId,
    // an unapproved version answers nobody
    variant: plan.isTest ? 'shadow' : 'champion',
    schemaHash: served.schemaHash,
    rowCount: scores.rowCount,
    features: featuresOf(engine.layout, rows),
    prediction: scores.labels,
    probabilities,
    latencyUs: micros,
    status: 'ok',
    error: null,
    caller,
    traceId: null,
  });
}
