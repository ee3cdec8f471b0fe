import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TilthError } from '../../platform/errors.ts';
import { moveAlias } from '../registry/aliases.ts';
import { approve, requestApproval } from '../registry/approvals/approvals.ts';
import { standingApproval, voidChanged } from '../registry/approvals/approval-state.ts';
import { findAlias, updateVersionRow } from '../registry/registry-store.ts';
import { createTestRegistry } from '../../../test/registry-world.ts';
import { parseCanary, routeOf, targetsOf, withChampion } from './endpoint.ts';
import { routeHistory } from './endpoint-store.ts';
import { createEndpoint, rollbackEndpoint, routeEndpoint, stopEndpoint } from './endpoints.ts';
import { hearReport, listEndpoints, servingConfigOf } from './serving-state.ts';

const code = (wanted: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof TilthError, String(thrown));
  assert.equal(thrown.code, wanted, thrown.message);
  return true;
};

describe('a route', () => {
  it('gives champion and canary the weight 1 together, and comes back from its targets', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 6 }),
        (share, versions) => {
          const [champion = 1, version = 2, ...shadows] = versions;
          const route = { champion, canary: { version, share }, shadows };
          const targets = targetsOf(route);
          const weight = targets
            .filter((target) => target.variant !== 'shadow')
            .reduce((sum, target) => sum + target.weight, 0);
          assert.ok(Math.abs(weight - 1) < 1e-12);
          assert.deepEqual(routeOf(targets), route);
          assert.equal(routeOf(targetsOf(withChampion(route, version)))?.canary, null);
        },
      ),
    );
  });

  it('refuses two parts for one version, and a share that is none', () => {
    assert.throws(
      () => targetsOf({ champion: 1, canary: { version: 1, share: 0.1 }, shadows: [] }),
      code('ROUTE_REFUSED'),
    );
    assert.throws(
      () => targetsOf({ champion: 1, canary: { version: 2, share: 1 }, shadows: [] }),
      code('ROUTE_REFUSED'),
    );
    assert.deepEqual(parseCanary('3:10'), { version: 3, share: 0.1 });
    assert.throws(() => parseCanary('3'), code('ROUTE_REFUSED'));
  });
});

const action = fc.oneof(
  fc.record({ do: fc.constant('champion' as const), version: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('canary' as const), version: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('shadow' as const), version: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('alias' as const), version: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('approve' as const), version: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('rollback' as const), version: fc.constant(0) }),
);

describe('an endpoint', () => {
  it('never lets an unapproved version answer, whatever is tried in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 14 }), async (actions) => {
        const { world, ana, ben, addVersion, close } = await createTestRegistry();
        const { read } = world.database;
        try {
          for (let version = 1; version <= 4; version += 1) await addVersion();
          await createEndpoint(world, ben, { name: 'late', model: 'late' });
          const granted = new Set<number>();
          const run = {
            champion: (version: number) => routeEndpoint(world, ben, 'late', { champion: version }),
            canary: (version: number) =>
              routeEndpoint(world, ben, 'late', { canary: { version, share: 0.2 } }),
            shadow: (version: number) => routeEndpoint(world, ben, 'late', { shadows: [version] }),
            alias: (version: number) =>
              moveAlias(world, ana, { model: 'late', alias: 'champion', version, reason: null }),
            rollback: () => rollbackEndpoint(world, ben, 'late'),
            approve: async (version: number) => {
              await requestApproval(world, ana, { model: 'late', version });
              await approve(world, ben, { model: 'late', version });
              granted.add(version);
            },
          };
          for (const { do: what, version } of actions) {
            await run[what](version).catch((thrown: unknown) =>
              assert.ok(thrown instanceof TilthError, String(thrown)),
            );
            const { endpoints, versions } = await servingConfigOf(read);
            const [served] = endpoints;
            for (const target of served?.targets ?? []) {
              if (target.variant === 'shadow') continue;
              assert.ok(
                granted.has(target.version),
                `version ${target.version} answers as ${target.variant}`,
              );
              const approval = await standingApproval(read, 'late', target.version, ['champion']);
              assert.ok(approval !== undefined);
              assert.equal(versions.find((one) => one.version === target.version)?.approval, approval.id);
            }
            const champion = served?.targets.find((target) => target.variant === 'champion')?.version;
            if (champion !== undefined) assert.equal(await findAlias(read, 'late', 'champion'), champion);
          }
        } finally {
          await close();
        }
      }),
      { numRuns: 12 },
    );
  });

  it('tells data planes the deadline that tilth.yaml declares, for the endpoint that it names', async () => {
    const { world, ana, ben, addVersion, close } = await createTestRegistry({ deadlineMs: 250 });
    try {
      const version = await addVersion();
      await requestApproval(world, ana, { model: 'late', version });
      await approve(world, ben, { model: 'late', version });
      for (const name of ['late', 'other']) await createEndpoint(world, ben, { name, model: 'late' });
      const { endpoints } = await servingConfigOf(world.database.read);
      assert.deepEqual(Object.fromEntries(endpoints.map(({ name, deadlineMs }) => [name, deadlineMs])), {
        late: 250,
        other: undefined,
      });
    } finally {
      await close();
    }
  });

  it('takes no version without a graph, not even as a shadow', async () => {
    const { world, ana, ben, addVersion, close } = await createTestRegistry();
    try {
      const [first, second] = [await addVersion(), await addVersion()];
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', second, {
          engine: 'python',
          reason: 'SplineTransformer has no converter',
          onnx_digest: null,
        }),
      );
      await requestApproval(world, ana, { model: 'late', version: first });
      await approve(world, ben, { model: 'late', version: first });
      await createEndpoint(world, ben, { name: 'late', model: 'late' });
      await assert.rejects(routeEndpoint(world, ben, 'late', { shadows: [second] }), (thrown: TilthError) => {
        assert.equal(thrown.code, 'VERSION_NOT_SERVABLE');
        assert.match(thrown.message, /SplineTransformer/);
        return true;
      });
      await requestApproval(world, ana, { model: 'late', version: second });
      await assert.rejects(
        approve(world, ben, { model: 'late', version: second }),
        code('VERSION_NOT_SERVABLE'),
      );
      assert.equal(await findAlias(world.database.read, 'late', 'champion'), first);
    } finally {
      await close();
    }
  });

  it('goes back to the champion before, and remembers each route', async () => {
    const { world, ana, ben, addVersion, close } = await createTestRegistry();
    try {
      for (let version = 1; version <= 3; version += 1) await addVersion();
      await createEndpoint(world, ben, { name: 'late', model: 'late' });
      await assert.rejects(rollbackEndpoint(world, ben, 'late'), code('NO_VERSION_BEFORE'));
      await assert.rejects(
        routeEndpoint(world, ben, 'late', { shadows: [3] }),
        code('ENDPOINT_WITHOUT_CHAMPION'),
      );
      for (const version of [1, 2]) {
        await requestApproval(world, ana, { model: 'late', version });
        await approve(world, ben, { model: 'late', version });
      }
      await routeEndpoint(world, ben, 'late', { canary: { version: 1, share: 0.1 }, shadows: [3] });
      const alone = await rollbackEndpoint(world, ben, 'late', { reason: 'the canary answers nonsense' });
      assert.deepEqual(routeOf(alone.targets), { champion: 2, canary: null, shadows: [3] });
      const back = await rollbackEndpoint(world, ben, 'late', { reason: 'auc fell' });
      assert.deepEqual(routeOf(back.targets), { champion: 1, canary: null, shadows: [3] });
      const history = await routeHistory(world.database.read, 'late');
      assert.deepEqual(
        history.map((each) => [each.revision, routeOf(each.targets)?.champion]),
        [
          [6, 1],
          [5, 2],
          [4, 2],
          [3, 2],
          [2, 1],
          [1, undefined],
        ],
      );
      assert.match(history[0]?.reason ?? '', /auc fell/);
      await assert.rejects(rollbackEndpoint(world, ben, 'late', { version: 3 }), code('APPROVAL_MISSING'));
      await routeEndpoint(world, ben, 'late', { sticky: { by: 'header', name: 'x-user' } });
      assert.deepEqual((await servingConfigOf(world.database.read)).endpoints[0]?.sticky, {
        by: 'header',
        name: 'x-user',
      });
      await routeEndpoint(world, ben, 'late', { sticky: null });
      assert.equal((await servingConfigOf(world.database.read)).endpoints[0]?.sticky, undefined);
      // a change of what was approved voids it: there is no way back to that
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', 2, { artifact_digest: 'f'.repeat(64) }),
      );
      await world.database.write((tx) => voidChanged(world, tx, 'late', 2));
      await assert.rejects(rollbackEndpoint(world, ben, 'late'), (thrown: TilthError) => {
        assert.equal(thrown.code, 'NO_VERSION_BEFORE');
        assert.match(thrown.message, /version 2: its approval no longer holds/);
        return true;
      });
      const stopped = await stopEndpoint(world, ben, 'late', undefined);
      assert.equal(stopped.isStopped, true);
      assert.deepEqual((await servingConfigOf(world.database.read)).endpoints, []);
      await assert.rejects(routeEndpoint(world, ben, 'late', { champion: 1 }), code('ENDPOINT_STOPPED'));
      assert.equal(
        routeOf((await createEndpoint(world, ben, { name: 'late', model: 'late' })).targets)?.champion,
        1,
      );
    } finally {
      await close();
    }
  });

  it('gives a challenger a canary’s share and nothing more', async () => {
    const { world, ana, ben, addVersion, close } = await createTestRegistry();
    try {
      for (let version = 1; version <= 2; version += 1) await addVersion();
      await createEndpoint(world, ben, { name: 'late', model: 'late' });
      await requestApproval(world, ana, { model: 'late', version: 1 });
      await approve(world, ben, { model: 'late', version: 1 });
      await requestApproval(world, ana, { model: 'late', version: 2, alias: 'challenger' });
      await approve(world, ben, { model: 'late', version: 2, alias: 'challenger' });
      await routeEndpoint(world, ben, 'late', { canary: { version: 2, share: 0.1 } });
      await assert.rejects(routeEndpoint(world, ben, 'late', { champion: 2 }), code('APPROVAL_MISSING'));
    } finally {
      await close();
    }
  });

  it('shows what live data planes say of it', async () => {
    let now = 1000;
    const { world, ben, addVersion, close } = await createTestRegistry({ clock: { now: () => now } });
    try {
      await addVersion();
      await createEndpoint(world, ben, { name: 'late', model: 'late' });
      const numbers = {
        name: 'late',
        requestCount: 7,
        rowCount: 9,
        failedCount: 0,
        p50Us: 80,
        p99Us: 200,
        requestsPerSecond: 3,
      };
      await hearReport(world, {
        plane: 'a',
        address: 'http://127.0.0.1:1',
        revision: 1,
        startedAt: 0,
        endpoints: [numbers],
      });
      assert.equal((await listEndpoints(world))[0]?.live[0]?.requestCount, 7);
      now += 10_000;
      assert.deepEqual((await listEndpoints(world))[0]?.live, []);
    } finally {
      await close();
    }
  });
});
