import { z } from 'zod';
import { rolloutDeclaration } from '../../start/project/declaration.ts';
import { comparison } from './comparison-api.ts';

export const rolloutState = z.enum([
  'running',
  'paused',
  /** it is champion, and still watched */
  'watching',
  /** it is champion */
  'promoted',
  /** ended by a person */
  'stopped',
  /** ended by a rule: the champion before answers alone */
  'rolled back',
  /** somebody routed the endpoint otherwise */
  'superseded',
]);
export type RolloutState = z.infer<typeof rolloutState>;

export const stepPlan = z.object({
  /** of the requests */
  percent: z.number(),
  minMs: z.number(),
  minRequests: z.number().int(),
});
export type StepPlan = z.infer<typeof stepPlan>;

export const stopRules = rolloutDeclaration.shape.stop.unwrap();
export type StopRules = z.infer<typeof stopRules>;

export const rolloutPlan = z.object({ steps: z.array(stepPlan), watchMs: z.number(), stop: stopRules });
export type RolloutPlan = z.infer<typeof rolloutPlan>;

/** What a version did in a step, all data planes together. */
export const versionEvidence = z.object({
  requestCount: z.number(),
  failedCount: z.number(),
  refusedCount: z.number(),
  rowCount: z.number(),
  /** answered requests by latency */
  latencies: z.array(z.number()),
});
export type VersionEvidence = z.infer<typeof versionEvidence>;

export const planeEvidence = z.object({
  plane: z.string(),
  /** heard within the last seconds */
  isAlive: z.boolean(),
  /** serves the route of this step */
  isCurrent: z.boolean(),
});

/** All that a decision is made of. */
export const evidence = z.object({
  candidate: versionEvidence,
  champion: versionEvidence,
  planes: z.array(planeEvidence),
  /** where a rule asks for it */
  quality: comparison.nullable(),
});
export type Evidence = z.infer<typeof evidence>;

export const check = z.object({
  rule: z.string(),
  outcome: z.enum(['holds', 'broken', 'not yet']),
  said: z.string(),
});
export type Check = z.infer<typeof check>;

export const verdict = z.object({
  decision: z.enum(['stay', 'advance', 'stop', 'finish']),
  because: z.string(),
  checks: z.array(check),
});
export type Verdict = z.infer<typeof verdict>;

export const decision = z.object({
  number: z.number().int(),
  at: z.number(),
  step: z.number().int(),
  what: z.enum([
    'started',
    'advanced',
    'paused',
    'resumed',
    'promoted',
    'finished',
    'stopped',
    'rolled back',
    'superseded',
  ]),
  /** a person, or `tilth` on behalf of who started it */
  by: z.string(),
  onBehalfOf: z.string().nullable(),
  because: z.string(),
  checks: z.array(check),
  evidence: evidence.nullable(),
});
export type Decision = z.infer<typeof decision>;

export const rollout = z.object({
  id: z.string(),
  endpoint: z.string(),
  model: z.string(),
  version: z.number().int(),
  /** who answered alone before */
  champion: z.number().int(),
  state: rolloutState,
  step: z.number().int(),
  stepStartedAt: z.number(),
  plan: rolloutPlan,
  startedBy: z.string(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  decisions: z.array(decision),
  /** what would be decided now, and by which numbers; null when it has ended */
  now: z.object({ verdict, evidence }).nullable(),
});
export type Rollout = z.infer<typeof rollout>;

export const newRollout = z.object({
  version: z.number().int().positive(),
  /** percent of the requests; those of tilth.yaml unless given */
  steps: z.array(z.number()).optional(),
  everyMs: z.number().int().min(0).optional(),
  minRequests: z.number().int().min(0).optional(),
  watchMs: z.number().int().min(0).optional(),
  stop: stopRules.partial().optional(),
  reason: z.string().optional(),
});
export type NewRollout = z.infer<typeof newRollout>;

export const steering = z.enum(['pause', 'resume', 'promote', 'stop']);
export type Steering = z.infer<typeof steering>;
