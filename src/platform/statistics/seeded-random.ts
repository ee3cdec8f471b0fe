/**
 * Numbers 0 ≤ x < 1 that are the same for a seed each time: what a permutation or a split says must not change when it is asked again.
 *
 * @see Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014 (SplitMix, here with 32 bits).
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Puts all rows into an order by chance, in place. */
export function shuffle(rows: number[] | Uint32Array, random: () => number): void {
  for (let at = rows.length - 1; at > 0; at--) swap(rows, at, Math.floor(random() * (at + 1)));
}

/** Draws so many of the rows by chance, without putting any back: afterwards they stand first. */
export function drawFirst(rows: number[] | Uint32Array, count: number, random: () => number): void {
  for (let at = 0; at < count; at++) swap(rows, at, at + Math.floor(random() * (rows.length - at)));
}

function swap(rows: number[] | Uint32Array, one: number, other: number): void {
  const kept = rows[one] as number;
  rows[one] = rows[other] as number;
  rows[other] = kept;
}
