import type { Actor } from '../../platform/actor.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform, recordEvent } from '../../team/command.ts';
import { linkLineage } from '../../develop/lineage/lineage-store.ts';
import { moveAliasAndRecord, type AliasMove } from '../registry/aliases.ts';
import { isApproved } from '../registry/approvals/approval-state.ts';
import { challenger, champion } from '../registry/registry.ts';
import { approvalMissing } from '../registry/registry-errors.ts';
import {
  aliasHistory,
  findAlias,
  findVersionRow,
  getModelRow,
  getVersionRow,
  type VersionRow,
} from '../registry/registry-store.ts';
import type { RouteTarget, Sticky } from '../serving/serving-api.ts';
import { routeOf, targetsOf, withChampion, type Route } from './endpoint.ts';
import type { RollbackRequest, RouteChange } from './endpoint-api.ts';
import { endByRoute } from './rollout-ending.ts';
import {
  endpointExists,
  endpointKeepsAlias,
  endpointNameRefused,
  endpointStopped,
  noChampion,
  nothingBefore,
  notServable,
} from './endpoint-errors.ts';
import {
  findEndpointRow,
  getEndpointRow,
  listEndpointRows,
  writeRoute,
  type EndpointRow,
} from './endpoint-store.ts';

/**
 * Makes an endpoint of a model, or brings a stopped one back; its champion answers from now on where there is one.
 *
 * @throws ENDPOINT_ALREADY_EXISTS, MODEL_NOT_FOUND
 */
export async function createEndpoint(
  world: World,
  actor: Actor,
  wanted: { name: string; model: string },
): Promise<EndpointRow> {
  const { name, model } = wanted;
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) throw endpointNameRefused(name);
  await perform(
    world,
    { actor, verb: 'endpoint.create', kind: 'endpoint', thing: name, data: { model } },
    async (tx) => {
      await getModelRow(tx, model);
      const before = await findEndpointRow(tx, name);
      if (before !== undefined && (!before.isStopped || before.model !== model))
        throw endpointExists(name, before.model);
      const version = await findAlias(tx, model, champion);
      const isReady =
        version !== undefined &&
        (await isApproved(tx, model, version, [champion])) &&
        (await isServable(tx, model, version));
      const targets = isReady ? targetsOf({ champion: version, canary: null, shadows: [] }) : [];
      await putRoute(tx, { name, model, targets, at: world.clock.now(), by: actor.id, reason: 'created' });
    },
  );
  return getEndpointRow(world.database.read, name);
}

/**
 * Gives an endpoint its route; what is not named stays as it is. Naming another champion moves the alias too, in the same
 * write. A rollout that is under way ends where the route takes its version another way.
 *
 * @throws APPROVAL_MISSING for champion and canary, VERSION_NOT_SERVABLE, ROUTE_REFUSED, ENDPOINT_WITHOUT_CHAMPION
 */
export async function routeEndpoint(
  world: World,
  actor: Actor,
  name: string,
  change: RouteChange,
): Promise<EndpointRow> {
  await perform(
    world,
    { actor, verb: 'endpoint.route', kind: 'endpoint', thing: name, data: { ...change } },
    async (tx) => {
      const endpoint = await activeEndpoint(tx, name);
      const current = routeOf(endpoint.targets);
      const version = change.champion ?? current?.champion;
      if (version === undefined) throw noChampion(name, endpoint.model);
      const kept = withChampion(current, version);
      const route: Route = {
        champion: version,
        canary: change.canary === undefined ? kept.canary : change.canary,
        shadows: change.shadows ?? kept.shadows,
      };
      await applyRoute(world, tx, actor, endpoint, route, {
        reason: change.reason ?? 'routed',
        sticky: change.sticky,
      });
    },
  );
  return getEndpointRow(world.database.read, name);
}

/**
 * Back to the last good route, at once and without a new approval: where a canary answers, the champion alone; else the
 * champion before this one whose approval still holds. A second rollback undoes the first. Shadows go on.
 *
 * @throws NO_VERSION_BEFORE naming why each version before can't take over, APPROVAL_MISSING for a version that was named
 */
export async function rollbackEndpoint(
  world: World,
  actor: Actor,
  name: string,
  asked: RollbackRequest = {},
): Promise<EndpointRow> {
  const { read } = world.database;
  const { reason } = asked;
  const before = await activeEndpoint(read, name);
  const current = routeOf(before.targets);
  const endsCanary = asked.version === undefined && current !== undefined && current.canary !== null;
  const version = endsCanary
    ? current.champion
    : (asked.version ?? (await championBefore(read, before, current?.champion)));
  const data = {
    from: current?.champion ?? null,
    to: version,
    ...(current?.canary === null || current === undefined ? {} : { canary: current.canary.version }),
    ...(reason === undefined ? {} : { reason }),
  };
  await perform(
    world,
    { actor, verb: 'endpoint.rollback', kind: 'endpoint', thing: name, data },
    async (tx) => {
      const endpoint = await activeEndpoint(tx, name);
      const route = { ...withChampion(routeOf(endpoint.targets), version), canary: null };
      await applyRoute(world, tx, actor, endpoint, route, {
        reason: `rollback${reason === undefined ? '' : `: ${reason}`}`,
      });
    },
  );
  return getEndpointRow(read, name);
}

async function championBefore(
  read: Reader,
  endpoint: EndpointRow,
  current: number | undefined,
): Promise<number> {
  const { model } = endpoint;
  const refused = new Map<number, string>();
  for (const { version } of await aliasHistory(read, { model, alias: champion })) {
    if (version === current || refused.has(version)) continue;
    if (!(await isApproved(read, model, version, [champion])))
      refused.set(version, 'its approval no longer holds');
    else if (!(await isServable(read, model, version))) refused.set(version, 'it can no longer be served');
    else return version;
  }
  throw nothingBefore(endpoint.name, [...refused]);
}

/** Takes an endpoint out of service; its history stays. */
export async function stopEndpoint(
  world: World,
  actor: Actor,
  name: string,
  reason: string | undefined,
): Promise<EndpointRow> {
  await perform(
    world,
    {
      actor,
      verb: 'endpoint.stop',
      kind: 'endpoint',
      thing: name,
      ...(reason === undefined ? {} : { data: { reason } }),
    },
    async (tx) => {
      const { model } = await activeEndpoint(tx, name);
      const at = world.clock.now();
      const because = `stopped${reason === undefined ? '' : `: ${reason}`}`;
      await writeRoute(tx, { name, model, targets: [], isStopped: true, at, by: actor.id, reason: because });
      await endByRoute(tx, { endpoint: name, route: undefined, at, by: actor.id, because });
    },
  );
  return getEndpointRow(world.database.read, name);
}

interface RouteNote {
  readonly reason: string;
  readonly sticky?: Sticky | null | undefined;
  /** the rollout whose step this is; any other one ends where the route goes another way */
  readonly rollout?: string | undefined;
}

/** Checks every part of a route, writes it, and takes alias, sibling endpoints and a rollout under way along. */
export async function applyRoute(
  world: World,
  tx: Transaction,
  actor: Actor,
  endpoint: EndpointRow,
  route: Route,
  note: RouteNote,
): Promise<void> {
  const { name, model } = endpoint;
  const { reason, sticky } = note;
  const targets = targetsOf(route);
  // who answers alone already needs no new leave to go on
  if (route.champion !== routeOf(endpoint.targets)?.champion)
    await requireApproved(tx, model, route.champion, [champion]);
  if (route.canary !== null) await requireApproved(tx, model, route.canary.version, [champion, challenger]);
  for (const target of targets) await requireServable(tx, model, target.version);
  if ((await findAlias(tx, model, champion)) !== route.champion) {
    await moveAliasAndRecord(world, tx, actor, {
      model,
      alias: champion,
      version: route.champion,
      reason,
      origin: name,
    });
  }
  const at = world.clock.now();
  await putRoute(tx, { name, model, targets, sticky, at, by: actor.id, reason });
  if (note.rollout === undefined)
    await endByRoute(tx, { endpoint: name, route, at, by: actor.id, because: reason });
}

/** Endpoints of a model go with its alias `champion`; what they can't serve, the alias can't name. */
export async function followChampion(
  world: World,
  tx: Transaction,
  actor: Actor,
  move: AliasMove,
): Promise<void> {
  if (move.alias !== champion) return;
  const { model, version } = move;
  for (const endpoint of await listEndpointRows(tx, model)) {
    if (endpoint.isStopped || endpoint.name === move.origin) continue;
    if (version === null) throw endpointKeepsAlias(endpoint.name, model);
    const route = routeOf(endpoint.targets);
    if (route?.champion === version) continue;
    await requireApproved(tx, model, version, [champion]);
    await requireServable(tx, model, version);
    const reason = move.reason ?? 'the champion moved';
    const targets = targetsOf(withChampion(route, version));
    const at = world.clock.now();
    await putRoute(tx, { name: endpoint.name, model, targets, at, by: actor.id, reason });
    await endByRoute(tx, {
      endpoint: endpoint.name,
      route: routeOf(targets),
      at,
      by: actor.id,
      because: reason,
    });
    await recordEvent(world, tx, {
      actor,
      verb: 'endpoint.route',
      kind: 'endpoint',
      thing: endpoint.name,
      data: { champion: version, from: route?.champion ?? null, reason },
    });
  }
}

/** Writes a live route, and that its versions came to serve here. */
async function putRoute(
  tx: Transaction,
  route: {
    name: string;
    model: string;
    targets: readonly RouteTarget[];
    sticky?: Sticky | null | undefined;
    at: number;
    by: string;
    reason: string;
  },
): Promise<void> {
  await writeRoute(tx, { ...route, isStopped: false });
  for (const { version, variant } of route.targets) {
    const from = { kind: 'model-version', id: `${route.model}/${version}` } as const;
    await linkLineage(tx, from, { kind: 'endpoint', id: route.name }, variant, route.at);
  }
}

/** @throws ENDPOINT_UNKNOWN, ENDPOINT_STOPPED */
export async function activeEndpoint(read: Reader, name: string): Promise<EndpointRow> {
  const endpoint = await getEndpointRow(read, name);
  if (endpoint.isStopped) throw endpointStopped(name, endpoint.model);
  return endpoint;
}

/** @throws APPROVAL_MISSING */
export async function requireApproved(
  read: Reader,
  model: string,
  version: number,
  aliases: readonly [string, ...string[]],
): Promise<void> {
  await getVersionRow(read, model, version);
  if (!(await isApproved(read, model, version, aliases)))
    throw approvalMissing(model, version, aliases.at(-1) ?? aliases[0]);
}

/** @throws VERSION_NOT_SERVABLE */
export async function requireServable(read: Reader, model: string, version: number): Promise<void> {
  const row = await getVersionRow(read, model, version);
  if (row.engine === 'pending') throw notServable(model, version, 'it is still being converted.');
  if (!hasFile(row))
    throw notServable(
      model,
      version,
      row.reason ?? 'it has neither a graph nor a bundle for its own Python.',
    );
}

async function isServable(read: Reader, model: string, version: number): Promise<boolean> {
  const row = await findVersionRow(read, model, version);
  return row !== undefined && hasFile(row);
}

/** Is there what its engine runs? */
const hasFile = (row: VersionRow): boolean =>
  (row.engine === 'onnx' && row.onnx_digest !== null) ||
  (row.engine === 'python' && row.bundle_digest !== null);
