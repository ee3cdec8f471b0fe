import { areaUnderCurve } from '../statistics/area-under-curve.ts';
import { boostTrees, foldsOf, scoreRow, type BinnedRows } from '../statistics/boosted-trees.ts';
import { reach } from '../statistics/interval.ts';
import { normalUpper } from '../../platform/statistics/special-functions.ts';
import { hashText, learnTexts, scoreText, wordsOf } from '../statistics/text-classifier.ts';

/** How well a classifier that never saw a row tells which side it is from. */
export interface DomainDrift {
  /** area under its ROC curve over rows held out: 0.5 is a guess, 1 tells each */
  readonly auc: number;
  readonly low: number | null;
  readonly high: number | null;
  /** chance of such an area by guessing */
  readonly pvalue: number;
  readonly threshold: number;
  readonly drifted: boolean;
  readonly rows: { readonly reference: number; readonly current: number };
  /** what told the sides apart, most first */
  readonly tellers: readonly { readonly name: string; readonly share: number }[];
}

/** Evidently's, for its text drift of more than 1,000 rows. */
const areaThreshold = 0.55;
const alpha = 0.05;
const foldCount = 3;
const fewestRows = 30;
const confidence = 0.95;

export interface SampledColumn {
  readonly name: string;
  readonly kind: 'num' | 'cat';
  /** of the reference's rows, then the current ones */
  readonly values: readonly (string | number | null)[];
}

/**
 * Drift that no single column shows, such as two columns that used to go together. Trees learn to tell the sides apart and are
 * asked about rows that they did not learn from.
 *
 * @returns null with fewer than thirty rows a side or no column
 * @see Lopez-Paz, Oquab, Revisiting Classifier Two-Sample Tests, 2017.
 */
export function columnsDomain(
  columns: readonly SampledColumn[],
  referenceCount: number,
  currentCount: number,
): DomainDrift | null {
  if (Math.min(referenceCount, currentCount) < fewestRows || columns.length === 0) return null;
  const rowCount = referenceCount + currentCount;
  const labels = new Uint8Array(rowCount).fill(1, referenceCount);
  const data: BinnedRows = {
    rowCount,
    bins: columns.map((column) =>
      column.kind === 'num' ? binNumbers(column.values) : binCategories(column.values),
    ),
  };
  const shares = new Float64Array(columns.length);
  const scores = outOfFold(labels, (learn, ask) => {
    const model = boostTrees(data, labels, learn);
    for (const [feature, share] of model.importances.entries())
      shares[feature] = (shares[feature] as number) + share / foldCount;
    for (const row of ask.rows) ask.scores[row] = scoreRow(model, data, row);
  });
  const tellers = columns.map(({ name }, feature) => ({ name, share: shares[feature] as number }));
  return judge(scores, labels, tellers);
}

const mostTexts = 10_000;

/** The same for a column of texts, by their words and pairs of words. */
export function textsDomain(reference: readonly string[], current: readonly string[]): DomainDrift | null {
  if (Math.min(reference.length, current.length) < fewestRows) return null;
  const texts = [...reference, ...current];
  const hashed = texts.map(hashText);
  const labels = new Uint8Array(texts.length).fill(1, reference.length);
  const scores = outOfFold(labels, (learn, ask) => {
    const model = learnTexts(hashed, labels, [...learn]);
    for (const row of ask.rows) ask.scores[row] = scoreText(model, hashed[row] as Uint32Array);
  });
  return judge(scores, labels, tellingWords(reference, current));
}

/** Rows of a side that a classifier looks at. */
export const mostRowsClassified = mostTexts;

function outOfFold(
  labels: Uint8Array,
  work: (learn: Uint32Array, ask: { rows: Uint32Array; scores: Float64Array }) => void,
): Float64Array {
  const folds = foldsOf(labels, foldCount);
  const scores = new Float64Array(labels.length);
  const rows = Uint32Array.from(labels.keys());
  for (let fold = 0; fold < foldCount; fold++) {
    work(
      rows.filter((row) => folds[row] !== fold),
      { rows: rows.filter((row) => folds[row] === fold), scores },
    );
  }
  return scores;
}

function judge(
  scores: Float64Array,
  labels: Uint8Array,
  tellers: readonly { name: string; share: number }[],
): DomainDrift | null {
  const area = areaUnderCurve({ scores, truth: labels }, confidence);
  if (area === null) return null;
  const currentCount = labels.reduce((sum, label) => sum + label, 0);
  const referenceCount = labels.length - currentCount;
  // by guessing the area is Mann and Whitney's U over the pairs
  const spread = Math.sqrt((labels.length + 1) / (12 * referenceCount * currentCount));
  const pvalue = normalUpper((area.value - 0.5) / spread);
  return {
    auc: area.value,
    low: area.low,
    high: area.high,
    pvalue,
    threshold: areaThreshold,
    drifted: area.value >= areaThreshold && pvalue <= alpha,
    rows: { reference: referenceCount, current: currentCount },
    tellers: tellers.filter(({ share }) => share > 0).toSorted((left, right) => right.share - left.share),
  };
}

/** Bins of equally many values; what is missing has the first one. */
const binCount = 64;

function binNumbers(values: readonly (string | number | null)[]): Uint8Array {
  const finite = Float64Array.from(
    values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value)),
  ).sort();
  const edges = new Set<number>();
  for (let bin = 1; bin < binCount; bin++)
    edges.add(finite[Math.floor((finite.length * bin) / binCount)] ?? 0);
  const cuts = Float64Array.from(edges);
  return Uint8Array.from(values, (value) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return 0;
    let [low, high] = [0, cuts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cuts[middle] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  });
}

/** The most frequent values have a bin each, by how frequent they are; the rest share the last. */
function binCategories(values: readonly (string | number | null)[]): Uint8Array {
  const counts = new Map<string, number>();
  for (const value of values)
    if (value !== null) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const ranked = [...counts].toSorted(([, left], [, right]) => right - left).slice(0, 253);
  const bins = new Map(ranked.map(([value], rank) => [value, rank + 1]));
  return Uint8Array.from(values, (value) => (value === null ? 0 : (bins.get(String(value)) ?? 254)));
}

/** Words whose share of texts moved most, in standard errors; of those in five texts or more. */
function tellingWords(
  reference: readonly string[],
  current: readonly string[],
): { name: string; share: number }[] {
  const count = (texts: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const text of texts)
      for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
    return counts;
  };
  const [before, now] = [count(reference), count(current)];
  const moved = [...new Set([...before.keys(), ...now.keys()])].flatMap((name) => {
    const [a, b] = [before.get(name) ?? 0, now.get(name) ?? 0];
    if (a + b < 5) return [];
    const pooled = (a + b) / (reference.length + current.length);
    const z =
      (b / current.length - a / reference.length) /
      Math.sqrt(pooled * (1 - pooled) * (1 / reference.length + 1 / current.length));
    return Math.abs(z) > reach(0.99) ? [{ name, share: Math.abs(z) }] : [];
  });
  const strongest = moved.toSorted((left, right) => right.share - left.share).slice(0, 10);
  const total = strongest.reduce((sum, { share }) => sum + share, 0);
  return strongest.map(({ name, share }) => ({ name, share: share / total }));
}
