import pc from 'picocolors';
import { table } from '../../platform/terminal.ts';
import type { MetricNoise, Output, Reproduction } from './reproduce-api.ts';

const colours = {
  'bit-identical': pc.green,
  'within-noise': pc.green,
  differs: pc.red,
  failed: pc.red,
} as const;
const mostLines = 20;

/** A reproduction for a person at a terminal: verdict, why, and what it rests on. */
export function describeReproduction(made: Reproduction): string[] {
  const { likeness, failure, findings, noise, experiments, notes } = made;
  return [
    colours[made.verdict](made.summary),
    ...findings.flatMap(({ cause, certainty, because, todo }) => [
      '',
      `${pc.bold(cause)}, ${certainty}`,
      `  ${because}`,
      ...(todo === null ? [] : [`  ${pc.cyan('→')} ${todo}`]),
    ]),
    ...(failure === null
      ? []
      : [
          '',
          ...failure.output
            .split('\n')
            .slice(-12)
            .filter((line) => line !== '')
            .map((line) => `  ${line}`),
          `${pc.cyan('→')} ${failure.todo}`,
        ]),
    ...(likeness === null ? [] : outputTable(likeness.outputs)),
    ...(noise === null
      ? []
      : ['', `noise of ${noise.seedCount} seeds, by ${noise.how}`, noiseTable(noise.metrics), noise.caveat]),
    ...(experiments.length === 0 ? [] : ['', pc.dim('tried'), ...experiments.map(({ said }) => `  ${said}`)]),
    ...(notes.length === 0 ? [] : ['', pc.dim('notes'), ...notes.map((each) => `  ${each}`)]),
  ];
}

/** The newest one, and how many there were; for the page of a run. */
export function describeLast(made: readonly Reproduction[]): string[] {
  const [last] = made;
  if (last === undefined) return [];
  const more = made.length === 1 ? '' : `, the newest of ${made.length}`;
  return [
    '',
    pc.dim(`done again ${new Date(last.at).toISOString().slice(0, 16).replace('T', ' ')}${more}`),
    colours[last.verdict](last.summary),
    ...last.findings.map(({ cause, certainty, because }) => `  ${cause}, ${certainty}: ${because}`),
  ];
}

function outputTable(outputs: readonly Output[]): string[] {
  const told = outputs.filter(({ kind, state }) => state !== 'equal' || kind === 'metric');
  if (told.length === 0) return [];
  const order = {
    differs: 0,
    'only recorded': 0,
    'only found': 0,
    'equal but for': 1,
    'left out': 2,
    equal: 3,
  } as const;
  const shown = [...told].sort((one, other) => order[one.state] - order[other.state]).slice(0, mostLines);
  const rows = shown.map(({ kind, name, state, recorded, found, rule }) => {
    const said = rule === null ? state : `${state}${state === 'equal but for' ? '' : ':'} ${rule}`;
    return [kind, name, short(recorded), short(found), order[state] === 0 ? pc.red(said) : said];
  });
  const more = told.length - shown.length;
  return [
    '',
    table(['', 'output', 'recorded', 'found', ''], rows),
    ...(more === 0 ? [] : [`… and ${more} more: --json shows all`]),
  ];
}

const noiseTable = (metrics: readonly MetricNoise[]): string =>
  table(
    ['metric', 'recorded', 'found', 'low', 'high', ''],
    metrics.map(({ name, recorded, found, low, high, isInside }) => [
      name,
      short(recorded),
      short(found),
      short(low),
      short(high),
      isInside ? 'within' : pc.red('outside'),
    ]),
  );

const short = (value: number | string | null): string => {
  if (value === null) return '–';
  if (typeof value === 'number') return String(value);
  return /^[0-9a-f]{32,}/.test(value)
    ? value.slice(0, 8)
    : value.length > 40
      ? `${value.slice(0, 40)}…`
      : value;
};
