import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readHead } from './git-head.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'tilth head ')));
after(() => rmSync(base, { recursive: true, force: true }));

const shell = (script: string): string =>
  execFileSync('bash', ['-euc', script], {
    cwd: base,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a',
    },
  });

test('the commit of a folder is the one that git names, however it keeps it', async () => {
  shell(`
    git init -qb main plain; cd plain; mkdir sub; echo 1 > sub/a; git add .; git commit -qm 1; cd ..
    git clone -q plain packed; git -C packed pack-refs --all
    git clone -q plain detached; git -C detached checkout -q --detach
    git -C plain worktree add -q ../linked -b other
    git init -qb main outer; git -C outer -c protocol.file.allow=always submodule --quiet add ../plain module
    git init -qb main --object-format=sha256 long; git -C long commit -q --allow-empty -m 1
    git clone -q plain symbolic; git -C symbolic symbolic-ref refs/heads/alias refs/heads/main; git -C symbolic symbolic-ref HEAD refs/heads/alias
    git init -qb main unborn; mkdir unborn/sub
  `);
  symlinkSync(join(base, 'plain', 'sub'), join(base, 'link'));
  for (const folder of [
    'plain',
    'plain/sub',
    'link',
    'packed',
    'packed/sub',
    'detached',
    'linked',
    'linked/sub',
    'outer/module',
    'outer/module/sub',
    'long',
    'symbolic',
  ]) {
    const [workTree, commit] = shell(`cd '${folder}'; git rev-parse --show-toplevel HEAD`).trim().split('\n');
    assert.deepEqual(await readHead(join(base, folder)), { workTree, commit }, folder);
  }
  assert.deepEqual(await readHead(join(base, 'unborn/sub')), {
    workTree: join(base, 'unborn'),
    commit: undefined,
  });
  assert.equal(await readHead(base), undefined);
});
