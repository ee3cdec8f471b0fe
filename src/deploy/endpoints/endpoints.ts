import type { Actor } from '../../platform/actor.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform, recordEvent } from '../../team/command.ts';
import { linkLineage } from '../../develop/lineage/lineage-store.ts';
import { moveAliasAndRecord, type AliasMove } from '../registry/aliases.ts';
import { isApproved } from '../registry/approval-state.ts';
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
import type { RouteTarget } from '../serving/serving-api.ts';
import { routeOf, targetsOf, withChampion, type Route } from './endpoint.ts';
import type { RouteChange } from './endpoint-api.ts';
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
 * Gives an endpoint its route. The champion stays unless named; canary and shadows are what is named and nothing else.
 * Naming another champion moves the alias too, in the same write.
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
      const current = routeOf(endpoint.targets)?.champion;
      const version = change.champion ?? current;
      if (version === undefined) throw noChampion(name, endpoint.model);
      const route: Route = {
        champion: version,
        canary: change.canary ?? null,
        shadows: change.shadows ?? [],
      };
      await applyRoute(world, tx, actor, endpoint, route, change.reason ?? 'routed');
    },
  );
  return getEndpointRow(world.database.read, name);
}

/**
 * Puts the previous champion back at once; a second rollback undoes the first.
 * A canary ends with it, shadows go on.
 *
 * @throws NO_VERSION_BEFORE
 */
export async function rollbackEndpoint(
  world: World,
  actor: Actor,
  name: string,
  reason: string | undefined,
): Promise<EndpointRow> {
  const { read } = world.database;
  const before = await activeEndpoint(read, name);
  const current = routeOf(before.targets)?.champion;
  const version = await championBefore(read, before, current);
  const data = { from: current ?? null, to: version, ...(reason === undefined ? {} : { reason }) };
  await perform(
    world,
    { actor, verb: 'endpoint.rollback', kind: 'endpoint', thing: name, data },
    async (tx) => {
      const endpoint = await activeEndpoint(tx, name);
      const route = { ...withChampion(routeOf(endpoint.targets), version), canary: null };
      await applyRoute(
        world,
        tx,
        actor,
        endpoint,
        route,
        `rollback${reason === undefined ? '' : `: ${reason}`}`,
      );
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
  for (const stay of await aliasHistory(read, { model, alias: champion })) {
    if (stay.version === current) continue;
    const canTakeOver =
      (await isApproved(read, model, stay.version, [champion])) &&
      (await isServable(read, model, stay.version));
    if (canTakeOver) return stay.version;
  }
  throw nothingBefore(endpoint.name);
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
      await writeRoute(tx, {
        name,
        model,
        targets: [],
        isStopped: true,
        at,
        by: actor.id,
        reason: `stopped${reason === undefined ? '' : `: ${reason}`}`,
      });
    },
  );
  return getEndpointRow(world.database.read, name);
}

/** Checks every part of a route, writes it, and takes alias and sibling endpoints along. */
async function applyRoute(
  world: World,
  tx: Transaction,
  actor: Actor,
  endpoint: EndpointRow,
  route: Route,
  reason: string,
): Promise<void> {
  const { name, model } = endpoint;
  const targets = targetsOf(route);
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
  await putRoute(tx, { name, model, targets, at: world.clock.now(), by: actor.id, reason });
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
    await putRoute(tx, { name: endpoint.name, model, targets, at: world.clock.now(), by: actor.id, reason });
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

async function activeEndpoint(read: Reader, name: string): Promise<EndpointRow> {
  const endpoint = await getEndpointRow(read, name);
  if (endpoint.isStopped) throw endpointStopped(name, endpoint.model);
  return endpoint;
}

async function requireApproved(
  read: Reader,
  model: string,
  version: number,
  aliases: readonly [string, ...string[]],
): Promise<void> {
  await getVersionRow(read, model, version);
  if (!(await isApproved(read, model, version, aliases)))
    throw approvalMissing(model, version, aliases.at(-1) ?? aliases[0]);
}

async function requireServable(read: Reader, model: string, version: number): Promise<void> {
  const row = await getVersionRow(read, model, version);
  if (row.engine === 'pending') throw notServable(model, version, 'it is still being converted.');
  if (!hasFile(row)) throw notServable(model, version, row.reason ?? 'it has neither a graph nor a bundle for its own Python.');
}

async function isServable(read: Reader, model: string, version: number): Promise<boolean> {
  const row = await findVersionRow(read, model, version);
  return row !== undefined && hasFile(row);
}

/** Is there what its engine runs? */
const hasFile = (row: VersionRow): boolean =>
  (row.engine === 'onnx' && row.onnx_digest !== null) || (row.engine === 'python' && row.bundle_digest !== null);
