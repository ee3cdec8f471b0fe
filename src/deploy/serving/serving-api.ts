import { z } from 'zod';
import { rowRule } from '../../develop/contracts/contract-api.ts';

/** Element types of the Open Inference Protocol that our models take and give. */
export const datatype = z.enum(['BOOL', 'INT32', 'INT64', 'FP32', 'FP64', 'BYTES']);
export type Datatype = z.infer<typeof datatype>;

/** One input of a served model; `shape` without the batch dimension, usually [1]. */
export const tensorSchema = z.object({
  name: z.string(),
  datatype,
  shape: z.array(z.number().int()),
  /** may a row lack this value (NaN or null)? */
  nullable: z.boolean().default(false),
  /** names of the columns of a block (shape [F] with F above 1), in its order; by them rows are given and logged */
  columns: z.array(z.string()).optional(),
  /** columns that are true or false by the model's signature, where the model takes them as numbers */
  booleans: z.array(z.string()).optional(),
});
export type TensorSchema = z.infer<typeof tensorSchema>;

/** What a model takes and gives; made at conversion, enforced on each request. */
export const servedSchema = z.object({
  inputs: z.array(tensorSchema),
  outputs: z.array(tensorSchema),
  /** labels in the order of the probability columns */
  classes: z.array(z.union([z.string(), z.number()])).default([]),
});
export type ServedSchema = z.infer<typeof servedSchema>;

/** The part of a data contract that each request is held to. */
export const servedContract = z.object({
  dataset: z.string(),
  /** sha256 of the contract file */
  contractHash: z.string(),
  rules: z.array(rowRule),
});
export type ServedContract = z.infer<typeof servedContract>;

/** The Python that a model was registered with; another one that serves it must have the same packages. */
export const servedPython = z.object({
  /** where it was, on the machine that registered; a data plane elsewhere makes its own from the model's requirements */
  path: z.string().nullable(),
  /** 3.11.4 */
  version: z.string(),
  /** what the model was loaded with: package name → version */
  packages: z.record(z.string(), z.string()),
  /** a data frame with the columns' names, or a bare array, which is cheaper and all that some models learned from */
  takes: z.enum(['frame', 'array']),
  /** Is the answer to a row the same whatever rows are beside it? Else requests never share a call. */
  isRowWise: z.boolean(),
});
export type ServedPython = z.infer<typeof servedPython>;

export const servedVersion = z.object({
  model: z.string(),
  version: z.number().int(),
  runId: z.string().nullable(),
  /** a graph in our own runtime, or workers of the model's own Python */
  engine: z.enum(['onnx', 'python']).default('onnx'),
  /** sha256 of the ONNX file, or of the bundle of the MLflow model; its key on the control plane: GET /api/v1/blobs/{digest} */
  digest: z.string(),
  byteCount: z.number().int(),
  schema: servedSchema,
  /** sha256 of the canonical JSON of `schema`; one Parquet layout of the prediction log each */
  schemaHash: z.string(),
  /** absent when the training data has no contract */
  contract: servedContract.optional(),
  /** there where the engine is python */
  python: servedPython.optional(),
  /** processes that its project wants for it; taken when it is loaded */
  workers: z.number().int().optional(),
  /** id of the approval that lets it answer, as it stood when this was written; absent for shadows that have none */
  approval: z.string().optional(),
});
export type ServedVersion = z.infer<typeof servedVersion>;

export const variant = z.enum(['champion', 'canary', 'shadow']);
export type Variant = z.infer<typeof variant>;

export const routeTarget = z.object({
  version: z.number().int(),
  variant,
  /** share of requests, 0..1; the weights of champion and canary sum to 1, a shadow sees every request */
  weight: z.number().min(0).max(1),
});
export type RouteTarget = z.infer<typeof routeTarget>;

/** By what a caller keeps meeting the same version; without it, each request is drawn anew. */
export const sticky = z.discriminatedUnion('by', [
  /** the key of the first row, as it is given with the rows for the ground truth */
  z.object({ by: z.literal('key') }),
  z.object({ by: z.literal('header'), name: z.string() }),
  /** the value of an input column in the first row */
  z.object({ by: z.literal('column'), name: z.string() }),
]);
export type Sticky = z.infer<typeof sticky>;

export const servedEndpoint = z.object({
  name: z.string(),
  model: z.string(),
  /** grows with each change of the route */
  revision: z.number().int(),
  targets: z.array(routeTarget),
  sticky: sticky.optional(),
  /** how long a request may take whose caller names no deadline; the data plane's own limit holds too */
  deadlineMs: z.number().positive().optional(),
});
export type ServedEndpoint = z.infer<typeof servedEndpoint>;

/**
 * All that a data plane needs to know; it keeps the last one on disk and goes on with it
 * when the control plane is away. GET /api/v1/serving/config?after=REVISION&waitMs=20000
 */
export const servingConfig = z.object({
  revision: z.number().int(),
  endpoints: z.array(servedEndpoint),
  versions: z.array(servedVersion),
});
export type ServingConfig = z.infer<typeof servingConfig>;

/** What one version did at one endpoint since the data plane began; counts only grow. */
export const versionCounts = z.object({
  version: z.number().int(),
  variant,
  requestCount: z.number(),
  rowCount: z.number(),
  /** not answered, and the fault is ours: the model failed, or it was too busy */
  failedCount: z.number(),
  /** not answered for what was asked */
  refusedCount: z.number(),
  /** answered requests by latency: src/deploy/serving/counts/latency-histogram.ts */
  latencies: z.array(z.number()),
  /** of a shadow: rows that it scored beside the version that answered */
  comparedCount: z.number(),
  /** … and gave the same label */
  agreedCount: z.number(),
  /** sum over those rows of the largest difference of a probability */
  differenceSum: z.number(),
  largestDifference: z.number(),
  /** requests that it did not see, since too many waited for it */
  droppedCount: z.number(),
});
export type VersionCounts = z.infer<typeof versionCounts>;

/** What a data plane says about itself: POST /api/v1/serving/report, every second. */
export const servingReport = z.object({
  plane: z.string(),
  address: z.string(),
  revision: z.number().int(),
  startedAt: z.number(),
  /** what of the configuration could not be put to work, one sentence each; absent when all is well */
  problems: z.array(z.string()).optional(),
  endpoints: z.array(
    z.object({
      name: z.string(),
      requestCount: z.number(),
      rowCount: z.number(),
      failedCount: z.number(),
      p50Us: z.number(),
      p99Us: z.number(),
      requestsPerSecond: z.number(),
      versions: z.array(versionCounts).optional(),
      /** what waits for each version's model at this moment */
      queues: z
        .array(z.object({ version: z.number().int(), rowCount: z.number(), waitMs: z.number() }))
        .optional(),
    }),
  ),
});
export type ServingReport = z.infer<typeof servingReport>;
