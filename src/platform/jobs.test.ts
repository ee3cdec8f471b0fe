import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createTestWorld } from '../server/test-world.ts';
import { systemClock } from './clock.ts';
import { Jobs } from './jobs.ts';

let world: Awaited<ReturnType<typeof createTestWorld>>;
beforeEach(async () => {
  world = await createTestWorld();
});
afterEach(() => world.close());

const enqueue = (key: string, input: unknown = {}): Promise<string> =>
  world.database.write((tx) => world.jobs.enqueue(tx, { kind: 'test', key, input, requestedBy: 'ana' }));

describe('a job', () => {
  it('does its work and keeps what came of it', async () => {
    world.jobs.handle('test', async (input: { n: number }, context) => {
      await context.progress('half way');
      return { twice: input.n * 2 };
    });
    await world.jobs.start();
    const done = await world.jobs.wait(await enqueue('a', { n: 21 }));
    assert.deepEqual([done.state, done.output, done.progress], ['succeeded', { twice: 42 }, null]);
    assert.match(await world.jobs.readLog(done.id), /half way/);
  });

  it('that fails says why, with the last lines of the program that failed', async () => {
    world.jobs.handle('test', (_input: unknown, context) =>
      context.run(process.execPath, ['-e', 'console.error("no such column: late"); process.exit(3)']),
    );
    await world.jobs.start();
    const done = await world.jobs.wait(await enqueue('a'));
    assert.equal(done.state, 'failed');
    assert.match(done.error ?? '', /ended with 3:\nno such column: late/);
  });

  it('is there once per key while it is queued or running', async () => {
    assert.equal(await enqueue('same'), await enqueue('same'));
    assert.notEqual(await enqueue('same'), await enqueue('other'));
  });

  it('that waits for another one leaves it the place to run in', async () => {
    const alone = new Jobs({ database: world.database, clock: systemClock, log: world.log, folder: world.home.logs, limit: 1 });
    alone.handle('test', async () => 'inner');
    alone.handle('outer', async (input: { id: string }, context) => (await context.waitFor(input.id)).output);
    await alone.start();
    const inner = await enqueue('inner');
    const outer = await world.database.write((tx) => alone.enqueue(tx, { kind: 'outer', key: 'outer', input: { id: inner }, requestedBy: 'ana' }));
    assert.equal((await alone.wait(outer)).output, 'inner');
    await alone.stop();
  });

  it('that a crash cut off is taken up again', async () => {
    const id = await enqueue('a');
    await world.database.write((tx) => tx.updateTable('job').set({ state: 'running', attempt: 1 }).where('id', '=', id).execute());
    const afterCrash = new Jobs({ database: world.database, clock: systemClock, log: world.log, folder: world.home.logs });
    afterCrash.handle('test', async () => 'done');
    await afterCrash.start();
    const done = await afterCrash.wait(id);
    assert.deepEqual([done.state, done.attempt], ['succeeded', 2]);
    await afterCrash.stop();
  });

  it('that is cancelled ends the program it runs', async () => {
    let code: number | undefined;
    world.jobs.handle('test', (_input: unknown, context) =>
      context.run('sleep 60', [], { shell: true, onExit: (given) => (code = given) }),
    );
    await world.jobs.start();
    const id = await enqueue('a');
    while ((await world.jobs.get(id)).state !== 'running') await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await world.jobs.cancel(id);
    while (code === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await world.jobs.get(id)).state, 'cancelled');
  });
});
