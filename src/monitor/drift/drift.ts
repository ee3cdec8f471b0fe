import { sizeOf, type Column } from './column.ts';
import {
  CategoricalPair,
  NumericPair,
  isDrifted,
  methodOf,
  type DriftMethod,
  type Score,
} from './methods.ts';

/** How it is decided whether a column has drifted. */
export const driftRules = ['tilth', 'evidently'] as const;
/**
 * - `tilth`: a distance that matters and a test that it isn't chance, both; with many columns the tests are held to the share
 *   of false alarms among all alarms.
 * - `evidently`: one method, by the reference's size: a test up to 1,000 rows, a distance above.
 */
export type DriftRule = (typeof driftRules)[number];

export interface Verdict {
  readonly method: DriftMethod;
  /** the distance or the p-value that is compared with the threshold; null where it can't be told */
  readonly score: number | null;
  readonly threshold: number;
  readonly drifted: boolean;
  /** the test beside a distance */
  readonly test?: DriftMethod;
  readonly pvalue?: number | null;
  /** the p-value for this column among all that were compared (Benjamini, Hochberg) */
  readonly adjustedPvalue?: number | null;
}

export interface ColumnDrift {
  readonly type: 'num' | 'cat';
  readonly n_ref: number;
  readonly n_cur: number;
  readonly missing_ref: number;
  readonly missing_cur: number;
  /** share of current rows whose category the reference never had, 0..1 */
  readonly unseen?: number | null;
  /** null when a side has no values */
  readonly default: Verdict | null;
  readonly scores: Readonly<Partial<Record<DriftMethod, Score | null>>>;
}

export interface Comparing {
  readonly rule?: DriftRule;
  /** asked beside those that are always told; a method that does not fit the column's kind is left out */
  readonly methods?: readonly DriftMethod[];
  /** this method decides, instead of the rule */
  readonly decidedBy?: DriftMethod | undefined;
}

/** Told of every column: they cost little once it is sorted or counted. */
const always = {
  num: ['ks', 'wasserstein', 'psi', 'jensenshannon'],
  cat: ['homogeneity', 'chisquare', 'psi', 'jensenshannon', 'unseen'],
} as const satisfies Record<string, readonly DriftMethod[]>;

/** Evidently: above this many reference rows a distance decides, since with many rows every p-value is small. */
const fewRows = 1000;
/** Numbers with no more distinct values than this are told by their shares. */
const fewValues = 5;

/**
 * Statistics of one column, and whether it has drifted; of several columns judge them together afterwards.
 *
 * @returns no scores when a side is empty or the sides are not of one kind
 */
export function compareColumns(reference: Column, current: Column, asked: Comparing = {}): ColumnDrift {
  const sides = {
    n_ref: sizeOf(reference),
    n_cur: sizeOf(current),
    missing_ref: reference.missingCount,
    missing_cur: current.missingCount,
  };
  const isEmpty = sides.n_ref === 0 || sides.n_cur === 0;
  if (!isEmpty && reference.kind === 'num' && current.kind === 'num') {
    const pair = new NumericPair(reference, current);
    const isDiscrete = pair.distances.distinctCount <= fewValues;
    const told = isDiscrete
      ? { ...asked, methods: [...(asked.methods ?? []), 'homogeneity' as const] }
      : asked;
    const deciding = decidingMethods(
      { kind: 'num', isDiscrete, valueCount: pair.distances.distinctCount, n: sides.n_ref },
      asked,
    );
    return {
      type: 'num',
      ...sides,
      ...judged(
        deciding,
        scoresOf('num', told, deciding, (name) => scoreNumbers(pair, name, isDiscrete)),
      ),
    };
  }
  if (!isEmpty && reference.kind === 'cat' && current.kind === 'cat') {
    const pair = new CategoricalPair(reference, current);
    const deciding = decidingMethods(
      { kind: 'cat', isDiscrete: true, valueCount: pair.values.length, n: sides.n_ref },
      asked,
    );
    const scores = scoresOf('cat', asked, deciding, (name) => methodOf(name).cat?.(pair));
    return { type: 'cat', ...sides, unseen: pair.unseen, ...judged(deciding, scores) };
  }
  return {
    type: reference.kind,
    ...sides,
    ...(reference.kind === 'cat' ? { unseen: null } : {}),
    default: null,
    scores: {},
  };
}

/** Numbers with few values are also told as categories are. */
function scoreNumbers(pair: NumericPair, name: DriftMethod, isDiscrete: boolean): Score | null | undefined {
  const { num, cat } = methodOf(name);
  if (num !== undefined) return num(pair);
  return isDiscrete ? cat?.(pair.asCategories) : undefined;
}

interface Deciding {
  readonly method: DriftMethod;
  readonly test?: DriftMethod;
}

function decidingMethods(
  of: { kind: 'num' | 'cat'; isDiscrete: boolean; valueCount: number; n: number },
  { rule = 'tilth', decidedBy }: Comparing,
): Deciding {
  if (decidedBy !== undefined && methodOf(decidedBy)[of.kind] !== undefined) return { method: decidedBy };
  if (rule === 'tilth')
    return of.isDiscrete
      ? { method: 'jensenshannon', test: 'homogeneity' }
      : { method: 'wasserstein', test: 'ks' };
  if (of.n > fewRows) return { method: of.isDiscrete ? 'jensenshannon' : 'wasserstein' };
  if (!of.isDiscrete) return { method: 'ks' };
  return { method: of.valueCount > 2 ? 'chisquare' : 'z' };
}

type Scores = Partial<Record<DriftMethod, Score | null>>;

function scoresOf(
  kind: 'num' | 'cat',
  { methods = [] }: Comparing,
  deciding: Deciding,
  score: (name: DriftMethod) => Score | null | undefined,
): Scores {
  const scores: Scores = {};
  const wanted = [
    ...always[kind],
    ...methods,
    deciding.method,
    ...(deciding.test === undefined ? [] : [deciding.test]),
  ];
  for (const name of new Set(wanted)) {
    const found = score(name);
    if (found !== undefined) scores[name] = found;
  }
  return scores;
}

function judged({ method, test }: Deciding, scores: Scores): Pick<ColumnDrift, 'default' | 'scores'> {
  const score = scores[method] ?? null;
  const { threshold } = methodOf(method);
  const told = score === null ? null : 'value' in score ? score.value : score.pvalue;
  const verdict = { method, score: told, threshold, drifted: score !== null && isDrifted(method, score) };
  if (test === undefined) return { default: verdict, scores };
  const beside = scores[test] ?? null;
  const pvalue = beside !== null && 'pvalue' in beside ? beside.pvalue : null;
  return { default: withChance({ ...verdict, test, pvalue }, pvalue), scores };
}

/** A distance counts as drift only where its test says that it isn't chance; without a test it counts. */
function withChance(verdict: Verdict, adjustedPvalue: number | null): Verdict {
  const isLarge = verdict.score !== null && isDrifted(verdict.method, { value: verdict.score });
  const isChance = adjustedPvalue !== null && adjustedPvalue > falseAlarms;
  return { ...verdict, adjustedPvalue, drifted: isLarge && !isChance };
}

/** Largest share of false alarms among all alarms of one comparison. */
const falseAlarms = 0.05;

/**
 * Columns of one comparison judged together: of twenty columns that did not change one would reach p = 0.05 by chance.
 *
 * @see Benjamini, Hochberg, Controlling the False Discovery Rate, 1995.
 */
export function judgeTogether<C extends ColumnDrift>(columns: ReadonlyMap<string, C>): Map<string, C> {
  const tested = [...columns].flatMap(([name, { default: verdict }]) =>
    typeof verdict?.pvalue === 'number' ? [{ name, pvalue: verdict.pvalue }] : [],
  );
  tested.sort((left, right) => right.pvalue - left.pvalue);
  const adjusted = new Map<string, number>();
  let least = 1;
  for (const [index, { name, pvalue }] of tested.entries()) {
    least = Math.min(least, (pvalue * tested.length) / (tested.length - index));
    adjusted.set(name, least);
  }
  return new Map(
    [...columns].map(([name, column]) => {
      const pvalue = adjusted.get(name);
      return [
        name,
        pvalue === undefined || column.default === null
          ? column
          : { ...column, default: withChance(column.default, pvalue) },
      ];
    }),
  );
}

export interface DatasetDrift {
  readonly columns: number;
  readonly drifted: number;
  /** of the columns, or of the weight that they have */
  readonly share: number;
  readonly drift_share: number;
  readonly dataset_drift: boolean;
}

/** Evidently's: a data set has drifted when this share of its columns has. */
export const usualDriftShare = 0.5;

/**
 * Has the data set drifted as a whole?
 *
 * @param columns whether each has drifted
 * @param weights how much each column matters to the model; 0 or more, 1 unless told
 */
export function datasetDrift(
  columns: ReadonlyMap<string, boolean>,
  {
    driftShare = usualDriftShare,
    weights,
  }: { driftShare?: number | undefined; weights?: ReadonlyMap<string, number> | undefined } = {},
): DatasetDrift {
  let [drifted, weight, driftedWeight] = [0, 0, 0];
  for (const [name, hasDrifted] of columns) {
    const matters = weights === undefined ? 1 : (weights.get(name) ?? 0);
    weight += matters;
    if (!hasDrifted) continue;
    drifted++;
    driftedWeight += matters;
  }
  const share = weight === 0 ? 0 : driftedWeight / weight;
  return {
    columns: columns.size,
    drifted,
    share,
    drift_share: driftShare,
    dataset_drift: share >= driftShare,
  };
}
