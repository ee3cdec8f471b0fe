import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { program, seededRandom } from '../../journeys/processes.ts';
import { damageOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople } from './people.ts';

/** More by hand: `TILTH_TEST_KILLS=200`. */
const killCount = Number(process.env['TILTH_TEST_KILLS'] ?? 20);

const stages = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Two chains of three; each stage writes a folder and a file, and says so in a log outside of the repository. */
const pipeline = `stages:\n${stages
  .map((name, at) => {
    const need = at % 3 === 0 ? 'in.txt' : `${stages[at - 1] ?? ''}/0`;
    return `  ${name}:\n    cmd: mkdir -p ${name} && for i in 0 1 2 3 4 5 6 7 8 9; do echo ${name} $i $(cat params.yaml) > ${name}/$i; done && cat ${need} > ${name}.txt && echo ${name} >> ../log\n    deps: [${need}]\n    params: [round]\n    outs: [${name}, ${name}.txt]\n`;
  })
  .join('')}`;

describe('a run that is killed at any moment', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth killed '));
  const { ours, theirs, leave } = twoPeople(root);
  const folder = join(root, 'place', 'repository');
  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  it(`leaves cache and dvc.lock sound, and what had finished does not run again (${killCount} times)`, async () => {
    const random = seededRandom(7);
    mkdirSync(folder, { recursive: true });
    await ours.git(folder, 'init', '-q');
    await ours.does(folder, 'init', '-q');
    writeFileSync(join(folder, 'in.txt'), 'in\n');
    writeFileSync(join(folder, 'dvc.yaml'), pipeline);
    writeFileSync(join(folder, 'params.yaml'), 'round: -1\n');
    const startedAt = performance.now();
    await ours.does(folder, 'repro', '-j', '2');
    const usualMs = performance.now() - startedAt;
    let killedCount = 0;
    for (let round = 0; round < killCount; round++) {
      writeFileSync(join(folder, 'params.yaml'), `round: ${round}\n`);
      const log = join(folder, '..', 'log');
      if (await killedAfter(random() * usualMs)) killedCount += 1;
      await settled(log);
      assert.deepEqual(damageOf(join(folder, '.dvc/cache')), [], `round ${round}`);
      const finished = finishedIn(readFileSync(join(folder, 'dvc.lock'), 'utf8'), round);
      rmSync(log, { force: true });
      await ours.does(folder, 'repro', '-j', '2');
      const ran = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
      assert.deepEqual(
        finished.filter((name) => ran.includes(name)),
        [],
        `round ${round}: ${finished.join()} had finished`,
      );
      if (round % 5 === 4 || round === killCount - 1) {
        assert.deepEqual(await theirs.asks(folder, 'status', '--json'), {}, `round ${round}`);
        assert.deepEqual(damageOf(join(folder, '.dvc/cache')), [], `round ${round}`);
      }
    }
    assert.ok(killedCount > killCount / 2, `only ${killedCount} were killed before they ended`);
  });

  /** @returns whether it still ran */
  async function killedAfter(ms: number): Promise<boolean> {
    const child = spawn(process.execPath, [program, 'dvc', 'repro', '-j', '2'], {
      cwd: folder,
      env: ours.environment,
      stdio: 'ignore',
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.on('close', (_code, signal) => resolve(signal)),
    );
    await sleep(ms);
    child.kill('SIGKILL');
    return (await ended) === 'SIGKILL';
  }

  /** Nobody stops a stage whose tilth was killed; until it has ended, nothing is checked. */
  async function settled(log: string): Promise<void> {
    for (let before = ''; ;) {
      await sleep(250);
      const now = existsSync(log) ? readFileSync(log, 'utf8') : '';
      if (now === before) return;
      before = now;
    }
  }
});

/** Stages that `dvc.lock` has with the params of this round. */
function finishedIn(lock: string, round: number): string[] {
  return stages.filter((name) =>
    new RegExp(`^  ${name}:\\n(?:    .*\\n)*?        round: ${round}\\n`, 'm').test(lock),
  );
}
