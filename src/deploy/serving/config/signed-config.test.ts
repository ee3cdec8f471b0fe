import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { signingKey, successionText } from './config-signature.ts';
import { startDataPlane } from '../data-plane.ts';
import {
  endpointOf,
  late1,
  late2,
  post,
  quietLog,
  rowAt,
  splitOf,
  startControlPlane,
  startTestPlane,
  temporaryHome,
  until,
} from '../test-control-plane.ts';
import type { Home } from '../../../platform/home.ts';

const health = async (address: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(`${address}/health`);
  return { status: answer.status, text: await answer.text() };
};

/** A plane that served version 1 once and whose control plane is away now. */
async function servedOnce(context: TestContext): Promise<{ home: Home; port: number }> {
  const control = await startControlPlane();
  control.publish([endpointOf('late', 'late')], [late1]);
  const home = temporaryHome(context);
  const plane = await startTestPlane(context, control, { home });
  await plane.close();
  await control.stop();
  return { home, port: Number(new URL(control.address).port) };
}

const startAlone = async (context: TestContext, home: Home, port: number, serverKey?: string) => {
  const plane = await startDataPlane({
    port: 0,
    server: `http://127.0.0.1:${port}`,
    home,
    log: quietLog,
    serverKey,
  });
  context.after(() => plane.close());
  return plane;
};

describe('the kept configuration', () => {
  it('serves after a restart without the control plane; a changed one is refused, and the reason is told', async (context) => {
    const { home, port } = await servedOnce(context);
    const file = join(home.serving, 'config.json');
    const kept = readFileSync(file, 'utf8');
    const alone = await startAlone(context, home, port);
    assert.equal((await post(`${alone.address}/invocations`, splitOf([rowAt(0)]))).status, 200);
    await alone.close();
    writeFileSync(file, kept.replace('champion', 'shadow'));
    const tampered = await startAlone(context, home, port);
    const { status, text } = await health(tampered.address);
    assert.equal(status, 503);
    assert.match(text, /was changed after it was signed/);
    assert.equal((await post(`${tampered.address}/invocations`, splitOf([rowAt(0)]))).status, 503);
    await tampered.close();
    for (const [broken, said] of [
      ['{"revision":1,"endpoints":[],"versions":[]}', /bears no signature/],
      ['{', /bears no signature/],
    ] as const) {
      writeFileSync(file, broken);
      const plane = await startAlone(context, home, port);
      assert.match((await health(plane.address)).text, said);
      await plane.close();
    }
    writeFileSync(file, kept);
    rmSync(join(home.serving, 'server-key'));
    const unpinned = await startAlone(context, home, port);
    assert.match((await health(unpinned.address)).text, /server-key is missing/);
  });

  it('of a stranger is not used, and what was served goes on; a key that the old one vouches for is followed', async (context) => {
    const { home, port } = await servedOnce(context);
    const stranger = await startControlPlane(port, 2);
    stranger.publish(
      [endpointOf('late', 'late', [{ version: 2, variant: 'champion', weight: 1 }])],
      [late1, late2],
    );
    const plane = await startAlone(context, home, port);
    await until(async () => (await health(plane.address)).text.includes('signs with the key'));
    const answer = await post(`${plane.address}/invocations`, splitOf([rowAt(0)]));
    assert.equal(answer.headers.get('x-tilth-version'), '1');
    await stranger.stop();

    const [old, next] = [signingKey(Buffer.alloc(32, 1)), signingKey(Buffer.alloc(32, 2))];
    const link = {
      from: old.key,
      to: next.key,
      signature: old.sign(successionText(old.key, next.key)).signature,
    };
    const successor = await startControlPlane(port, 2, [link]);
    successor.publish(
      [endpointOf('late', 'late', [{ version: 2, variant: 'champion', weight: 1 }])],
      [late1, late2],
    );
    await until(
      async () =>
        (await post(`${plane.address}/invocations`, splitOf([rowAt(0)]))).headers.get('x-tilth-version') ===
        '2',
    );
    assert.equal(readFileSync(join(home.serving, 'server-key'), 'utf8').trim(), next.key);
    await plane.close();
    await successor.stop();
    // also by the old key, which was given by hand: the kept configuration tells how the new one follows
    const again = await startAlone(context, home, port, old.key);
    assert.equal((await post(`${again.address}/invocations`, splitOf([rowAt(0)]))).status, 200);
  });

  it('a link that a stranger made himself leads nowhere', async (context) => {
    const { home, port } = await servedOnce(context);
    const [old, thief] = [signingKey(Buffer.alloc(32, 1)), signingKey(Buffer.alloc(32, 3))];
    const forged = {
      from: old.key,
      to: thief.key,
      signature: thief.sign(successionText(old.key, thief.key)).signature,
    };
    const control = await startControlPlane(port, 3, [forged]);
    context.after(() => control.stop());
    control.publish([], []);
    const plane = await startAlone(context, home, port);
    await until(async () => (await health(plane.address)).text.includes('signs with the key'));
    assert.equal((await post(`${plane.address}/invocations`, splitOf([rowAt(0)]))).status, 200);
  });

  it('that could not be loaded whole falls back upon the one before, after a restart too', async (context) => {
    const { home, port } = await servedOnce(context);
    const control = await startControlPlane(port);
    const champion = (version: number) =>
      endpointOf('late', 'late', [{ version, variant: 'champion', weight: 1 }]);
    // version 2 is named, and its file can't be had
    control.publish([champion(2)], [late1, { ...late2, digest: 'a'.repeat(64) }]);
    const plane = await startAlone(context, home, port);
    const version = async (address: string) =>
      (await post(`${address}/invocations`, splitOf([rowAt(0)]))).headers.get('x-tilth-version');
    await until(async () => (await health(plane.address)).text.includes('version 2 (champion)'));
    assert.equal(await version(plane.address), '1');
    await plane.close();
    await control.stop();
    const alone = await startAlone(context, home, port);
    assert.equal(await version(alone.address), '1');
    assert.match((await health(alone.address)).text, /version 2 \(champion\)/);
    await alone.close();
    const back = await startControlPlane(port);
    context.after(() => back.stop());
    back.publish([champion(2)], [late1, late2]);
    const followed = await startAlone(context, home, port);
    await until(async () => (await version(followed.address)) === '2');
    assert.equal(existsSync(join(home.serving, 'config-whole.json')), false);
  });

  it('a file of a model that was damaged on disk is fetched again', async (context) => {
    const { home, port } = await servedOnce(context);
    const file = join(home.serving, 'models', `${late1.digest}.onnx`);
    const bytes = readFileSync(file);
    const damaged = Buffer.from(bytes);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    writeFileSync(file, damaged);
    const control = await startControlPlane(port);
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late')], [late1]);
    const plane = await startAlone(context, home, port);
    assert.equal((await post(`${plane.address}/invocations`, splitOf([rowAt(0)]))).status, 200);
    assert.equal(control.blobCount(), 1);
    assert.deepEqual(readFileSync(file), bytes);
  });
});
