import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TilthError } from '../../../platform/errors.ts';
import { listEvents } from '../../../platform/events.ts';
import { localActor } from '../../../team/can.ts';
import { moveAlias } from '../aliases.ts';
import { approve, reject, requestApproval } from './approvals.ts';
import { evaluateGate } from '../gate/gate-evidence.ts';
import { aliasHistory, championOf, getVersion, updateVersionRow } from '../registry-store.ts';
import { inRegistry } from '../../../../test/registry-world.ts';
import { deleteVersion } from '../version-deletion.ts';
import { setStage } from '../versions.ts';

const code = (wanted: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof TilthError, String(thrown));
  assert.equal(thrown.code, wanted, thrown.message);
  return true;
};

describe('approval', () => {
  it('needs a gate that passes, and names what fails', () =>
    inRegistry(
      async ({ world, ana, addVersion }) => {
        const version = await addVersion();
        await assert.rejects(
          requestApproval(world, ana, { model: 'late', version }),
          (thrown: TilthError) => {
            assert.equal(thrown.code, 'GATE_NOT_PASSED');
            assert.match(thrown.message, /floor: asks auc at least 0.7; The run has no metric auc/);
            return true;
          },
        );
      },
      { gate: '[{ id: floor, kind: metric-floor, metric: auc, min: 0.7 }]' },
    ));

  it('is never given by who asked or who registered', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const own = await addVersion(ana);
      const asker = { ...ben, roles: [...ben.roles, 'contributor'] };
      await requestApproval(world, asker, { model: 'late', version: own });
      await assert.rejects(approve(world, asker, { model: 'late', version: own }), code('FOUR_EYES'));
      const author = { ...ana, roles: [...ana.roles, 'reviewer'] };
      await assert.rejects(approve(world, author, { model: 'late', version: own }), code('FOUR_EYES'));
    }));

  it('is void once the model, its gate or its data changed', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      await requestApproval(world, ana, { model: 'late', version });
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', version, { onnx_digest: 'f'.repeat(64) }),
      );
      await assert.rejects(approve(world, ben, { model: 'late', version }), code('APPROVAL_VOID'));
      const { approvals } = await getVersion(world.database.read, 'late', version);
      assert.equal(approvals[0]?.state, 'void');
      assert.match(approvals[0]?.reason ?? '', /the model/);
      await assert.rejects(approve(world, ben, { model: 'late', version }), code('APPROVAL_NOT_REQUESTED'));
      await requestApproval(world, ana, { model: 'late', version });
      assert.equal((await approve(world, ben, { model: 'late', version })).state, 'granted');
    }));

  it('stands when somebody looks at the gate again', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      await requestApproval(world, ana, { model: 'late', version });
      await evaluateGate(world, ben, 'late', version);
      await approve(world, ben, { model: 'late', version });
      await evaluateGate(world, ana, 'late', version);
      assert.equal((await getVersion(world.database.read, 'late', version)).approvals[0]?.state, 'granted');
    }));

  it('can be refused with a reason, and asked for again', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      await requestApproval(world, ana, { model: 'late', version });
      assert.equal(
        (await reject(world, ben, { model: 'late', version, reason: 'too early' })).state,
        'refused',
      );
      assert.equal(await championOf(world.database.read, 'late'), undefined);
      assert.equal((await requestApproval(world, ana, { model: 'late', version })).state, 'waiting');
    }));

  it('is possible alone where nobody else is there, with a reason and a mark', () =>
    inRegistry(
      async ({ world, addVersion }) => {
        const version = await addVersion(localActor);
        await requestApproval(world, localActor, { model: 'late', version });
        await assert.rejects(approve(world, localActor, { model: 'late', version }), code('REASON_MISSING'));
        const granted = await approve(world, localActor, { model: 'late', version, reason: 'I work alone' });
        assert.equal(granted.isSingleEye, true);
        const [event] = await listEvents(world.database.read, { verb: 'model.approve-alone' });
        assert.equal((event?.data as { isSingleEye?: boolean } | undefined)?.isSingleEye, true);
      },
      { hasTeam: false },
    ));

  it('guards alias, stage and record of what is in production', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      const move = { model: 'late', alias: 'champion', version, reason: null };
      await assert.rejects(moveAlias(world, ana, move), code('APPROVAL_MISSING'));
      await assert.rejects(
        setStage(world, ana, { model: 'late', version, stage: 'Production', archivesOthers: false }),
        code('APPROVAL_MISSING'),
      );
      await requestApproval(world, ana, { model: 'late', version });
      await approve(world, ben, { model: 'late', version });
      await assert.rejects(moveAlias(world, ana, { ...move, version: null }), code('ALIAS_PROTECTED'));
      await assert.rejects(deleteVersion(world, ana, 'late', version), code('MODEL_VERSION_IN_USE'));
    }));
});

describe('the history of an alias', () => {
  it('tells which version was champion at any time', async () => {
    let now = 1000;
    await inRegistry(
      async ({ world, ana, ben, addVersion }) => {
        for (const at of [2000, 3000]) {
          const version = await addVersion();
          await requestApproval(world, ana, { model: 'late', version });
          now = at;
          await approve(world, ben, { model: 'late', version });
        }
        const { read } = world.database;
        const champions = await Promise.all(
          [1500, 2000, 2999, 3000, undefined].map((at) => championOf(read, 'late', at)),
        );
        assert.deepEqual(champions, [undefined, 1, 1, 2, 2]);
        const stays = await aliasHistory(read, { model: 'late', alias: 'champion' });
        assert.deepEqual(
          stays.map((stay) => [stay.version, stay.fromAt, stay.toAt, stay.by]),
          [
            [2, 3000, null, 'ben'],
            [1, 2000, 3000, 'ben'],
          ],
        );
      },
      { clock: { now: () => now } },
    );
  });
});
