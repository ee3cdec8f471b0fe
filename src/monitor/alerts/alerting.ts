import { systemActor, type Actor } from '../../platform/actor.ts';
import type { Reader } from '../../platform/database/database.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { getRun } from '../../develop/tracking/run-store.ts';
import type { AlertRule } from '../../start/project/declaration.ts';
import { perform } from '../../team/command.ts';
import { listDrift } from '../drift/drift-store.ts';
import { mostMoved } from '../drift/window-drift.ts';
import { metricName } from '../performance/performance.ts';
import { listPoints, type RecordedPoint } from '../performance/performance-store.ts';
import type { MonitoringPlan } from '../windows/monitoring-plan.ts';
import { dayOf, type Window } from '../windows/window.ts';
import { alertRaised, type Alert, type MovedFeature } from './alert-api.ts';
import { firstWindowsReference, judge, thresholdOf, type Verdict } from './alert.ts';
import { getAlert, openAlerts, saveAlert } from './alert-store.ts';

/**
 * Holds a window against every rule of a model; alerts open, fire and resolve.
 * Drift alone raises nothing: it is told with the alert, as what moved.
 *
 * @returns the alerts that began to fire
 */
export async function evaluateAlerts(world: World, model: string, plan: MonitoringPlan, window: Window): Promise<Alert[]> {
  const { read } = world.database;
  const raised: Alert[] = [];
  for (const rule of plan.alerts) {
    const metric = metricName(rule.metric);
    const points = await listPoints(read, model, { granularity: plan.granularity, metric, to: window.end });
    const serving = points.filter((point) => point.variant === 'champion');
    const inWindow = serving.filter((point) => point.windowStart === window.start);
    const champion = inWindow.toSorted((left, right) => right.rowCount - left.rowCount)[0];
    if (champion === undefined) continue;
    await resolveSuperseded(world, model, rule, champion.version);
    if (!isJudged(champion)) continue;
    const known = serving.filter((point) => point.version === champion.version && isJudged(point));
    const reference = await referenceOf(read, plan, metric, known);
    if (reference === undefined) continue;
    const verdict = judge(rule, reference.value, known);
    if (verdict === undefined) continue;
    const alert = await settle(world, model, champion.version, plan, rule, reference, verdict);
    if (alert !== undefined) raised.push(alert);
  }
  return raised;
}

/** What is not yet known, or covers only a part of its window, is neither judged nor a reference. */
const isJudged = (point: RecordedPoint): boolean => point.state === 'known' && point.value !== null && !point.isPartial;

interface Reference {
  readonly value: number;
  readonly kind: 'training' | 'first-4-windows';
}

/** The hold-out metric of the version's run, where the rule asks for it and the run has it; else the version's first windows. */
export async function referenceOf(read: Reader, plan: MonitoringPlan, metric: string, known: readonly RecordedPoint[]): Promise<Reference | undefined> {
  const runId = known.at(-1)?.runId ?? null;
  if (plan.reference === 'training' && runId !== null) {
    const run = await getRun(read, runId).catch(() => undefined);
    const measured = run?.metrics.find((each) => metricName(each.key) === metric);
    if (measured !== undefined && Number.isFinite(measured.value)) return { value: measured.value, kind: 'training' };
  }
  const value = firstWindowsReference(known);
  return value === undefined ? undefined : { value, kind: 'first-4-windows' };
}

/** Brings the one open alert of a rule and version to what the verdict says; answers it when it begins to fire. */
async function settle(
  world: World,
  model: string,
  version: number,
  plan: MonitoringPlan,
  rule: AlertRule,
  reference: Reference,
  verdict: Verdict,
): Promise<Alert | undefined> {
  const now = world.clock.now();
  const before = (await openAlerts(world.database.read, model)).find((each) => each.rule === rule.id && each.version === version);
  if (verdict.state === 'ok') {
    if (before !== undefined) await resolve(world, before, `${rule.metric} is back within ${rule.drop} of its reference`);
    return undefined;
  }
  const begins = verdict.state === 'firing' && before?.state !== 'firing';
  const { value, low, high, rowCount, windowStart, windowEnd } = verdict.newest;
  const found = {
    reference: reference.value,
    referenceKind: reference.kind,
    threshold: thresholdOf(rule, reference.value),
    value,
    low,
    high,
    rowCount,
    windowStart,
    windowEnd,
    summary: summarize(model, version, rule, reference, verdict),
  };
  const opened: Alert = before ?? {
    ...found,
    id: newUlid(),
    model,
    version,
    rule: rule.id,
    metric: metricName(rule.metric),
    severity: rule.severity,
    state: 'pending',
    raisedEventAt: null,
    moved: [],
    openedAt: now,
    raisedAt: null,
    resolvedAt: null,
    resolvedBecause: null,
    acknowledgedBy: null,
    acknowledgedAt: null,
    comment: null,
  };
  // a firing alert stays firing until its windows are good again
  const state = before?.state === 'firing' ? 'firing' : verdict.state;
  // it goes on telling its last bad window, not the good one that came after
  const alert: Alert = before?.state === 'firing' && !verdict.newest.isBad ? { ...opened, state } : { ...opened, ...found, state };
  if (!begins) {
    await world.database.write((tx) => saveAlert(tx, alert));
    return undefined;
  }
  const firing: Alert = { ...alert, raisedAt: now, raisedEventAt: windowEnd, moved: await movedIn(world.database.read, model, version, plan, windowStart) };
  await perform(
    world,
    { actor: systemActor, verb: 'alert.raise', kind: 'alert', thing: firing.id, data: alertRaised.parse(firing) },
    (tx) => saveAlert(tx, firing),
  );
  return firing;
}

async function movedIn(read: Reader, model: string, version: number, plan: MonitoringPlan, window: number): Promise<MovedFeature[]> {
  const [drift] = await listDrift(read, model, { granularity: plan.granularity, window, version });
  return drift === undefined ? [] : mostMoved(drift.features, 5);
}

function summarize(model: string, version: number, rule: AlertRule, reference: Reference, verdict: Verdict): string {
  const { value, low, high, windowStart } = verdict.newest;
  const [shown, from, to, base] = [value, low, high, reference.value].map((number) => number.toFixed(3));
  const compared = reference.kind === 'training' ? 'at training' : 'in its first windows';
  return `${rule.metric} of ${model} version ${version} was ${shown} (${from} to ${to}) in the window of ${dayOf(windowStart)}${verdict.badCount > 1 ? ` (${verdict.badCount} bad windows by then)` : ''}; it was ${base} ${compared}.`;
}

/** Alerts of a version that no longer answers as champion are over. */
async function resolveSuperseded(world: World, model: string, rule: AlertRule, champion: number): Promise<void> {
  for (const each of await openAlerts(world.database.read, model)) {
    if (each.rule === rule.id && each.version !== champion) await resolve(world, each, `version ${champion} answers now`);
  }
}

async function resolve(world: World, alert: Alert, because: string): Promise<void> {
  const resolved: Alert = { ...alert, state: 'resolved', resolvedAt: world.clock.now(), resolvedBecause: because };
  // a suspicion that came to nothing was never told to anyone, so its end is no event either
  if (alert.state === 'pending') {
    await world.database.write((tx) => saveAlert(tx, resolved));
    return;
  }
  const data = { model: alert.model, version: alert.version, rule: alert.rule, because };
  await perform(world, { actor: systemActor, verb: 'alert.resolve', kind: 'alert', thing: alert.id, data }, (tx) => saveAlert(tx, resolved));
}

/** Someone has seen it and looks after it; it stays firing until the numbers are good again. */
export async function acknowledge(world: World, actor: Actor, id: string, comment: string | null): Promise<Alert> {
  const alert = await getAlert(world.database.read, id);
  const acknowledged: Alert = { ...alert, acknowledgedBy: actor.id, acknowledgedAt: world.clock.now(), comment };
  const data = { model: alert.model, rule: alert.rule };
  await perform(world, { actor, verb: 'alert.acknowledge', kind: 'alert', thing: id, data }, (tx) => saveAlert(tx, acknowledged));
  return acknowledged;
}
