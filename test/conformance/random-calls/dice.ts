/** Dice that fall the same way for the same seed. */
export interface Dice {
  /** 0 included, 1 not */
  share(): number;
  /** a whole number, both ends included */
  whole(from: number, to: number): number;
  chance(share: number): boolean;
  of<T>(list: readonly T[]): T;
  /** each kept with the same chance, in order */
  some<T>(list: readonly T[], share?: number): T[];
}

/** @see Mulberry32, a generator with 32 bits of state by Tommy Ettinger */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const share = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (from: number, to: number): number => from + Math.floor(share() * (to - from + 1));
  return {
    share,
    whole,
    chance: (limit) => share() < limit,
    of: (list) => list[whole(0, list.length - 1)] as (typeof list)[number],
    some: (list, limit = 0.5) => list.filter(() => share() < limit),
  };
}
