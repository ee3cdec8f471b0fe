/** A curve that never falls, through points with straight lines between; level before the first and after the last. */
export interface IsotonicCurve {
  readonly at: Float64Array;
  readonly values: Float64Array;
}

/**
 * The never falling curve that is closest to the points, by least squares: neighbours that fall are pooled.
 *
 * @see Barlow and others, Statistical Inference under Order Restrictions, 1972; sklearn.isotonic.IsotonicRegression(out_of_bounds='clip').
 */
export function fitIsotonic(x: Float64Array, y: Float64Array): IsotonicCurve {
  const order = Uint32Array.from(x.keys()).sort((left, right) => (x[left] as number) - (x[right] as number));
  const places: number[] = [];
  const [sums, weights]: [number[], number[]] = [[], []];
  for (const row of order) {
    const last = places.length - 1;
    if (last >= 0 && places[last] === x[row]) {
      sums[last] = (sums[last] as number) + (y[row] as number);
      weights[last] = (weights[last] as number) + 1;
    } else {
      places.push(x[row] as number);
      sums.push(y[row] as number);
      weights.push(1);
    }
  }
  const blocks: { sum: number; weight: number; size: number }[] = [];
  for (const [index, sum] of sums.entries()) {
    let block = { sum, weight: weights[index] as number, size: 1 };
    for (
      let before = blocks.at(-1);
      before !== undefined && before.sum / before.weight >= block.sum / block.weight;
      before = blocks.at(-1)
    ) {
      block = {
        sum: before.sum + block.sum,
        weight: before.weight + block.weight,
        size: before.size + block.size,
      };
      blocks.pop();
    }
    blocks.push(block);
  }
  const values = blocks.flatMap(({ sum, weight, size }) => Array.from({ length: size }, () => sum / weight));
  return { at: Float64Array.from(places), values: Float64Array.from(values) };
}

/** The curve's value at each place. */
export function followCurve({ at, values }: IsotonicCurve, places: Float64Array): Float64Array {
  const last = at.length - 1;
  return places.map((place) => {
    if (!(place > (at[0] as number))) return values[0] as number;
    if (place >= (at[last] as number)) return values[last] as number;
    let [low, high] = [0, last];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((at[middle] as number) <= place) low = middle;
      else high = middle;
    }
    const [left, right] = [at[low] as number, at[high] as number];
    const [from, to] = [values[low] as number, values[high] as number];
    return from + ((to - from) * (place - left)) / (right - left);
  });
}
