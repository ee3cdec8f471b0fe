import { TilthError } from '../../platform/errors.ts';

export const fileUnreadable = (path: string, cause: unknown): TilthError =>
  new TilthError(
    'DRIFT_FILE_UNREADABLE',
    400,
    `${path} can't be read as Parquet or CSV.`,
    'Give two files with the same columns, for example: tilth monitor drift march.parquet april.parquet',
    {
      cause,
    },
  );

export const nothingShared = (reference: string, current: string): TilthError =>
  new TilthError(
    'DRIFT_NO_COMMON_COLUMN',
    400,
    `${reference} and ${current} have no column of numbers or categories in common.`,
  );

export const unknownColumn = (name: string, path: string, known: readonly string[]): TilthError =>
  new TilthError(
    'DRIFT_COLUMN_UNKNOWN',
    400,
    `${path} has no column ${JSON.stringify(name)}.`,
    `It has: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', …' : ''}`,
  );

export const unknownMethod = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'DRIFT_METHOD_UNKNOWN',
    400,
    `There is no drift method ${JSON.stringify(name)}.`,
    `Methods: ${known.join(', ')}`,
  );

export const weightsUnreadable = (path: string, cause: unknown): TilthError =>
  new TilthError(
    'DRIFT_WEIGHTS_UNREADABLE',
    400,
    `${path} is no JSON object of numbers.`,
    'Write it as {"wind": 0.4, "carrier": 0.1}: 0 or more for each column; a column that is not in it does not count.',
    { cause },
  );
