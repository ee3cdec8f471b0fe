import { sentenceOf, type Circumstances } from '../circumstances.ts';
import { short } from '../report.ts';

/** One thing at each size; MLflow's may end before ours. */
export interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly peer: readonly number[];
}

export interface Growth {
  /** runs, ascending */
  readonly sizes: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
  readonly measures: readonly Measure[];
}

/** The part of the README that tells how tracking grows. */
export function growthTable({
  sizes,
  versions,
  measures,
  circumstances,
}: Growth & { circumstances: Circumstances }): string {
  const [first = 0] = sizes;
  const last = sizes.at(-1) ?? 0;
  const cells = (values: readonly number[]): string =>
    sizes.map((_, place) => (values[place] === undefined ? '' : short(values[place]))).join(' | ');
  const factor = ([from, ...rest]: readonly number[]): string => {
    const to = rest.at(-1);
    return from === undefined || to === undefined ? '' : `${short(to / from)} x`;
  };
  const rows = measures.flatMap(({ what, unit, ours, peer }) => [
    `| ${what}, ${unit} | tilth | ${cells(ours)} | ${factor(ours)} |`,
    ...(peer.length === 0 ? [] : [`| | MLflow | ${cells(peer)} | ${factor(peer)} |`]),
  ]);
  return [
    `![How tracking grows from ${first.toLocaleString('en')} to ${last.toLocaleString('en')} runs, beside MLflow](results/growth.svg)`,
    '',
    `| runs | | ${sizes.map((size) => size.toLocaleString('en')).join(' | ')} | first to last |`,
    `|---|---|${sizes.map(() => '---|').join('')}---|`,
    ...rows,
    '',
    sentenceOf(circumstances, versions),
    '',
  ].join('\n');
}
