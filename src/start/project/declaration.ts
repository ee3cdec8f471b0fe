import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { TilthError } from '../../platform/errors.ts';
import { declarationFile } from './declaration-file.ts';

/** `14d`, `12h`, `30m`: a whole number and a unit. */
const duration = z.string().regex(/^\d+[dhm]$/, 'write a duration as 14d, 12h or 30m');

/** One condition that a model version must meet before it may be approved. */
export const gateCondition = z.discriminatedUnion('kind', [
  z.object({ id: z.string(), kind: z.literal('metric-floor'), metric: z.string(), min: z.number() }),
  z.object({ id: z.string(), kind: z.literal('better-than-baseline'), metric: z.string() }),
  z.object({
    id: z.string(),
    kind: z.literal('parity'),
    /** share of rows whose label is the same in Python and in ONNX, 0..1 */
    labelsEqual: z.number().min(0).max(1),
    /** largest absolute difference of a probability */
    maxError: z.number().positive(),
  }),
  z.object({ id: z.string(), kind: z.literal('contract-passed') }),
  z.object({
    id: z.string(),
    kind: z.literal('reproducible'),
    /** what `tilth reproduce` must have come to; bit-identical is within noise too */
    level: z.enum(['bit-identical', 'within-noise']).default('bit-identical'),
    /** how old its verdict may be */
    maxAgeDays: z.number().int().positive().default(90),
    /** patterns of outputs that may be left out, such as `*_seconds` */
    leaveOut: z.array(z.string()).default([]),
  }),
  z.object({
    id: z.string(),
    kind: z.literal('better-than-champion'),
    metric: z.string(),
    confidence: z.number().gt(0.5).lt(1),
    /** `traffic` that both answered, as far as the truth is known; or the held-out rows of the run, scored with both at the gate */
    on: z.enum(['traffic', 'holdout']).default('traffic'),
  }),
  z.object({
    id: z.string(),
    kind: z.literal('not-worse-than-champion'),
    metric: z.string(),
    tolerance: z.number().min(0),
  }),
  z.object({
    id: z.string(),
    kind: z.literal('worst-slice'),
    /** auc, accuracy, brier or log_loss, of the held-out rows of the run, scored at the gate */
    metric: z.string(),
    /** what the worst slice must reach; where less is better, what it may not exceed */
    limit: z.number(),
    /** each value of each column is a slice; of a column of many numbers, each quarter */
    columns: z.array(z.string()).min(1),
    /** below this many rows a slice is not judged */
    minCount: z.number().int().positive().default(100),
  }),
  z.object({
    id: z.string(),
    kind: z.literal('latency'),
    /** milliseconds that 99 of 100 calls with one row may take, in the engine that serves */
    p99Ms: z.number().positive(),
    /** the same of a batch */
    batchP99Ms: z.number().positive().optional(),
    batchRows: z.number().int().positive().max(10_000).default(1000),
  }),
  z.object({
    id: z.string(),
    kind: z.literal('card-complete'),
    /** what a person must have said in MODEL_CARD.md; without a list all that is asked for */
    parts: z.array(z.string()).default([]),
  }),
]);
export type GateCondition = z.infer<typeof gateCondition>;

/** When to wake somebody: performance fell, not merely the data moved. */
export const alertRule = z.object({
  id: z.string(),
  metric: z.string(),
  /** how far the whole confidence interval must lie below the reference value */
  drop: z.number().positive(),
  /** of the interval */
  confidence: z.number().gt(0.5).lt(1).default(0.95),
  /** in how many windows … */
  windows: z.number().int().positive().default(1),
  /** … of the last so many */
  of: z.number().int().positive().default(1),
  /** what the alert is worth: a note, work for the day, or a call at night */
  severity: z.enum(['info', 'ticket', 'page']).default('ticket'),
});
export type AlertRule = z.infer<typeof alertRule>;

export const datasetDeclaration = z.object({
  /** file or folder, relative to the project */
  path: z.string(),
  /** file of the contract in ODCS format; the path with .odcs.yaml where there is one */
  contract: z.string().optional(),
  /** who looks after it */
  owner: z.string(),
  /** who may see it */
  classification: z
    .enum(['public', 'internal', 'confidential', 'pii', 'special-category'])
    .default('internal'),
  /** SPDX name, such as CC0-1.0 */
  licence: z.string().optional(),
});
export type DatasetDeclaration = z.infer<typeof datasetDeclaration>;

/** When a policy is evaluated: before a stage reads data, when a version is registered, when its approval is asked for. */
export const policyMoment = z.enum(['pipeline', 'registration', 'deploy']);
export type PolicyMoment = z.infer<typeof policyMoment>;

const anyPolicy = {
  id: z.string(),
  /** what happens where it does not hold: the act is refused, or a warning stays in the audit log */
  outcome: z.enum(['refuse', 'warn']).default('refuse'),
  /** when it is evaluated; always, unless it says otherwise */
  at: z.array(policyMoment).min(1).default(['pipeline', 'registration', 'deploy']),
};

/** A rule about data and what may be made of it. */
export const policy = z.discriminatedUnion('kind', [
  z.object({
    ...anyPolicy,
    kind: z.literal('no-classification-into-public-model'),
    /** classes that no public model may learn from */
    classifications: z
      .array(z.enum(['internal', 'confidential', 'pii', 'special-category']))
      .default(['pii', 'special-category']),
    /** columns that the training leaves out */
    except: z.array(z.string()).default([]),
  }),
  z.object({
    ...anyPolicy,
    kind: z.literal('licence-in-list'),
    /** SPDX names */
    licences: z.array(z.string()).min(1),
  }),
  z.object({ ...anyPolicy, kind: z.literal('contract-passed-on-exact-hash') }),
  z.object({ ...anyPolicy, kind: z.literal('dataset-has-owner') }),
]);
export type Policy = z.infer<typeof policy>;

export const monitoringDeclaration = z.object({
  /** length of the slices of time, UTC; weeks begin on Monday */
  window: z.enum(['hour', 'day', 'week', 'month']).default('week'),
  /** below this many labelled rows a window says "not yet known" */
  minCount: z.number().int().positive().default(500),
  /** below this share of labelled rows a window says "not yet known", 0..1 */
  minCoverage: z.number().min(0).max(1).default(0.9),
  /** what a window is compared with: the training run's metric, or the mean of the version's first windows */
  reference: z.enum(['training', 'first-4-windows']).default('training'),
  /** when to wake somebody */
  alerts: z.array(alertRule).default([]),
});

export const retrainingDeclaration = z.object({
  /** ids of the alert rules that start it */
  on: z.array(z.string()).default([]),
  /** how much of the newest data it learns from */
  lookback: duration.default('60d'),
  /** how long the candidate answers unseen beside the champion */
  shadow: duration.default('14d'),
  /** how long after one retraining no alert starts another */
  cooldown: duration.default('28d'),
  /** shell commands run in a clean worktree of the project; {from} and {to} are dates, `to` exclusive */
  steps: z.array(z.string()).min(1),
});

export const approvalDeclaration = z.object({
  /** who decides */
  role: z.string().default('reviewer'),
  /** whether somebody may approve a version that they registered themselves, when somebody else asked for it */
  ownModel: z.enum(['refuse', 'allow']).default('refuse'),
  /** how long a request waits, and how long a granted version may be put into production; without an end where it is missing */
  validFor: duration.optional(),
});

/** How a new version takes over from the champion, and what stops it. */
export const rolloutDeclaration = z.object({
  /** percent of the requests that the version answers, growing; at 100 it is the champion */
  steps: z.array(z.number().gt(0).max(100)).min(1).default([1, 5, 25, 50, 100]),
  /** how long each step lasts at least */
  every: duration.default('10m'),
  /** how many requests the version must have answered in each step */
  minRequests: z.number().int().min(0).default(100),
  /** how long it is watched after it became champion */
  watch: duration.default('0m'),
  /** an approval as champion begins it, where there is a champion before; otherwise the approval moves all traffic at once */
  onApproval: z.boolean().default(true),
  /** what callers keep meeting the same version by: `key`, `header:NAME` or `column:NAME`; each request is drawn anew unless given */
  sticky: z
    .string()
    .regex(/^(key|header:.+|column:.+)$/, 'write key, header:NAME or column:NAME')
    .optional(),
  stop: z
    .object({
      /** share of its requests that may fail, 0..1 */
      errorRate: z.number().min(0).lt(1).default(0.01),
      /** how much larger a share of requests it may refuse than the champion does, 0..1 */
      refusedIncrease: z.number().min(0).lt(1).default(0.05),
      /** how much slower than the champion's its 99th percentile may be */
      p99Ratio: z.number().gt(1).default(2),
      /** milliseconds that its 99th percentile may take */
      p99Ms: z.number().positive().optional(),
      /** an outcome that may not get worse, by a test that holds at every look */
      quality: z
        .object({
          /** `accuracy` or `brier` of the ground truth, or the name of outcomes that are told of */
          metric: z.string(),
          /** the smallest difference that matters, in its units */
          effect: z.number().positive().default(0.02),
          confidence: z.number().gt(0.5).lt(1).default(0.95),
          /** whether more of it is better; known of accuracy and brier */
          isHigherBetter: z.boolean().optional(),
          /** how many outcomes of the version must be known before each step */
          minOutcomes: z.number().int().min(0).default(0),
        })
        .optional(),
    })
    .prefault({}),
});
export type RolloutDeclaration = z.infer<typeof rolloutDeclaration>;

/** How alike a graph must answer to be served instead of the Python model that it was made from. */
export const parityCriteria = z.object({
  /** share of rows whose label is the same, 0..1 */
  labelsEqual: z.number().min(0).max(1).default(0.9999),
  /** largest absolute difference of a probability */
  maxError: z.number().positive().default(1e-5),
  /** largest difference of a prediction, relative above 1 */
  regressionError: z.number().positive().default(1e-4),
  /** rows of the dataset to compare on, taken evenly over it */
  rows: z.number().int().positive().default(10_000),
});
export type ParityCriteria = z.infer<typeof parityCriteria>;

export const modelDeclaration = z.object({
  /** one of the datasets above */
  dataset: z.string(),
  /** what kind of answer it gives */
  task: z.literal('binary-classification'),
  /** name of the label */
  target: z.string(),
  /** who looks after it */
  owner: z.string(),
  /** the experiment that its runs are in */
  experiment: z.string(),
  /** the endpoint that serves it */
  endpoint: z.string(),
  /** how long a request to it may take whose caller names no deadline; data planes may be told a shorter limit for all */
  deadlineMs: z.number().int().min(1).max(86_400_000).optional(),
  /** conditions, all of which must hold before a version may be approved */
  gate: z.array(gateCondition).default([]),
  /** when it is served as a graph; else its own Python serves it */
  parity: parityCriteria.prefault({}),
  /** who may call it */
  audience: z.enum(['internal', 'public']).default('internal'),
  /** whether requests are held to the contract of the training data */
  contractOnRequests: z.enum(['refuse', 'off']).default('refuse'),
  /** processes per data plane, where a version's own Python serves it; default what `tilth serve --python-workers` says */
  workers: z.number().int().min(1).max(256).optional(),
  /** who approves a version, and for how long */
  approval: approvalDeclaration.prefault({}),
  monitoring: monitoringDeclaration.prefault({}),
  /** how a new version takes over; without it, an approval moves all traffic at once */
  rollout: rolloutDeclaration.optional(),
  retraining: retrainingDeclaration.optional(),
});
export type ModelDeclaration = z.infer<typeof modelDeclaration>;

/** `tilth.yaml`: what should happen to a project's data and models, reviewed like code. */
export const projectDeclaration = z.object({
  /** its name on the server */
  project: z.string().regex(/^[a-zA-Z0-9][\w.-]*$/),
  /** data that is versioned and has an owner */
  datasets: z.record(z.string(), datasetDeclaration).default({}),
  /** models and how they live */
  models: z.record(z.string(), modelDeclaration).default({}),
  /** rules about data and what may be made of it */
  policies: z.array(policy).default([]),
});
export type ProjectDeclaration = z.infer<typeof projectDeclaration>;

/**
 * Reads `tilth.yaml` of a project folder.
 *
 * @throws PROJECT_FILE_MISSING, PROJECT_FILE_INVALID with line and key of each fault
 */
export function readDeclaration(folder: string): ProjectDeclaration {
  let text: string;
  try {
    text = readFileSync(join(folder, declarationFile), 'utf8');
  } catch (cause) {
    throw new TilthError(
      'PROJECT_FILE_MISSING',
      404,
      `${folder} has no ${declarationFile}.`,
      'Begin a project with: tilth start',
      { cause },
    );
  }
  return parseDeclaration(text);
}

export function parseDeclaration(text: string): ProjectDeclaration {
  const document = parseDocument(text);
  const faults = document.errors.map((error) => error.message);
  const parsed = projectDeclaration.safeParse(document.toJS());
  if (faults.length === 0 && parsed.success) return parsed.data;
  const problems = [
    ...faults,
    ...(parsed.success
      ? []
      : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)),
  ];
  throw new TilthError(
    'PROJECT_FILE_INVALID',
    400,
    `${declarationFile} can't be read: ${problems.join('; ')}`,
    'Correct the file; its keys are described in docs/reference/project-file.md',
    { details: problems },
  );
}

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000 } as const;

/** `14d` in milliseconds. */
export const durationMs = (text: string): number =>
  Number(text.slice(0, -1)) * unitMs[text.slice(-1) as keyof typeof unitMs];
