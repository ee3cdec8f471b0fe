/** Columns that are hard to compare rightly, the same each time; for tests against the references. */
export type Values = (number | string | null)[];

const wave = (n: number, of: (index: number) => number | string | null): Values =>
  Array.from({ length: n }, (_, index) => of(index));

/** 0 ≤ x < 1 */
const noise = (index: number, seed: number): number => {
  const x = Math.sin(index * 12.9898 + seed * 78.233) * 43_758.5453;
  return x - Math.floor(x);
};

export const numericCases: Record<string, [Values, Values]> = {
  shifted: [wave(3000, (i) => noise(i, 1) * 10), wave(2500, (i) => noise(i, 2) * 10 + 0.7)],
  same: [wave(2000, (i) => noise(i, 3)), wave(2000, (i) => noise(i, 4))],
  'few values': [
    wave(1500, (i) => Math.floor(noise(i, 5) * 4)),
    wave(900, (i) => Math.floor(noise(i, 6) * 6)),
  ],
  'ties and missing': [
    wave(2500, (i) => (i % 7 === 0 ? null : Math.round(noise(i, 7) * 60))),
    wave(800, (i) => (i % 3 === 0 ? null : Math.round(noise(i, 8) * 80))),
  ],
  constant: [wave(1200, () => 5), wave(1200, () => 5)],
  'one constant, then another': [wave(120, () => 5), wave(90, () => 6)],
  tiny: [wave(1100, (i) => noise(i, 9) * 1e-12), wave(1100, (i) => noise(i, 10) * 1.5e-12)],
  huge: [wave(1100, (i) => noise(i, 11) * 1e15), wave(1100, (i) => noise(i, 12) * 1.2e15)],
  'negative zero': [wave(1001, (i) => (i % 2 === 0 ? -0 : 0)), wave(1001, (i) => (i % 3 === 0 ? -0 : 1))],
  'few rows': [wave(12, (i) => noise(i, 13)), wave(9, (i) => noise(i, 14) + 0.3)],
  'very few rows': [wave(5, (i) => noise(i, 15)), wave(7, (i) => noise(i, 16) * 2)],
  'few beside many': [wave(7, (i) => noise(i, 17)), wave(900, (i) => noise(i, 18) + 0.1)],
  'above ten thousand': [wave(10_400, (i) => noise(i, 19)), wave(9000, (i) => noise(i, 20) * 1.02)],
  'leaning to one side': [
    wave(1500, (i) => Math.exp(noise(i, 21) * 5)),
    wave(1400, (i) => Math.exp(noise(i, 22) * 5.2)),
  ],
  'far apart': [wave(400, (i) => noise(i, 23)), wave(380, (i) => noise(i, 24) + 50)],
};

const carrier = (i: number, seed: number, power: number): string | null =>
  ['UA', 'AA', 'DL', 'B6'][Math.floor(noise(i, seed) ** power * 4)] ?? null;

export const categoricalCases: Record<string, [Values, Values]> = {
  carriers: [wave(3000, (i) => carrier(i, 1, 1)), wave(2000, (i) => carrier(i, 2, 2))],
  'as many on both sides': [wave(1000, (i) => carrier(i, 5, 1)), wave(1000, (i) => carrier(i, 6, 1.1))],
  unseen: [
    wave(1500, (i) => ['a', 'b', null][i % 3] ?? null),
    wave(1500, (i) => ['a', 'b', 'ç', null][i % 4] ?? null),
  ],
  'two values': [
    wave(800, (i) => (noise(i, 3) < 0.4 ? 'x' : 'y')),
    wave(700, (i) => (noise(i, 4) < 0.5 ? 'x' : 'y')),
  ],
  'two values, as many': [
    wave(300, (i) => (noise(i, 7) < 0.4 ? 'x' : 'y')),
    wave(300, (i) => (noise(i, 8) < 0.45 ? 'x' : 'y')),
  ],
  'one value': [wave(50, () => 'x'), wave(40, () => 'x')],
  'Unicode twins': [
    wave(400, (i) => (i % 3 === 0 ? '\u00e9' : 'e\u0301')),
    wave(500, (i) => (i % 2 === 0 ? '\u00e9' : 'e\u0301')),
  ],
  'many values': [
    wave(5000, (i) => `v${Math.floor(noise(i, 9) ** 2 * 300)}`),
    wave(4000, (i) => `v${Math.floor(noise(i, 10) ** 2 * 320)}`),
  ],
};
