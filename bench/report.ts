import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sentenceOf, type Circumstances } from './circumstances.ts';
import {
  cpuOf,
  median,
  ratiosOf,
  valuesOf,
  type Figure,
  type Practice,
  type Ratios,
  type Subject,
} from './measure.ts';

export type Measured = Practice & { readonly circumstances: Circumstances };
export type Results = Record<string, Measured>;

const folder = import.meta.dirname;
const readme = join(folder, 'README.md');
export const latestFile = join(folder, 'results', 'latest.json');

/** Puts what was measured beside what an earlier run has of other practices. */
export function saveResults(file: string, measured: readonly Measured[], order: readonly string[]): Results {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : {};
  const all: Results = {
    ...before,
    ...Object.fromEntries(measured.map((one) => [one.name, withSummaries(one)])),
  };
  const sorted = Object.fromEntries(
    order.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])),
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
  return sorted;
}

/** For readers of the file; computed again from the rounds wherever we need them. */
const withSummaries = (one: Measured): Measured => ({
  ...one,
  figures: one.figures.map((figure) => ({ ...figure, ...summaryOf(figure) })),
});

const summaryOf = (
  figure: Figure,
): {
  summary: Ratios & {
    oursMedian: number;
    peerMedian: number;
    oursCpuMs: number | null;
    peerCpuMs: number | null;
  };
} => ({
  summary: {
    oursMedian: median(valuesOf(figure.ours)),
    peerMedian: median(valuesOf(figure.peer)),
    oursCpuMs: cpuOf(figure.ours),
    peerCpuMs: cpuOf(figure.peer),
    ...ratiosOf(figure),
  },
});

export const tableHead = ['', 'tilth', 'peer', 'ratio', '(lowest to highest)', 'processor'];

/** One line for the terminal. */
export function tableRow(figure: Figure): string[] {
  const ratios = ratiosOf(figure);
  return [
    figure.what,
    `${withSpread(figure.ours)} ${figure.unit}`,
    `${withSpread(figure.peer)} ${figure.unit}`,
    times(ratios.ratio),
    rangeOf(figure, ratios),
    ratios.cpu === null ? '' : times(ratios.cpu),
  ];
}

function withSpread(subject: Subject): string {
  const values = valuesOf(subject);
  const middle = median(values);
  const spread = (Math.max(...values) - Math.min(...values)) / 2 / middle;
  return `${short(middle)}${values.length > 1 ? ` ±${Math.round(spread * 100)} %` : ''}`;
}

const rangeOf = ({ ours }: Figure, { lowest, highest }: Ratios): string =>
  ours.rounds.length > 1 ? `${times(lowest)} to ${times(highest)}` : '';

export const short = (value: number): string =>
  value >= 1000
    ? Math.round(value).toLocaleString('en')
    : value >= 100
      ? value.toFixed(0)
      : value.toPrecision(3);

const times = (ratio: number): string =>
  `${ratio >= 100 ? ratio.toFixed(0) : ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)} x`;

/** Puts the table of ratios into the README, between its marks. */
export const writeReadme = (results: Results): void =>
  writeBetweenMarks('npm run bench', Object.values(results).map(sectionOf).join('\n'));

/** @param by the command that writes this part of the README */
export function writeBetweenMarks(by: string, content: string): void {
  const [begin, end] = [`<!-- written by ${by}: -->`, `<!-- until here: ${by} -->`];
  const text = readFileSync(readme, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`bench/README.md has no place between ${begin} and ${end}`);
  writeFileSync(readme, `${text.slice(0, from)}${begin}\n\n${content}\n${text.slice(to)}`);
}

function sectionOf({ name, peer, versions, figures, checked, notEqual, circumstances }: Measured): string {
  const rows = figures.map((figure) => {
    const ratios = ratiosOf(figure);
    return `| ${figure.what} | ${times(ratios.ratio)} | ${rangeOf(figure, ratios)} | ${ratios.cpu === null ? '' : times(ratios.cpu)} | ${figure.ours.rounds.length} |`;
  });
  return [
    `### ${name}, beside ${peer}`,
    '',
    '| | ratio | lowest to highest round | processor time | rounds |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    `Checked: ${checked.join('; ')}.`,
    '',
    'Not equal work:',
    ...notEqual.map((line) => `- ${line}`),
    '',
    sentenceOf(circumstances, versions),
    '',
  ].join('\n');
}
