// What the plots of many runs have in common: axes over numbers or words, ticks, colours, smoothing.

/** A run as a plot sees it: its params and metrics by `p.depth`, `m.auc`. */
export interface PlotRun {
  readonly id: string;
  readonly name: string;
  readonly values: ReadonlyMap<string, number | string>;
}

export interface Axis {
  readonly id: string;
  readonly label: string;
  readonly kind: 'linear' | 'log' | 'words';
  /** ends of a number axis, in numbers as they were logged */
  readonly low: number;
  readonly high: number;
  readonly words: readonly string[];
}

/** Above this ratio of largest to smallest a positive axis is logarithmic. */
const logRatio = 100;

/** An axis of numbers where all values are; of words in their order otherwise. Undefined where no run has a value. */
export function axisOf(id: string, runs: readonly PlotRun[]): Axis | undefined {
  const values = runs.flatMap((run) => run.values.get(id) ?? []).filter((value) => typeof value === 'string' || Number.isFinite(value));
  if (values.length === 0) return undefined;
  const label = id.slice(2);
  const numbers = values.map((value) => (typeof value === 'number' ? value : value.trim() === '' ? Number.NaN : Number(value)));
  if (numbers.some((value) => !Number.isFinite(value))) {
    return { id, label, kind: 'words', low: 0, high: 0, words: [...new Set(values.map(String))].sort() };
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of numbers) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { id, label, kind: low > 0 && high / low > logRatio ? 'log' : 'linear', low, high, words: [] };
}

/** Where a value lies on its axis, 0..1; undefined for a run without one. */
export function placeOn(axis: Axis, value: number | string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (axis.kind === 'words') {
    const index = axis.words.indexOf(String(value));
    return index < 0 ? undefined : axis.words.length === 1 ? 0.5 : index / (axis.words.length - 1);
  }
  const number = Number(value);
  if (!Number.isFinite(number)) return undefined;
  if (axis.low === axis.high) return 0.5;
  return axis.kind === 'log'
    ? Math.log(number / axis.low) / Math.log(axis.high / axis.low)
    : (number - axis.low) / (axis.high - axis.low);
}

/** Round numbers, or words, to write beside an axis with their places. */
export function ticksOf(axis: Axis, wanted = 5): readonly { readonly at: number; readonly text: string }[] {
  if (axis.kind === 'words') {
    const each = Math.max(1, Math.ceil(axis.words.length / 12));
    return axis.words.filter((_word, index) => index % each === 0).map((word) => ({ at: placeOn(axis, word) ?? 0, text: word }));
  }
  const values = axis.low === axis.high ? [axis.low] : axis.kind === 'log' ? powersOf10(axis) : roundNumbers(axis.low, axis.high, wanted);
  return values.map((value) => ({ at: placeOn(axis, value) ?? 0, text: tickText(value) }));
}

function roundNumbers(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const values: number[] = [];
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index += 1) values.push(Number((index * step).toPrecision(12)));
  return values;
}

function powersOf10({ low, high }: Axis): number[] {
  const values: number[] = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * (1 + 1e-9); power += 1) values.push(10 ** power);
  return values;
}

const tickText = (value: number): string => {
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(0).replace('e+', 'e') : String(Number(value.toPrecision(6)));
  return text.replaceAll('-', '−');
};

/** From low to high, in the colours of the theme; runs without a value are grey. @param place 0..1 */
export const colourAt = (place: number | undefined): string =>
  place === undefined ? 'var(--line-strong)' : `color-mix(in oklab, var(--series-2) ${Math.round(place * 100)}%, var(--series-3))`;

/**
 * Exponential moving average without the pull towards its start, as TensorBoard draws it; gaps stay gaps.
 *
 * @param weight of what came before, 0..1; 0 changes nothing
 */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  let last = 0;
  let share = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    share = share * weight + (1 - weight);
    return last / share;
  });
}
