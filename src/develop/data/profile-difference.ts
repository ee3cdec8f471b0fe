import type {
  ColumnDifference,
  ColumnProfile,
  DataDifference,
  FileEntry,
  TableProfile,
  VersionProfile,
} from './profile-api.ts';

/** What changed from one version's profile to another's: files, tables, columns. */
export function differenceOf(from: VersionProfile, to: VersionProfile): DataDifference {
  const pairs = pairTables(from.profile.tables, to.profile.tables);
  return {
    dataset: to.dataset,
    from: from.profile.md5,
    to: to.profile.md5,
    size: { from: from.profile.size, to: to.profile.size },
    fileCount: { from: from.profile.fileCount, to: to.profile.fileCount },
    rowCount: { from: rowsOf(from), to: rowsOf(to) },
    files: from.filesLeftOut > 0 || to.filesLeftOut > 0 ? null : changedFiles(from.files, to.files),
    tables: pairs.map(({ name, before, after }) => ({
      name,
      change: before === undefined ? 'added' : after === undefined ? 'removed' : 'same',
      rowCount: { from: before?.rowCount ?? 0, to: after?.rowCount ?? 0 },
      columns: changedColumns(before, after),
    })),
  };
}

const rowsOf = ({ profile }: VersionProfile): number =>
  profile.tables.reduce((sum, { rowCount }) => sum + rowCount, 0);

export interface TablePair {
  readonly name: string;
  readonly before: TableProfile | undefined;
  readonly after: TableProfile | undefined;
}

/** Tables of two versions by name; those without a namesake by what share of their columns they have in common. */
export function pairTables(from: readonly TableProfile[], to: readonly TableProfile[]): TablePair[] {
  const pairs: TablePair[] = [];
  const left = new Set(from);
  const waiting: TableProfile[] = [];
  for (const after of to) {
    const before = from.find((table) => table.name === after.name && left.has(table));
    if (before === undefined) waiting.push(after);
    else {
      pairs.push({ name: after.name, before, after });
      left.delete(before);
    }
  }
  for (const after of waiting) {
    const before = [...left].find((table) => commonShare(table, after) > 0.5);
    if (before !== undefined) left.delete(before);
    pairs.push({ name: after.name, before, after });
  }
  return [...pairs, ...[...left].map((before) => ({ name: before.name, before, after: undefined }))];
}

function commonShare(one: TableProfile, other: TableProfile): number {
  const names = new Set(one.columns.map(({ name }) => name));
  const common = other.columns.filter(({ name }) => names.has(name)).length;
  return common / Math.max(1, one.columns.length + other.columns.length - common);
}

function changedFiles(
  from: readonly FileEntry[],
  to: readonly FileEntry[],
): NonNullable<DataDifference['files']> {
  const before = new Map(from.map(([path, md5]) => [path, md5]));
  const after = new Map(to.map(([path, md5]) => [path, md5]));
  const both = [...after].filter(([path]) => before.has(path));
  const changed = both.filter(([path, md5]) => before.get(path) !== md5).map(([path]) => path);
  return {
    added: [...after.keys()].filter((path) => !before.has(path)),
    removed: [...before.keys()].filter((path) => !after.has(path)),
    changed,
    unchangedCount: both.length - changed.length,
  };
}

function changedColumns(
  before: TableProfile | undefined,
  after: TableProfile | undefined,
): ColumnDifference[] {
  const old = new Map(before?.columns.map((column) => [column.name, column]));
  const now = new Map(after?.columns.map((column) => [column.name, column]));
  const names = [...new Set([...now.keys(), ...old.keys()])];
  return names.map((name) =>
    columnDifference(name, old.get(name), now.get(name), before?.rowCount ?? 0, after?.rowCount ?? 0),
  );
}

function columnDifference(
  name: string,
  before: ColumnProfile | undefined,
  after: ColumnProfile | undefined,
  rowsBefore: number,
  rowsAfter: number,
): ColumnDifference {
  const of = <Value>(
    pick: (column: ColumnProfile, rows: number) => Value,
  ): { from: Value | null; to: Value | null } => ({
    from: before === undefined ? null : pick(before, rowsBefore),
    to: after === undefined ? null : pick(after, rowsAfter),
  });
  return {
    name,
    change:
      before === undefined
        ? 'added'
        : after === undefined
          ? 'removed'
          : before.type === after.type
            ? 'same'
            : 'type changed',
    type: of(({ type }) => type),
    nullShare: of(({ nullCount }, rows) => (rows === 0 ? 0 : nullCount / rows)),
    // the mean of a time is a figure that nobody reads
    mean: of(({ mean, kind }) => (kind === 'number' ? mean : null)),
    distinctCount: of(({ distinctCount }) => distinctCount),
  };
}
