import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installedTilth } from '../../bench/processes.ts';
import { damageOf, filesOf } from '../conformance/dvc/folders.ts';
import { needsDvc } from '../../src/develop/dvc-files/test-python.ts';
import { withDvc, withTilth, type Person } from '../conformance/dvc/people.ts';
import { seededRandom } from './processes.ts';

/** A failing run says its seed: the same data, and the same pauses as far as the machine's own order allows. */
const seed = Number(process.env['TILTH_TEST_SEED'] ?? Date.now() % 1_000_000);

/** How often a command is killed; a longer run asks for more. */
const killCount = Number(process.env['TILTH_TEST_DATA_KILLS'] ?? 30);

const stageNames = ['first', 'second', 'third'];

describe(`data and pipelines while the command is killed (TILTH_TEST_SEED=${seed})`, needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth data kill '));
  const random = seededRandom(seed);
  const dvc = withDvc(join(root, 'dvc home'));
  const tally: Record<string, { kills: number; tooLate: number }> = {};
  let tilth: Person;
  let program: string;
  /** A repository with data that was not added yet, one whose data was pushed, and one with a pipeline that did not run. */
  const start = {
    add: join(root, 'start add'),
    push: join(root, 'start push'),
    repro: join(root, 'start repro'),
  };
  const remote = join(root, 'remote');
  const linkTypes = ['copy', 'hardlink,copy', 'symlink,copy'];

  before(async () => {
    const path = (await installedTilth())('dvc').at(-2);
    assert.ok(path !== undefined);
    program = path;
    tilth = withTilth(join(root, 'tilth home'), program);
    await begin(start.add);
    writeData(join(start.add, 'data'));
    cpSync(start.add, start.push, { recursive: true });
    await dvc.does(start.push, 'add', 'data');
    await dvc.does(start.push, 'remote', 'add', '-d', 'store', remote);
    await dvc.does(start.push, 'push');
    await begin(start.repro);
    writePipeline(start.repro);
  });

  after(() => {
    dvc.leave();
    rmSync(root, { recursive: true, force: true });
  });

  const verbs = ['add', 'push', 'pull', 'checkout', 'repro'] as const;
  for (const [index, verb] of verbs.entries())
    it(`${verb}: no damage is found after kill -9, and a second run completes`, async (context) => {
      const kills = Math.floor((killCount + verbs.length - 1 - index) / verbs.length);
      const counts = (tally[verb] = { kills: 0, tooLate: 0 });
      let wholeMs: number | undefined;
      for (let kill = 0; kill < kills;) {
        const folder = join(root, 'repository');
        const ownRemote = join(root, 'own remote');
        const linkType = linkTypes[Math.floor(random() * linkTypes.length)] ?? 'copy';
        prepare(verb, folder, ownRemote, linkType);
        const words = verb === 'add' ? ['add', 'data'] : [verb];
        if (wholeMs === undefined) {
          const beganAt = Date.now();
          await tilth.does(folder, ...words);
          wholeMs = Date.now() - beganAt;
          continue;
        }
        const isGroup = verb === 'repro' || random() < 0.5;
        const moment = random() * wholeMs;
        const wasKilled = await killedAfter(folder, words, moment, isGroup);
        if (wasKilled) kill += 1;
        else if ((counts.tooLate += 1) > kills * 4) assert.fail('it always ends before it is killed');
        counts.kills = kill;
        const what = `${verb} with ${linkType}, ${isGroup ? 'the group' : 'the process'} killed after ${Math.round(moment)} of ${wholeMs} ms`;
        await checkAfterKill(verb, words, folder, ownRemote, what);
      }
      context.diagnostic(`${verb}: ${JSON.stringify({ ...counts, wholeMs })}`);
    });

  function prepare(verb: (typeof verbs)[number], folder: string, ownRemote: string, linkType: string): void {
    for (const path of [folder, ownRemote]) rmSync(path, { recursive: true, force: true });
    cpSync(verb === 'add' ? start.add : verb === 'repro' ? start.repro : start.push, folder, {
      recursive: true,
    });
    writeFileSync(
      join(folder, '.dvc', 'config.local'),
      `[cache]\n    type = "${linkType}"\n['remote "store"']\n    url = ${verb === 'push' ? ownRemote : remote}\n`,
    );
    if (verb === 'pull' || verb === 'checkout') rmSync(join(folder, 'data'), { recursive: true });
    if (verb === 'pull') rmSync(join(folder, '.dvc', 'cache'), { recursive: true });
  }

  async function checkAfterKill(
    verb: string,
    words: readonly string[],
    folder: string,
    ownRemote: string,
    what: string,
  ): Promise<void> {
    const cache = join(folder, '.dvc', 'cache');
    // a cache may hold part of a folder, a remote may not: there a `.dir` says that all of its files are there
    assert.deepEqual(damageOf(cache, { isWhole: verb !== 'pull' }), [], `cache after ${what}`);
    assert.deepEqual(damageOf(ownRemote), [], `remote after ${what}`);
    const status = await dvc.tries(folder, 'status', '--json');
    assert.equal(status.code, 0, `dvc status after ${what}\n${status.stderr}`);
    const locked = verb === 'repro' ? lockedStages(folder) : [];
    const ranBefore = verb === 'repro' ? runsOf(folder) : [];
    // whoever comes next may use the other tool
    const next = random() < 0.3 ? dvc : tilth;
    const again = await next.tries(folder, ...words);
    assert.equal(again.code, 0, `second run, by ${next.name}, after ${what}\n${again.stdout}${again.stderr}`);
    assert.deepEqual(await dvc.asks(folder, 'status', '--json'), {}, `the end after ${what}`);
    assert.deepEqual(damageOf(cache), [], `cache in the end after ${what}`);
    if (verb === 'repro') {
      const ran = runsOf(folder).slice(ranBefore.length);
      assert.deepEqual(ran.filter((name) => locked.includes(name)), [], `ran twice after ${what}`); // prettier-ignore
    } else
      assert.deepEqual(
        contentOf(join(folder, 'data')),
        contentOf(join(start.add, 'data')),
        `data after ${what}`,
      );
    if (verb === 'push') {
      assert.deepEqual(damageOf(ownRemote), [], `remote in the end after ${what}`);
      const pushed = filesOf(join(ownRemote, 'files'));
      for (const [path, md5] of Object.entries(filesOf(join(remote, 'files'))))
        assert.equal(pushed[path], md5, `${path} at the remote after ${what}`);
    }
  }

  /** @returns whether it was killed before it had ended */
  async function killedAfter(
    folder: string,
    words: readonly string[],
    ms: number,
    isGroup: boolean,
  ): Promise<boolean> {
    const child = spawn(process.execPath, [program, 'dvc', ...words], {
      cwd: folder,
      env: tilth.environment,
      stdio: 'ignore',
      detached: true,
    });
    const closed = once(child, 'close');
    await Promise.race([sleep(ms), closed]);
    const isEnded = child.exitCode !== null;
    if (!isEnded && child.pid !== undefined) {
      process.kill(isGroup ? -child.pid : child.pid, 'SIGKILL');
      await closed;
      // what the process started sees that it is gone and ends
      await sleep(50);
    }
    return !isEnded;
  }

  async function begin(folder: string): Promise<void> {
    mkdirSync(folder, { recursive: true });
    await dvc.git(folder, 'init', '-q');
    await dvc.does(folder, 'init', '-q');
    await dvc.git(folder, 'add', '-A');
    await dvc.git(folder, 'commit', '-qm', 'begin');
  }

  function writeData(folder: string): void {
    const bytes = (length: number): Buffer =>
      Buffer.from(Uint32Array.from({ length }, () => random() * 2 ** 32).buffer);
    const one = bytes(2_000);
    for (let index = 0; index < 300; index += 1) {
      const path = join(folder, `part ${index % 7}`, `${index}.bin`);
      mkdirSync(dirname(path), { recursive: true });
      const content = Buffer.from(one);
      content.writeUInt32LE(index % 500);
      writeFileSync(path, content.subarray(0, 100 + index * 12));
    }
    const large = Buffer.concat(
      Array.from({ length: 64 }, (_, index) => Buffer.concat([Buffer.from([index]), bytes(16_384)])),
    );
    writeFileSync(join(folder, 'large.bin'), large);
    writeFileSync(join(folder, 'empty'), '');
  }

  function writePipeline(folder: string): void {
    mkdirSync(join(folder, 'in'));
    for (let index = 0; index < 50; index += 1) writeFileSync(join(folder, 'in', `${index}`), `${index}`);
    writeFileSync(join(folder, '.gitignore'), '/runs.log\n/in\n');
    const stage = (name: string, index: number): string =>
      [
        `  ${name}:`,
        `    cmd: mkdir ${name} && cp ${index === 0 ? 'in' : stageNames[index - 1]}/* ${name}/ && sleep 0.1 && date > ${name}/made && echo ${name} >> runs.log`,
        '    deps:',
        `    - ${index === 0 ? 'in' : stageNames[index - 1]}`,
        '    outs:',
        `    - ${name}`,
        '',
      ].join('\n');
    writeFileSync(join(folder, 'dvc.yaml'), `stages:\n${stageNames.map(stage).join('')}`);
  }

  const lockedStages = (folder: string): string[] => {
    const path = join(folder, 'dvc.lock');
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return stageNames.filter((name) => text.includes(`\n  ${name}:\n`));
  };

  const runsOf = (folder: string): string[] => {
    const path = join(folder, 'runs.log');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };
});

/** Files by path and hash; a link counts as what it leads to. */
function contentOf(folder: string): Record<string, string> {
  const md5 = (path: string): string => createHash('md5').update(readFileSync(path)).digest('hex');
  return Object.fromEntries(Object.keys(filesOf(folder)).map((path) => [path, md5(join(folder, path))]));
}
