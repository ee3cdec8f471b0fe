import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople } from './people.ts';

const broken: Readonly<Record<string, string>> = {
  'no YAML': 'outs:\n- md5: [\n',
  'a merge that git left open': '<<<<<<< HEAD\nouts: []\n=======\nouts: []\n>>>>>>> other\n',
  'no list of outs': 'outs: 3\n',
};

/** With a record that can't be read beside them: these have to do with another one. */
const unconcerned: readonly (readonly string[])[] = [
  ['checkout', 'good.dvc'],
  ['status', 'good.dvc', '--json'],
  ['push', 'good.dvc'],
  ['fetch', 'good.dvc'],
  ['pull', 'good.dvc'],
  ['commit', '-f', 'good.dvc'],
  ['freeze', 'good.dvc'],
  ['config', 'core.remote'],
];

/** These can't tell what they should do without it. */
const stopped: readonly (readonly string[])[] = [
  ['checkout'],
  ['status'],
  ['data', 'status'],
  ['push'],
  ['pull'],
  ['add', 'new'],
  ['gc', '-w', '-f'],
  ['checkout', 'bad.dvc'],
  ['move', 'good', 'elsewhere'],
];

describe('a .dvc file that can not be read', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth broken record '));
  const { ours, theirs, leave } = twoPeople(root);
  const folder = join(root, 'r');
  before(async () => {
    await ours.git(root, 'init', '-q', 'r');
    await theirs.does(folder, 'init', '-q');
    await theirs.does(folder, 'remote', 'add', '-q', '-d', 'store', join(root, 'store'));
    writeFileSync(join(folder, 'good'), 'good');
    writeFileSync(join(folder, 'new'), 'new');
    await theirs.does(folder, 'add', '-q', 'good');
    await ours.git(folder, 'add', '-A');
    await ours.git(folder, 'commit', '-qm', 'first');
  });
  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  for (const [what, text] of Object.entries(broken)) {
    it(`with ${what} stops only what needs it`, async () => {
      writeFileSync(join(folder, 'bad.dvc'), text);
      for (const words of unconcerned) {
        const [one, other] = [await ours.tries(folder, ...words), await theirs.tries(folder, ...words)];
        assert.equal(one.code, 0, `${words.join(' ')}: ${one.stderr}`);
        assert.equal(other.code, 0, `${words.join(' ')}: ${other.stderr}`);
      }
      for (const words of stopped) {
        const [one, other] = [await ours.tries(folder, ...words), await theirs.tries(folder, ...words)];
        assert.equal(one.code, other.code, `${words.join(' ')}: ${one.stderr}${other.stderr}`);
        assert.match(one.stderr, /bad\.dvc/);
      }
    });
  }

  it('leaves metrics, params and plots of the rest to be seen', async () => {
    writeFileSync(join(folder, 'bad.dvc'), 'outs: [');
    for (const words of [['metrics', 'show'], ['params', 'diff']]) {
      const [one, other] = [await ours.tries(folder, ...words), await theirs.tries(folder, ...words)];
      assert.deepEqual([one.code, other.code], [0, 0], one.stderr);
      assert.match(one.stderr, /bad\.dvc/);
    }
  });
});
