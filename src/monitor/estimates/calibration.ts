import { sum } from '../statistics/interval.ts';
import { fitIsotonic, followCurve, type IsotonicCurve } from '../statistics/isotonic.ts';
import { drawFirst, seededRandom } from '../../platform/statistics/seeded-random.ts';

const splitCount = 10;
const heldOut = 0.1;
const binCount = 10;

/**
 * The curve from what a model says to how often that comes true, or undefined where the model's own chances are as good: learned on
 * nine tenths and tried on the rest, ten times.
 *
 * @param chances of the positive class, 0..1
 * @param truth 1 where it came true, else 0
 * @see NannyML 0.13, whose rule this is; the splits are our own, so a close decision may fall the other way
 */
export function calibrationOf(chances: Float64Array, truth: Uint8Array): IsotonicCurve | undefined {
  const came = Float64Array.from(truth);
  const positives = sum(came);
  if (positives === 0 || positives === truth.length) return undefined;
  const random = seededRandom(42);
  const tried: { plain: number[]; curved: number[]; came: number[] } = { plain: [], curved: [], came: [] };
  for (let split = 0; split < splitCount; split++) {
    const isHeld = holdOut(truth, random);
    const learned = fitIsotonic(
      chances.filter((_, row) => isHeld[row] === 0),
      came.filter((_, row) => isHeld[row] === 0),
    );
    const asked = chances.filter((_, row) => isHeld[row] === 1);
    tried.plain.push(...asked);
    tried.curved.push(...followCurve(learned, asked));
    tried.came.push(...came.filter((_, row) => isHeld[row] === 1));
  }
  return calibrationError(tried.plain, tried.came) > calibrationError(tried.curved, tried.came)
    ? fitIsotonic(chances, came)
    : undefined;
}

/** A tenth of each class. */
function holdOut(truth: Uint8Array, random: () => number): Uint8Array {
  const isHeld = new Uint8Array(truth.length);
  for (const label of [0, 1]) {
    const rows = [...truth.keys()].filter((row) => truth[row] === label);
    const count = Math.round(rows.length * heldOut);
    drawFirst(rows, count, random);
    for (const row of rows.slice(0, count)) isHeld[row] = 1;
  }
  return isHeld;
}

/** Mean distance of what was said from what came true, over ten groups of equally many rows. */
function calibrationError(chances: readonly number[], came: readonly number[]): number {
  const order = [...chances.keys()].toSorted(
    (left, right) => (chances[left] as number) - (chances[right] as number),
  );
  const width = Math.floor(order.length / binCount);
  let error = 0;
  for (let bin = 0; bin < binCount; bin++) {
    const rows = order.slice(bin * width, bin === binCount - 1 ? undefined : (bin + 1) * width);
    error +=
      Math.abs(sum(rows.map((row) => (chances[row] as number) - (came[row] as number)))) / order.length;
  }
  return error;
}
