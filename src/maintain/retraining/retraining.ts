import { durationMs, type ModelDeclaration } from '../../start/project/declaration.ts';
import type { Instant } from '../../platform/clock.ts';

export type RetrainingState =
  /** steps of the project run in a clean worktree, the candidate is registered and converted */
  | 'training'
  /** the candidate answers a copy of the traffic, unseen by callers */
  | 'shadow'
  /** the gate is evaluated on what the shadow showed */
  | 'judging'
  /** the gate passed; a person with the role must agree */
  | 'awaiting-approval'
  | 'promoted'
  /** the gate, or the person, said no: the champion stays */
  | 'refused'
  | 'failed';

export const activeStates: readonly RetrainingState[] = ['training', 'shadow', 'judging', 'awaiting-approval'];

/** What started it: an alert, a person, or a schedule. */
export interface Cause {
  readonly kind: 'alert' | 'person' | 'schedule';
  /** id of the alert or person, or the cron expression */
  readonly id: string;
}

/** Which data a retraining trains on and until when its candidate is watched; all in event time. */
export interface Plan {
  /** ISO date, inclusive */
  readonly from: string;
  /** ISO date, exclusive */
  readonly to: string;
  readonly shadowFrom: Instant;
  readonly shadowUntil: Instant;
}

/**
 * Plans a retraining as of a moment of event time.
 *
 * @param asOf ms since the epoch: data before it has its ground truth
 */
export function planRetraining(policy: NonNullable<ModelDeclaration['retraining']>, asOf: Instant): Plan {
  return {
    from: isoDate(asOf - durationMs(policy.lookback)),
    to: isoDate(asOf),
    shadowFrom: asOf,
    shadowUntil: asOf + durationMs(policy.shadow),
  };
}

export interface Situation {
  /** rules whose alert fires for the champion now */
  readonly firingRules: readonly string[];
  /** the newest retraining of the model, if any; the cooldown counts from its decision */
  readonly last: { readonly state: RetrainingState; readonly decidedAsOf: Instant | null } | undefined;
  readonly asOf: Instant;
}

/**
 * Should a retraining start by itself? Never two at once, never within the cooldown after the last decision.
 *
 * @returns the rule that asks for it
 */
export function retrainingRule(
  policy: NonNullable<ModelDeclaration['retraining']>,
  { firingRules, last, asOf }: Situation,
): string | undefined {
  if (last !== undefined && activeStates.includes(last.state)) return undefined;
  const decidedAsOf = last?.decidedAsOf ?? null;
  if (decidedAsOf !== null && asOf - decidedAsOf < durationMs(policy.cooldown)) return undefined;
  return policy.on.find((rule) => firingRules.includes(rule));
}

/** A step with its dates filled in. */
export const fillStep = (step: string, plan: Plan): string =>
  step.replaceAll('{from}', plan.from).replaceAll('{to}', plan.to);

const isoDate = (at: Instant): string => new Date(at).toISOString().slice(0, 10);
