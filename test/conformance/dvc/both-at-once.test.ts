import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { damageOf, filesOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Ended, type Person } from './people.ts';

/** How often both are started at the same time; a longer run asks for more. */
const rounds = Number(process.env['TILTH_TEST_ROUNDS'] ?? 50);

describe('both tools at once in one repository', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth at once '));
  const { ours, theirs, leave } = twoPeople(root);

  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  it(`${rounds} rounds: each succeeds or says that the other holds the lock, and nothing is damaged`, async (context) => {
    const folder = join(root, 'repository');
    mkdirSync(join(folder, 'data'), { recursive: true });
    mkdirSync(join(folder, 'more'));
    await theirs.git(folder, 'init', '-q');
    await theirs.does(folder, 'init', '-q');
    const tally = { bothSucceeded: 0, oursWaited: 0, theirsRefused: 0 };
    for (let round = 0; round < rounds; round += 1) {
      for (const name of ['data', 'more'])
        for (let index = 0; index < 20; index += 1)
          writeFileSync(join(folder, name, `${index}`), `${name} ${round * (index % 3)} ${index}`);
      const [our, their] = await Promise.all([
        ours.tries(folder, 'add', 'data'),
        theirs.tries(folder, ...(round % 2 === 0 ? ['add', 'more'] : ['status', '--json'])),
      ]);
      const isOurs = succeededOrLocked(our, 'tilth');
      const isTheirs = succeededOrLocked(their, 'dvc');
      if (isOurs && isTheirs) tally.bothSucceeded += 1;
      if (!isOurs) tally.oursWaited += 1;
      if (!isTheirs) tally.theirsRefused += 1;
      assert.deepEqual(damageOf(join(folder, '.dvc', 'cache')), [], `round ${round}`);
    }
    context.diagnostic(JSON.stringify(tally));
    for (const [person, name] of [
      [ours, 'data'],
      [theirs, 'more'],
    ] as const)
      await person.does(folder, 'add', name);
    for (const person of [ours, theirs]) assert.deepEqual(await person.asks(folder, 'status', '--json'), {});
    assert.deepEqual(readFileSync(join(folder, '.gitignore'), 'utf8').trim().split('\n').toSorted(), [
      '/data',
      '/more',
    ]);
    const before = filesOf(join(folder, '.dvc', 'cache'));
    await theirs.does(folder, 'add', 'data');
    assert.deepEqual(filesOf(join(folder, '.dvc', 'cache')), before);
  });

  function succeededOrLocked({ code, stdout, stderr }: Ended, who: Person['name']): boolean {
    if (code === 0) return true;
    assert.match(stdout + stderr, /lock/i, `${who} ended with ${code}`);
    return false;
  }
});
