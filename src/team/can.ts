import type { Actor } from '../platform/actor.ts';
import { TilthError } from '../platform/errors.ts';

/** Rights come in bundles; a person has one or more. */
export const bundles = ['viewer', 'contributor', 'maintainer', 'operator', 'admin'] as const;
export type Bundle = (typeof bundles)[number];

/** Flags beside the bundles: approving is never included in a bundle. */
export const flags = ['reviewer', 'pii'] as const;
export type Flag = (typeof flags)[number];
export type Role = Bundle | Flag | 'system';

/** Titles are labels on a person; rights come from the roles. */
export const titles = [
  'product owner',
  'domain expert',
  'data scientist',
  'data engineer',
  'ML engineer',
  'software engineer',
  'operator',
  'auditor',
  'admin',
] as const;
export type Title = (typeof titles)[number];

/** Every verb that changes or reveals something, with the roles that may. */
export const verbs = {
  read: ['viewer', 'contributor', 'maintainer', 'operator', 'admin', 'reviewer', 'system'],
  'prediction.read-raw': ['maintainer', 'operator', 'pii', 'system'],
  'project.register': ['contributor', 'maintainer', 'system'],
  // a template is a stranger's: who may begin a project from it on the server can bring code there, by its pipeline at the latest
  'template.fetch': ['maintainer', 'admin'],
  'template.run-code': ['maintainer', 'admin'],
  'project.start': ['maintainer', 'admin'],
  'project.start-anywhere': ['admin'],
  'project.update-template': ['maintainer', 'admin'],
  'run.log': ['contributor', 'maintainer', 'system'],
  'run.create': ['contributor', 'maintainer', 'system'],
  'run.finish': ['contributor', 'maintainer', 'system'],
  'run.reproduce': ['contributor', 'maintainer', 'system'],
  'run.delete': ['contributor', 'maintainer'],
  'run.restore': ['contributor', 'maintainer'],
  'trace.delete': ['contributor', 'maintainer'],
  'experiment.create': ['contributor', 'maintainer', 'system'],
  'experiment.change': ['contributor', 'maintainer', 'system'],
  'experiment.delete': ['contributor', 'maintainer'],
  'logged-model.finalize': ['contributor', 'maintainer', 'system'],
  'logged-model.delete': ['contributor', 'maintainer'],
  'artifact.delete': ['contributor', 'maintainer'],
  'dataset.add': ['contributor', 'maintainer', 'system'],
  'dataset.refuse': ['contributor', 'maintainer', 'system'],
  'dataset.profile': ['contributor', 'maintainer', 'system'],
  // values of columns that a contract classifies as confidential, pii or special-category
  'data.read-classified': ['pii', 'system'],
  // what the policies of tilth.yaml said, for the audit log
  'policy.record': ['contributor', 'maintainer', 'operator', 'reviewer', 'system'],
  // events of other programs about data and runs (OpenLineage)
  'lineage.record': ['contributor', 'maintainer', 'system'],
  'pipeline.record': ['contributor', 'maintainer', 'system'],
  'model.register': ['contributor', 'maintainer', 'system'],
  'model.request': ['contributor', 'maintainer', 'system'],
  'model.describe': ['contributor', 'maintainer', 'system'],
  'model.delete': ['maintainer'],
  'model.convert': ['contributor', 'maintainer', 'system'],
  'model.gate': ['contributor', 'maintainer', 'operator', 'reviewer', 'system'],
  'model.approve': ['reviewer'],
  'model.reject': ['reviewer'],
  // only of what they asked for themselves
  'model.withdraw': ['contributor', 'maintainer', 'system'],
  'model.comment': ['contributor', 'maintainer', 'operator', 'reviewer'],
  // only where nobody else is in the team, and with a reason
  'model.approve-alone': ['admin', 'reviewer'],
  // tells what happens in the registry to an address outside
  'webhook.manage': ['maintainer', 'admin'],
  'model.alias': ['maintainer', 'operator', 'system'],
  'endpoint.create': ['maintainer', 'operator', 'system'],
  'endpoint.stop': ['maintainer', 'operator', 'system'],
  'endpoint.route': ['maintainer', 'operator', 'system'],
  'endpoint.rollback': ['maintainer', 'operator', 'system'],
  'rollout.start': ['maintainer', 'operator', 'system'],
  // pause, resume, promote, stop
  'rollout.steer': ['maintainer', 'operator'],
  // the next step, or the way back: by rule, on behalf of who started it
  'rollout.advance': ['system'],
  'rollout.roll-back': ['system'],
  // what came of answers
  'outcome.add': ['contributor', 'maintainer', 'operator', 'system'],
  // the key that data planes trust
  'endpoint.rotate-key': ['operator', 'admin'],
  'batch.run': ['contributor', 'maintainer', 'operator', 'system'],
  // a data plane says where it answers: others' questions are sent there
  'endpoint.report': ['maintainer', 'operator', 'system'],
  'endpoint.call': ['contributor', 'maintainer', 'operator', 'system'],
  'label.add': ['contributor', 'maintainer', 'operator', 'system'],
  'monitor.evaluate': ['contributor', 'maintainer', 'operator', 'system'],
  'alert.raise': ['system'],
  'alert.resolve': ['system'],
  'alert.acknowledge': ['contributor', 'maintainer', 'operator'],
  'retraining.advance': ['system'],
  'retraining.start': ['contributor', 'maintainer', 'operator', 'system'],
  'handover.carry-out': ['maintainer', 'admin'],
  // what was deleted goes for good
  'cleanup.remove': ['maintainer', 'admin'],
  // reads and writes folders of the server's machine
  'tracking.import': ['maintainer', 'admin'],
  'tracking.export': ['maintainer', 'admin'],
  'team.manage': ['admin'],
  'audit.read': ['maintainer', 'operator', 'admin', 'viewer', 'contributor', 'reviewer', 'system'],
} as const satisfies Record<string, readonly Role[]>;
export type Verb = keyof typeof verbs;

/** May this actor do this? Default deny; the local user of a machine without a team may all but approve. */
export function can(actor: Actor, verb: Verb): boolean {
  const allowed: readonly string[] = verbs[verb];
  return actor.roles.some((role) => allowed.includes(role));
}

/** @throws NOT_ALLOWED naming the roles that may */
export function requireRight(actor: Actor, verb: Verb): void {
  if (can(actor, verb)) return;
  throw new TilthError(
    'NOT_ALLOWED',
    403,
    `${actor.name} may not do "${verb}"; it takes one of the roles ${verbs[verb].filter((role) => (role as string) !== 'system').join(', ')}.`,
    'Ask someone with that role, or sign in as one: set TILTH_TOKEN.',
  );
}

/** The person at the keyboard of a machine where no team is set up. */
export const localActor: Actor = {
  id: 'local',
  kind: 'local',
  name: 'the local user',
  roles: ['contributor', 'maintainer', 'operator', 'admin', 'pii'],
};
