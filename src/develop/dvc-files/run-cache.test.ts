import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import type { LockedStage } from './lock-file.ts';
import { openRepository } from './repository.ts';
import { findRun, keepRun, placeRun, runKey, runsFolder } from './run-cache.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth runs '));
after(() => rmSync(root, { recursive: true }));
mkdirSync(join(root, '.dvc'));
writeFileSync(join(root, '.dvc/config'), '');
mkdirSync(join(root, '.git'));
const repository = openRepository(root);

const stage: LockedStage = {
  cmd: 'python train.py',
  deps: [{ path: 'train.py', hash: 'md5', md5: 'a'.repeat(32), size: 1 }],
  params: [],
  outs: [{ path: 'model.bin', hash: 'md5', md5: 'b'.repeat(32), size: 2 }],
} as unknown as LockedStage;
const folder = join(runsFolder(repository), runKey(stage).slice(0, 2), runKey(stage));

test('a folder without a run, which a killed command left, is dropped: dvc can not go on with it', () => {
  mkdirSync(folder, { recursive: true });
  assert.equal(findRun(repository, stage), undefined);
  assert.ok(!existsSync(folder));
});

test('a run is kept in a folder that appears with it, also where an empty one lies', () => {
  for (const isThere of [false, true]) {
    rmSync(runsFolder(repository), { recursive: true, force: true });
    if (isThere) mkdirSync(folder, { recursive: true });
    keepRun(repository, stage);
    keepRun(repository, stage);
    assert.equal(readdirSync(folder).length, 1);
    assert.deepEqual(readdirSync(runsFolder(repository)), [runKey(stage).slice(0, 2)], 'no draft is left');
    assert.equal(findRun(repository, stage)?.cmd, stage.cmd);
  }
});

test('a second run with the same inputs lies beside the first', () => {
  const [draft, file] = [join(root, 'draft'), join(folder, 'f'.repeat(64))];
  writeFileSync(draft, 'cmd: other\n');
  placeRun(draft, file);
  assert.equal(readFileSync(file, 'utf8'), 'cmd: other\n');
  assert.equal(readdirSync(dirname(file)).length, 2);
  assert.ok(!existsSync(`${draft}.folder`));
});
