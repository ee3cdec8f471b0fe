import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesOf } from './folders.ts';
import { needsDvc, twoPeople, type Person } from './people.ts';

/** Where the two tools differ on purpose. Each test fails as soon as they no longer do, so that this list stays true. */
describe('known differences from dvc', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth deviations '));
  const { ours, theirs, leave } = twoPeople(root);
  let count = 0;

  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  it('names that are not UTF-8: dvc gives up with an unexpected error; ours keeps every byte, because the disk does', async () => {
    const write = (folder: string): void => {
      mkdirSync(join(folder, 'data'));
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/data/`), Buffer.from([0x66, 0xff, 0x6f])]), 'x');
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/data/`), Buffer.from([0xe9])]), 'y');
    };
    const there = await emptyRepository(theirs);
    write(there);
    const { code, stderr } = await theirs.tries(there, 'add', 'data');
    assert.equal(code, 255);
    assert.match(stderr, /surrogates not allowed/);

    const here = await emptyRepository(ours);
    write(here);
    await ours.does(here, 'add', 'data');
    const before = filesOf(join(here, 'data'));
    assert.equal(Object.keys(before).length, 2);
    rmSync(join(here, 'data'), { recursive: true });
    await ours.does(here, 'checkout');
    assert.deepEqual(filesOf(join(here, 'data')), before);
  });

  async function emptyRepository(person: Person): Promise<string> {
    const folder = join(root, `r${(count += 1)}`);
    mkdirSync(folder);
    await person.git(folder, 'init', '-q');
    await person.does(folder, 'init', '-q');
    return folder;
  }
});
