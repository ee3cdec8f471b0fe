import { dataFile, identifier, type Analytics } from '../windows/analytics.ts';
import { compareColumns, datasetDrift, numericColumn, type Column, type ColumnDrift, type DatasetDrift } from './drift.ts';
import { fileUnreadable, nothingShared } from './drift-errors.ts';

export interface DriftReport {
  readonly columns: Readonly<Record<string, ColumnDrift>>;
  readonly dataset: DatasetDrift;
}

interface FileColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Compares two files column by column; nothing else is needed.
 *
 * @throws DRIFT_FILE_UNREADABLE, DRIFT_NO_COMMON_COLUMN
 */
export async function compareFiles(analytics: Analytics, reference: string, current: string): Promise<DriftReport> {
  const [before, after] = [await columnsOf(analytics, reference), await columnsOf(analytics, current)];
  const columns: Record<string, ColumnDrift> = {};
  for (const { name, type } of before) {
    const other = after.find((column) => column.name === name);
    if (other === undefined) continue;
    const kind = await kindOf(analytics, reference, { name, type }, other.type);
    if (kind === undefined) continue;
    columns[name] = compareColumns(await readColumn(analytics, reference, name, kind), await readColumn(analytics, current, name, kind));
  }
  if (Object.keys(columns).length === 0) throw nothingShared(reference, current);
  return { columns, dataset: datasetDrift(Object.values(columns)) };
}

async function columnsOf(analytics: Analytics, path: string): Promise<FileColumn[]> {
  try {
    const rows = await analytics.rows(`DESCRIBE SELECT * FROM ${dataFile(path)}`);
    return rows.map((row) => ({ name: String(row[0]), type: String(row[1]) }));
  } catch (cause) {
    throw fileUnreadable(path, cause);
  }
}

const isInteger = (type: string): boolean => /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type);
const isFraction = (type: string): boolean => /^(FLOAT|DOUBLE|DECIMAL)/.test(type);

/** Whole numbers with few values are categories; text that hardly repeats is no category and is left out. */
async function kindOf(analytics: Analytics, path: string, column: FileColumn, otherType: string): Promise<'num' | 'cat' | undefined> {
  const { name, type } = column;
  const isNumber = (each: string): boolean => isInteger(each) || isFraction(each);
  if (isNumber(type) && isNumber(otherType)) {
    if (isFraction(type)) return 'num';
    return (await distinctCount(analytics, path, name)).distinct <= 10 ? 'cat' : 'num';
  }
  if (type === 'BOOLEAN' || type.startsWith('ENUM')) return 'cat';
  if (type !== 'VARCHAR') return undefined;
  const { distinct, count } = await distinctCount(analytics, path, name);
  return distinct > count / 2 ? undefined : 'cat';
}

async function distinctCount(analytics: Analytics, path: string, name: string): Promise<{ distinct: number; count: number }> {
  const column = identifier(name);
  const [row = []] = await analytics.rows(`SELECT count(DISTINCT ${column})::DOUBLE, count(${column})::DOUBLE FROM ${dataFile(path)}`);
  return { distinct: Number(row[0]), count: Number(row[1]) };
}

/** Categories are counted where the data is; numbers come as one array. */
async function readColumn(analytics: Analytics, path: string, name: string, kind: 'num' | 'cat'): Promise<Column> {
  const column = identifier(name);
  if (kind === 'num') {
    const [values = []] = await analytics.columns(`SELECT ${column}::DOUBLE FROM ${dataFile(path)}`);
    return numericColumn(values);
  }
  const rows = await analytics.rows(`SELECT ${column}::VARCHAR, count(*)::DOUBLE FROM ${dataFile(path)} GROUP BY 1`);
  const present = rows.filter(([value]) => value !== null);
  const counts = new Map(present.map(([value, count]) => [String(value), Number(count)]));
  const count = present.reduce((sum, [, each]) => sum + Number(each), 0);
  const missing = rows.find(([value]) => value === null);
  return { kind: 'cat', counts, count, missingCount: missing === undefined ? 0 : Number(missing[1]) };
}

