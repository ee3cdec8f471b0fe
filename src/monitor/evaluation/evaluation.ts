import type { Actor } from '../../platform/actor.ts';
import { systemActor } from '../../platform/actor.ts';
import type { Stop } from '../../platform/feature.ts';
import { messageOf } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import type { ChampionComparison } from '../../deploy/registry/gate/gate-facts.ts';
import { setChampionComparison } from '../../deploy/registry/gate/gate-evidence.ts';
import { perform } from '../../team/command.ts';
import { requireRight } from '../../team/can.ts';
import type { Alert } from '../alerts/alert-api.ts';
import { openAlerts } from '../alerts/alert-store.ts';
import { evaluateAlerts } from '../alerts/alerting.ts';
import { saveDrift } from '../drift/drift-store.ts';
import { evaluateDrift } from '../drift/window-drift.ts';
import { listWindows, savePerformance, type SeriesPerformance } from '../performance/performance-store.ts';
import { compareVersions, evaluateWindow } from '../performance/window-performance.ts';
import { labelsAfter } from '../predictions/label-store.ts';
import { daysOfLabels, type LogReader } from '../predictions/prediction-log-reader.ts';
import { loggedModels, settleDays, touchDay, touchedDays, type TouchedDay } from '../predictions/prediction-store.ts';
import { predictionLog } from '../predictions/predictions.ts';
import { monitoringPlan, type MonitoringPlan } from '../windows/monitoring-plan.ts';
import { saveWatermark, watermarkOf, type Watermark } from '../windows/watermark-store.ts';
import { dayMs, windowOf, windowsBetween, type Window } from '../windows/window.ts';
import type { EvaluatedWindow, WatermarkAnswer } from './evaluation-api.ts';

/**
 * What a later stage does once the windows of a model are evaluated; the evaluation is answered after it.
 *
 * @param at event time up to which everything is known
 * @param firingRules rules whose alert fires now
 */
export type EvaluationFollower = (world: World, model: string, at: number, firingRules: readonly string[]) => Promise<void>;

const followers = new Set<EvaluationFollower>();

/** @returns a function that ends it */
export function followEvaluations(follower: EvaluationFollower): () => void {
  followers.add(follower);
  return () => void followers.delete(follower);
}

const running = new WeakMap<World, Map<string, Promise<unknown>>>();

/**
 * Takes it that everything before `at` has been seen: windows that end by then and are new, or that got rows or
 * labels since, are evaluated in their order, and the alert rules after each.
 *
 * @param at ms since the epoch; one before the last watermark only evaluates what came late
 * @throws NOT_ALLOWED
 */
export function evaluate(world: World, actor: Actor, model: string, at: number): Promise<WatermarkAnswer> {
  requireRight(actor, 'monitor.evaluate');
  const models = running.get(world) ?? new Map<string, Promise<unknown>>();
  running.set(world, models);
  const before = models.get(model) ?? Promise.resolve();
  const evaluation = before.then(() => evaluateNow(world, actor, model, at));
  models.set(
    model,
    evaluation.catch(() => undefined),
  );
  return evaluation;
}

async function evaluateNow(world: World, actor: Actor, model: string, asked: number): Promise<WatermarkAnswer> {
  const { read } = world.database;
  const log = await predictionLog(world);
  await log.compaction.run();
  const plan = await monitoringPlan(read, model);
  const before = (await watermarkOf(read, model)) ?? { at: 0, labelBatch: 0, newestWindow: 0 };
  const at = Math.max(asked, before.at);
  const labelBatch = await touchLabelledDays(world, log, model, before.labelBatch);
  const touched = await touchedDays(read, model);
  const windows = completeWindows(plan, touched, at);
  const evaluated: EvaluatedWindow[] = [];
  const alerts: Alert[] = [];
  let { newestWindow } = before;
  for (const window of windows) {
    evaluated.push(await evaluateOne(world, log, model, plan, window, window.start > newestWindow));
    if (window.start >= newestWindow) alerts.push(...(await evaluateAlerts(world, model, plan, window)));
    newestWindow = Math.max(newestWindow, window.start);
  }
  // an old window that changed may change the verdict on the newest one
  if (windows.length > 0 && windows.every((window) => window.start < newestWindow)) {
    alerts.push(...(await evaluateAlerts(world, model, plan, windowOf(plan.granularity, newestWindow))));
  }
  const settled = touched.filter(({ day }) => windowOf(plan.granularity, Date.parse(day) + dayMs - 1).end <= at);
  const watermark: Watermark = { at, labelBatch, newestWindow };
  const data = { watermark: at, windows: windows.map((window) => window.start) };
  await perform(world, { actor, verb: 'monitor.evaluate', kind: 'model', thing: model, data }, async (tx) => {
    await settleDays(tx, model, settled);
    await saveWatermark(tx, model, watermark, world.clock.now());
  });
  const firing = (await openAlerts(read, model)).filter((alert) => alert.state === 'firing').map((alert) => alert.rule);
  for (const follow of followers) await follow(world, model, at, firing);
  return { model, watermark: at, windows: evaluated, alerts };
}

/** Labels that came since the last evaluation make the days of their predictions new again. */
async function touchLabelledDays(world: World, log: LogReader, model: string, after: number): Promise<number> {
  const { subjects, batch } = await labelsAfter(log.read, model, after);
  const { days } = await daysOfLabels(log, model, subjects);
  if (days.length > 0) {
    await world.database.write(async (tx) => {
      for (const day of days) await touchDay(tx, model, day, world.clock.now());
    });
  }
  return batch;
}

/** Windows that hold a touched day and are over, oldest first. */
function completeWindows(plan: MonitoringPlan, touched: readonly TouchedDay[], at: number): Window[] {
  const windows = new Map<number, Window>();
  for (const { day } of touched) {
    const start = Date.parse(day);
    for (const window of windowsBetween(plan.granularity, start, start + dayMs)) {
      if (window.end <= at) windows.set(window.start, window);
    }
  }
  return [...windows.values()].sort((left, right) => left.start - right.start);
}

async function evaluateOne(
  world: World,
  log: LogReader,
  model: string,
  plan: MonitoringPlan,
  window: Window,
  isNew: boolean,
): Promise<EvaluatedWindow> {
  const series = await evaluateWindow(log, model, plan, window);
  // late labels change what is known of the answers, not what was asked
  const drift = (await hasSameRows(world, model, plan, window, series)) ? undefined : await evaluateDrift(world, log, model, window);
  const now = world.clock.now();
  await world.database.write(async (tx) => {
    await savePerformance(tx, model, plan.granularity, window, series, now);
    if (drift !== undefined) await saveDrift(tx, model, plan.granularity, window, drift, now);
  });
  return { start: window.start, end: window.end, isNew, series: series.map(shown) };
}

/** Rows are only ever added, so equal counts mean equal rows. */
async function hasSameRows(
  world: World,
  model: string,
  plan: MonitoringPlan,
  window: Window,
  series: readonly SeriesPerformance[],
): Promise<boolean> {
  const before = await listWindows(world.database.read, model, { granularity: plan.granularity, from: window.start, to: window.end });
  const counts = new Map(before.map((each) => [`${each.version} ${each.variant}`, each.rowCount]));
  return counts.size === series.length && series.every((each) => counts.get(`${each.version} ${each.variant}`) === each.rowCount);
}

function shown(series: SeriesPerformance): EvaluatedWindow['series'][number] {
  const { version, variant, state, rowCount, labelledCount, measures } = series;
  const value = (metric: string): number | null => measures.find((each) => each.metric === metric)?.estimate.value ?? null;
  return { version, variant, state, rowCount, labelledCount, auc: value('auc'), brier: value('brier') };
}

const liveEveryMs = 60_000;

/**
 * Live traffic needs nobody to post watermarks: the clock moves them. Traffic that is replayed, whose events are older than
 * its answers by more than a window, waits for whoever replays it.
 */
export function startEvaluation(world: World): Stop {
  setChampionComparison((model, candidate, champion, confidence) =>
    compareSince(world, model, candidate, champion, confidence),
  );
  let busy: Promise<void> | undefined;
  const timer = setInterval(() => {
    busy ??= evaluateLive(world)
      .catch((cause: unknown) => world.log.error({ cause: messageOf(cause) }, 'evaluation failed; it is tried again'))
      .finally(() => {
        busy = undefined;
      });
  }, liveEveryMs);
  return async () => {
    clearInterval(timer);
    await busy;
  };
}

/** Evaluates the windows of live traffic that are over by the clock. */
export async function evaluateLive(world: World): Promise<void> {
  const now = world.clock.now();
  for (const model of await loggedModels(world.database.read)) {
    const { granularity } = await monitoringPlan(world.database.read, model);
    const touched = await touchedDays(world.database.read, model);
    const live = touched.filter(({ day, firstAt }) => firstAt < windowOf(granularity, Date.parse(day)).end);
    const isOver = live.some(({ day }) => windowOf(granularity, Date.parse(day) + dayMs - 1).end <= now);
    if (isOver && live.length === touched.length) await evaluate(world, systemActor, model, now);
  }
}

/** What the gate asks: both versions on the traffic that both answered, as far as the truth is known. */
async function compareSince(
  world: World,
  model: string,
  candidate: number,
  champion: number,
  confidence: number,
): Promise<ChampionComparison | undefined> {
  const { read } = world.database;
  const log = await predictionLog(world);
  await log.compaction.run();
  const { granularity } = await monitoringPlan(read, model);
  const to = (await watermarkOf(read, model))?.at ?? world.clock.now();
  const windows = await listWindows(read, model, { granularity });
  const from = windows.find((window) => window.version === candidate)?.windowStart ?? windowOf(granularity, to - 1).start;
  const compared = await compareVersions(log, model, candidate, champion, from, to, confidence);
  if (compared.brier === null) return undefined;
  const found: Record<string, ChampionComparison[string]> = {};
  for (const metric of ['auc', 'brier', 'log_loss'] as const) {
    const difference = compared[metric];
    if (difference === null || difference.low === null || difference.high === null) continue;
    found[metric] = {
      candidate: difference.candidate,
      champion: difference.champion,
      difference: difference.value,
      ciLow: difference.low,
      ciHigh: difference.high,
      rowCount: compared.n,
      from,
      to,
    };
  }
  return found;
}
