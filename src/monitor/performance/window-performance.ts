import { readAnswers, readTruth, type AnsweredRows, type LogReader } from '../predictions/prediction-log-reader.ts';
import type { MonitoringPlan } from '../windows/monitoring-plan.ts';
import { isPartly, type Window } from '../windows/window.ts';
import type { VersionComparison } from './performance-api.ts';
import { averaged, compare, isPositive, measure, type Measure } from './performance.ts';
import type { SeriesPerformance } from './performance-store.ts';

const usualConfidence = 0.95;

/** Performance of every version and variant that answered in a window. */
export async function evaluateWindow(log: LogReader, model: string, plan: MonitoringPlan, window: Window): Promise<SeriesPerformance[]> {
  const series: SeriesPerformance[] = [];
  for (const answers of await readAnswers(log, model, window.start, window.end)) {
    const isPartial = isPartly(window, answers.firstAt, answers.lastAt);
    series.push({ ...performanceOf(answers, await readTruth(log, model, answers), plan), isPartial });
  }
  return series;
}

/** @param truth label of each row, null where it is not yet known */
export function performanceOf(answers: AnsweredRows, truth: readonly (string | null)[], plan: MonitoringPlan): Omit<SeriesPerformance, 'isPartial'> {
  const { version, variant, runId } = answers;
  const rowCount = truth.length;
  const positive = answers.classes.at(-1) ?? '1';
  const known = [...truth.keys()].filter((row) => truth[row] !== null && !Number.isNaN(answers.scores[row]));
  const coverage = rowCount === 0 ? 0 : known.length / rowCount;
  const isKnown = known.length >= plan.minCount && coverage >= plan.minCoverage;
  const always: Measure[] = [
    { metric: 'row_count', method: 'count', estimate: exact(rowCount), n: rowCount },
    { metric: 'coverage', method: 'share', estimate: exact(coverage), n: rowCount },
    { metric: 'mean_prediction', method: 'normal', estimate: averaged(answers.scores.filter((score) => !Number.isNaN(score)), usualConfidence, 1), n: rowCount },
  ];
  const found = { version, variant, runId, rowCount, labelledCount: known.length };
  if (!isKnown) return { ...found, state: 'not yet known', measures: always, calibration: [] };
  const rows = {
    scores: Float64Array.from(known, (row) => answers.scores[row] ?? Number.NaN),
    truth: Uint8Array.from(known, (row) => (isPositive(truth[row] ?? '', positive) ? 1 : 0)),
  };
  const predicted = Uint8Array.from(known, (row) => (isPositive(answers.predictions[row] ?? '', positive) ? 1 : 0));
  const { measures, calibration } = measure(rows, predicted, usualConfidence);
  return { ...found, state: 'known', measures: [...always, ...measures], calibration };
}

const exact = (value: number) => ({ value, low: null, high: null, standardError: null });

/**
 * Two versions on the rows that both answered in [from, to) and whose truth is known.
 * A shadow answers the champion's own requests, so rows are the same request and row; else the same key.
 */
export async function compareVersions(
  log: LogReader,
  model: string,
  candidate: number,
  champion: number,
  from: number,
  to: number,
  confidence = usualConfidence,
): Promise<VersionComparison> {
  const answers = await readAnswers(log, model, from, to);
  const scoresOf = (version: number, name: (answers: AnsweredRows, row: number) => string | null): Map<string, number> => {
    const scores = new Map<string, number>();
    for (const each of answers.filter((one) => one.version === version)) {
      for (const [row, score] of each.scores.entries()) {
        const key = name(each, row);
        if (key !== null && !Number.isNaN(score)) scores.set(key, score);
      }
    }
    return scores;
  };
  const byRequest = (each: AnsweredRows, row: number): string => `${each.rows[row]} ${each.requestIds[row]}`;
  const byKey = (each: AnsweredRows, row: number): string | null => each.keys[row] ?? null;
  const truths = new Map<string, number>();
  const isShared = sharesRequests(answers, candidate, champion);
  const name = isShared ? byRequest : byKey;
  const [one, other] = [scoresOf(candidate, name), scoresOf(champion, name)];
  for (const each of answers.filter((rows) => rows.version === champion)) {
    const positive = each.classes.at(-1) ?? '1';
    for (const [row, label] of (await readTruth(log, model, each)).entries()) {
      const key = name(each, row);
      if (key !== null && label !== null) truths.set(key, isPositive(label, positive) ? 1 : 0);
    }
  }
  const shared = [...truths.keys()].filter((key) => one.has(key) && other.has(key)).sort();
  const pick = (scores: Map<string, number>): Float64Array => Float64Array.from(shared, (key) => scores.get(key) ?? Number.NaN);
  const compared = { model, candidate, champion, from, to, confidence, n: shared.length };
  if (shared.length < 2) return { ...compared, auc: null, brier: null, log_loss: null };
  const { auc, brier, log_loss } = compare(pick(one), pick(other), Uint8Array.from(shared, (key) => truths.get(key) ?? 0), confidence);
  return { ...compared, auc, brier, log_loss };
}

function sharesRequests(answers: readonly AnsweredRows[], candidate: number, champion: number): boolean {
  const requests = new Set(answers.filter((each) => each.version === candidate).flatMap((each) => each.requestIds));
  return answers.some((each) => each.version === champion && each.requestIds.some((id) => requests.has(id)));
}
