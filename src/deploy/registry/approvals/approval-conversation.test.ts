import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inRegistry } from '../../../../test/registry-world.ts';
import { TilthError } from '../../../platform/errors.ts';
import { listProjects, registerProject } from '../../../start/project/project-store.ts';
import { localActor } from '../../../team/can.ts';
import { createEndpoint, routeEndpoint } from '../../endpoints/endpoints.ts';
import { moveAlias } from '../aliases.ts';
import { isApproved } from './approval-state.ts';
import {
  approve,
  approvalsOf,
  comment,
  conversation,
  reject,
  requestApproval,
  withdraw,
} from './approvals.ts';
import { setCardProvider } from '../gate/gate-evidence.ts';
import { aliasHistory, championOf, getVersion, updateVersionRow } from '../registry-store.ts';
import { deleteModel, deleteVersion } from '../version-deletion.ts';

const code =
  (wanted: string, says = /./) =>
  (thrown: unknown) => {
    assert.ok(thrown instanceof TilthError, String(thrown));
    assert.equal(thrown.code, wanted, thrown.message);
    assert.match(`${thrown.message} ${thrown.hint ?? ''}`, says);
    return true;
  };

describe('a request for approval', () => {
  it('is a conversation, with the gate as it was and what changed since', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      const { id } = await requestApproval(world, ana, { model: 'late', version, message: 'ready' });
      await comment(world, ben, id, 'which season is it from?');
      await comment(world, ana, id, 'all four');
      const found = await conversation(world, id);
      assert.equal(found.message, 'ready');
      assert.deepEqual(
        found.comments.map(({ by, text }) => [by, text]),
        [
          ['ben', 'which season is it from?'],
          ['ana', 'all four'],
        ],
      );
      assert.deepEqual(found.changed, []);
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', version, { onnx_digest: 'e'.repeat(64) }),
      );
      assert.deepEqual((await conversation(world, id)).changed, ['the model']);
      await assert.rejects(comment(world, ana, 'nothing', 'x'), code('APPROVAL_NOT_FOUND'));
    }));

  it('is taken back only by who made it', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      await requestApproval(world, ana, { model: 'late', version });
      const eve = { ...ana, id: 'eve', name: 'Eve' };
      await assert.rejects(
        withdraw(world, eve, { model: 'late', version }),
        code('NOT_YOUR_REQUEST', /tilth model reject/),
      );
      assert.equal((await withdraw(world, ana, { model: 'late', version })).state, 'withdrawn');
      await assert.rejects(approve(world, ben, { model: 'late', version }), code('APPROVAL_NOT_REQUESTED'));
    }));

  it('is decided once, whoever comes at the same time', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      await requestApproval(world, ana, { model: 'late', version });
      const outcomes = await Promise.allSettled([
        approve(world, ben, { model: 'late', version }),
        reject(world, ben, { model: 'late', version, reason: 'no' }),
        approve(world, ben, { model: 'late', version }),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected'],
      );
    }));

  it('is decided on what was looked at and on nothing else', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      const seen = await requestApproval(world, ana, { model: 'late', version });
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', version, { onnx_digest: 'f'.repeat(64) }),
      );
      const now = await requestApproval(world, ana, { model: 'late', version });
      assert.notEqual(now.bundleHash, seen.bundleHash);
      assert.deepEqual(
        (await approvalsOf(world, { model: 'late' })).map(({ state, changed }) => [state, changed]),
        [
          ['waiting', []],
          ['void', ['the model']],
        ],
      );
      const asked = { model: 'late', version };
      await assert.rejects(
        approve(world, ben, { ...asked, hash: seen.bundleHash }),
        code('APPROVAL_SEEN_OTHER'),
      );
      assert.equal((await approve(world, ben, { ...asked, hash: now.bundleHash })).state, 'granted');
    }));

  it('is void when card or gate are others, and says which', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      const card = (hash: string) =>
        setCardProvider(() => Promise.resolve({ hash, asked: [], missing: [], place: 'here' }));
      card('one');
      try {
        await requestApproval(world, ana, { model: 'late', version });
        card('two');
        await assert.rejects(
          approve(world, ben, { model: 'late', version }),
          code('APPROVAL_VOID', /the card/),
        );
        await requestApproval(world, ana, { model: 'late', version });
        const [project] = await listProjects(world.database.read);
        const file = join(project?.root ?? '', 'tilth.yaml');
        const gate = '[{ id: card, kind: card-complete }]';
        writeFileSync(
          file,
          `project: flights\ndatasets: { flights: { path: data/raw, owner: ana } }\nmodels:\n  late: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: late, gate: ${gate} }\n`,
        );
        await registerProject(world, localActor, project?.root ?? '');
        await assert.rejects(
          approve(world, ben, { model: 'late', version }),
          code('APPROVAL_VOID', /condition card/),
        );
      } finally {
        setCardProvider(() => Promise.resolve(undefined));
      }
    }));

  it('expires, and a grant that was not used in time opens nothing', async () => {
    let now = 1000;
    await inRegistry(
      async ({ world, ana, ben, addVersion }) => {
        const [first, second] = [await addVersion(), await addVersion()];
        await requestApproval(world, ana, { model: 'late', version: first });
        now += 3_600_001;
        await assert.rejects(
          approve(world, ben, { model: 'late', version: first }),
          code('APPROVAL_EXPIRED', /tilth model request/),
        );
        await requestApproval(world, ana, { model: 'late', version: first });
        await approve(world, ben, { model: 'late', version: first });
        await requestApproval(world, ana, { model: 'late', version: second });
        await approve(world, ben, { model: 'late', version: second });
        now += 3_600_001;
        const { read } = world.database;
        assert.equal(await isApproved(read, 'late', second, ['champion'], now), true, 'what runs goes on');
        assert.equal(await isApproved(read, 'late', first, ['champion'], now), false);
        await assert.rejects(
          moveAlias(world, ana, { model: 'late', alias: 'champion', version: first, reason: null }),
          code('APPROVAL_MISSING'),
        );
      },
      { approval: '{ validFor: 1h }', clock: { now: () => now } },
    );
  });

  it('may be granted for an own model only where the project says so', () =>
    inRegistry(
      async ({ world, ana, ben, addVersion }) => {
        const author = { ...ben, roles: [...ben.roles, 'contributor'] };
        const version = await addVersion(author);
        await requestApproval(world, ana, { model: 'late', version });
        assert.equal((await approve(world, author, { model: 'late', version })).by, 'ben');
      },
      { approval: '{ ownModel: allow }' },
    ));
});

describe('what was granted', () => {
  it('keeps who granted it, and that they were alone, also when it becomes void', () =>
    inRegistry(
      async ({ world, addVersion }) => {
        const version = await addVersion(localActor);
        const asked = { model: 'late', version };
        await requestApproval(world, localActor, asked);
        await approve(world, localActor, { ...asked, reason: 'I work alone' });
        await world.database.write((tx) =>
          updateVersionRow(tx, 'late', version, { artifact_digest: 'a'.repeat(64) }),
        );
        const { approvals } = await getVersion(world.database.read, 'late', version);
        assert.deepEqual(approvals[0]?.changed, ['the model']);
        assert.equal(await isApproved(world.database.read, 'late', version, ['champion']), false);
        await requestApproval(world, localActor, asked);
        const [, before] = (await getVersion(world.database.read, 'late', version)).approvals;
        assert.deepEqual([before?.by, before?.isSingleEye, before?.reason], ['local', true, 'I work alone']);
      },
      { hasTeam: false },
    ));

  it('is named by every stay of the alias', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const version = await addVersion();
      const { id } = await requestApproval(world, ana, { model: 'late', version });
      await approve(world, ben, { model: 'late', version });
      const [stay] = await aliasHistory(world.database.read, { model: 'late', alias: 'champion' });
      assert.deepEqual(
        [stay?.approval?.id, stay?.approval?.requestedBy, stay?.approval?.by, stay?.approval?.isSingleEye],
        [id, 'ana', 'ben', false],
      );
    }));

  it('goes on guarding a model that its project does not declare any more', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const [first, second] = [await addVersion(), await addVersion()];
      await requestApproval(world, ana, { model: 'late', version: first });
      await approve(world, ben, { model: 'late', version: first });
      const [project] = await listProjects(world.database.read);
      writeFileSync(join(project?.root ?? '', 'tilth.yaml'), 'project: flights\n');
      await registerProject(world, ana, project?.root ?? '');
      const move = { model: 'late', alias: 'champion', version: second, reason: null };
      await assert.rejects(moveAlias(world, ana, move), code('APPROVAL_MISSING'));
      assert.equal(await championOf(world.database.read, 'late'), first);
    }));
});

describe('a version that somebody needs', () => {
  it('can’t be deleted, and the refusal says by whom and what to do', () =>
    inRegistry(async ({ world, ana, ben, addVersion }) => {
      const [served, shadow, named, asked, spare] = [
        await addVersion(),
        await addVersion(),
        await addVersion(),
        await addVersion(),
        await addVersion(),
      ];
      await requestApproval(world, ana, { model: 'late', version: served });
      await createEndpoint(world, ben, { name: 'late', model: 'late' });
      await approve(world, ben, { model: 'late', version: served });
      await routeEndpoint(world, ben, 'late', { shadows: [shadow] });
      await moveAlias(world, ana, { model: 'late', alias: 'candidate', version: named, reason: null });
      await requestApproval(world, ana, { model: 'late', version: asked });
      for (const [version, says] of [
        [served, /endpoint late routes to it as champion/],
        [shadow, /endpoint late routes to it as shadow.*tilth endpoint stop late/s],
        [named, /alias candidate names it.*--remove/s],
        [asked, /ana asked.*tilth model withdraw/s],
      ] as const)
        await assert.rejects(deleteVersion(world, ana, 'late', version), code('MODEL_VERSION_IN_USE', says));
      await assert.rejects(deleteModel(world, ana, 'late'), code('MODEL_VERSION_IN_USE'));
      await deleteVersion(world, ana, 'late', spare);
    }));
});
