import { seededRandom, shuffle } from '../../platform/statistics/seeded-random.ts';

/** Rows as small whole numbers: `bins[feature][row]`, each below 256. */
export interface BinnedRows {
  readonly bins: readonly Uint8Array[];
  readonly rowCount: number;
}

interface Split {
  readonly feature: number;
  /** rows up to this bin go left */
  readonly bin: number;
  readonly gain: number;
}

interface TreeNode {
  /** undefined at a leaf */
  readonly split: Split | undefined;
  readonly value: number;
}

/** Children of node k are 2k+1 and 2k+2; there are gaps below leaves. */
type Tree = readonly (TreeNode | undefined)[];

/** Two-class boosted trees: what was learned, and how much each feature told. */
export interface BoostedTrees {
  readonly trees: readonly Tree[];
  readonly start: number;
  /** gain of all splits by feature; sums to 1, or 0 where nothing was found */
  readonly importances: Float64Array;
}

const roundCount = 40;
const depth = 3;
const learningRate = 0.15;
/** keeps leaves of few rows near 0 */
const shrinkage = 1;
const fewestRows = 20;

/**
 * Learns which rows are of the second class: gradient boosting of the logistic loss over histograms, trees of depth three.
 *
 * @param labels 0 or 1 per row
 * @param rows which rows to learn from
 * @see Friedman, Greedy function approximation: a gradient boosting machine, 2001; Ke and others, LightGBM, 2017 (histograms).
 */
export function boostTrees(data: BinnedRows, labels: Uint8Array, rows: Uint32Array): BoostedTrees {
  let positives = 0;
  for (const row of rows) positives += labels[row] as number;
  const start = Math.log(positives / (rows.length - positives));
  const scores = new Float64Array(data.rowCount).fill(start);
  const [gradients, weights] = [new Float64Array(data.rowCount), new Float64Array(data.rowCount)];
  const importances = new Float64Array(data.bins.length);
  const trees: Tree[] = [];
  for (let round = 0; round < roundCount; round++) {
    for (const row of rows) {
      const chance = 1 / (1 + Math.exp(-(scores[row] as number)));
      gradients[row] = (labels[row] as number) - chance;
      weights[row] = chance * (1 - chance);
    }
    const tree = growTree(data, gradients, weights, rows);
    for (const node of tree) {
      if (node?.split === undefined) continue;
      const { feature, gain } = node.split;
      importances[feature] = (importances[feature] as number) + gain;
    }
    for (const row of rows) scores[row] = (scores[row] as number) + valueOf(tree, data, row);
    trees.push(tree);
  }
  const total = importances.reduce((sum, gain) => sum + gain, 0);
  return { trees, start, importances: total === 0 ? importances : importances.map((gain) => gain / total) };
}

/** Log odds that a row is of the second class. */
export function scoreRow({ trees, start }: BoostedTrees, data: BinnedRows, row: number): number {
  let score = start;
  for (const tree of trees) score += valueOf(tree, data, row);
  return score;
}

function valueOf(tree: Tree, data: BinnedRows, row: number): number {
  let node = 0;
  for (;;) {
    const { split, value } = tree[node] as TreeNode;
    if (split === undefined) return value;
    node = 2 * node + (((data.bins[split.feature] as Uint8Array)[row] as number) <= split.bin ? 1 : 2);
  }
}

function growTree(data: BinnedRows, gradients: Float64Array, weights: Float64Array, rows: Uint32Array): Tree {
  const nodes: TreeNode[] = [];
  const grow = (node: number, mine: Uint32Array, level: number): void => {
    let [gradient, weight] = [0, 0];
    for (const row of mine) {
      gradient += gradients[row] as number;
      weight += weights[row] as number;
    }
    const split =
      level < depth && mine.length >= 2 * fewestRows ? bestSplit(data, gradients, weights, mine) : undefined;
    nodes[node] = { split, value: (learningRate * gradient) / (weight + shrinkage) };
    if (split === undefined) return;
    const bins = data.bins[split.feature] as Uint8Array;
    grow(
      2 * node + 1,
      mine.filter((row) => (bins[row] as number) <= split.bin),
      level + 1,
    );
    grow(
      2 * node + 2,
      mine.filter((row) => (bins[row] as number) > split.bin),
      level + 1,
    );
  };
  grow(0, rows, 0);
  return nodes;
}

function bestSplit(
  data: BinnedRows,
  gradients: Float64Array,
  weights: Float64Array,
  rows: Uint32Array,
): Split | undefined {
  let best: Split | undefined;
  const [gradient, weight, count] = [new Float64Array(256), new Float64Array(256), new Uint32Array(256)];
  for (const [feature, bins] of data.bins.entries()) {
    gradient.fill(0);
    weight.fill(0);
    count.fill(0);
    for (const row of rows) {
      const bin = bins[row] as number;
      gradient[bin] = (gradient[bin] as number) + (gradients[row] as number);
      weight[bin] = (weight[bin] as number) + (weights[row] as number);
      count[bin] = (count[bin] as number) + 1;
    }
    const [allGradient, allWeight] = [
      gradient.reduce((sum, each) => sum + each, 0),
      weight.reduce((sum, each) => sum + each, 0),
    ];
    const whole = allGradient ** 2 / (allWeight + shrinkage);
    let [leftGradient, leftWeight, leftCount] = [0, 0, 0];
    for (let bin = 0; bin < 255; bin++) {
      leftGradient += gradient[bin] as number;
      leftWeight += weight[bin] as number;
      leftCount += count[bin] as number;
      if (leftCount < fewestRows || rows.length - leftCount < fewestRows) continue;
      const [rightGradient, rightWeight] = [allGradient - leftGradient, allWeight - leftWeight];
      const gain =
        leftGradient ** 2 / (leftWeight + shrinkage) + rightGradient ** 2 / (rightWeight + shrinkage) - whole;
      if (gain > (best?.gain ?? 1e-9)) best = { feature, bin, gain };
    }
  }
  return best;
}

/** Rows in as many folds, by chance and the same each time; each class spread evenly over them. */
export function foldsOf(labels: Uint8Array, foldCount: number): Uint8Array {
  const random = seededRandom(7);
  const folds = new Uint8Array(labels.length);
  for (const label of [0, 1]) {
    const rows = [...labels.keys()].filter((row) => labels[row] === label);
    shuffle(rows, random);
    for (const [at, row] of rows.entries()) folds[row] = at % foldCount;
  }
  return folds;
}
