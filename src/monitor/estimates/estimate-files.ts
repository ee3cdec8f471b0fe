import { TilthError } from '../../platform/errors.ts';
import { dataFile, type Analytics } from '../windows/analytics.ts';
import { areaUnderCurve } from '../statistics/area-under-curve.ts';
import { sum } from '../statistics/interval.ts';
import { followCurve } from '../statistics/isotonic.ts';
import { calibrationOf } from './calibration.ts';
import {
  estimatedMetrics,
  expectedMetrics,
  type Answers,
  type EstimatedMetric,
  type MetricValues,
} from './estimate.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

export interface Columns {
  /** chance of the positive class, 0..1 */
  readonly probability: string;
  /** what the model decided; by `threshold` unless given */
  readonly prediction?: string | undefined;
  readonly truth: string;
  /** value of truth and prediction that is the positive class, as text */
  readonly positive: string;
  readonly threshold: number;
}

export interface Estimate {
  readonly value: number | null;
  /** three standard errors of a chunk of this size: what chance alone moves it by */
  readonly low: number | null;
  readonly high: number | null;
  /** where it stayed on the reference: mean of its chunks and three standard deviations, inside the metric's limits */
  readonly lowest: number;
  readonly highest: number;
  readonly isOutside: boolean;
  /** as it turned out, where the file knows the truth */
  readonly realised: number | null;
}

export interface EstimatedChunk {
  readonly from: number;
  readonly to: number;
  readonly metrics: Readonly<Record<EstimatedMetric, Estimate>>;
}

export interface EstimateReport {
  readonly isCalibrated: boolean;
  readonly chunkSize: number;
  readonly chunks: readonly EstimatedChunk[];
}

/** How many chunks a file is cut into unless their size is given (NannyML's). */
const usualChunkCount = 10;
const deviations = 3;

/**
 * Estimates how good a model's answers are before the truth is known, from a reference where it is.
 *
 * @throws ESTIMATE_UNREADABLE
 */
export async function estimateFiles(
  analytics: Analytics,
  reference: string,
  current: string,
  columns: Columns,
  options: { readonly chunkSize?: number | undefined; readonly calibrate?: boolean } = {},
): Promise<EstimateReport> {
  const [known, asked] = [
    await readRows(analytics, reference, columns, true),
    await readRows(analytics, current, columns, false),
  ];
  const truth = known.truth as Uint8Array;
  const curve = options.calibrate === false ? undefined : calibrationOf(known.scores, truth);
  const chances = (scores: Float64Array): Float64Array =>
    curve === undefined ? scores : followCurve(curve, scores);
  const size = options.chunkSize ?? Math.max(1, Math.floor(asked.scores.length / usualChunkCount));
  const before: Answers = { ...known, chances: chances(known.scores) };
  const ranges = rangesOn(before, truth, size);
  const now: Answers = { ...asked, chances: chances(asked.scores) };
  const chunks = cut(asked.scores.length, size).map(([from, to]): EstimatedChunk => {
    const [estimated, realised] = [
      metricsOf(now, from, to),
      asked.truth === undefined
        ? undefined
        : realisedOf(asked.scores, asked.decisions, asked.truth, from, to),
    ];
    return {
      from,
      to,
      metrics: Object.fromEntries(
        estimatedMetrics.map((metric) => {
          const { lowest, highest, errorOfOne } = ranges[metric];
          const value = estimated[metric];
          const error = (deviations * errorOfOne) / Math.sqrt(to - from);
          const isOutside = value !== null && (value < lowest || value > highest);
          const told = {
            value,
            low: value === null ? null : Math.max(0, value - error),
            high: value === null ? null : Math.min(1, value + error),
          };
          return [metric, { ...told, lowest, highest, isOutside, realised: realised?.[metric] ?? null }];
        }),
      ) as Record<EstimatedMetric, Estimate>,
    };
  });
  return { isCalibrated: curve !== undefined, chunkSize: size, chunks };
}

interface FileRows {
  readonly scores: Float64Array;
  readonly decisions: Uint8Array;
  readonly truth: Uint8Array | undefined;
}

async function readRows(
  analytics: Analytics,
  path: string,
  columns: Columns,
  needsTruth: boolean,
): Promise<FileRows> {
  try {
    const from = dataFile(path);
    const names = (await analytics.rows(`DESCRIBE SELECT * FROM ${from}`)).map(([name]) => String(name));
    const hasTruth = needsTruth || names.includes(columns.truth);
    const isPositive = (name: string): string =>
      `CASE WHEN ${identifier(name)} IS NULL THEN NULL WHEN ${identifier(name)}::VARCHAR = ${literal(columns.positive)} OR TRY_CAST(${identifier(name)}::VARCHAR AS DOUBLE) = TRY_CAST(${literal(columns.positive)} AS DOUBLE) THEN 1 ELSE 0 END`;
    const chance = `${identifier(columns.probability)}::DOUBLE`;
    const decided =
      columns.prediction === undefined
        ? `(${chance} >= ${columns.threshold})::INT`
        : isPositive(columns.prediction);
    const [scores = [], decisions = [], truth = []] = await analytics.columns(
      `SELECT ${chance}, ${decided}, ${hasTruth ? isPositive(columns.truth) : 'NULL'} FROM ${from} WHERE ${chance} IS NOT NULL${needsTruth ? ` AND ${identifier(columns.truth)} IS NOT NULL` : ''}`,
    );
    const isKnown = hasTruth && truth.length > 0 && truth.every((value) => value !== null);
    return {
      scores: Float64Array.from(scores, Number),
      decisions: Uint8Array.from(decisions, Number),
      truth: isKnown ? Uint8Array.from(truth, Number) : undefined,
    };
  } catch (cause) {
    throw new TilthError(
      'ESTIMATE_UNREADABLE',
      400,
      `${path} can't be read as answers of a model: ${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : ''}`,
      'Name its columns, for example: --probability proba --truth late --positive 1',
      { cause },
    );
  }
}

/** Chunks of one size; what is left at the end joins the last one, as a small chunk alarms too easily. */
function cut(length: number, size: number): [number, number][] {
  const count = Math.max(1, Math.floor(length / size));
  return Array.from({ length: count }, (_, at) => [at * size, at === count - 1 ? length : (at + 1) * size]);
}

const metricsOf = ({ scores, decisions, chances }: Answers, from: number, to: number): MetricValues =>
  expectedMetrics({
    scores: scores.subarray(from, to),
    decisions: decisions.subarray(from, to),
    chances: chances.subarray(from, to),
  });

const realisedOf = (
  scores: Float64Array,
  decisions: Uint8Array,
  truth: Uint8Array,
  from: number,
  to: number,
): MetricValues => metricsOf({ scores, decisions, chances: Float64Array.from(truth) }, from, to);

interface Range {
  readonly lowest: number;
  readonly highest: number;
  /** standard error of the metric on a single row; that of n rows is the n-th part's root */
  readonly errorOfOne: number;
}

/** Where the metrics stayed on the reference, chunk by chunk, and how much chance moves them. */
function rangesOn(reference: Answers, truth: Uint8Array, size: number): Record<EstimatedMetric, Range> {
  const chunks = cut(truth.length, size).map(([from, to]) =>
    realisedOf(reference.scores, reference.decisions, truth, from, to),
  );
  const whole = realisedOf(reference.scores, reference.decisions, truth, 0, truth.length);
  const area = areaUnderCurve({ scores: reference.scores, truth }, 0.95)?.standardError ?? 0;
  return Object.fromEntries(
    estimatedMetrics.map((metric) => {
      const values = chunks.flatMap((chunk) => chunk[metric] ?? []);
      const mean = sum(values) / values.length;
      const deviation = Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / values.length);
      const share = rowsAskedBy(metric, reference.decisions, truth) / truth.length;
      const value = whole[metric] ?? 0;
      // a share among the rows that it is a share of; the area by DeLong
      const errorOfOne =
        metric === 'auc' ? area * Math.sqrt(truth.length) : Math.sqrt((value * (1 - value)) / share);
      return [
        metric,
        {
          lowest: Math.max(0, mean - deviations * deviation),
          highest: Math.min(1, mean + deviations * deviation),
          errorOfOne,
        },
      ];
    }),
  ) as Record<EstimatedMetric, Range>;
}

/** Rows that a share is a share of; of F1 those that are positive by decision or truth, as if it were a share of them. */
function rowsAskedBy(metric: EstimatedMetric, decisions: Uint8Array, truth: Uint8Array): number {
  const count = (isAsked: (row: number) => boolean): number =>
    truth.reduce((rows, _, row) => rows + (isAsked(row) ? 1 : 0), 0);
  switch (metric) {
    case 'precision':
      return count((row) => decisions[row] === 1);
    case 'recall':
      return count((row) => truth[row] === 1);
    case 'specificity':
      return count((row) => truth[row] === 0);
    case 'f1':
      return count((row) => truth[row] === 1 || decisions[row] === 1);
    case 'auc':
    case 'accuracy':
      return truth.length;
  }
}
