import type { Actor } from '../../platform/actor.ts';
import type { Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform, recordEvent } from '../../team/command.ts';
import type { PolicyReport, PolicyResult } from './policy-api.ts';
import { policyRefused } from './policy-errors.ts';

/**
 * Keeps what policies said in the audit log, with rule, inputs, time and person.
 *
 * @param thing what was asked about, `late/3`
 */
export async function recordPolicies(
  world: World,
  tx: Transaction,
  actor: Actor,
  thing: string,
  moment: string,
  results: readonly PolicyResult[],
): Promise<void> {
  if (results.length === 0) return;
  await recordEvent(world, tx, {
    actor,
    verb: 'policy.record',
    kind: 'policy',
    thing,
    data: { moment, results },
  });
}

/**
 * Keeps the results, then refuses when one of them does: the refusal must stay on record too.
 *
 * @param what is refused, as a sentence begins: `Version 3 of late`
 * @throws POLICY_REFUSED
 */
export async function enforcePolicies(
  world: World,
  actor: Actor,
  asked: { readonly thing: string; readonly what: string; readonly moment: string },
  results: readonly PolicyResult[],
): Promise<void> {
  if (results.length > 0) {
    await world.database.write((tx) => recordPolicies(world, tx, actor, asked.thing, asked.moment, results));
  }
  if (results.some(({ verdict }) => verdict === 'refused')) throw policyRefused(asked.what, results);
}

/** Keeps what a project's policies said in somebody's working tree. @throws NOT_ALLOWED */
export async function recordReport(world: World, actor: Actor, report: PolicyReport): Promise<void> {
  const { project, moment, stage, results } = report;
  const thing = stage === null ? project : `${project}:${stage}`;
  const change = { actor, verb: 'policy.record', kind: 'policy', thing, data: { moment, results } } as const;
  await perform(world, change, () => Promise.resolve());
}
