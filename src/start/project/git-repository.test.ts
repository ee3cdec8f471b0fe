import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { initRepository } from './git-repository.ts';

const author = { name: 'Ada Example', email: 'ada@example.org' };
const git = (folder: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();

let folder = '';
let before: NodeJS.ProcessEnv = {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tilth git '));
  before = { ...process.env };
  // a machine where git knows nobody
  Object.assign(process.env, {
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
  });
});
afterEach(() => {
  process.env = before;
  rmSync(folder, { recursive: true, force: true });
});

function projectIn(name: string): string {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'a.txt'), 'a');
  return project;
}

test('a project becomes a repository with one commit, in the name of its author where git knows nobody', async () => {
  const project = projectIn('new');
  const made = await initRepository({ folder: project, author, message: 'Start' });
  assert.equal(made.outcome, 'created');
  assert.equal(made.usedAuthorOfAnswers, true);
  assert.equal(git(project, 'log', '--format=%an <%ae> %s'), 'Ada Example <ada@example.org> Start');
  assert.equal(git(project, 'status', '--porcelain'), '');
  assert.equal(git(project, 'branch', '--show-current'), 'main');
  assert.throws(() => git(project, 'config', 'user.name'), 'the identity is for that commit only');
});

test('a repository with commits of its own is left as it is', async () => {
  const project = projectIn('old');
  const first = await initRepository({ folder: project, author, message: 'Start' });
  writeFileSync(join(project, 'b.txt'), 'b');
  const second = await initRepository({ folder: project, author, message: 'Again' });
  assert.deepEqual([second.outcome, second.commit], ['there-before', first.commit]);
  assert.equal(git(project, 'status', '--porcelain'), '?? b.txt');
});

test('a project inside another repository gets one of its own', async () => {
  const outer = projectIn('outer');
  await initRepository({ folder: outer, author, message: 'Outer' });
  const inner = join(outer, 'inner');
  mkdirSync(inner);
  writeFileSync(join(inner, 'c.txt'), 'c');
  assert.equal((await initRepository({ folder: inner, author, message: 'Inner' })).outcome, 'created');
  assert.equal(git(inner, 'log', '--format=%s'), 'Inner');
});
