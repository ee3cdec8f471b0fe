import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Person } from './people.ts';

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

  it('names with a line break: a listing of dvc loses it from the names of folders; ours keeps it', async () => {
    const listed = async (person: Person): Promise<string[]> => {
      const folder = await emptyRepository(person);
      mkdirSync(join(folder, 'data', 'two\nlines'), { recursive: true });
      writeFileSync(join(folder, 'data', 'two\nlines', 'a'), 'x');
      await person.does(folder, 'add', 'data');
      const found = (await person.asks(folder, 'ls', '.', '-R', '--json', '--dvc-only')) as {
        path: string;
      }[];
      return found.map(({ path }) => path);
    };
    assert.deepEqual(await listed(theirs), ['data/twolines/a']);
    assert.deepEqual(await listed(ours), ['data/two\nlines/a']);
  });

  it('a link that leads out of the repository: dvc writes there what a .dvc file says; ours refuses', async () => {
    const written = async (person: Person): Promise<boolean> => {
      const folder = await emptyRepository(person);
      writeFileSync(join(folder, 'a'), 'x');
      await person.does(folder, 'add', 'a');
      mkdirSync(`${folder} outside`);
      symlinkSync(`${folder} outside`, join(folder, 'link'));
      const text = readFileSync(join(folder, 'a.dvc'), 'utf8').replace('path: a', 'path: link/a');
      writeFileSync(join(folder, 'bad.dvc'), text);
      await person.tries(folder, 'checkout', 'bad.dvc');
      return existsSync(join(`${folder} outside`, 'a'));
    };
    assert.equal(await written(theirs), true);
    assert.equal(await written(ours), false);
  });

  it('a .dir object with a name that leads out of its folder: dvc writes there; ours refuses', async () => {
    const written = async (person: Person): Promise<boolean> => {
      const folder = await emptyRepository(person);
      mkdirSync(join(folder, 'data'));
      writeFileSync(join(folder, 'data', 'abc'), 'x');
      await person.does(folder, 'add', 'data');
      const store = join(folder, '.dvc', 'cache', 'files', 'md5');
      const text = '[{"md5": "9dd4e461268c8034f5c8564e155c67a6", "relpath": "../evil"}]';
      const md5 = createHash('md5').update(text).digest('hex');
      mkdirSync(join(store, md5.slice(0, 2)), { recursive: true });
      writeFileSync(join(store, md5.slice(0, 2), `${md5.slice(2)}.dir`), text);
      writeFileSync(
        join(folder, 'bad.dvc'),
        `outs:\n- md5: ${md5}.dir\n  size: 1\n  nfiles: 1\n  hash: md5\n  path: bad\n`,
      );
      await person.tries(folder, 'checkout', 'bad.dvc');
      return existsSync(join(folder, 'evil'));
    };
    assert.equal(await written(theirs), true);
    assert.equal(await written(ours), false);
  });

  async function emptyRepository(person: Person): Promise<string> {
    const folder = join(root, `r${(count += 1)}`);
    mkdirSync(folder);
    await person.git(folder, 'init', '-q');
    await person.does(folder, 'init', '-q');
    return folder;
  }
});
