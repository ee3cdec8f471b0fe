import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyIndex } from './git-index.ts';

test('git finds what changed within the second of its index, of the same size, in a copy as well', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth index '));
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        encoding: 'utf8',
      });
    const file = join(folder, 'file');
    const index = join(folder, '.git', 'index');
    git('init', '--quiet');
    writeFileSync(file, 'one');
    // long enough ago that a copy made now is younger
    const second = Math.floor(statSync(file).mtimeMs / 1000) - 100;
    utimesSync(file, second, second);
    git('add', 'file');
    git('commit', '--quiet', '--message', 'one');
    // the same second and size: only the content tells
    writeFileSync(file, 'two');
    utimesSync(file, second, second);
    utimesSync(index, second, second);
    const copy = join(folder, 'copy');
    copyIndex(index, copy);
    const changed = execFileSync(
      'git',
      ['-C', folder, '-c', 'core.trustctime=false', 'diff', '--name-only'],
      {
        encoding: 'utf8',
        env: { ...process.env, GIT_INDEX_FILE: copy },
      },
    );
    assert.equal(changed, 'file\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
