import { z } from 'zod';
import { columnType, contractReport, contractState } from '../contracts/contract-api.ts';

export const newDatasetVersion = z.object({
  md5: z.string().regex(/^[0-9a-f]{32}(\.dir)?$/),
  project: z.string(),
  path: z.string(),
  size: z.number(),
  fileCount: z.number(),
  rowCount: z.number().nullable().default(null),
  columns: z.array(columnType).default([]),
  contractHash: z.string().nullable().default(null),
  contractState: contractState.default('none'),
  report: contractReport.nullable().default(null),
  /** git commit that the working tree stood on */
  commit: z.string().nullable().default(null),
  owner: z.string().nullable().default(null),
  classification: z.string().nullable().default(null),
  licence: z.string().nullable().default(null),
});
export type NewDatasetVersion = z.infer<typeof newDatasetVersion>;
export type NewDatasetVersionBody = z.input<typeof newDatasetVersion>;

export const datasetVersion = z.object({
  dataset: z.string(),
  md5: z.string(),
  size: z.number(),
  fileCount: z.number(),
  rowCount: z.number().nullable(),
  columns: z.array(columnType),
  contractHash: z.string().nullable(),
  contractState,
  report: contractReport.nullable(),
  commit: z.string().nullable(),
  createdAt: z.number(),
  createdBy: z.string(),
});
export type DatasetVersion = z.infer<typeof datasetVersion>;

export const dataset = z.object({
  name: z.string(),
  project: z.string(),
  path: z.string(),
  owner: z.string().nullable(),
  classification: z.string().nullable(),
  licence: z.string().nullable(),
  createdAt: z.number(),
  versionCount: z.number(),
  /** newest version, without its report */
  latest: datasetVersion.omit({ report: true }).nullable(),
});
export type Dataset = z.infer<typeof dataset>;

export const datasetWithVersions = dataset.extend({ versions: z.array(datasetVersion) });
export type DatasetWithVersions = z.infer<typeof datasetWithVersions>;
