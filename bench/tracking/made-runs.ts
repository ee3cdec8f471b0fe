/** A run as a training script leaves it. The same index gives the same run every time. */
export interface MadeRun {
  readonly id: string;
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** finished where it says nothing */
  readonly status?: 'FINISHED' | 'FAILED';
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly params: readonly (readonly [key: string, value: string])[];
  readonly metrics: readonly (readonly [key: string, value: number])[];
}

/** When the first of the made runs began. */
export const firstTime = 1_700_000_000_000;
/** The tag that MLflow keeps a run's name in. */
export const nameTag = 'mlflow.runName';

/**
 * 3 tags (beside the name), 5 params and 5 metrics. One in twenty has `metrics.acc > 0.5 and params.x = '3'`.
 *
 * @param experiment so that two experiments have different runs
 */
export function madeRun(experiment: string, index: number): MadeRun {
  const seed = mixed(Number(experiment) * 1_000_003 + index * 16);
  const at = (place: number): number => mixed(seed + place);
  const share = (place: number): number => at(place) / 2 ** 32;
  const startedAt = firstTime + index * 1000;
  const name = `run-${index}`;
  return {
    id: [1, 2, 3, 4].map((place) => at(place).toString(16).padStart(8, '0')).join(''),
    name,
    startedAt,
    endedAt: startedAt + (at(5) % 600_000),
    tags: [
      [nameTag, name],
      ...(['team', 'stage', 'kind'] as const).map(
        (key, place) => [key, `${key}-${at(6 + place) % 5}`] as const,
      ),
    ],
    params: (['x', 'depth', 'rate', 'seed', 'trees'] as const).map(
      (key, place) => [key, String(at(9 + place) % 10)] as const,
    ),
    metrics: (['acc', 'auc', 'brier', 'f1', 'loss'] as const).map(
      (key, place) => [key, share(14 + place)] as const,
    ),
  };
}

/** One point of a curve that falls, step by step. */
export const curvePoint = (step: number): { value: number; timestamp: number; step: number } => ({
  value: 1 / (step + 1),
  timestamp: firstTime + step,
  step,
});

/** Spreads a number over 32 bits (the finish of MurmurHash3). */
function mixed(number: number): number {
  let bits = number >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
