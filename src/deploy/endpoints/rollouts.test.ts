import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createTestRegistry, type TestRegistry } from '../../../test/registry-world.ts';
import { TilthError } from '../../platform/errors.ts';
import { listEvents } from '../../platform/events.ts';
import { systemActor } from '../../platform/actor.ts';
import { perform } from '../../team/command.ts';
import { approve, requestApproval } from '../registry/approvals/approvals.ts';
import { findAlias } from '../registry/registry-store.ts';
import { bucketOf } from '../serving/counts/latency-histogram.ts';
import type { VersionCounts } from '../serving/serving-api.ts';
import { compare, setTruthSource } from './comparison.ts';
import { routeOf, type Route } from './endpoint.ts';
import { configRevision, getEndpointRow } from './endpoint-store.ts';
import { createEndpoint, rollbackEndpoint, routeEndpoint } from './endpoints.ts';
import { addOutcomes } from './outcome-store.ts';
import type { Rollout } from './rollout-api.ts';
import { advanceRollouts, forgetQuality, getRollout, startRollout, steerRollout } from './rollouts.ts';
import { getEndpoint, hearReport } from './serving-state.ts';

const code = (wanted: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof TilthError, String(thrown));
  assert.equal(thrown.code, wanted, thrown.message);
  return true;
};

interface Counts {
  ok?: number;
  failed?: number;
  refused?: number;
  us?: number;
}

/** An endpoint whose champion is version 1, with version 2 approved as well; a clock and data planes that are played. */
class Stage {
  now = 1_000_000;
  readonly registry: TestRegistry;
  readonly #counts = new Map<string, Map<number, VersionCounts>>();

  constructor(registry: TestRegistry) {
    this.registry = registry;
  }

  static async open(
    context: TestContext,
    options: { alias?: 'champion' | 'challenger'; rollout?: string } = {},
  ): Promise<Stage> {
    let stage: Stage | undefined = undefined;
    const clock = { now: () => (stage as Stage | undefined)?.now ?? 1_000_000 };
    const registry = await createTestRegistry({
      clock,
      ...(options.rollout === undefined ? {} : { rollout: options.rollout }),
    });
    context.after(() => registry.close());
    stage = new Stage(registry);
    const { world, ana, ben, addVersion } = registry;
    for (let version = 1; version <= 3; version++) await addVersion();
    await requestApproval(world, ana, { model: 'late', version: 1 });
    await approve(world, ben, { model: 'late', version: 1 });
    await createEndpoint(world, ben, { name: 'late', model: 'late' });
    if (options.alias === 'champion') {
      // approved once and replaced since
      await requestApproval(world, ana, { model: 'late', version: 2 });
      await approve(world, ben, { model: 'late', version: 2 });
      await routeEndpoint(world, ben, 'late', { champion: 1 });
    } else if (options.alias === 'challenger') {
      await requestApproval(world, ana, { model: 'late', version: 2, alias: 'challenger' });
      await approve(world, ben, { model: 'late', version: 2, alias: 'challenger' });
    }
    return stage;
  }

  get world(): TestRegistry['world'] {
    return this.registry.world;
  }

  count(version: number, { ok = 0, failed = 0, refused = 0, us = 1000 }: Counts, plane = 'a'): void {
    const versions = this.#counts.get(plane) ?? new Map<number, VersionCounts>();
    this.#counts.set(plane, versions);
    const before = versions.get(version);
    const latencies = [...(before?.latencies ?? [])];
    const bucket = bucketOf(us);
    for (let index = latencies.length; index <= bucket; index++) latencies.push(0);
    latencies[bucket] = (latencies[bucket] ?? 0) + ok;
    versions.set(version, {
      version,
      variant: version === 1 ? 'champion' : 'canary',
      requestCount: (before?.requestCount ?? 0) + ok + failed + refused,
      rowCount: (before?.rowCount ?? 0) + ok,
      failedCount: (before?.failedCount ?? 0) + failed,
      refusedCount: (before?.refusedCount ?? 0) + refused,
      latencies,
      comparedCount: 0,
      agreedCount: 0,
      differenceSum: 0,
      largestDifference: 0,
      droppedCount: 0,
    });
  }

  async report(plane = 'a', revision?: number): Promise<void> {
    const numbers = {
      requestCount: 0,
      rowCount: 0,
      failedCount: 0,
      p50Us: 0,
      p99Us: 0,
      requestsPerSecond: 0,
    };
    await hearReport(this.world, {
      plane,
      address: 'http://127.0.0.1:1',
      revision: revision ?? (await configRevision(this.world.database.read)),
      startedAt: 500_000,
      endpoints: [{ name: 'late', ...numbers, versions: [...(this.#counts.get(plane)?.values() ?? [])] }],
    });
  }

  /** A minute of traffic that nothing is wrong with, then a look. */
  async goodMinute(): Promise<Rollout> {
    await this.report();
    this.count(1, { ok: 900 });
    this.count(2, { ok: 150 });
    this.now += 60_000;
    await this.report();
    return this.look();
  }

  async look(): Promise<Rollout> {
    await advanceRollouts(this.world);
    return getRollout(this.world, 'late');
  }

  async route(): Promise<Route | undefined> {
    return routeOf((await getEndpointRow(this.world.database.read, 'late')).targets);
  }

  start(wanted: Partial<Parameters<typeof startRollout>[3]> = {}): Promise<Rollout> {
    return startRollout(this.world, this.registry.ben, 'late', {
      version: 2,
      everyMs: 60_000,
      minRequests: 100,
      steps: [5, 50, 100],
      ...wanted,
    });
  }
}

describe('a rollout', () => {
  it('goes on by what the planes report, step by step, until the version is champion; each step tells its evidence', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start();
    assert.deepEqual((await stage.route())?.canary, { version: 2, share: 0.05 });
    assert.deepEqual((await stage.goodMinute()).step, 1);
    assert.deepEqual((await stage.route())?.canary, { version: 2, share: 0.5 });
    const done = await stage.goodMinute();
    assert.equal(done.state, 'promoted');
    assert.deepEqual(await stage.route(), { champion: 2, canary: null, shadows: [] });
    assert.equal(await findAlias(stage.world.database.read, 'late', 'champion'), 2);
    assert.deepEqual(
      done.decisions.map(({ what, by, onBehalfOf }) => [what, by, onBehalfOf]),
      [
        ['started', 'ben', null],
        ['advanced', 'tilth', 'ben'],
        ['promoted', 'tilth', 'ben'],
      ],
    );
    assert.equal(done.decisions[1]?.evidence?.candidate.requestCount, 150);
    const [event] = await listEvents(stage.world.database.read, { verb: 'rollout.advance' });
    const data = event?.data as {
      onBehalfOf: string;
      candidate: { requestCount: number };
      checks: unknown[];
    };
    assert.equal(data.onBehalfOf, 'ben');
    assert.equal(data.candidate.requestCount, 150);
    assert.ok(data.checks.length >= 4);
  });

  it('never runs ahead of its data: no report, a silent plane, an old route, too few requests, too short a time', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start();
    const stays = async (why: RegExp): Promise<void> => {
      const rollout = await stage.look();
      assert.equal(rollout.step, 0);
      assert.match(rollout.now?.verdict.because ?? '', why);
    };
    stage.now += 3_600_000;
    await stays(/No data plane has reported since this step began/);
    await stage.report('a', 1);
    await stays(/does not serve this step’s route yet|No data plane has reported/);
    await stage.report();
    stage.count(2, { ok: 99 });
    await stage.report();
    await stays(/99 of the 100 requests/);
    stage.count(2, { ok: 500 });
    await stage.report('b');
    await stage.report();
    stage.now += 6_000;
    await stage.report('b');
    await stays(/a has not reported for some seconds/);
    // a plane that is gone for good is no longer waited for
    stage.now += 6 * 60_000;
    await stage.report('b');
    assert.equal((await stage.look()).step, 1);
    await stage.report('b');
    stage.count(2, { ok: 500 }, 'b');
    await stage.report('b');
    assert.match((await stage.look()).now?.verdict.because ?? '', /This step lasts 60 s more/);
  });

  it('counts what was reported before a restart of the server, and what was lost with a report comes with the next', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start();
    await stage.report();
    stage.count(2, { ok: 60 });
    stage.count(1, { ok: 60 });
    await stage.report();
    // the next report is lost, then the server begins anew: another world on the same tables
    stage.count(2, { ok: 60 });
    const restarted = { ...stage.world };
    stage.now += 60_000;
    await advanceRollouts(restarted);
    assert.equal((await getRollout(restarted, 'late')).step, 0);
    stage.count(2, { ok: 1 });
    await stage.report();
    const rollout = await stage.look();
    assert.equal(rollout.step, 1);
    assert.equal(rollout.decisions[1]?.evidence?.candidate.requestCount, 121);
  });

  it('two servers that look at once make one step', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start();
    await stage.report();
    stage.count(1, { ok: 900 });
    stage.count(2, { ok: 150 });
    stage.now += 60_000;
    await stage.report();
    await Promise.all([
      advanceRollouts(stage.world),
      advanceRollouts(stage.world),
      advanceRollouts(stage.world),
    ]);
    const rollout = await getRollout(stage.world, 'late');
    assert.deepEqual([rollout.step, rollout.decisions.length], [1, 2]);
  });

  for (const [name, champion, candidate, why] of [
    ['fails', { ok: 900 }, { ok: 80, failed: 20 }, /20 of 100 requests failed/],
    [
      'is slower than the champion',
      { ok: 900, us: 1000 },
      { ok: 300, us: 9000 },
      /took longer than 2 times the champion’s/,
    ],
    ['refuses what the champion answers', { ok: 900 }, { ok: 60, refused: 40 }, /refused 40 of 100/],
  ] as const) {
    it(`goes back by itself when the version ${name}`, async (context) => {
      const stage = await Stage.open(context, { alias: 'champion' });
      await stage.start();
      await stage.report();
      stage.count(1, champion);
      stage.count(2, candidate);
      await stage.report();
      const rollout = await stage.look();
      assert.equal(rollout.state, 'rolled back');
      assert.deepEqual(await stage.route(), { champion: 1, canary: null, shadows: [] });
      assert.match(rollout.decisions.at(-1)?.because ?? '', why);
      const [event] = await listEvents(stage.world.database.read, { verb: 'rollout.roll-back' });
      assert.deepEqual(
        [event?.actor, (event?.data as { onBehalfOf: string } | undefined)?.onBehalfOf],
        ['tilth', 'ben'],
      );
    });
  }

  it('is not blamed for what fails at the champion too', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start();
    await stage.report();
    stage.count(1, { ok: 450, failed: 450 });
    stage.count(2, { ok: 50, failed: 50 });
    await stage.report();
    assert.equal((await stage.look()).state, 'running');
  });

  it('waits for the approval as champion, and ends with it', async (context) => {
    const stage = await Stage.open(context, { alias: 'challenger' });
    await stage.start();
    await stage.goodMinute();
    const waiting = await stage.goodMinute();
    assert.equal(waiting.state, 'running');
    assert.match(waiting.now?.verdict.because ?? '', /not approved as champion/);
    await assert.rejects(
      steerRollout(stage.world, stage.registry.ben, 'late', 'promote', undefined),
      code('APPROVAL_MISSING'),
    );
    await requestApproval(stage.world, stage.registry.ana, { model: 'late', version: 2 });
    await approve(stage.world, stage.registry.ben, { model: 'late', version: 2 });
    const done = await getRollout(stage.world, 'late');
    assert.deepEqual([done.state, done.decisions.at(-1)?.by], ['promoted', 'ben']);
  });

  it('begins with the approval where tilth.yaml declares it, and the alias moves at its end', async (context) => {
    const rollout = '{ steps: [10, 50], every: 1m, minRequests: 100, sticky: key }';
    const stage = await Stage.open(context, { rollout });
    const { world, ana, ben } = stage.registry;
    await requestApproval(world, ana, { model: 'late', version: 2 });
    await approve(world, ben, { model: 'late', version: 2 });
    assert.equal(await findAlias(world.database.read, 'late', 'champion'), 1);
    assert.deepEqual((await stage.route())?.canary, { version: 2, share: 0.1 });
    assert.deepEqual((await getEndpointRow(world.database.read, 'late')).sticky, { by: 'key' });
    await requestApproval(world, ana, { model: 'late', version: 3 });
    await assert.rejects(approve(world, ben, { model: 'late', version: 3 }), code('ROLLOUT_UNDER_WAY'));
    await stage.goodMinute();
    assert.equal((await stage.goodMinute()).state, 'promoted');
    assert.equal(await findAlias(world.database.read, 'late', 'champion'), 2);
  });

  it('can be paused, resumed, stopped and promoted by hand; safety goes on while it is paused', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    const { ben, ana } = stage.registry;
    await stage.start();
    await assert.rejects(stage.start(), code('ROLLOUT_UNDER_WAY'));
    await assert.rejects(
      steerRollout(stage.world, { ...ana, roles: ['contributor'] }, 'late', 'stop', undefined),
      code('NOT_ALLOWED'),
    );
    await steerRollout(stage.world, ben, 'late', 'pause', 'lunch');
    assert.equal((await stage.goodMinute()).step, 0);
    assert.equal((await getRollout(stage.world, 'late')).state, 'paused');
    await steerRollout(stage.world, ben, 'late', 'resume', undefined);
    assert.equal((await stage.goodMinute()).step, 1);
    assert.equal((await steerRollout(stage.world, ben, 'late', 'promote', undefined)).state, 'promoted');
    await rollbackEndpoint(stage.world, ben, 'late');
    await stage.start();
    await steerRollout(stage.world, ben, 'late', 'pause', undefined);
    await stage.report();
    stage.count(2, { failed: 50 });
    await stage.report();
    assert.equal((await stage.look()).state, 'rolled back');
    await stage.start();
    assert.equal((await steerRollout(stage.world, ben, 'late', 'stop', 'enough')).state, 'stopped');
    await assert.rejects(steerRollout(stage.world, ben, 'late', 'stop', undefined), code('NO_ROLLOUT'));
    assert.deepEqual(await stage.route(), { champion: 1, canary: null, shadows: [] });
  });

  it('ends when somebody routes otherwise, and goes on when only a shadow comes', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    const { ben } = stage.registry;
    await stage.start();
    await routeEndpoint(stage.world, ben, 'late', { shadows: [3] });
    assert.equal((await getRollout(stage.world, 'late')).state, 'running');
    assert.deepEqual((await stage.route())?.canary, { version: 2, share: 0.05 });
    await routeEndpoint(stage.world, ben, 'late', { canary: { version: 2, share: 0.3 } });
    assert.equal((await getRollout(stage.world, 'late')).state, 'superseded');
    await stage.goodMinute();
    assert.deepEqual((await stage.route())?.canary, { version: 2, share: 0.3 });
    await rollbackEndpoint(stage.world, ben, 'late');
    assert.deepEqual(await stage.route(), { champion: 1, canary: null, shadows: [3] });
  });

  it('goes back after its end too while it is watched: for its failures, or an alert about it', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start({ steps: [50, 100], watchMs: 3_600_000 });
    assert.equal((await stage.goodMinute()).state, 'watching');
    await stage.goodMinute();
    assert.match((await stage.look()).now?.verdict.because ?? '', /watched 59 min more/);
    const alert = { actor: systemActor, verb: 'alert.raise', kind: 'alert', thing: 'A1' } as const;
    await perform(
      stage.world,
      { ...alert, data: { model: 'late', version: 2, summary: 'auc fell' } },
      async () => undefined,
    );
    const rollout = await stage.look();
    assert.equal(rollout.state, 'rolled back');
    assert.match(rollout.decisions.at(-1)?.because ?? '', /A1 fires: auc fell/);
    assert.deepEqual((await stage.route())?.champion, 1);
    await stage.start({ steps: [50, 100], watchMs: 60_000 });
    await stage.goodMinute();
    assert.equal((await stage.goodMinute()).state, 'rolled back', 'the same alert still fires');
  });

  it('goes back when what came of its answers is worse, by outcomes or by ground truth', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    const { ben } = stage.registry;
    await stage.start({
      stop: { quality: { metric: 'clicked', effect: 0.02, confidence: 0.95, minOutcomes: 150 } },
    });
    await stage.report();
    const outcomes = Array.from({ length: 600 }, (_, index) => ({
      requestId: `r${index}`,
      version: index % 2 === 0 ? 1 : 2,
      metric: 'clicked',
      value: Number(index % 10 < (index % 2 === 0 ? 6 : 2)),
    }));
    stage.now += 10;
    assert.match((await stage.look()).now?.verdict.because ?? '', /This step lasts/);
    assert.deepEqual(await addOutcomes(stage.world, ben, 'late', outcomes), { received: 600, added: 600 });
    assert.deepEqual(await addOutcomes(stage.world, ben, 'late', outcomes.slice(0, 5)), {
      received: 5,
      added: 0,
    });
    await assert.rejects(
      addOutcomes(stage.world, ben, 'late', [{ requestId: 'x', version: 9, metric: 'clicked', value: 1 }]),
      code('ROLLOUT_REFUSED'),
    );
    forgetQuality(stage.world);
    stage.now += 10;
    const rollout = await stage.look();
    assert.equal(rollout.state, 'rolled back');
    assert.match(
      rollout.decisions.at(-1)?.because ?? '',
      /clicked of version 2 less that of version 1: -0.4.*worse/,
    );
    const found = await compare(stage.world, { endpoint: 'late', metric: 'clicked' });
    assert.deepEqual([found.verdict, found.candidate.count, found.champion.mean], ['worse', 300, 0.6]);
    const lower = await compare(stage.world, { endpoint: 'late', metric: 'clicked', isHigherBetter: false });
    assert.equal(lower.verdict, 'better');

    const many = { count: 1000, sum: 100, sumSquares: 40 };
    setTruthSource(() =>
      Promise.resolve([{ candidate: { ...many, sum: 180, sumSquares: 60 }, champion: many }]),
    );
    await stage.start({
      stop: { quality: { metric: 'brier', effect: 0.02, confidence: 0.95, minOutcomes: 0 } },
    });
    await stage.report();
    stage.now += 10;
    assert.match((await stage.look()).decisions.at(-1)?.because ?? '', /brier .* worse/);
    setTruthSource(() => Promise.resolve([]));
  });

  it('shows the page what each version does, lately and since the planes began', async (context) => {
    const stage = await Stage.open(context, { alias: 'champion' });
    await stage.start();
    for (let second = 0; second < 30; second++) {
      stage.count(1, { ok: 90, us: 1000 });
      stage.count(2, { ok: 10, failed: 1, us: 2000 });
      stage.now += 1000;
      await stage.report();
    }
    const { versions } = await getEndpoint(stage.world, 'late');
    const canary = versions.find((each) => each.variant === 'canary');
    assert.equal(canary?.requestCount, 330);
    assert.equal(canary.failedCount, 30);
    assert.ok(Math.abs(canary.recent.requestsPerSecond - 11) < 1.5, `${canary.recent.requestsPerSecond}`);
    assert.ok(Math.abs((canary.p99Us ?? 0) / 2000 - 1) < 0.2);
  });
});
