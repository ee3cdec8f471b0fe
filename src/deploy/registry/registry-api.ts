import { z } from 'zod';
import { servedPython, servedSchema } from '../serving/serving-api.ts';

/** What was measured for one condition, where and when. */
export const evidence = z.object({
  runId: z.string().optional(),
  /** content hash of the dataset version */
  dataVersion: z.string().optional(),
  dataset: z.string().optional(),
  /** the version or run it was compared with */
  comparedWith: z.string().optional(),
  rowCount: z.number().optional(),
  window: z.object({ from: z.number(), to: z.number() }).optional(),
  interval: z.object({ low: z.number(), high: z.number(), confidence: z.number() }).optional(),
  /** md5 of the file of held-out rows */
  holdout: z.string().optional(),
  /** sha256 of what people say in the card */
  card: z.string().optional(),
  /** how it was measured, with the source of the method */
  method: z.string().optional(),
  /** ms since the epoch, when it was measured */
  at: z.number().optional(),
});
export type Evidence = z.infer<typeof evidence>;

export const gateResult = z.object({
  id: z.string(),
  kind: z.string(),
  passed: z.boolean(),
  /** `unknown` does not pass; missing in reports from before it was told apart */
  status: z.enum(['met', 'not-met', 'unknown']).optional(),
  /** what the condition asks, in words */
  required: z.string(),
  /** what was found; null when it is not yet known */
  measured: z.union([z.number(), z.string(), z.null()]),
  evidence,
  note: z.string().nullable(),
  /** how to meet it; null where it is met */
  hint: z.string().nullable().optional(),
});
export type GateResult = z.infer<typeof gateResult>;

export const gateReport = z.object({
  model: z.string(),
  version: z.number().int(),
  passed: z.boolean(),
  /** sha256 of the outcomes; the same outcomes have the same hash whenever they are evaluated */
  hash: z.string(),
  evaluatedAt: z.number(),
  results: z.array(gateResult),
  note: z.string().nullable(),
});
export type GateReport = z.infer<typeof gateReport>;

export const paritySlice = z.object({
  rowCount: z.number().int(),
  /** share of rows whose label is the same, 0..1; null for a regression */
  labelsEqual: z.number().nullable(),
  /** largest absolute difference of a probability; of a prediction, relative above 1 */
  maxError: z.number(),
});

export const parity = paritySlice.extend({
  /** given rows, then rows made to break a careless conversion */
  parts: z.array(
    paritySlice.extend({
      kind: z.string(),
      /** rows one float32 step from a jump that got the answer of its other side */
      flippedCount: z.number().int(),
    }),
  ),
  /** the row with the largest difference; null when there were no rows */
  worstRow: z
    .object({
      index: z.number().int(),
      row: z.record(z.string(), z.unknown()),
      python: z.unknown(),
      onnx: z.unknown(),
      error: z.number(),
    })
    .nullable(),
  /** rows that the Python model itself refuses, so that there is nothing to compare */
  skipped: z.array(z.object({ kind: z.string(), column: z.string(), reason: z.string() })),
  /** the runtime that compared is the one that serves */
  runtime: z.string(),
  /** what was asked of the graph, from tilth.yaml; absent in what was measured before it was kept */
  criteria: z
    .object({ labelsEqual: z.number(), maxError: z.number(), regressionError: z.number(), rows: z.number().int() })
    .optional(),
  /** what the graph reads numbers as: FP32, FP64, or several */
  precision: z.string().optional(),
  versions: z.record(z.string(), z.string()),
  measuredAt: z.number(),
});
export type Parity = z.infer<typeof parity>;

export const approval = z.object({
  id: z.string(),
  model: z.string(),
  version: z.number().int(),
  alias: z.string(),
  requestedBy: z.string(),
  requestedAt: z.number(),
  /** what who asked had to say */
  message: z.string().nullable(),
  /** sha256 over the ingredients and the alias: what a decider saw, and sends along */
  bundleHash: z.string(),
  ingredients: z.object({
    /** sha256 over names and contents of the model's files */
    artifactDigest: z.string().nullable(),
    /** sha256 of the graph that is served */
    onnxDigest: z.string().nullable(),
    /** sha256 of what a worker runs where there is no graph: the model's files and their Python */
    workerDigest: z.string().nullable(),
    /** content hash of the training data */
    dataVersion: z.string().nullable(),
    gateHash: z.string(),
    /** sha256 of what people say in the model's card */
    cardHash: z.string().nullable(),
  }),
  state: z.enum(['waiting', 'granted', 'refused', 'void', 'withdrawn', 'expired']),
  /** who decided, also when it became void afterwards */
  by: z.string().nullable(),
  at: z.number().nullable(),
  reason: z.string().nullable(),
  /** one person asked and granted, since nobody else was in the team; stays for ever */
  isSingleEye: z.boolean(),
  /** ingredients that are not what was asked for any more */
  changed: z.array(z.string()),
  voidedAt: z.number().nullable(),
  expiresAt: z.number().nullable(),
});
export type Approval = z.infer<typeof approval>;

export const approvalComment = z.object({
  id: z.string(),
  by: z.string(),
  at: z.number(),
  text: z.string(),
});
export type ApprovalComment = z.infer<typeof approvalComment>;

/** A request and what was said about it, in the order in which it happened. */
export const approvalConversation = approval.extend({
  /** the gate as it was when the request was made */
  gate: gateReport,
  comments: z.array(approvalComment),
});
export type ApprovalConversation = z.infer<typeof approvalConversation>;

export const modelVersion = z.object({
  model: z.string(),
  version: z.number().int(),
  source: z.string(),
  runId: z.string().nullable(),
  runLink: z.string().nullable(),
  loggedModelId: z.string().nullable(),
  status: z.string(),
  statusMessage: z.string().nullable(),
  stage: z.string(),
  description: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  aliases: z.array(z.string()),
  createdBy: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
  engine: z.enum(['pending', 'onnx', 'python']),
  /** why it has no graph */
  reason: z.string().nullable(),
  artifactDigest: z.string().nullable(),
  onnxDigest: z.string().nullable(),
  onnxByteCount: z.number().nullable(),
  /** sha256 of the model's files as one, for a version that its own Python serves; null where that can't serve it either */
  bundleDigest: z.string().nullable(),
  bundleByteCount: z.number().nullable(),
  /** the Python of its registration */
  python: servedPython.nullable(),
  schema: servedSchema.nullable(),
  schemaHash: z.string().nullable(),
  parity: parity.nullable(),
  dataVersion: z.string().nullable(),
  gate: gateReport.nullable(),
  conversionJob: z.string().nullable(),
  approvals: z.array(approval),
});
export type ModelVersion = z.infer<typeof modelVersion>;

export const registeredModel = z.object({
  name: z.string(),
  description: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  createdBy: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
  aliases: z.record(z.string(), z.number().int()),
  latestVersion: z.number().int().nullable(),
  versionCount: z.number().int(),
  /** is it declared in a project's tilth.yaml, so that its gate and approval hold? */
  isDeclared: z.boolean(),
});
export type RegisteredModel = z.infer<typeof registeredModel>;

export const aliasStay = z.object({
  model: z.string(),
  alias: z.string(),
  version: z.number().int(),
  fromAt: z.number(),
  toAt: z.number().nullable(),
  by: z.string(),
  reason: z.string().nullable(),
  /** under which it moved; null where none was asked for */
  approval: z
    .object({
      id: z.string(),
      requestedBy: z.string(),
      by: z.string().nullable(),
      at: z.number().nullable(),
      isSingleEye: z.boolean(),
    })
    .nullable(),
});
export type AliasStay = z.infer<typeof aliasStay>;

export const registration = z.object({
  model: z.string(),
  /** the newest logged model of a run */
  runId: z.string().optional(),
  /** runs:/RUN_ID/model, models:/MODEL_ID, models:/NAME/VERSION */
  modelUri: z.string().optional(),
  description: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

export const aliasChange = z.object({
  alias: z.string(),
  /** null takes the alias away */
  version: z.number().int().positive().nullable(),
  reason: z.string().optional(),
});
