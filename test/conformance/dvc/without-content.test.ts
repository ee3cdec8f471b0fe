import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Person } from './people.ts';

describe('outs whose content nobody recorded yet', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth without content '));
  const { ours, theirs, leave } = twoPeople(root);
  const folder = join(root, 'r');
  beforeEach(async () => {
    mkdirSync(folder);
    await ours.git(folder, 'init', '-q');
    await theirs.does(folder, 'init', '-q');
    await theirs.does(folder, 'remote', 'add', '-q', '-d', 'store', join(root, 'store'));
  });
  afterEach(() => {
    for (const name of ['r', 'store', 'source']) rmSync(join(root, name), { recursive: true, force: true });
  });
  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  const both = async (...words: string[]): Promise<number | null> => {
    const codes = [];
    for (const person of [theirs, ours]) codes.push((await person.tries(folder, ...words)).code);
    assert.equal(codes[1], codes[0], words.join(' '));
    return codes[0] ?? null;
  };

  it('of a stage that never ran fail a checkout and a pull, and no data beside them', async () => {
    await theirs.does(folder, 'stage', 'add', '-q', '-n', 'make', '-o', 'made', 'echo 1 > made');
    writeFileSync(join(folder, 'data'), 'data');
    await theirs.does(folder, 'add', '-q', 'data');
    rmSync(join(folder, 'data'));
    for (const words of [['checkout'], ['checkout', 'make'], ['pull']])
      assert.notEqual(await both(...words), 0, words.join(' '));
    assert.ok(existsSync(join(folder, 'data')));
    assert.match((await ours.tries(folder, 'checkout')).stderr, /made/);
    assert.equal(await both('checkout', '--allow-missing'), 0);
    assert.equal(await both('push'), 0);
    assert.equal(await both('fetch'), 0);
  });

  const imported = async (): Promise<void> => {
    writeFileSync(join(root, 'source'), 'first');
    await theirs.does(folder, 'import-url', '-q', '--no-download', join(root, 'source'), 'taken');
  };

  for (const person of [ours, theirs] satisfies Person[]) {
    it(`of an import without download are brought from the source by the pull of ${person.name}`, async () => {
      await imported();
      assert.notEqual(await both('checkout', 'taken'), 0);
      const record = readFileSync(join(folder, 'taken.dvc'), 'utf8');
      await person.does(folder, 'pull', 'taken');
      assert.equal(readFileSync(join(folder, 'taken'), 'utf8'), 'first');
      assert.equal(readFileSync(join(folder, 'taken.dvc'), 'utf8'), record);
    });
  }

  it('of an import whose source has changed or gone are not brought', async () => {
    await imported();
    writeFileSync(join(root, 'source'), 'second');
    assert.equal(await both('pull', 'taken'), 1);
    rmSync(join(root, 'source'));
    assert.equal(await both('pull', 'taken'), 1);
    assert.equal(existsSync(join(folder, 'taken')), false);
    assert.equal(await both('pull', '--allow-missing', 'taken'), 0);
  });
});
