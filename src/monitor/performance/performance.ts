import { meanOf, normalInterval, wilsonInterval, type Estimate } from '../statistics/interval.ts';
import { normalTwoSided } from '../../platform/statistics/special-functions.ts';
import {
  areaUnderCurve,
  compareAreas,
  type PairedDifference,
  type ScoredTruth,
} from '../statistics/area-under-curve.ts';
import type { CalibrationBin } from './performance-api.ts';

/** One number about one window, as it is stored. */
export interface Measure {
  readonly metric: string;
  readonly method: string;
  readonly estimate: Estimate;
  /** rows that it was computed from */
  readonly n: number;
}

export interface Performance {
  readonly measures: readonly Measure[];
  readonly calibration: readonly CalibrationBin[];
}

/** Whether a larger value is a better one; a metric that is not here has no better side. */
export const betterWhen: Readonly<Record<string, 'higher' | 'lower'>> = {
  auc: 'higher',
  accuracy: 'higher',
  brier: 'lower',
  log_loss: 'lower',
  ece: 'lower',
};

const synonyms: Readonly<Record<string, string>> = {
  roc_auc: 'auc',
  roc_auc_score: 'auc',
  brier_score: 'brier',
  brier_score_loss: 'brier',
};

/** Our name of a metric that libraries call differently. */
export const metricName = (name: string): string => synonyms[name] ?? name;

/** Whether a label means that the positive class came true; labels may be written as number, text or truth value. */
export function isPositive(label: string, positive: string): boolean {
  return label === positive || canonical(label) === canonical(positive);
}

function canonical(label: string): string {
  const text = label.trim().toLowerCase();
  if (text === 'true') return '1';
  if (text === 'false') return '0';
  const number = Number(text);
  return text !== '' && Number.isFinite(number) ? String(number) : text;
}

const precision = Number.EPSILON;

/**
 * All numbers of a binary classifier on rows whose truth is known.
 *
 * @param predicted 1 where the model's label was the positive class
 * @returns numbers equal to scikit-learn's on the same rows (`roc_auc_score`, `brier_score_loss`, `log_loss`, `accuracy_score`)
 */
export function measure(rows: ScoredTruth, predicted: Uint8Array, confidence = 0.95): Performance {
  const { scores, truth } = rows;
  const n = truth.length;
  const squared = scores.map((score, row) => (score - (truth[row] ?? 0)) ** 2);
  const logarithmic = scores.map((score, row) => {
    const clipped = Math.min(Math.max(score, precision), 1 - precision);
    return truth[row] === 1 ? -Math.log(clipped) : -Math.log(1 - clipped);
  });
  let hitCount = 0;
  let positiveCount = 0;
  for (let row = 0; row < n; row++) {
    hitCount += predicted[row] === truth[row] ? 1 : 0;
    positiveCount += truth[row] ?? 0;
  }
  const calibration = calibrate(rows, confidence);
  const measures: Measure[] = [
    { metric: 'base_rate', method: 'wilson', estimate: wilsonInterval(positiveCount, n, confidence), n },
    { metric: 'accuracy', method: 'wilson', estimate: wilsonInterval(hitCount, n, confidence), n },
    { metric: 'brier', method: 'normal', estimate: averaged(squared, confidence, 1), n },
    { metric: 'log_loss', method: 'normal', estimate: averaged(logarithmic, confidence), n },
    {
      metric: 'ece',
      method: '10 equal bins',
      estimate: { value: calibrationError(calibration, n), low: null, high: null, standardError: null },
      n,
    },
  ];
  const auc = areaUnderCurve(rows, confidence);
  if (auc !== null) measures.push({ metric: 'auc', method: 'delong', estimate: auc, n });
  return { measures, calibration };
}

/** The mean of a column with its normal interval. */
export function averaged(values: Float64Array, confidence: number, most = Infinity): Estimate {
  const { mean, standardError } = meanOf(values);
  return normalInterval(mean, standardError, confidence, 0, most);
}

const binCount = 10;

/** Ten bins of equal width: how often the positive class came true where the model said so much. */
export function calibrate({ scores, truth }: ScoredTruth, confidence = 0.95): CalibrationBin[] {
  const counts = new Float64Array(binCount);
  const sums = new Float64Array(binCount);
  const positives = new Float64Array(binCount);
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? 0;
    const bin = Math.min(binCount - 1, Math.max(0, Math.floor(score * binCount)));
    counts[bin] = (counts[bin] ?? 0) + 1;
    sums[bin] = (sums[bin] ?? 0) + score;
    positives[bin] = (positives[bin] ?? 0) + (truth[row] ?? 0);
  }
  return Array.from(counts, (count, bin) => {
    const share = wilsonInterval(positives[bin] ?? 0, count, confidence);
    return {
      from: bin / binCount,
      to: (bin + 1) / binCount,
      count,
      meanScore: count === 0 ? null : (sums[bin] ?? 0) / count,
      positiveShare: count === 0 ? null : share.value,
      low: share.low,
      high: share.high,
    };
  });
}

/** Expected calibration error: mean distance of a bin's score from what came true, weighted by its rows. */
export const calibrationError = (bins: readonly CalibrationBin[], n: number): number =>
  bins.reduce(
    (sum, bin) => sum + (bin.count / n) * Math.abs((bin.meanScore ?? 0) - (bin.positiveShare ?? 0)),
    0,
  );

export interface PairedComparison {
  readonly n: number;
  readonly auc: PairedDifference | null;
  readonly brier: PairedDifference;
  readonly log_loss: PairedDifference;
}

/** Candidate against champion on the same rows: each difference is candidate minus champion. */
export function compare(
  candidate: Float64Array,
  champion: Float64Array,
  truth: Uint8Array,
  confidence = 0.95,
): PairedComparison {
  const loss = (of: (score: number, label: number) => number, most: number): PairedDifference => {
    const one = candidate.map((score, row) => of(score, truth[row] ?? 0));
    const other = champion.map((score, row) => of(score, truth[row] ?? 0));
    const { mean, standardError } = meanOf(one.map((value, row) => value - (other[row] ?? 0)));
    return {
      ...normalInterval(mean, standardError, confidence, -most, most),
      candidate: meanOf(one).mean,
      champion: meanOf(other).mean,
      pValue: twoSided(mean, standardError),
    };
  };
  return {
    n: truth.length,
    auc: compareAreas({ scores: candidate, truth }, { scores: champion, truth }, confidence),
    brier: loss((score, label) => (score - label) ** 2, 1),
    log_loss: loss((score, label) => {
      const clipped = Math.min(Math.max(score, precision), 1 - precision);
      return -Math.log(label === 1 ? clipped : 1 - clipped);
    }, Infinity),
  };
}

const twoSided = (difference: number, standardError: number): number =>
  standardError === 0 ? (difference === 0 ? 1 : 0) : normalTwoSided(difference / standardError);
