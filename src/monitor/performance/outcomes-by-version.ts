import type { World } from '../../platform/world.ts';
import type { TruthSource } from '../../deploy/endpoints/comparison.ts';
import type { Outcomes, Stratum } from '../../deploy/endpoints/sequential-test.ts';
import { labelsFor } from '../predictions/label-store.ts';
import { probabilityColumn } from '../predictions/prediction-layout.ts';
import { layoutsOf, listParts } from '../predictions/prediction-store.ts';
import { predictionLog } from '../predictions/predictions.ts';
import { parquetFiles, timestamp } from '../windows/analytics.ts';
import { isPositive } from './performance.ts';
import { identifier } from '../../platform/sql-text.ts';

type Asked = Parameters<TruthSource>[1];

const nothing: Outcomes = { count: 0, sum: 0, sumSquares: 0 };

/**
 * What became of the answers of two versions, by the time of the answer and not of the event: a split of the traffic holds for
 * the answers of its time. Shadows answered nobody and do not count.
 *
 * @returns one stratum per span; rows whose truth is not known yet are left out
 */
export async function outcomesByVersion(
  world: World,
  { model, metric, candidate, champion, spans }: Asked,
): Promise<Stratum[]> {
  const log = await predictionLog(world);
  await log.compaction.run();
  const parts = await listParts(log.read, { model });
  const layouts = await layoutsOf(log.read, model);
  const strata = spans.map(() => ({ candidate: nothing, champion: nothing }));
  for (const [schemaHash, group] of Map.groupBy(parts, (part) => part.schemaHash)) {
    const positive = layouts.get(schemaHash)?.classes.at(-1) ?? '1';
    const score = metric === 'accuracy' ? 'NULL' : identifier(probabilityColumn(positive));
    const files = parquetFiles(group.map((part) => log.compaction.pathOf(part)));
    for (const [index, { from, to }] of spans.entries()) {
      const [versions = [], keys = [], requests = [], rows = [], predictions = [], scores = []] = await log
        .analytics.columns(`
        SELECT version, key, request_id, row, prediction::VARCHAR, ${score}::DOUBLE
        FROM ${files}
        WHERE status = 'ok' AND variant IN ('champion', 'canary') AND version IN (${candidate}, ${champion})
          AND ts >= ${timestamp(from)} AND ts < ${timestamp(to)}`);
      const subjects = versions.map((_, at) => ({
        key: keys[at] as string | null,
        requestId: String(requests[at]),
        row: Number(rows[at]),
      }));
      for (const [at, label] of (await labelsFor(log.read, model, subjects)).entries()) {
        const stratum = strata[index];
        if (label === null || stratum === undefined) continue;
        const value =
          metric === 'accuracy'
            ? hit(label, String(predictions[at]), positive)
            : squaredError(label, scores[at], positive);
        const side = Number(versions[at]) === candidate ? 'candidate' : 'champion';
        if (Number.isFinite(value)) stratum[side] = plus(stratum[side], value);
      }
    }
  }
  return strata;
}

const plus = ({ count, sum, sumSquares }: Outcomes, value: number): Outcomes => ({
  count: count + 1,
  sum: sum + value,
  sumSquares: sumSquares + value ** 2,
});

const hit = (label: string, predicted: string, positive: string): number =>
  Number(isPositive(label, positive) === isPositive(predicted, positive));

const squaredError = (label: string, score: unknown, positive: string): number =>
  typeof score === 'number' ? (score - Number(isPositive(label, positive))) ** 2 : Number.NaN;
