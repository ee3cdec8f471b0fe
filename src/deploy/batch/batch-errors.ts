import { TilthError } from '../../platform/errors.ts';

export const batchUnknown = (id: string): TilthError =>
  new TilthError(
    'BATCH_UNKNOWN',
    404,
    `There is no batch ${id}.`,
    'Score into another folder: a new batch begins there.',
  );

export const versionUnservable = (model: string, version: number, why: string | null): TilthError =>
  new TilthError(
    'BATCH_VERSION_UNSERVABLE',
    409,
    `Version ${version} of ${model} can't score: ${why ?? 'it is still being converted'}.`,
    `See: tilth model show ${model} ${version}`,
  );

export const inputEmpty = (input: string): TilthError =>
  new TilthError(
    'BATCH_INPUT_EMPTY',
    404,
    `${input} holds no .parquet or .csv file.`,
    'Give a file, a folder, a pattern in quotes, or s3://BUCKET/PREFIX.',
  );

export const outputTaken = (output: string, what: string): TilthError =>
  new TilthError(
    'BATCH_OUTPUT_TAKEN',
    409,
    `${output} holds a batch of another kind: ${what}.`,
    'Score into another folder, or repeat that batch as it was to go on with it.',
  );

export const columnMissing = (file: string, missing: readonly string[], has: readonly string[]): TilthError =>
  new TilthError(
    'BATCH_COLUMN_MISSING',
    400,
    `${file} lacks ${missing.map((name) => JSON.stringify(name)).join(', ')}, which the model takes; it has ${has.join(', ')}.`,
    'Rename or add the column; names are case-sensitive.',
  );

export const columnWrong = (file: string, column: string, takes: string, type: string): TilthError =>
  new TilthError(
    'BATCH_COLUMN_WRONG',
    400,
    `The column ${JSON.stringify(column)} of ${file} holds ${type}; the model takes ${takes}.`,
    'Write the column with the type that the model was trained with.',
  );

/** One row that can't be scored; counted from 0 within its file. */
export interface BadRow {
  readonly file: string;
  readonly row: number;
  readonly reason: string;
}

export const rowsBad = (rows: readonly BadRow[], isMore: boolean): TilthError =>
  new TilthError(
    'BATCH_ROWS_BAD',
    400,
    `${rows.length}${isMore ? ' or more' : ''} rows can't be scored: ${rows
      .slice(0, 10)
      .map(({ file, row, reason }) => `row ${row} of ${file}: ${reason}`)
      .join('; ')}${rows.length > 10 ? '; …' : ''}`,
    'Correct them, or leave them out with --on-bad-row skip, or keep them with their fault with --on-bad-row report. Parts that are done stay.',
    { details: rows.slice(0, 100) },
  );
