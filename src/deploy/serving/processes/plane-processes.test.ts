import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  endpointOf,
  expected,
  late1,
  loggedIn,
  post,
  rowAt,
  splitOf,
  startControlPlane,
  temporaryHome,
  until,
} from '../test-control-plane.ts';

const program = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise(
    (resolve) => void (child.exitCode === null ? child.once('exit', resolve) : resolve(child.exitCode)),
  );

/** The first line of its output, a JSON object with the address. */
const addressOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    child.stdout?.on('data', (part: Buffer) => {
      text += part.toString();
      const address = /"address":\s*"([^"]+)"/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    });
  });

describe('tilth serve with several processes', () => {
  it('answers at one port, adds up its metrics, starts a dead process again, and drains all at SIGTERM', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late')], [late1]);
    const home = temporaryHome(context);
    const serve = (port: string): ChildProcess =>
      spawn(
        process.execPath,
        [
          program,
          'serve',
          '--workers',
          '2',
          '--port',
          port,
          '--home',
          home.root,
          '--server',
          control.address,
          '--plane',
          'many',
          '--json',
        ],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
    const main = serve('0');
    context.after(() => main.kill('SIGKILL'));
    const address = await addressOf(main);
    // a connection each, so that both processes get some
    const ask = (row = 0) => post(`${address}/invocations`, splitOf([rowAt(row)]), { connection: 'close' });
    // the second may still be loading
    await until(async () =>
      (await Promise.all([ask(), ask(), ask(), ask()])).every(({ status }) => status === 200),
    );
    for (let row = 0; row < 20; row++) {
      const answer = await ask(row);
      assert.equal((answer.body['predictions'] as number[])[0], expected['late-1'].label[row]);
    }
    const planes = (): string[] => readdirSync(join(home.predictions, 'segments')).toSorted();
    await until(() => planes().length === 2);
    assert.deepEqual(planes(), ['many-1', 'many-2']);
    await until(() => new Set(control.reports.map((report) => report.plane)).size === 2);
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${address}/metrics`, { headers: { connection: 'close' } })).text();
      return Number(new RegExp(`^${name}\\S* (\\d+)`, 'm').exec(text)?.[1] ?? -1);
    };
    const answered = loggedIn(home).length;
    assert.ok(answered >= 21);
    for (let time = 0; time < 4; time++) assert.equal(await metric('tilth_inference_rows_total'), answered);

    const children = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => parentOf(pid) === main.pid);
    assert.equal(children.length, 2);
    process.kill(Number(children[0]), 'SIGKILL');
    await until(async () => {
      // a request that met the process at its end gets no answer, one that meets the new one too early gets 503
      const answers = await Promise.all(
        [ask(), ask(), ask(), ask()].map((one) => one.catch(() => undefined)),
      );
      const processes = readdirSync('/proc').filter(
        (name) => /^\d+$/.test(name) && parentOf(name) === main.pid,
      );
      return processes.length === 2 && answers.every((answer) => answer?.status === 200);
    });

    let lost = 0;
    let isOver = false;
    const load = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        try {
          const answer = await ask();
          if (answer.status !== 200 && answer.status !== 503) lost++;
        } catch (thrown) {
          // a new connection that nobody takes any more is no lost request
          if (!/ECONNREFUSED|ECONNRESET/.test(JSON.stringify((thrown as Error).cause ?? ''))) lost++;
          else return;
        }
      }
    });
    await ask();
    main.kill('SIGTERM');
    assert.equal(await ended(main), 0);
    isOver = true;
    await Promise.all(load);
    assert.equal(lost, 0);
  });

  it('says why it can not start', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    const child = spawn(
      process.execPath,
      [
        program,
        'serve',
        '--workers',
        '2',
        '--port',
        new URL(control.address).port,
        '--home',
        temporaryHome(context).root,
        '--server',
        control.address,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    context.after(() => child.kill('SIGKILL'));
    let told = '';
    child.stderr?.on('data', (part: Buffer) => (told += part.toString()));
    assert.notEqual(await ended(child), 0);
    assert.match(told, /Port \d+ is taken/);
  });
});

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}
