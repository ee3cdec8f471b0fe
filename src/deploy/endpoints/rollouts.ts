import { z } from 'zod';
import { systemActor, type Actor } from '../../platform/actor.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { listEvents } from '../../platform/events.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { durationMs, rolloutDeclaration, type RolloutDeclaration } from '../../start/project/declaration.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { perform } from '../../team/command.ts';
import { isApproved } from '../registry/approvals/approval-state.ts';
import { champion } from '../registry/registry.ts';
import type { Sticky } from '../serving/serving-api.ts';
import { compare } from './comparison.ts';
import type { Comparison } from './comparison-api.ts';
import { parseSticky, routeOf, withChampion, type Route } from './endpoint.ts';
import { noChampion } from './endpoint-errors.ts';
import { configRevision, getEndpointRow, type EndpointRow } from './endpoint-store.ts';
import { activeEndpoint, applyRoute } from './endpoints.ts';
import { areGrowing, judge, stepsOf } from './rollout.ts';
import type {
  Decision,
  Evidence,
  NewRollout,
  Rollout,
  RolloutPlan,
  Steering,
  Verdict,
} from './rollout-api.ts';
import { noRollout, rolloutMoved, rolloutRefused, rolloutUnderWay } from './rollout-errors.ts';
import {
  activeRollouts,
  countsOf,
  decisionsOf,
  insertDecision,
  insertRollout,
  listRollouts,
  writeDecision,
  type RolloutRow,
} from './rollout-store.ts';
import { planesOf } from './serving-state.ts';

/**
 * Begins to roll a version out: its first step answers from now on. Steps and rules are those of `tilth.yaml` unless given.
 *
 * @throws ROLLOUT_UNDER_WAY, ROLLOUT_REFUSED, APPROVAL_MISSING, VERSION_NOT_SERVABLE, ENDPOINT_WITHOUT_CHAMPION
 */
export async function startRollout(
  world: World,
  actor: Actor,
  name: string,
  wanted: NewRollout,
): Promise<Rollout> {
  const { model } = await getEndpointRow(world.database.read, name);
  const declared =
    (await declarationOf(world.database.read, model))?.model.rollout ?? rolloutDeclaration.parse({});
  const plan = planOf(declared, wanted);
  const data = { rollout: wanted.version, steps: plan.steps.map((step) => step.percent) };
  await perform(world, { actor, verb: 'rollout.start', kind: 'endpoint', thing: name, data }, (tx) =>
    begin(world, tx, actor, name, {
      version: wanted.version,
      plan,
      sticky: stickyOf(declared),
      because: wanted.reason ?? 'started by hand',
    }),
  );
  return getRollout(world, name);
}

interface Begun {
  readonly version: number;
  readonly plan: RolloutPlan;
  readonly sticky: Sticky | null | undefined;
  readonly because: string;
}

/** The first step, inside a write that is under way. */
export async function begin(
  world: World,
  tx: Transaction,
  actor: Actor,
  name: string,
  begun: Begun,
): Promise<void> {
  const { version, plan, sticky, because } = begun;
  const endpoint = await activeEndpoint(tx, name);
  const [other] = await activeRollouts(tx, name);
  if (other !== undefined) throw rolloutUnderWay(name, other.version);
  const before = routeOf(endpoint.targets);
  if (before === undefined) throw noChampion(name, endpoint.model);
  if (before.champion === version)
    throw rolloutRefused(`Version ${version} is the champion of ${name} already.`);
  const at = world.clock.now();
  const id = newUlid();
  await applyRoute(world, tx, actor, endpoint, canaryRoute(before, version, plan.steps[0]?.percent ?? 0), {
    reason: `rollout of version ${version}: step 1 of ${plan.steps.length}`,
    sticky,
    rollout: id,
  });
  await insertRollout(tx, {
    id,
    endpoint: name,
    model: endpoint.model,
    version,
    champion: before.champion,
    state: 'running',
    step: 0,
    step_started_at: at,
    config_revision: await configRevision(tx),
    plan,
    decision_count: 1,
    started_by: actor.id,
    started_at: at,
    ended_at: null,
  });
  await insertDecision(tx, id, {
    number: 1,
    at,
    step: 0,
    what: 'started',
    by: actor.id,
    onBehalfOf: null,
    because,
    checks: [],
    evidence: null,
  });
}

function planOf(declared: RolloutDeclaration, wanted: Omit<NewRollout, 'version'>): RolloutPlan {
  const percents = wanted.steps ?? declared.steps;
  if (!areGrowing(percents) || percents[0] === 100)
    throw rolloutRefused(
      `The steps ${percents.join(', ')} must grow, from above 0 to 100 percent, and begin below 100.`,
    );
  return {
    steps: stepsOf(
      percents,
      wanted.everyMs ?? durationMs(declared.every),
      wanted.minRequests ?? declared.minRequests,
    ),
    watchMs: wanted.watchMs ?? durationMs(declared.watch),
    stop: { ...declared.stop, ...definedOf(wanted.stop ?? {}) },
  };
}

const definedOf = <T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

const stickyOf = ({ sticky }: RolloutDeclaration): Sticky | null | undefined =>
  sticky === undefined ? undefined : parseSticky(sticky);

/** A version that was a shadow is none any more while it answers. */
const canaryRoute = (before: Route, version: number, percent: number): Route => ({
  champion: before.champion,
  canary: { version, share: percent / 100 },
  shadows: before.shadows.filter((shadow) => shadow !== version),
});

/**
 * By hand: pause and resume, promote now, or stop and leave all to the champion.
 *
 * @throws NO_ROLLOUT, APPROVAL_MISSING, ROLLOUT_MOVED when a decision came in between
 */
export async function steerRollout(
  world: World,
  actor: Actor,
  name: string,
  steering: Steering,
  reason: string | undefined,
): Promise<Rollout> {
  const { read } = world.database;
  const [row] = await activeRollouts(read, name);
  if (row === undefined) throw noRollout(name);
  if (row.state === 'watching' && (steering === 'pause' || steering === 'resume'))
    throw rolloutRefused(
      `Version ${row.version} is champion already and only watched; end that with: promote, or go back with: stop.`,
    );
  const because = reason ?? 'by hand';
  const data = { rollout: row.id, version: row.version, steering, because };
  const evidence = await evidenceOf(world, row);
  await perform(world, { actor, verb: 'rollout.steer', kind: 'endpoint', thing: name, data }, async (tx) => {
    const at = world.clock.now();
    const done = { at, step: row.step, by: actor.id, onBehalfOf: null, because, checks: [], evidence };
    const isSteered = await {
      pause: () => writeDecision(tx, row, { state: 'paused' }, { ...done, what: 'paused' }),
      resume: () =>
        writeDecision(tx, row, { state: 'running', step_started_at: at }, { ...done, what: 'resumed' }),
      promote: () => promote(world, tx, actor, row, done, 0),
      stop: () => giveBack(world, tx, actor, row, { ...done, what: 'stopped' }),
    }[steering]();
    if (!isSteered) throw rolloutMoved(name);
  });
  const [newest] = await listRollouts(read, name);
  return viewOf(world, newest ?? row);
}

type Said = Omit<Decision, 'number' | 'what'>;

async function promote(
  world: World,
  tx: Transaction,
  actor: Actor,
  row: RolloutRow,
  said: Said,
  watchMs: number,
): Promise<boolean> {
  const { at } = said;
  const last = row.plan.steps.length - 1;
  const endpoint = await activeEndpoint(tx, row.endpoint);
  const route = routeOf(endpoint.targets);
  if (route?.champion !== row.version) {
    const all = { ...withChampion(route, row.version), canary: null };
    await applyRoute(world, tx, actor, endpoint, all, {
      reason: `rollout of version ${row.version}: champion`,
      rollout: row.id,
    });
  }
  const change = watchMs > 0 ? { state: 'watching' as const } : { state: 'promoted' as const, ended_at: at };
  return writeDecision(
    tx,
    row,
    { ...change, step: last, step_started_at: at, config_revision: await configRevision(tx) },
    { ...said, what: 'promoted' },
  );
}

/** All to who answered before; the version leaves, whoever else answers stays. */
async function giveBack(
  world: World,
  tx: Transaction,
  actor: Actor,
  row: RolloutRow,
  said: Omit<Decision, 'number'>,
): Promise<boolean> {
  const endpoint = await activeEndpoint(tx, row.endpoint);
  const route = { ...withChampion(routeOf(endpoint.targets), row.champion), canary: null };
  const reason = `rollout of version ${row.version} ${said.what}: ${said.because}`.slice(0, 500);
  await applyRoute(world, tx, actor, endpoint, route, { reason, rollout: row.id });
  return writeDecision(
    tx,
    row,
    { state: said.what === 'stopped' ? 'stopped' : 'rolled back', ended_at: said.at },
    said,
  );
}

/**
 * One look at every rollout under way: goes on, goes back, or stays, by what is in the tables now. Asking twice, or on two
 * servers at once, changes nothing twice.
 */
export async function advanceRollouts(world: World): Promise<void> {
  for (const row of await activeRollouts(world.database.read)) {
    const evidence = await evidenceOf(world, row);
    const verdict = await verdictOn(world, row, evidence);
    if (verdict.decision !== 'stay') await carryOut(world, row, verdict, evidence);
  }
}

async function carryOut(world: World, row: RolloutRow, verdict: Verdict, evidence: Evidence): Promise<void> {
  const { decision, because, checks } = verdict;
  const data = {
    rollout: row.id,
    version: row.version,
    step: row.step,
    decision,
    because,
    onBehalfOf: row.started_by,
    candidate: summaryOf(evidence, 'candidate'),
    champion: summaryOf(evidence, 'champion'),
    checks,
  };
  const verb = decision === 'stop' ? 'rollout.roll-back' : 'rollout.advance';
  await perform(
    world,
    { actor: systemActor, verb, kind: 'endpoint', thing: row.endpoint, data },
    async (tx) => {
      const at = world.clock.now();
      const said: Said = {
        at,
        step: row.step,
        by: systemActor.id,
        onBehalfOf: row.started_by,
        because,
        checks,
        evidence,
      };
      if (!(await decide(world, tx, row, decision, said))) throw rolloutMoved(row.endpoint);
    },
  ).catch((thrown: unknown) => {
    // another server was first: its decision holds
    if ((thrown as { code?: string }).code !== 'ROLLOUT_MOVED') throw thrown;
  });
}

async function decide(
  world: World,
  tx: Transaction,
  row: RolloutRow,
  decision: Verdict['decision'],
  said: Said,
): Promise<boolean> {
  if (decision === 'stop') return giveBack(world, tx, systemActor, row, { ...said, what: 'rolled back' });
  if (decision === 'finish')
    return writeDecision(tx, row, { state: 'promoted', ended_at: said.at }, { ...said, what: 'finished' });
  const next = row.plan.steps[row.step + 1];
  if (next === undefined || next.percent === 100)
    return promote(world, tx, systemActor, row, said, row.plan.watchMs);
  const endpoint = await activeEndpoint(tx, row.endpoint);
  const before = routeOf(endpoint.targets);
  if (before === undefined) throw noChampion(row.endpoint, row.model);
  const reason = `rollout of version ${row.version}: step ${row.step + 2} of ${row.plan.steps.length}`;
  await applyRoute(world, tx, systemActor, endpoint, canaryRoute(before, row.version, next.percent), {
    reason,
    rollout: row.id,
  });
  const change = { step: row.step + 1, step_started_at: said.at, config_revision: await configRevision(tx) };
  return writeDecision(tx, row, change, { ...said, what: 'advanced' });
}

/** For the audit log: the numbers without the histogram, which the decision keeps. */
function summaryOf(evidence: Evidence, side: 'candidate' | 'champion') {
  const { latencies: _latencies, ...counts } = evidence[side];
  return counts;
}

async function verdictOn(world: World, row: RolloutRow, evidence: Evidence): Promise<Verdict> {
  const { read } = world.database;
  const { version, state, step, plan } = row;
  const judged = {
    version,
    champion: row.champion,
    state: state as 'running' | 'paused' | 'watching',
    step,
    stepStartedAt: row.step_started_at,
    plan,
    isApproved: await isApproved(read, row.model, version, [champion]),
    alert: await firingAlert(read, row),
  };
  return judge(judged, evidence, world.clock.now());
}

/** What is read of the event of an alert. */
const raisedAlert = z.object({ model: z.string(), version: z.number(), summary: z.string().default('') });

/** An alert that was raised about the version since the rollout began; alerts belong to a later stage, their events to all. */
async function firingAlert(read: Reader, row: RolloutRow): Promise<string | null> {
  const raised = await listEvents(read, { kind: 'alert', verb: 'alert.raise', limit: 20 });
  const found = raised.find(({ at, data }) => {
    const alert = raisedAlert.safeParse(data);
    return at >= row.started_at && alert.data?.model === row.model && alert.data.version === row.version;
  });
  return found === undefined
    ? null
    : `The alert ${found.thing} fires: ${raisedAlert.parse(found.data).summary}`;
}

async function evidenceOf(world: World, row: RolloutRow): Promise<Evidence> {
  const { candidate, champion: before, planes } = await countsOf(world.database.read, row);
  return {
    candidate,
    champion: before,
    planes: await planesOf(world, row, planes),
    quality: await qualityOf(world, row),
  };
}

const qualities = new WeakMap<
  World,
  Map<string, { readonly at: number; readonly comparison: Comparison | null }>
>();
const qualityEveryMs = 30_000;

/** Looked up once in a while, and again as soon as something new is known. */
async function qualityOf(world: World, row: RolloutRow): Promise<Comparison | null> {
  const { quality } = row.plan.stop;
  // alone, there is nobody to be compared with
  if (quality === undefined || row.state === 'watching') return null;
  const known = qualities.get(world) ?? new Map<string, { at: number; comparison: Comparison | null }>();
  qualities.set(world, known);
  const now = world.clock.now();
  const before = known.get(row.id);
  if (before !== undefined && now - before.at < qualityEveryMs) return before.comparison;
  const { metric, effect, confidence, isHigherBetter } = quality;
  const comparison = await compare(world, {
    endpoint: row.endpoint,
    candidate: row.version,
    metric,
    effect,
    confidence,
    isHigherBetter,
  });
  known.set(row.id, { at: now, comparison });
  return comparison;
}

/** Truth or outcomes have come: what was looked up is old. */
export const forgetQuality = (world: World): void => {
  qualities.delete(world);
};

/** The rollout under way, or the newest one. @throws NO_ROLLOUT */
export async function getRollout(world: World, name: string): Promise<Rollout> {
  const { read } = world.database;
  await getEndpointRow(read, name);
  const [newest] = await listRollouts(read, name);
  if (newest === undefined) throw noRollout(name);
  return viewOf(world, newest);
}

/** Newest first. */
export async function rolloutHistory(world: World, name: string): Promise<Rollout[]> {
  const { read } = world.database;
  await getEndpointRow(read, name);
  const rollouts: Rollout[] = [];
  for (const row of await listRollouts(read, name)) rollouts.push(await viewOf(world, row));
  return rollouts;
}

async function viewOf(world: World, row: RolloutRow): Promise<Rollout> {
  const { read } = world.database;
  const evidence = row.ended_at === null ? await evidenceOf(world, row) : null;
  return {
    id: row.id,
    endpoint: row.endpoint,
    model: row.model,
    version: row.version,
    champion: row.champion,
    state: row.state,
    step: row.step,
    stepStartedAt: row.step_started_at,
    plan: row.plan,
    startedBy: row.started_by,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    decisions: await decisionsOf(read, row.id),
    now: evidence === null ? null : { verdict: await verdictOn(world, row, evidence), evidence },
  };
}

/**
 * An approval as champion begins the declared rollout instead of moving all traffic at once.
 *
 * @returns true when it did
 * @throws ROLLOUT_UNDER_WAY when another version is on its way
 */
export async function rollOutInstead(
  world: World,
  tx: Transaction,
  actor: Actor,
  move: { model: string; version: number; reason: string },
): Promise<boolean> {
  const declared = await declarationOf(tx, move.model);
  const rollout = declared?.model.rollout;
  if (declared === undefined || rollout?.onApproval !== true) return false;
  const endpoint = await endpointToRollOut(tx, declared.model.endpoint, move.model);
  if (endpoint === undefined || routeOf(endpoint.targets)?.champion === move.version) return false;
  const [active] = await activeRollouts(tx, endpoint.name);
  if (active !== undefined && active.version !== move.version)
    throw rolloutUnderWay(endpoint.name, active.version);
  // the version that is on its way already goes on, now to its end
  if (active !== undefined) return true;
  await begin(world, tx, actor, endpoint.name, {
    version: move.version,
    plan: planOf(rollout, {}),
    sticky: stickyOf(rollout),
    because: move.reason,
  });
  return true;
}

async function endpointToRollOut(
  tx: Transaction,
  name: string,
  model: string,
): Promise<EndpointRow | undefined> {
  const endpoint = await getEndpointRow(tx, name).catch(() => undefined);
  return endpoint === undefined ||
    endpoint.isStopped ||
    endpoint.model !== model ||
    endpoint.targets.length === 0
    ? undefined
    : endpoint;
}
