import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  endpointOf,
  loggedIn,
  post,
  startControlPlane,
  startTestPlane,
  until,
} from '../test-control-plane.ts';
import { makePythonModels, needsTestPython, saidInPython, servePythonModel } from './test-python-models.ts';

/** Workers that this process started and that have a model of this digest. */
function workersOf(digest: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return Number(parent) === process.pid && command.includes('worker.py') && command.includes(digest);
      } catch {
        return false;
      }
    })
    .map(Number);
}

test(
  'workers killed under load: every request is answered rightly or told to come again',
  { ...needsTestPython, timeout: 240_000 },
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-python-kill-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    await makePythonModels(folder, ['categorical']);
    const served = await servePythonModel(folder, 'categorical');
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'categorical')], [served]);
    const plane = await startTestPlane(context, control, { pythonWorkers: 2 });
    await until(() => workersOf(served.digest).length === 2, 30_000);
    const { columns, data, predict } = saidInPython(folder, 'categorical');

    const statuses = new Map<number, number>();
    let isOver = false;
    const load = Array.from({ length: 16 }, async (_, client) => {
      for (let count = client; !isOver; count += 16) {
        const at = count % data.length;
        const { status, body, headers } = await post(`${plane.address}/invocations`, {
          dataframe_split: { columns, data: [data[at]] },
        });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 200) assert.deepEqual(body, { predictions: [predict[at]] });
        else if (status === 503) assert.equal(headers.get('retry-after'), '1');
        else assert.fail(`${status}: ${JSON.stringify(body)}`);
      }
    });
    let killCount = 0;
    for (let round = 0; round < 10; round++) {
      // by answers and not by the clock: a slow machine is killed as often between as many requests
      const enough = (statuses.get(200) ?? 0) + 20 + Math.random() * 30;
      await until(() => (statuses.get(200) ?? 0) >= enough, 60_000);
      await sleep(Math.random() * 50);
      // in half of the rounds all at once, so that nobody is left to take over
      for (const pid of workersOf(served.digest).slice(round % 2)) {
        process.kill(pid, 'SIGKILL');
        killCount++;
      }
    }
    await until(() => workersOf(served.digest).length === 2, 30_000);
    isOver = true;
    await Promise.all(load);
    context.diagnostic(
      `${killCount} kills; answers by status: ${JSON.stringify(Object.fromEntries(statuses))}`,
    );
    assert.ok(killCount >= 9);
    const answered = statuses.get(200) ?? 0;
    assert.ok(answered > 100);
    assert.equal(loggedIn(plane.home).length, answered);
  },
);
