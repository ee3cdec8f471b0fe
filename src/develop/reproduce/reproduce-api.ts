import { z } from 'zod';

/** From the strongest claim to none. */
export const verdicts = ['bit-identical', 'within-noise', 'differs', 'failed'] as const;
export type Verdict = (typeof verdicts)[number];

export const causes = [
  'data',
  'code',
  'environment',
  'seed',
  'hardware',
  'nondeterminism',
  'unknown',
] as const;
export type Cause = (typeof causes)[number];

export const ingredientSubjects = ['code', 'data', 'environment', 'seed', 'hardware'] as const;
export type IngredientSubject = (typeof ingredientSubjects)[number];

/** One thing that a result depends on: as it was recorded with the run, and as it was found when it ran again. */
export const ingredient = z.object({
  subject: z.enum(ingredientSubjects),
  /** `commit`, `data/flights.csv`, `numpy`, `processor` */
  name: z.string(),
  state: z.enum(['equal', 'differs', 'not recorded', 'not found']),
  recorded: z.string().nullable(),
  found: z.string().nullable(),
});
export type Ingredient = z.infer<typeof ingredient>;

/** One thing that a run made. */
export const output = z.object({
  kind: z.enum(['metric', 'param', 'artifact', 'model file', 'stage output']),
  /** `auc`; with the number of the run where a command made several: `2: auc` */
  name: z.string(),
  /** `equal but for`: equal once a named rule has taken out what is known to be harmless */
  state: z.enum(['equal', 'equal but for', 'differs', 'only recorded', 'only found', 'left out']),
  /** a final value, or a hash; null where there is none */
  recorded: z.union([z.number(), z.string(), z.null()]),
  found: z.union([z.number(), z.string(), z.null()]),
  /** the rule that was used, or what asked for leaving it out */
  rule: z.string().nullable(),
});
export type Output = z.infer<typeof output>;

export const likeness = z.object({
  isIdentical: z.boolean(),
  /** how many outputs are in each state */
  counts: z.record(z.string(), z.number()),
  outputs: z.array(output),
  ingredients: z.array(ingredient),
});
export type Likeness = z.infer<typeof likeness>;

export const experimentKinds = ['repeat', 'fixed generators', 'one thread', 'swap'] as const;

/** What was tried to find out why; the runs are there to look at. */
export const experiment = z.object({
  kind: z.enum(experimentKinds),
  /** of a swap: the ingredient that was as recorded this time */
  subject: z.enum(ingredientSubjects).nullable(),
  runIds: z.array(z.string()),
  outcome: z.enum([
    'equal',
    'differs',
    'as recorded',
    'as reproduced',
    'as neither',
    'failed',
    'not possible',
  ]),
  /** in a sentence: what was done and what came of it */
  said: z.string(),
});
export type Experiment = z.infer<typeof experiment>;

export const finding = z.object({
  cause: z.enum(causes),
  /** shown by an experiment, the only one that differs, or one of several */
  certainty: z.enum(['shown', 'likely', 'possible']),
  because: z.string(),
  todo: z.string().nullable(),
});
export type Finding = z.infer<typeof finding>;

export const metricNoise = z.object({
  name: z.string(),
  /** one per seed */
  values: z.array(z.number()),
  mean: z.number(),
  /** of the sample, with n - 1 */
  standardDeviation: z.number(),
  low: z.number(),
  high: z.number(),
  recorded: z.number().nullable(),
  found: z.number().nullable(),
  /** both the recorded and the found value lie in the interval */
  isInside: z.boolean(),
});
export type MetricNoise = z.infer<typeof metricNoise>;

export const noise = z.object({
  seedCount: z.number().int(),
  /** how the seed was changed */
  how: z.string(),
  runIds: z.array(z.string()),
  /** of the interval, for one further observation; 0..1 */
  confidence: z.number(),
  method: z.enum(['t', 'order statistics']),
  metrics: z.array(metricNoise),
  isWithin: z.boolean(),
  /** what so few seeds can't tell */
  caveat: z.string(),
});
export type Noise = z.infer<typeof noise>;

export const steps = ['code', 'data', 'environment', 'command'] as const;

export const failure = z.object({
  step: z.enum(steps),
  message: z.string(),
  /** its last lines */
  output: z.string(),
  todo: z.string(),
});
export type Failure = z.infer<typeof failure>;

const stagePair = z.object({
  path: z.string(),
  recorded: z.string().nullable(),
  found: z.string().nullable(),
});

/** What the command line did; the server compares the runs itself. */
export const newReproduction = z.object({
  /** null when it failed before a run began */
  againId: z.string().nullable(),
  failure: failure.nullable().default(null),
  experiments: z.array(experiment).max(100).default([]),
  seeds: z
    .object({ runIds: z.array(z.string()).max(1_000), how: z.string(), confidence: z.number().gt(0.5).lt(1) })
    .nullable()
    .default(null),
  /** patterns of outputs that do not count, as asked for: `*_seconds` */
  leftOut: z.array(z.string().max(200)).max(50).default([]),
  /** of executions of stages: what they read and made, by md5 */
  stage: z
    .object({ inputs: z.array(stagePair.extend({ isCode: z.boolean() })), outputs: z.array(stagePair) })
    .nullable()
    .default(null),
  /** of what was not as recorded although it could have been: `--environment here` */
  notes: z.array(z.string().max(2_000)).max(100).default([]),
  place: z.object({ folder: z.string(), user: z.string(), machine: z.string() }),
});
export type NewReproduction = z.input<typeof newReproduction>;
/** the same with what was left open filled in */
export type ToldReproduction = z.output<typeof newReproduction>;

export const reproduction = z.object({
  id: z.string(),
  runId: z.string(),
  againId: z.string().nullable(),
  verdict: z.enum(verdicts),
  /** the verdict in a sentence */
  summary: z.string(),
  findings: z.array(finding),
  /** null when there was nothing to compare */
  likeness: likeness.nullable(),
  experiments: z.array(experiment),
  noise: noise.nullable(),
  failure: failure.nullable(),
  leftOut: z.array(z.string()),
  notes: z.array(z.string()),
  place: newReproduction.shape.place,
  by: z.string(),
  /** ms since the epoch */
  at: z.number(),
});
export type Reproduction = z.infer<typeof reproduction>;

export const reproductions = z.object({ runId: z.string(), reproductions: z.array(reproduction) });
export type Reproductions = z.infer<typeof reproductions>;
