import { TilthError } from '../../platform/errors.ts';

export const fileUnreadable = (path: string, cause: unknown): TilthError =>
  new TilthError('DRIFT_FILE_UNREADABLE', 400, `${path} can't be read as Parquet or CSV.`, 'Give two files with the same columns, for example: tilth monitor drift march.parquet april.parquet', {
    cause,
  });

export const nothingShared = (reference: string, current: string): TilthError =>
  new TilthError('DRIFT_NO_COMMON_COLUMN', 400, `${reference} and ${current} have no column of numbers or categories in common.`);
