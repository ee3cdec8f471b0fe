import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../../platform/client.ts';
import { TilthError } from '../../platform/errors.ts';
import type { Approval, GateReport } from '../../deploy/registry/registry-api.ts';
import type { RetrainingView } from '../../maintain/retraining/retraining-api.ts';
import type { Alert } from '../../monitor/alerts/alert-api.ts';
import type { PerformanceHistory, WindowPerformance } from '../../monitor/performance/performance-api.ts';
import { model, projectPackage, pythonOf, scriptOf, terminalOf, type Journey, type Station } from './journey.ts';
import { run, tilth } from './tools.ts';

interface Replayed {
  readonly rows: number;
  readonly requests: number;
  readonly failed: number;
  readonly retried: number;
  readonly labels: number;
  readonly windows: number;
  readonly seconds: number;
  readonly firstFailure: string | null;
}

/** What scikit-learn found on the rows of the log itself. */
interface Checked {
  readonly windows: number;
  readonly rows: number;
  readonly maxCountDifference: number;
  readonly maxAucDifference: number;
  readonly maxBrierDifference: number;
  readonly predictionsLogged: number;
  readonly loggedTwice: number;
  readonly flightsWithArrival: number;
}

/** Two ways to add the same numbers differ by rounding, and by no more. */
const rounding = 1e-9;

export const monitorStation: Station = {
  name: 'monitor',
  what: 'the rest of the year, week by week; the truth arrives as the flights do',
  run: async (journey) => {
    const { progress } = journey;
    const ana = { cwd: journey.project, env: terminalOf(journey, 'ana') };
    const traffic = join(journey.project, 'data', 'traffic.parquet');
    await progress.step(`flights from March, until ${journey.until}`, () =>
      run(pythonOf(journey), ['-m', `${projectPackage}.traffic`, '--from', '2013-03-01', '--to', journey.until, '--out', traffic], ana),
    );
    const approver = new Approver(journey);
    const replayed = await progress.step(
      'tilth monitor replay: through the endpoint; an alert starts a retraining, ben (simulated) decides about its candidate',
      async (update) => {
        const replay = ['monitor', 'replay', traffic, '--endpoint', model, '--label', 'late', '--wait-for-retraining', '--name', 'quickstart'];
        try {
          approver.start();
          return await tilth<Replayed>(replay, { ...ana, onLine: update });
        } finally {
          await approver.stop();
        }
      },
      (found) => `${found.rows.toLocaleString('en')} flights in ${found.seconds.toFixed(0)} s, ${found.failed} requests failed`,
    );
    const history = await call<PerformanceHistory>({ server: journey.address }, 'GET', `/api/v1/models/${model}/performance`);
    const windows = await call<WindowPerformance[]>({ server: journey.address }, 'GET', `/api/v1/models/${model}/performance/windows`);
    const checked = await progress.step(
      'scikit-learn computes every window again from the log itself',
      () => check(journey, traffic, windows),
      (found) => `${found.windows} windows, largest difference of AUC ${found.maxAucDifference.toExponential(0)}, ${found.loggedTwice} predictions logged twice`,
    );
    const alerts = await call<Alert[]>({ server: journey.address }, 'GET', '/api/v1/alerts');
    const retrainings = await call<RetrainingView[]>({ server: journey.address }, 'GET', '/api/v1/retrainings');
    const told = alerts.filter((alert) => alert.raisedAt !== null).toReversed();
    for (const alert of told) progress.say(`      alert: ${alert.summary}`);
    const summary = await call<{ labelCount: number }>({ server: journey.address }, 'GET', `/api/v1/models/${model}/predictions/summary`);
    if (summary.labelCount !== checked.flightsWithArrival) {
      throw new TilthError('QUICKSTART_STEP_FAILED', 500, `${summary.labelCount} labels were joined, but ${checked.flightsWithArrival} flights arrived.`);
    }
    return {
      replayed,
      checkedByScikitLearn: checked,
      predictions: summary,
      weeks: weeksOf(windows),
      alerts: told.map(({ rule, version, value, low, high, reference, raisedEventAt }) => ({ rule, version, value, low, high, reference, at: raisedEventAt })),
      marks: history.marks.map(({ kind, eventAt, text }) => ({ kind, eventAt, text })),
      retrainings: retrainings.toReversed().map(({ state, cause, trainedFrom, trainedTo, candidate, champion, steps, gate }) => ({
        state,
        cause,
        trainedFrom,
        trainedTo,
        candidate,
        champion,
        outcome: steps.at(-1)?.note,
        gate: (gate as GateReport | null)?.results.map(({ id, passed, measured, note }) => ({ id, passed, measured, note })) ?? null,
      })),
    };
  },
};

const weeksOf = (windows: readonly WindowPerformance[]) =>
  windows.map(({ version, variant, windowStart, rowCount, labelledCount, coverage, metrics }) => ({
    week: new Date(windowStart).toISOString().slice(0, 10),
    version,
    variant,
    rows: rowCount,
    labelled: labelledCount,
    coverage,
    auc: metrics['auc']?.value ?? null,
    brier: metrics['brier']?.value ?? null,
    baseRate: metrics['base_rate']?.value ?? null,
  }));

/** Ben at his desk: grants what passed the gate and waits for him. He is simulated, and every approval says that it was he. */
class Approver {
  readonly #journey: Journey;
  #isOn = false;
  #work: Promise<void> = Promise.resolve();

  constructor(journey: Journey) {
    this.#journey = journey;
  }

  start(): void {
    this.#isOn = true;
    this.#work = this.#watch();
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#work;
  }

  async #watch(): Promise<void> {
    const { address } = this.#journey;
    const ben = { cwd: this.#journey.project, env: terminalOf(this.#journey, 'ben') };
    while (this.#isOn) {
      // a control plane that is being restarted is asked again
      const waiting = await call<Approval[]>({ server: address }, 'GET', '/api/v1/approvals?state=waiting').catch(() => []);
      for (const { version } of waiting) {
        await tilth(['model', 'approve', model, String(version), '--reason', 'the gate passed on shadow traffic'], ben).catch(() => undefined);
      }
      await sleep(300);
    }
  }
}

async function check(journey: Journey, traffic: string, windows: readonly WindowPerformance[]): Promise<Checked> {
  const file = join(journey.folder, 'history.json');
  const judged = windows.flatMap(({ version, variant, windowStart, windowEnd, labelledCount, metrics }) => {
    const [auc, brier] = [metrics['auc']?.value, metrics['brier']?.value];
    return auc === undefined || brier === undefined ? [] : [{ version, variant, windowStart, windowEnd, count: labelledCount, auc, brier }];
  });
  writeFileSync(file, JSON.stringify(judged));
  const said = await run(pythonOf(journey), [scriptOf('check_performance.py'), journey.home, model, traffic, file], { cwd: journey.project });
  const found = JSON.parse(said) as Checked;
  const isEqual = found.maxAucDifference <= rounding && found.maxBrierDifference <= rounding && found.maxCountDifference === 0;
  if (!isEqual || found.loggedTwice > 0) {
    throw new TilthError('QUICKSTART_STEP_FAILED', 500, `scikit-learn finds other numbers than the performance history: ${said}`);
  }
  return found;
}
