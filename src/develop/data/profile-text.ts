import type { ColumnProfile, DataDifference, DataProfile } from './profile-api.ts';

const shortNumber = (value: number | null): string =>
  value === null ? '' : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));

/** A smallest or largest value in at most 24 letters; numbers with as many digits as matter. */
function ending(text: string | null): string {
  if (text === null || text === '') return '';
  const value = Number(text);
  return Number.isFinite(value) ? shortNumber(value) : text.slice(0, 24);
}

const blocks = ' ▁▂▃▄▅▆▇█';

/** A histogram as one line of at most 16 letters. */
export function sparkline(counts: readonly number[]): string {
  const wide = Math.ceil(counts.length / 16);
  const sums = Array.from({ length: Math.ceil(counts.length / Math.max(1, wide)) }, (_, at) =>
    counts.slice(at * wide, (at + 1) * wide).reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(1, ...sums);
  return sums.map((sum) => blocks[sum === 0 ? 0 : Math.max(1, Math.round((sum / most) * 8))]).join('');
}

function spread(column: ColumnProfile): string {
  if (column.isMasked) return column.classification ?? 'masked';
  if (column.histogram !== null) return sparkline(column.histogram.counts);
  return column.frequent
    .slice(0, 3)
    .map(({ value }) => value.slice(0, 16))
    .join(', ');
}

export const profileHeads = ['column', 'type', 'nulls', 'distinct', 'min', 'mean', 'max', 'values'];

/** Rows of one table of the profile, under `profileHeads`. */
export const columnRows = (table: DataProfile['tables'][number]): string[][] =>
  table.columns.map((column) => [
    column.name,
    column.type.toLowerCase(),
    table.rowCount === 0 ? '0' : `${shortNumber((100 * column.nullCount) / table.rowCount)} %`,
    column.distinctCount > 5000 ? `~${column.distinctCount}` : String(column.distinctCount),
    ending(column.min),
    column.kind === 'number' ? shortNumber(column.mean) : '',
    ending(column.max),
    spread(column),
  ]);

const counted = (before: number, after: number, word: string): string =>
  before === after ? `${after} ${word}` : `${before} → ${after} ${word}`;

/** What changed, in sentences; of files at most ten of a sort. */
export function differenceLines(difference: DataDifference): string[] {
  const { files } = difference;
  const some = (mark: string, paths: readonly string[]): string[] => [
    ...paths.slice(0, 10).map((path) => `  ${mark} ${path}`),
    ...(paths.length > 10 ? [`  ${mark} and ${paths.length - 10} more`] : []),
  ];
  return [
    `${difference.dataset} ${difference.from.slice(0, 12)} → ${difference.to.slice(0, 12)}: ${counted(difference.rowCount.from, difference.rowCount.to, 'rows')}, ${counted(difference.fileCount.from, difference.fileCount.to, 'files')}, ${counted(difference.size.from, difference.size.to, 'bytes')}`,
    ...(files === null
      ? ['  the files are too many to be compared one by one']
      : [...some('A', files.added), ...some('D', files.removed), ...some('M', files.changed)]),
    ...difference.tables.flatMap((table) => [
      ...(table.change === 'same' ? [] : [`  table ${table.name} was ${table.change}`]),
      ...table.columns.flatMap(({ name, change, type }) =>
        change === 'same' || table.change !== 'same'
          ? []
          : [
              change === 'type changed'
                ? `  column ${name}: ${type.from} → ${type.to}`
                : `  column ${name} was ${change}`,
            ],
      ),
    ]),
  ];
}
