import { join } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { call } from '../../platform/client.ts';
import type { Endpoint } from '../../deploy/endpoints/endpoint-api.ts';
import type { VerdictView } from '../../maintain/audit/audit-api.ts';
import type { Handover } from '../../maintain/handover/handover-api.ts';
import type { RetrainingView } from '../../maintain/retraining/retraining-api.ts';
import { untilServed } from './deploy-station.ts';
import { model, terminalOf, type Journey, type Station } from './journey.ts';
import { tilth } from './tools.ts';

export const maintainStation: Station = {
  name: 'maintain',
  what: 'rollback and back under load, the model card, a handover, the audit log',
  run: async (journey) => {
    const { progress } = journey;
    const ana = { cwd: journey.project, env: terminalOf(journey, 'ana') };
    const ben = { cwd: journey.project, env: terminalOf(journey, 'ben') };
    const retrainings = await call<RetrainingView[]>({ server: journey.address }, 'GET', '/api/v1/retrainings');
    for (const { candidate, state, trainedFrom, trainedTo, steps } of retrainings.toReversed()) {
      progress.say(`      candidate ${candidate ?? '–'}, trained on ${trainedFrom} to ${trainedTo}: ${state} (${steps.at(-1)?.note ?? ''})`);
    }
    const rollback = retrainings.some((each) => each.state === 'promoted')
      ? await progress.step(
          'tilth endpoint rollback, and back, while requests keep coming',
          () => rollBackUnderLoad(journey),
          (found) => `${found.requests} requests, ${found.failed} failed`,
        )
      : null;
    if (rollback === null) progress.skip('rollback', 'no candidate was promoted in this stretch of traffic, so there is no version to go back to');
    const cardFile = join(journey.folder, 'model-card.md');
    const card = await progress.step(
      'tilth model card: from evidence',
      () => tilth<{ missing: readonly string[] }>(['model', 'card', model, '--out', cardFile], ana),
      (found) => `${found.missing.length} things only a person can say are asked for`,
    );
    const handover = await progress.step(
      'tilth offboard ana --to ben: all she owns passes over, her tokens end',
      () => tilth<Handover>(['offboard', 'ana', '--to', 'ben', '--reason', 'shown by the quickstart', '--yes'], { ...ben, env: terminalOf(journey) }),
      (found) => `${found.things.length} things, tokens ended: ${found.revokedTokenCount}`,
    );
    const audit = await progress.step(
      'tilth audit verify',
      () => tilth<VerdictView>(['audit', 'verify'], ben),
      (found) => `${found.eventCount} events, whole`,
    );
    return {
      rollback,
      card: { file: cardFile, missing: card.missing },
      handover: { things: handover.things.map(({ kind, thing, busFactor }) => ({ kind, thing, busFactor })), revokedTokens: handover.revokedTokenCount },
      audit: { isSound: audit.isSound, eventCount: audit.eventCount, head: audit.head },
    };
  },
};

interface Rollback {
  readonly from: number;
  readonly to: number;
  readonly requests: number;
  readonly failed: number;
  readonly answeredBy: Readonly<Record<string, number>>;
}

const row = {
  carrier: 'UA',
  origin: 'EWR',
  hour_of_day: 17,
  weekday: 4,
  distance: 719,
  departures: 30,
  temp: 75,
  dewp: 60,
  humid: 60,
  wind_speed: 10,
  precip: 0,
  visib: 10,
  pressure: 1015,
};

/** The newest promotion is rolled back and brought back while four callers ask without a pause. */
async function rollBackUnderLoad(journey: Journey): Promise<Rollback> {
  const ben = { cwd: journey.project, env: terminalOf(journey, 'ben') };
  const load = new Load(`${journey.planeAddress}/endpoints/${model}/invocations`);
  const from = await championOf(journey);
  load.start();
  try {
    await tilth(['endpoint', 'rollback', model, '--reason', 'to show that it takes a moment'], ben);
    const to = await championOf(journey);
    await untilServed(journey, to);
    await tilth(['endpoint', 'rollback', model, '--reason', 'and back'], ben);
    await untilServed(journey, from);
    const done = await load.stop();
    if (done.failed > 0) throw new TilthError('QUICKSTART_STEP_FAILED', 500, `${done.failed} requests failed during the rollback: ${done.firstFailure ?? ''}`);
    return { from, to, requests: done.requests, failed: done.failed, answeredBy: done.answeredBy };
  } finally {
    await load.stop();
  }
}

async function championOf(journey: Journey): Promise<number> {
  const { targets } = await call<Endpoint>({ server: journey.address }, 'GET', `/api/v1/endpoints/${model}`);
  return targets.find((target) => target.variant === 'champion')?.version ?? 0;
}

interface LoadResult {
  readonly requests: number;
  readonly failed: number;
  readonly firstFailure: string | null;
  readonly answeredBy: Record<string, number>;
}

/** Callers that ask one row after the other and count who answered. */
class Load {
  readonly #url: string;
  readonly #counts = { requests: 0, failed: 0, firstFailure: null as string | null, answeredBy: {} as Record<string, number> };
  #isOn = false;
  #callers: Promise<void>[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  start(): void {
    this.#isOn = true;
    this.#callers = Array.from({ length: 4 }, () => this.#call());
  }

  async stop(): Promise<LoadResult> {
    this.#isOn = false;
    await Promise.all(this.#callers);
    return this.#counts;
  }

  async #call(): Promise<void> {
    const body = JSON.stringify({ dataframe_records: [row] });
    while (this.#isOn) {
      this.#counts.requests += 1;
      try {
        const response = await fetch(this.#url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const text = await response.text();
        if (!response.ok) throw new Error(`${response.status}: ${text.slice(0, 200)}`);
        const version = response.headers.get('x-tilth-version') ?? '?';
        this.#counts.answeredBy[version] = (this.#counts.answeredBy[version] ?? 0) + 1;
      } catch (thrown) {
        this.#counts.failed += 1;
        this.#counts.firstFailure ??= String(thrown);
      }
    }
  }
}
