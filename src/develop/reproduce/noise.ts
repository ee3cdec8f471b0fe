import type { MetricNoise, Noise } from './reproduce-api.ts';
import { studentQuantile } from '../../platform/statistics/student.ts';

/** Fewer values say nothing of how much they scatter. */
export const fewestSeeds = 3;

export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly method: Noise['method'];
}

/**
 * Where one further value lies, if it comes from where these came from.
 *
 * With few values by Student's t: mean ± t(n-1) · s · √(1 + 1/n), which takes it that they scatter as a normal distribution does.
 * With enough of them, the smallest and the largest: a further value lies between them with the chance (n-1)/(n+1), whatever the
 * distribution (39 values for 95 %).
 *
 * @param values at least three, finite
 * @param confidence the chance, 0.5..1
 * @see Hahn and Meeker, Statistical Intervals, 1991, 4.7 (t) and 5.3.1 (order statistics)
 */
export function predictionInterval(values: readonly number[], confidence: number): Interval {
  const count = values.length;
  if ((count - 1) / (count + 1) >= confidence) {
    return { low: Math.min(...values), high: Math.max(...values), method: 'order statistics' };
  }
  const { mean, deviation } = momentsOf(values);
  // the mean of equal values is not always that value
  if (values.every((value) => value === values[0]))
    return { low: values[0] ?? mean, high: values[0] ?? mean, method: 't' };
  const half = studentQuantile((1 + confidence) / 2, count - 1) * deviation * Math.sqrt(1 + 1 / count);
  return { low: mean - half, high: mean + half, method: 't' };
}

function momentsOf(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** Final values of one run by metric. */
export type FinalMetrics = ReadonlyMap<string, number>;

/**
 * Is a reproduction as far from the run as another seed would be? Both values of each metric have to lie in its interval. Each metric
 * is asked by itself, so that with many of them an honest reproduction falls out of one now and then: that errs on the strict side.
 */
export function noiseOf(
  recorded: FinalMetrics,
  found: FinalMetrics,
  seeds: {
    readonly runs: readonly FinalMetrics[];
    readonly runIds: readonly string[];
    readonly how: string;
    readonly confidence: number;
  },
): Noise {
  const { runs, runIds, how, confidence } = seeds;
  const names = [...new Set([...recorded.keys(), ...found.keys()])].sort();
  const methods = new Set<Noise['method']>();
  const asked = names.map((name): MetricNoise => {
    const values = runs.flatMap((run) => run.get(name) ?? []).filter(Number.isFinite);
    const [was, is] = [recorded.get(name), found.get(name)];
    const shown = { name, values, recorded: was ?? null, found: is ?? null };
    if (values.length < fewestSeeds) {
      return {
        ...shown,
        mean: 0,
        standardDeviation: 0,
        low: 0,
        high: 0,
        isInside: was !== undefined && was === is,
      };
    }
    const { low, high, method } = predictionInterval(values, confidence);
    methods.add(method);
    const { mean, deviation } = momentsOf(values);
    const isIn = (value: number | undefined): boolean => value !== undefined && value >= low && value <= high;
    return { ...shown, mean, standardDeviation: deviation, low, high, isInside: isIn(was) && isIn(is) };
  });
  const isWithin = asked.length > 0 && runs.length >= fewestSeeds && asked.every(({ isInside }) => isInside);
  return {
    seedCount: runs.length,
    how,
    runIds: [...runIds],
    confidence,
    method: methods.has('order statistics') && !methods.has('t') ? 'order statistics' : 't',
    metrics: asked,
    isWithin,
    caveat: caveatOf(runs.length, confidence, asked),
  };
}

function caveatOf(count: number, confidence: number, metrics: readonly MetricNoise[]): string {
  if (count < fewestSeeds)
    return `${count} seeds say nothing of the noise; it takes ${fewestSeeds} at least.`;
  if (metrics.every(({ standardDeviation }) => standardDeviation === 0))
    return 'Another seed changed no metric: there is no noise to be within.';
  if ((count - 1) / (count + 1) >= confidence)
    return `${count} seeds: the smallest and the largest value bound ${percent(confidence)} of further ones, whatever they are distributed like.`;
  const width = studentQuantile((1 + confidence) / 2, count - 1) * Math.sqrt(1 + 1 / count);
  return `With ${count} seeds the interval reaches ${width.toFixed(1)} standard deviations to each side (1.96 with endlessly many), and takes it that values scatter normally: a smaller real difference is not seen.`;
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
