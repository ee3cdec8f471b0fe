import type { Analytics } from '../windows/analytics.ts';
import type { Column } from './column.ts';
import { checkQuality, type Violation } from './data-quality.ts';
import {
  columnsDomain,
  mostRowsClassified,
  textsDomain,
  type DomainDrift,
  type SampledColumn,
} from './domain-classifier.ts';
import {
  compareColumns,
  datasetDrift,
  judgeTogether,
  type Comparing,
  type ColumnDrift,
  type DatasetDrift,
  type DriftRule,
} from './drift.ts';
import { nothingShared, unknownColumn } from './drift-errors.ts';
import { FileTable, areAlike, type ComparedColumn } from './file-columns.ts';
import type { DriftMethod } from './methods.ts';

export interface DriftReport {
  readonly rule: DriftRule;
  readonly rows: { readonly reference: number; readonly current: number };
  readonly columns: Readonly<Record<string, ColumnDrift>>;
  /** columns of text: how well their words tell the sides apart; null with too few */
  readonly texts: Readonly<Record<string, DomainDrift | null>>;
  /** all columns of numbers and categories together; null with too few rows, absent unless asked */
  readonly multivariate?: DomainDrift | null;
  readonly dataset: DatasetDrift;
  readonly violations: readonly Violation[];
  /** columns that both have and that can't be compared */
  readonly notCompared: readonly { readonly name: string; readonly reason: string }[];
}

export interface ComparingFiles extends Comparing {
  /** only these; all that both have unless given */
  readonly columns?: readonly string[] | undefined;
  /** a column and what decides for it */
  readonly decidedFor?: ReadonlyMap<string, DriftMethod>;
  readonly driftShare?: number | undefined;
  readonly weights?: ReadonlyMap<string, number> | undefined;
  readonly isMultivariate?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  /** of each column that was compared, for pictures */
  readonly onColumn?: (name: string, reference: Column, current: Column) => void;
}

/**
 * Compares two files column by column; nothing else is needed.
 *
 * @throws DRIFT_FILE_UNREADABLE, DRIFT_NO_COMMON_COLUMN, DRIFT_COLUMN_UNKNOWN
 */
export async function compareFiles(
  analytics: Analytics,
  reference: string,
  current: string,
  asked: ComparingFiles = {},
): Promise<DriftReport> {
  const before = await FileTable.open(analytics, reference, 'reference');
  const now = await FileTable.open(analytics, current, 'current');
  for (const name of asked.columns ?? [])
    if (before.find(name) === undefined)
      throw unknownColumn(
        name,
        reference,
        before.columns.map((column) => column.name),
      );
  const columns = new Map<string, ColumnDrift>();
  const texts: Record<string, DomainDrift | null> = {};
  const notCompared: { name: string; reason: string }[] = [];
  const kinds = await before.kinds();
  const shared = before.columns.flatMap(({ name, type }) => {
    const other = now.find(name);
    if (other === undefined || asked.columns?.includes(name) === false) return [];
    const kind = kinds.get(name);
    if (kind !== undefined && areAlike(type, other.type)) return [{ name, kind }];
    notCompared.push({
      name,
      reason: type === other.type ? `${type} is not compared` : `${type} became ${other.type}`,
    });
    return [];
  });
  const read = async (name: string, kind: 'num' | 'cat'): Promise<[Column, Column]> => [
    await before.read(name, kind),
    await now.read(name, kind),
  ];
  const compared = shared.flatMap(({ name, kind }) => (kind === 'text' ? [] : [{ name, kind }]));
  let [done, next] = [0, compared[0] === undefined ? undefined : read(compared[0].name, compared[0].kind)];
  for (const [at, { name }] of compared.entries()) {
    const [old, fresh] = (await next) as [Column, Column];
    const following = compared[at + 1];
    // the next column is read while this one is compared
    next = following === undefined ? undefined : read(following.name, following.kind);
    columns.set(
      name,
      compareColumns(old, fresh, { ...asked, decidedBy: asked.decidedFor?.get(name) ?? asked.decidedBy }),
    );
    asked.onColumn?.(name, old, fresh);
    asked.onProgress?.(++done, shared.length);
  }
  for (const { name, kind } of shared) {
    if (kind !== 'text') continue;
    const sides = [
      await before.texts(name, mostRowsClassified),
      await now.texts(name, mostRowsClassified),
    ] as const;
    // names and numbers of rows differ on each row and say nothing
    if (isKeyLike(sides)) notCompared.push({ name, reason: 'each row has its own' });
    else texts[name] = textsDomain(...sides);
    asked.onProgress?.(++done, shared.length);
  }
  if (columns.size === 0 && Object.keys(texts).length === 0) throw nothingShared(reference, current);
  const judged = judgeTogether(columns);
  return {
    rule: asked.rule ?? 'tilth',
    rows: { reference: before.rowCount, current: now.rowCount },
    columns: Object.fromEntries(judged),
    texts,
    ...(asked.isMultivariate === true ? { multivariate: await together(before, now, compared) } : {}),
    dataset: datasetDrift(verdicts(judged, texts), asked),
    violations: checkQuality(before, now, judged),
    notCompared,
  };
}

/** Texts of one word each that hardly repeat are keys. */
const isKeyLike = (sides: readonly (readonly string[])[]): boolean =>
  sides.every((texts) => texts.filter((text) => !/\s/.test(text.trim())).length > texts.length * 0.9);

/** A column of text counts in the share of drifted columns as any other. */
const verdicts = (
  columns: ReadonlyMap<string, ColumnDrift>,
  texts: Readonly<Record<string, DomainDrift | null>>,
): Map<string, boolean> =>
  new Map([
    ...[...columns].map(([name, column]): [string, boolean] => [name, column.default?.drifted === true]),
    ...Object.entries(texts).flatMap(([name, found]): [string, boolean][] =>
      found === null ? [] : [[name, found.drifted]],
    ),
  ]);

async function together(
  before: FileTable,
  now: FileTable,
  columns: readonly ComparedColumn[],
): Promise<DomainDrift | null> {
  const [old, fresh] = [
    await before.sample(columns, mostRowsClassified),
    await now.sample(columns, mostRowsClassified),
  ];
  const sampled = columns.map(({ name, kind }, at): SampledColumn => ({
    name,
    kind,
    values: [...old, ...fresh].map((row) => row[at] ?? null),
  }));
  return columnsDomain(sampled, old.length, fresh.length);
}
