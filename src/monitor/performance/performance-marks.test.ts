import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { appendEvent } from '../../platform/events.ts';
import type { World } from '../../platform/world.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { listMarks } from './performance-marks.ts';

const week = (number: number): number => Date.UTC(2013, 3, 1) + number * 7 * 86_400_000;

describe('what happened to a model, on the axis of its events', () => {
  let world: World & { close(): Promise<void> };
  before(async () => {
    world = await createTestWorld();
    await happen('monitor.evaluate', 'model', 'late-arrival', { watermark: week(3), windows: [] });
    await happen('retraining.start', 'retraining', 'R1', {
      model: 'late-arrival', cause: { kind: 'alert', id: 'auc-fell' }, asOf: week(3), from: '2013-02-20', to: '2013-04-22',
    });
    await happen('endpoint.route', 'endpoint', 'late-arrival', { shadows: [2], reason: '' });
    await happen('monitor.evaluate', 'model', 'late-arrival', { watermark: week(5), windows: [] });
    await happen('retraining.advance', 'retraining', 'R1', { model: 'late-arrival', state: 'judging', note: '', candidate: 2, decidedAsOf: null });
    await happen('retraining.advance', 'retraining', 'R1', {
      model: 'late-arrival', state: 'refused', note: 'the gate refused it: ranks-better', candidate: 2, decidedAsOf: week(5),
    });
    await happen('endpoint.route', 'endpoint', 'late-arrival', { shadows: [], reason: '' });
    await happen('model.alias', 'model', 'late-arrival', { alias: 'champion', version: 3 });
    await happen('model.alias', 'model', 'late-arrival', { alias: 'challenger', version: 4 });
    await happen('endpoint.rollback', 'endpoint', 'late-arrival', { from: 3, to: 1, reason: 'complaints' });
    await happen('model.alias', 'model', 'another', { alias: 'champion', version: 9 });
  });
  after(() => world.close());

  async function happen(verb: string, kind: string, thing: string, data: unknown): Promise<void> {
    await world.database.write((tx) => appendEvent(world.database, world.events, tx, { at: world.clock.now(), actor: 'ben', verb, kind, thing, data }));
  }

  it('tells in words what changed, and leaves out what changed nothing', async () => {
    const marks = await listMarks(world.database.read, 'late-arrival');
    assert.deepEqual(
      marks.map(({ kind, version, eventAt, text }) => ({ kind, version, eventAt, text })),
      [
        { kind: 'retraining', version: null, eventAt: week(3), text: 'on 2013-02-20 to 2013-04-22, because of alert auc-fell' },
        { kind: 'deploy', version: 2, eventAt: week(3), text: 'version 2 begins to answer in the shadow' },
        { kind: 'refusal', version: 2, eventAt: week(5), text: 'version 2: the gate refused it: ranks-better' },
        { kind: 'promotion', version: 3, eventAt: week(5), text: 'version 3 becomes champion, by ben' },
        { kind: 'rollback', version: 1, eventAt: week(5), text: 'from version 3 back to 1 by ben: complaints' },
      ],
    );
  });
});
