import { existsSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../platform/errors.ts';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { contractBeside } from './declared-datasets.ts';
import { contractExists, nothingToInfer } from './contract-errors.ts';
import { dataFiles, folderOf, groupFiles } from './contract-files.ts';
import { unionOf } from './contract-sql.ts';
import type { FileGroup } from './file-group.ts';
import { draftText, type ContractDraft, type DraftProperty } from './contract-draft.ts';
import { declaredDatasets, type DeclaredDataset } from './declared-datasets.ts';
import { personalPatterns, suspect } from './personal-data.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

export interface Inferred {
  /** absolute */
  readonly file: string;
  readonly rowCount: number;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly suspicion: string | null;
  }[];
  /** files that could not be read, in words */
  readonly leftOut: readonly string[];
}

/**
 * Writes a first contract from what the data is like: types, values that are always there, ranges, short lists of
 * values. Columns that look like personal data are marked for a person to confirm, and none of their values is written.
 *
 * @throws DATA_CONTRACT_EXISTS unless forced, DATA_PATH_MISSING, DATA_CONTRACT_NOTHING_TO_INFER
 */
export async function inferContract(folder: string, asked: string, isForced: boolean): Promise<Inferred> {
  const datasets = await declaredDatasets(folder);
  const declared = datasets.find(
    (one) => one.name === asked || resolve(one.root, one.path) === resolve(folder, asked),
  );
  const path = declared === undefined ? resolve(folder, asked) : resolve(declared.root, declared.path);
  if (!existsSync(path)) throw pathMissing(asked);
  const file = declared?.contractFile ?? contractBeside(path);
  if (existsSync(file) && !isForced) throw contractExists(file);
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const { groups, unreadable } = await groupFiles(connection, dataFiles(path, folder), folderOf(path));
    if (groups.length === 0) throw nothingToInfer(asked);
    const columns = await measureColumns(connection, groups, asked);
    const properties: DraftProperty[] = [];
    for (const column of columns) properties.push(await propertyOf(connection, groups, column, columns));
    const name = declared?.name ?? basename(path).replace(/\.[^.]+$/, '');
    writeFileSync(file, draftText(draftOf(name, properties, declared)));
    return {
      file,
      rowCount: columns[0]?.rowCount ?? 0,
      columns: properties.map((one, at) => ({
        name: one.name,
        type: one.logicalType ?? '',
        suspicion: columns[at]?.suspicion?.reason ?? null,
      })),
      leftOut: unreadable.map(({ outcome, examples }) => `${examples[0]?.file ?? ''}: ${outcome}`),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function draftOf(
  name: string,
  properties: readonly DraftProperty[],
  declared: DeclaredDataset | undefined,
): ContractDraft {
  return {
    id: declared === undefined ? name : `${declared.project}-${name}`,
    name,
    tables: [{ name, properties, quality: [{ metric: 'rowCount', mustBeGreaterThan: 0 }] }],
    ...(declared === undefined ? {} : { owner: declared.owner, classification: declared.classification }),
    ...(declared?.licence === undefined ? {} : { licence: declared.licence }),
  };
}

interface MeasuredColumn {
  readonly name: string;
  readonly stored: string;
  readonly rowCount: number;
  readonly valueCount: number;
  readonly distinctCount: number;
  /** how many values can be read so */
  readonly fits: Readonly<Record<'integer' | 'number' | 'boolean' | 'date' | 'timestamp', number>>;
  readonly least: number | null;
  readonly greatest: number | null;
  readonly suspicion: ReturnType<typeof suspect>;
}

/** One query for all columns. */
async function measureColumns(
  connection: DuckDBConnection,
  groups: readonly FileGroup[],
  asked: string,
): Promise<MeasuredColumn[]> {
  const stored = new Map(groups.flatMap((group) => [...group.columns]));
  const names = [...stored.keys()];
  const numbers = names.flatMap((name, at) => {
    const column = identifier(name);
    const words = `CAST(${column} AS VARCHAR)`;
    const isFloat = /^(DOUBLE|FLOAT)$/.test(stored.get(name) ?? '');
    const has = isFloat ? `${column} IS NOT NULL AND NOT isnan(${column})` : `${column} IS NOT NULL`;
    const count = (test: string): string => `count(*) FILTER (WHERE ${has} AND ${test})`;
    const number = `TRY_CAST(${column} AS DOUBLE)`;
    const isText = stored.get(name) === 'VARCHAR';
    return [
      `count(*) FILTER (WHERE ${has}) AS has${at}`,
      `count(DISTINCT ${column}) FILTER (WHERE ${has}) AS distinct${at}`,
      // a number with a zero in front is a name, such as a post code
      `${isText ? count(`regexp_full_match(${column}, '[+-]?(0|[1-9][0-9]{0,17})')`) : '0'} AS integer${at}`,
      `${isText ? count(`regexp_full_match(${column}, '[+-]?(0|[1-9][0-9]*)?([.][0-9]*)?([eE][+-]?[0-9]+)?') AND ${number} IS NOT NULL`) : '0'} AS number${at}`,
      `${isText ? count(`lower(${column}) IN ('true', 'false')`) : '0'} AS boolean${at}`,
      `${isText ? count(`regexp_full_match(${column}, '[0-9]{4}-[0-9]{2}-[0-9]{2}') AND TRY_CAST(${column} AS DATE) IS NOT NULL`) : '0'} AS date${at}`,
      `${isText ? count(`regexp_matches(${column}, '^[0-9]{4}-[0-9]{2}-[0-9]{2}') AND TRY_CAST(${column} AS TIMESTAMP) IS NOT NULL`) : '0'} AS timestamp${at}`,
      `min(${number}) FILTER (WHERE ${has} AND isfinite(${number})) AS least${at}`,
      `max(${number}) FILTER (WHERE ${has} AND isfinite(${number})) AS greatest${at}`,
      ...personalPatterns.map(
        ({ pattern }, index) =>
          `${isText ? count(`regexp_matches(${words}, ${literal(pattern)})`) : '0'} AS p${at}_${index}`,
      ),
    ];
  });
  let row: Record<string, unknown>;
  try {
    const reader = await connection.runAndReadAll(
      `SELECT count(*) AS n, ${numbers.join(', ')} FROM (${unionOf(groups)})`,
    );
    row = reader.getRowObjectsJson()[0] ?? {};
  } catch (cause) {
    throw nothingToInfer(asked, messageOf(cause).split('\n')[0]);
  }
  const number = (key: string): number => Number(row[key]);
  return names.map((name, at): MeasuredColumn => {
    const valueCount = number(`has${at}`);
    const shares = personalPatterns.map((_, index) =>
      valueCount === 0 ? 0 : number(`p${at}_${index}`) / valueCount,
    );
    return {
      name,
      stored: stored.get(name) ?? '',
      rowCount: number('n'),
      valueCount,
      distinctCount: number(`distinct${at}`),
      fits: {
        integer: number(`integer${at}`),
        number: number(`number${at}`),
        boolean: number(`boolean${at}`),
        date: number(`date${at}`),
        timestamp: number(`timestamp${at}`),
      },
      least: row[`least${at}`] === null ? null : number(`least${at}`),
      greatest: row[`greatest${at}`] === null ? null : number(`greatest${at}`),
      suspicion: suspect(name, shares),
    };
  });
}

const longestList = 20;
/** fewer rows say little of what a column can be */
const fewRows = 20;

async function propertyOf(
  connection: DuckDBConnection,
  groups: readonly FileGroup[],
  column: MeasuredColumn,
  all: readonly MeasuredColumn[],
): Promise<DraftProperty> {
  const type = typeOf(column);
  const isFull = column.valueCount === column.rowCount && column.rowCount > 0;
  const isUnique =
    isFull &&
    column.distinctCount === column.rowCount &&
    column.rowCount >= fewRows &&
    (type === 'string' || type === 'integer');
  const isKey = isUnique && all.find((one) => /(^|_)(id|key)$/i.test(one.name)) === column;
  const isList =
    column.suspicion === undefined &&
    type === 'string' &&
    column.distinctCount > 0 &&
    column.distinctCount < longestList &&
    column.rowCount >= fewRows &&
    column.distinctCount * 2 <= column.valueCount;
  const values = isList ? await valuesOf(connection, groups, column.name) : undefined;
  const isRanged =
    column.suspicion === undefined &&
    (type === 'integer' || type === 'number') &&
    !isUnique &&
    column.least !== null;
  const nullPercent =
    column.rowCount === 0 ? 0 : (100 * (column.rowCount - column.valueCount)) / column.rowCount;
  return {
    name: column.name,
    logicalType: type,
    ...(column.stored === 'VARCHAR' ? {} : { physicalType: column.stored }),
    required: isFull,
    ...(isUnique ? { unique: true } : {}),
    ...(isKey ? { primaryKey: true, primaryKeyPosition: 1 } : {}),
    ...(column.suspicion === undefined
      ? {}
      : {
          classification: column.suspicion.classification,
          customProperties: [
            {
              property: 'suspectedPersonalData',
              value: `${column.suspicion.reason}; confirm the classification or correct it`,
            },
          ],
        }),
    ...(isRanged ? { logicalTypeOptions: rangeOf(column) } : {}),
    ...qualityOf(values, isFull || column.valueCount === 0 ? undefined : nullPercent),
  };
}

function qualityOf(
  values: readonly string[] | undefined,
  nullPercent: number | undefined,
): Partial<DraftProperty> {
  const quality = [
    ...(values === undefined
      ? []
      : [{ metric: 'invalidValues', arguments: { validValues: values }, mustBe: 0 }]),
    // some room for the next version
    ...(nullPercent === undefined
      ? []
      : [
          {
            metric: 'nullValues',
            mustBeLessOrEqualTo: Math.min(100, Math.ceil(nullPercent + 5)),
            unit: 'percent',
          },
        ]),
  ];
  return quality.length === 0 ? {} : { quality };
}

function typeOf({ stored, valueCount, fits }: MeasuredColumn): string {
  if (/INT(EGER)?$/.test(stored)) return 'integer';
  if (/^(DOUBLE|FLOAT|DECIMAL)/.test(stored)) return 'number';
  if (stored === 'BOOLEAN') return 'boolean';
  if (stored === 'DATE') return 'date';
  if (stored.startsWith('TIMESTAMP')) return 'timestamp';
  if (/^TIME( |$)/.test(stored)) return 'time';
  if (/\[\]$|^LIST/.test(stored)) return 'array';
  if (/^(STRUCT|MAP)/.test(stored)) return 'object';
  if (valueCount === 0) return 'string';
  return (
    (['integer', 'number', 'boolean', 'date', 'timestamp'] as const).find(
      (type) => fits[type] === valueCount,
    ) ?? 'string'
  );
}

/** What was seen, outwards to two digits, so that the next version does not fail by a hair. */
function rangeOf({ least, greatest }: MeasuredColumn): { minimum: number; maximum: number } {
  return { minimum: outward(least ?? 0, Math.floor), maximum: outward(greatest ?? 0, Math.ceil) };
}

export function outward(value: number, round: (value: number) => number): number {
  if (value === 0) return 0;
  const step = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 1);
  // division by a power of ten below one loses a digit that multiplication keeps
  return step < 1 ? round(value * Math.round(1 / step)) / Math.round(1 / step) : round(value / step) * step;
}

async function valuesOf(
  connection: DuckDBConnection,
  groups: readonly FileGroup[],
  name: string,
): Promise<string[]> {
  const column = identifier(name);
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT CAST(${column} AS VARCHAR) AS value FROM (${unionOf(groups)}) WHERE ${column} IS NOT NULL ORDER BY value LIMIT ${longestList}`,
  );
  return reader.getRowObjectsJson().map(({ value }) => value as string);
}
