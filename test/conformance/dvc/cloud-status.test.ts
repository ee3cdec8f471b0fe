import { after, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople } from './people.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth cloud '));
const { ours, theirs, leave } = twoPeople(root);

after(() => {
  leave();
  rmSync(root, { recursive: true, force: true });
});

it(
  'status --cloud tells what only the cache has, only the remote, or neither, as dvc does',
  needsDvc,
  async () => {
    const folder = join(root, 'repository');
    mkdirSync(join(folder, 'data'), { recursive: true });
    await theirs.git(folder, 'init', '-q');
    await theirs.does(folder, 'init', '-q');
    await theirs.does(folder, 'remote', 'add', '-d', 'store', join(root, 'store'));
    const same = async (): Promise<unknown> => {
      const said = await theirs.asks(folder, 'status', '-c', '--json');
      assert.deepEqual(await ours.asks(folder, 'status', '-c', '--json'), said);
      const sorted = (text: string): string[] => text.split('\n').toSorted();
      assert.deepEqual(
        sorted(await ours.does(folder, 'status', '-c')),
        sorted(await theirs.does(folder, 'status', '-c')),
      );
      return said;
    };
    for (const name of ['a', 'b', 'data/c']) writeFileSync(join(folder, name), name);
    await theirs.does(folder, 'add', 'a', 'b', 'data');
    assert.deepEqual(await same(), { a: 'new', b: 'new', data: 'new', 'data/c': 'new' });
    await theirs.does(folder, 'push', 'a', 'data');
    assert.deepEqual(await same(), { b: 'new' });
    rmSync(join(folder, '.dvc', 'cache', 'files'), { recursive: true });
    const left = (await same()) as Record<string, string>;
    assert.equal(left['a'], 'deleted');
    assert.equal(left['b'], 'missing');
  },
);

it('status --quiet says by its exit code whether something changed', needsDvc, async () => {
  const folder = join(root, 'quiet');
  mkdirSync(folder);
  await ours.git(folder, 'init', '-q');
  await ours.does(folder, 'init', '-q');
  writeFileSync(join(folder, 'a'), 'a');
  await ours.does(folder, 'add', 'a');
  for (const person of [ours, theirs]) assert.equal((await person.tries(folder, 'status', '-q')).code, 0);
  writeFileSync(join(folder, 'a'), 'changed');
  for (const person of [ours, theirs]) assert.equal((await person.tries(folder, 'status', '-q')).code, 1);
});
