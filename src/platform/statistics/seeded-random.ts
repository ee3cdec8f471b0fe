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
