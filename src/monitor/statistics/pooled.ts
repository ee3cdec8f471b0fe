/** One value of the pooled sample: how often it occurs on each side, and how many values lie below it. */
export interface Tie {
  readonly value: number;
  readonly inFirst: number;
  readonly inSecond: number;
  readonly firstBelow: number;
  readonly secondBelow: number;
}

/**
 * Walks over both sorted samples together, value by value; what each sample's distribution function, ranks and ties need.
 *
 * @param visit called with one object that is filled anew each time: nothing is made per value
 */
export function walkPooled(first: Float64Array, second: Float64Array, visit: (tie: Tie) => void): void {
  const tie = { value: 0, inFirst: 0, inSecond: 0, firstBelow: 0, secondBelow: 0 };
  let [atFirst, atSecond] = [0, 0];
  while (atFirst < first.length || atSecond < second.length) {
    const value = Math.min(first[atFirst] ?? Infinity, second[atSecond] ?? Infinity);
    tie.value = value;
    tie.firstBelow = atFirst;
    tie.secondBelow = atSecond;
    while (first[atFirst] === value) atFirst++;
    while (second[atSecond] === value) atSecond++;
    tie.inFirst = atFirst - tie.firstBelow;
    tie.inSecond = atSecond - tie.secondBelow;
    visit(tie);
  }
}
