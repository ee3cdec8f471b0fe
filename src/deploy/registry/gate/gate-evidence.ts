import type { Actor } from '../../../platform/actor.ts';
import type { Reader, Transaction } from '../../../platform/database/database.ts';
import type { World } from '../../../platform/world.ts';
import { requireRight } from '../../../team/can.ts';
import { perform } from '../../../team/command.ts';
import type { GateCondition } from '../../../start/project/declaration.ts';
import { declarationOf, type DeclaredModel } from '../../../start/project/project-store.ts';
import { contractStateOf } from '../../../develop/data/data-store.ts';
import { lastVerdict } from '../../../develop/reproduce/reproduction-store.ts';
import { searchRuns } from '../../../develop/tracking/run-search.ts';
import { getRun } from '../../../develop/tracking/run-store.ts';
import type { Run } from '../../../develop/tracking/tracking.ts';
import { isApproved, voidChanged } from '../approvals/approval-state.ts';
import { evaluateConditions } from './gate.ts';
import type { CardWords, ChampionComparison, GateFacts, RunMetric } from './gate-facts.ts';
import { knownMeasurements, measureGate } from './gate-measurements.ts';
import { betterOf } from './gate-metric.ts';
import type { GateReport, Parity } from '../registry-api.ts';
import { champion } from '../registry.ts';
import { findAlias, getVersionRow, updateVersionRow, type VersionRow } from '../registry-store.ts';
import { dataVersionOfRun } from '../training-data.ts';

/** Tells how a candidate and the champion did on the traffic that both answered; undefined while not known. */
export type ChampionComparisonProvider = (
  model: string,
  candidate: number,
  champion: number,
  /** of the intervals, 0..1 */
  confidence: number,
) => Promise<ChampionComparison | undefined>;

let compareWithChampion: ChampionComparisonProvider = () => Promise.resolve(undefined);

/** Monitoring comes after deployment, so it brings its measurements here. */
export const setChampionComparison = (provider: ChampionComparisonProvider): void => {
  compareWithChampion = provider;
};

export type CardProvider = (read: Reader, model: string) => Promise<CardWords | undefined>;

let cardWords: CardProvider = () => Promise.resolve(undefined);

/** Cards are made of everything that comes after deployment, so they bring their words here. */
export const setCardProvider = (provider: CardProvider): void => {
  cardWords = provider;
};

/** sha256 of what people say in the model's card now; null when nobody has begun one. */
export const cardHashOf = async (read: Reader, model: string): Promise<string | null> =>
  (await cardWords(read, model))?.hash ?? null;

/**
 * Evaluates the gate of a version and keeps the report on it.
 * A version approved as champion keeps the report it was approved with; the new one is only answered.
 *
 * @throws MODEL_VERSION_NOT_FOUND
 */
export async function evaluateGate(
  world: World,
  actor: Actor,
  model: string,
  version: number,
  options: { readonly measuresAgain?: boolean } = {},
): Promise<GateReport> {
  requireRight(actor, 'model.gate');
  const { read } = world.database;
  const row = await getVersionRow(read, model, version);
  const declared = await declarationOf(read, model);
  await measureGate(world, row, declared, options.measuresAgain === true);
  const facts = await collectFacts(world, read, row, declared);
  const report = evaluateConditions(declared?.model.gate ?? null, facts);
  await perform(
    world,
    {
      actor,
      verb: 'model.gate',
      kind: 'model-version',
      thing: `${model}/${version}`,
      data: {
        passed: report.passed,
        hash: report.hash,
        failing: report.results.filter((each) => !each.passed).map((each) => each.id),
      },
    },
    async (tx) => {
      if (await isApproved(tx, model, version, [champion])) return;
      await storeReport(tx, row, report, facts);
      await voidChanged(world, tx, model, version);
    },
  );
  return report;
}

const storeReport = (
  tx: Transaction,
  row: VersionRow,
  report: GateReport,
  facts: GateFacts,
): Promise<unknown> =>
  updateVersionRow(tx, row.model, row.version, {
    gate_report: JSON.stringify(report),
    gate_hash: report.hash,
    data_version: facts.dataVersion,
    card_hash: facts.card?.hash ?? null,
  });

/**
 * Names the conditions that would not say today what they said in a report. Comparisons on traffic go on moving with it;
 * of them only that the champion is still the one that was compared with.
 */
export async function gateChanges(
  world: World,
  read: Reader,
  row: VersionRow,
  report: GateReport,
): Promise<string[]> {
  const declared = await declarationOf(read, row.model);
  const facts = await collectFacts(world, read, row, declared, false);
  const now = evaluateConditions(declared?.model.gate ?? null, facts);
  const onTraffic = new Set(
    (declared?.model.gate ?? []).filter(isOnTraffic).map((condition) => condition.id),
  );
  const said = (results: GateReport['results']): Map<string, string> =>
    new Map(
      results.map((each) =>
        onTraffic.has(each.id)
          ? [each.id, JSON.stringify([each.kind, each.required, each.evidence.comparedWith ?? null])]
          : [each.id, JSON.stringify([each.kind, each.required, each.measured, each.passed])],
      ),
    );
  const [before, after] = [said(report.results), said(now.results)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((id) => before.get(id) !== after.get(id))
    .map((id) => `the gate's condition ${id}`);
}

const isOnTraffic = (condition: GateCondition): boolean =>
  condition.kind === 'not-worse-than-champion' ||
  (condition.kind === 'better-than-champion' && condition.on !== 'holdout');

/** The verdict of the contract over a dataset version; null when it was never checked. */
async function contractVerdict(
  read: Reader,
  dataset: string,
  dataVersion: string,
): Promise<GateFacts['contract']> {
  const found = await contractStateOf(read, dataset, dataVersion);
  if (found === undefined || found.state === 'none') return null;
  const isPassed = found.state === 'passed';
  return {
    isPassed,
    at: found.checkedAt,
    summary: `The contract is broken by data version ${dataVersion.slice(0, 8)}.`,
  };
}

/** @param looksAtTraffic also asks how the version does beside the champion, which reads the log of predictions */
async function collectFacts(
  world: World,
  read: Reader,
  row: VersionRow,
  declared: DeclaredModel | undefined,
  looksAtTraffic = true,
): Promise<GateFacts> {
  const dataset = declared?.model.dataset;
  const run = row.run_id === null ? undefined : await getRun(read, row.run_id).catch(() => undefined);
  const dataVersion = run === undefined ? null : dataVersionOfRun(run, dataset);
  const inProduction = await findAlias(read, row.model, champion);
  const rival = inProduction === undefined || inProduction === row.version ? null : inProduction;
  return {
    model: row.model,
    version: row.version,
    now: world.clock.now(),
    runId: row.run_id,
    dataset: dataset ?? null,
    dataVersion,
    metrics: run === undefined ? new Map() : metricsOf(run, dataset),
    baselines: run === undefined ? new Map() : await baselinesOf(read, run, dataset, dataVersion),
    engine: row.engine,
    engineReason: row.reason,
    isServedAsTrained: row.engine === 'python' && row.bundle_digest !== null,
    measurements: await knownMeasurements(read, row, declared?.model.gate ?? []),
    parity: row.parity === null ? null : (JSON.parse(row.parity) as Parity),
    contract:
      dataset === undefined || dataVersion === null
        ? null
        : await contractVerdict(read, dataset, dataVersion),
    reproduction: row.run_id === null ? null : ((await lastVerdict(read, row.run_id)) ?? null),
    champion: rival,
    card: (await cardWords(read, row.model)) ?? null,
    comparisons:
      looksAtTraffic && rival !== null
        ? await comparisonsOf(row, rival, declared?.model.gate ?? [])
        : new Map<number, ChampionComparison>(),
  };
}

const usualConfidence = 0.95;

/** One comparison per confidence that a condition asks for. */
async function comparisonsOf(
  row: VersionRow,
  rival: number,
  gate: readonly GateCondition[],
): Promise<Map<number, ChampionComparison>> {
  const asked = gate
    .filter(isOnTraffic)
    .map((condition) => ('confidence' in condition ? condition.confidence : usualConfidence));
  const found = new Map<number, ChampionComparison>();
  for (const confidence of new Set(asked)) {
    const comparison = await compareWithChampion(row.model, row.version, rival, confidence);
    if (comparison !== undefined) found.set(confidence, comparison);
  }
  return found;
}

const metricsOf = (run: Run, dataset: string | undefined): Map<string, RunMetric> => {
  const dataVersion = dataVersionOfRun(run, dataset);
  return new Map(
    run.metrics.map(({ key, value, timestamp }) => [
      key,
      { runId: run.id, value, at: timestamp, dataVersion },
    ]),
  );
};

const baselineLimit = 200;

/** The best baseline per metric: a finished run of the experiment whose name, or tag `candidate`, is baseline. */
async function baselinesOf(
  read: Reader,
  run: Run,
  dataset: string | undefined,
  dataVersion: string | null,
): Promise<Map<string, RunMetric>> {
  const found = new Map<string, Run>();
  for (const filter of [
    "tags.candidate = 'baseline'",
    "tags.`tilth.candidate` = 'baseline'",
    "attributes.run_name = 'baseline'",
  ]) {
    const { runs } = await searchRuns(read, {
      experimentIds: [run.experimentId],
      filter,
      orderBy: [],
      view: 'ACTIVE_ONLY',
      limit: baselineLimit,
    });
    for (const each of runs) if (each.id !== run.id && each.status === 'FINISHED') found.set(each.id, each);
  }
  const all = [...found.values()];
  // a baseline on the same data is the fair one; another is better than none, and the report says so
  const onSameData = all.filter((each) => dataVersionOfRun(each, dataset) === dataVersion);
  const best = new Map<string, RunMetric>();
  for (const each of onSameData.length > 0 ? onSameData : all) {
    for (const [key, metric] of metricsOf(each, dataset)) best.set(key, betterOf(key, best.get(key), metric));
  }
  return best;
}
