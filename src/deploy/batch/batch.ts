import type { BadRow } from './batch-errors.ts';

/** Rows of one part; a file has as many parts as it has blocks of so many rows. */
export const rowsPerPart = 65_536;
/** Rows that an engine is asked, and the log is told, at once. */
export const rowsPerCall = 8_192;

export type OnBadRow = 'fail' | 'skip' | 'report';

/** What a batch is, kept beside its parts: who goes on with it must mean the same. */
export interface BatchPlan {
  readonly format: 1;
  readonly id: string;
  readonly model: string;
  readonly version: number;
  readonly digest: string;
  readonly isTest: boolean;
  readonly onBadRow: OnBadRow;
  readonly keyColumn: string | null;
  readonly eventTimeColumn: string | null;
  readonly files: readonly { readonly name: string; readonly stamp: string }[];
}

/** What became of it; written when all parts are there. */
export interface BatchManifest extends BatchPlan {
  readonly rowCount: number;
  readonly badCount: number;
  readonly parts: readonly { readonly name: string; readonly rowCount: number; readonly badCount: number }[];
  /** the first of the rows that were left out, or reported */
  readonly badRows: readonly BadRow[];
}

export const planFile = '_batch.json';
export const manifestFile = '_manifest.json';

/** One part of a file, by position; its name says how many rows it holds, and how many of its block were bad. */
export const partName = (file: number, block: number, rowCount: number, badCount: number): string =>
  `part-${pad(file, 5)}-${pad(block, 7)}-${rowCount}-${badCount}.parquet`;

const pad = (number: number, width: number): string => String(number).padStart(width, '0');

export interface DonePart {
  readonly name: string;
  readonly file: number;
  readonly block: number;
  readonly rowCount: number;
  readonly badCount: number;
}

/** The parts among the names of a folder. */
export function partsAmong(names: readonly string[]): DonePart[] {
  return names.flatMap((name) => {
    const found = /^part-(\d+)-(\d+)-(\d+)-(\d+)\.parquet$/.exec(name);
    if (found === null) return [];
    const [file = 0, block = 0, rowCount = 0, badCount = 0] = found.slice(1).map(Number);
    return [{ name, file, block, rowCount, badCount }];
  });
}

/** How a plan differs from the one that was begun; undefined when it does not. */
export function differenceOf(before: BatchPlan, now: Omit<BatchPlan, 'id'>): string | undefined {
  if (before.model !== now.model || before.version !== now.version || before.digest !== now.digest)
    return `it is scored by ${before.model}/${before.version}`;
  if (before.isTest !== now.isTest) return before.isTest ? 'it is a test' : 'it is no test';
  if (before.onBadRow !== now.onBadRow) return `it was begun with --on-bad-row ${before.onBadRow}`;
  if (before.keyColumn !== now.keyColumn) return `its keys come from ${before.keyColumn ?? 'no column'}`;
  if (before.eventTimeColumn !== now.eventTimeColumn)
    return `its times come from ${before.eventTimeColumn ?? 'no column'}`;
  const stamps = new Map(before.files.map(({ name, stamp }) => [name, stamp]));
  const other = now.files.find(({ name, stamp }) => stamps.get(name) !== stamp);
  if (other !== undefined) return `${other.name} is not what it was, or was not part of it`;
  return before.files.length === now.files.length ? undefined : 'it has more files';
}

/** The id that the log knows rows by: the same each time the same rows are scored by the same batch. */
export const requestIdOf = (id: string, file: number, block: number, call: number): string =>
  `batch-${id}-${file}-${block}-${call}`;

/** `1,310,720 of 2,000,000 rows (65 %), 512,000 rows/s, 2 s left`. */
export function progressLine(done: number, total: number | undefined, rowsPerSecond: number): string {
  const count = (value: number): string => Math.round(value).toLocaleString('en');
  const rate = `${count(rowsPerSecond)} rows/s`;
  if (total === undefined || total === 0) return `${count(done)} rows, ${rate}`;
  const left = rowsPerSecond > 0 ? `, ${durationText((total - done) / rowsPerSecond)} left` : '';
  return `${count(done)} of ${count(total)} rows (${Math.floor((done / total) * 100)} %), ${rate}${left}`;
}

function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** `late-flights@champion`, `late-flights/3`, `late-flights`. */
export function parseTarget(text: string): { model: string; version?: number; alias?: string } {
  const byVersion = /^(.+)\/(\d+)$/.exec(text);
  if (byVersion?.[1] !== undefined) return { model: byVersion[1], version: Number(byVersion[2]) };
  const byAlias = /^(.+)@([^@]+)$/.exec(text);
  if (byAlias?.[1] !== undefined && byAlias[2] !== undefined) return { model: byAlias[1], alias: byAlias[2] };
  return { model: text };
}
