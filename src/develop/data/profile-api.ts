import { z } from 'zod';

/**
 * Counts of values on a grid that depends on no data: edge `n` is `n * step`, and `step` is a power of two. The grids
 * of two versions therefore nest, and their counts can be put on common edges exactly.
 */
export const histogram = z.object({
  step: z.number().positive(),
  /** number of the first edge: the bins begin at `first * step` */
  first: z.number().int(),
  counts: z.array(z.number().int().nonnegative()).max(256),
  /** values left and right of the bins */
  below: z.number().int().nonnegative(),
  above: z.number().int().nonnegative(),
});
export type Histogram = z.infer<typeof histogram>;

/** At 5, 25, 50, 75 and 95 percent; approximate. Times are seconds since the epoch. */
export const quantiles = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]);

export const frequentValue = z.object({
  /** cut after 120 characters; `•••` where the column is masked */
  value: z.string().max(200),
  count: z.number().int().nonnegative(),
});
export type FrequentValue = z.infer<typeof frequentValue>;

export const columnProfile = z.object({
  name: z.string().max(1000),
  /** as DuckDB calls it */
  type: z.string().max(1000),
  kind: z.enum(['number', 'time', 'text', 'boolean', 'other']),
  classification: z.string().nullable(),
  /** its values are not shown, only how many there are */
  isMasked: z.boolean(),
  nullCount: z.number().int().nonnegative(),
  /** approximate */
  distinctCount: z.number().int().nonnegative(),
  min: z.string().max(200).nullable(),
  max: z.string().max(200).nullable(),
  /** of text: its mean number of characters */
  mean: z.number().nullable(),
  standardDeviation: z.number().nullable(),
  quantiles: quantiles.nullable(),
  histogram: histogram.nullable(),
  /** most frequent first; all of them when there are few */
  frequent: z.array(frequentValue).max(50),
});
export type ColumnProfile = z.infer<typeof columnProfile>;

export const tableProfile = z.object({
  /** the file's name, or what the names of its files have in common: `flights-*.parquet` */
  name: z.string().max(1000),
  format: z.enum(['parquet', 'csv', 'json']),
  fileCount: z.number().int(),
  rowCount: z.number().int(),
  columns: z.array(columnProfile).max(2000),
  /** columns beyond the 2,000 that are looked at */
  columnsLeftOut: z.number().int().default(0),
});
export type TableProfile = z.infer<typeof tableProfile>;

export const dataProfile = z.object({
  md5: z.string(),
  fileCount: z.number().int(),
  size: z.number(),
  tables: z.array(tableProfile).max(50),
  /** files that are no tables, or of more shapes than 50 */
  others: z.object({ fileCount: z.number().int(), size: z.number() }),
  /** tables that could not be read */
  unreadable: z.array(z.object({ file: z.string().max(1000), reason: z.string().max(500) })).max(50),
});
export type DataProfile = z.infer<typeof dataProfile>;

/** A file of a version: path, md5, bytes. */
export const fileEntry = z.tuple([z.string(), z.string(), z.number()]);
export type FileEntry = z.infer<typeof fileEntry>;

export const newDataProfile = z.object({
  profile: dataProfile,
  files: z.array(fileEntry).max(5000).default([]),
  /** files beyond the 5,000 that are listed */
  filesLeftOut: z.number().int().default(0),
  /** text of the contract that the version was checked against */
  contract: z.string().max(262_144).nullable().default(null),
});
export type NewDataProfile = z.infer<typeof newDataProfile>;
export type NewDataProfileBody = z.input<typeof newDataProfile>;

export const versionProfile = newDataProfile.extend({ dataset: z.string(), createdAt: z.number() });
export type VersionProfile = z.infer<typeof versionProfile>;

const changedCount = z.object({ from: z.number(), to: z.number() });

export const columnDifference = z.object({
  name: z.string(),
  change: z.enum(['added', 'removed', 'type changed', 'same']),
  type: z.object({ from: z.string().nullable(), to: z.string().nullable() }),
  /** 0..1 */
  nullShare: z.object({ from: z.number().nullable(), to: z.number().nullable() }),
  mean: z.object({ from: z.number().nullable(), to: z.number().nullable() }),
  distinctCount: z.object({ from: z.number().nullable(), to: z.number().nullable() }),
});
export type ColumnDifference = z.infer<typeof columnDifference>;

export const tableDifference = z.object({
  name: z.string(),
  change: z.enum(['added', 'removed', 'same']),
  rowCount: changedCount,
  columns: z.array(columnDifference),
});

export const dataDifference = z.object({
  dataset: z.string(),
  from: z.string(),
  to: z.string(),
  size: changedCount,
  fileCount: changedCount,
  rowCount: changedCount,
  /** null when a version's list of files is not known, or was too long to be kept whole */
  files: z
    .object({
      added: z.array(z.string()),
      removed: z.array(z.string()),
      changed: z.array(z.string()),
      unchangedCount: z.number(),
    })
    .nullable(),
  tables: z.array(tableDifference),
});
export type DataDifference = z.infer<typeof dataDifference>;
