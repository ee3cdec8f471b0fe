import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  endpointOf,
  expected,
  late1,
  late2,
  loggedIn,
  rowAt,
  splitOf,
  startControlPlane,
  temporaryHome,
  until,
} from './test-control-plane.ts';

const program = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const ended = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

describe('tilth serve', () => {
  it('killed three times under load, it has every answered request in its log exactly once', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish(
      [
        endpointOf('late', 'late', [
          { version: 1, variant: 'champion', weight: 0.5 },
          { version: 2, variant: 'canary', weight: 0.5 },
        ]),
      ],
      [late1, late2],
    );
    const home = temporaryHome(context);
    const port = await freePort();
    const address = `http://127.0.0.1:${port}`;
    const start = (): ChildProcess =>
      spawn(process.execPath, [program, 'serve', '--port', String(port), '--home', home.root, '--server', control.address], {
        stdio: 'ignore',
      });
    let plane = start();
    context.after(() => plane.kill('SIGKILL'));
    const isUp = async (): Promise<boolean> => {
      try {
        return (await fetch(`${address}/ping`)).ok;
      } catch {
        return false;
      }
    };
    await until(isUp);

    const answered = new Map<string, string>();
    let retryCount = 0;
    let isOver = false;
    const askUntilAnswered = async (id: string, index: number): Promise<void> => {
      for (;;) {
        try {
          const response = await fetch(`${address}/invocations`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', 'x-tilth-request-id': id },
            body: JSON.stringify(splitOf([rowAt(index)])),
          });
          const body = (await response.json()) as { predictions: number[] };
          if (response.ok) {
            const version = response.headers.get('x-tilth-version') ?? '';
            assert.equal(body.predictions[0], expected[`late-${version}` as 'late-1'].label[index]);
            answered.set(id, version);
            return;
          }
        } catch (cause) {
          if (cause instanceof assert.AssertionError) throw cause;
        }
        retryCount++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const load = Array.from({ length: 8 }, async (_, worker) => {
      for (let count = 0; !isOver; count++) await askUntilAnswered(`${worker}-${count}`, count % 200);
    });
    for (let kill = 0; kill < 3; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const gone = ended(plane);
      plane.kill('SIGKILL');
      await gone;
      plane = start();
      await until(isUp);
    }
    isOver = true;
    await Promise.all(load);
    const gone = ended(plane);
    plane.kill('SIGTERM');
    assert.equal(await gone, 0);

    const logged = loggedIn(home);
    assert.ok(retryCount > 0, 'the load never met a killed plane');
    assert.equal(new Set(logged.map((record) => record.requestId)).size, logged.length);
    assert.deepEqual(new Map(logged.map((record) => [record.requestId, String(record.version)])), answered);
  });

  it('ended by SIGTERM under load, it finishes what it took', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late')], [late1]);
    const home = temporaryHome(context);
    const port = await freePort();
    const plane = spawn(process.execPath, [program, 'serve', '--port', String(port), '--home', home.root, '--server', control.address], {
      stdio: 'ignore',
    });
    context.after(() => plane.kill('SIGKILL'));
    const address = `http://127.0.0.1:${port}`;
    await until(() => fetch(`${address}/ping`).then((response) => response.ok, () => false));
    let okCount = 0;
    const failures: string[] = [];
    const load = Array.from({ length: 8 }, async (_, worker) => {
      for (let count = 0; ; count++) {
        try {
          const response = await fetch(`${address}/invocations`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', 'x-tilth-request-id': `${worker}-${count}` },
            body: JSON.stringify(splitOf([rowAt(count % 200)])),
          });
          await response.text();
          if (response.ok) okCount++;
          else failures.push(String(response.status));
        } catch (thrown) {
          // after the listener is closed a new connection is refused: that request was never taken
          const code = ((thrown as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? String(thrown);
          if (code !== 'ECONNREFUSED') failures.push(code);
          return;
        }
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const gone = ended(plane);
    plane.kill('SIGTERM');
    assert.equal(await gone, 0);
    await Promise.all(load);
    assert.deepEqual(failures, []);
    assert.equal(loggedIn(home).length, okCount);
  });
});
