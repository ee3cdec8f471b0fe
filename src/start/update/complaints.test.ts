import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { programEntry } from '../../platform/package-root.ts';
import { planUpdate } from './plan-update.ts';
import type { UpdateResult } from './update-api.ts';
import {
  commit,
  createBench,
  git,
  gitStatus,
  kinds,
  linesUpTo,
  publish,
  put,
  read,
  requestFor,
  snapshot,
  start,
  update,
  type Bench,
} from './test-template.ts';

// what people report of other tools (docs/guides say how it is here)

let bench: Bench;
beforeEach(() => (bench = createBench()));
afterEach(() => bench.close());

const lines = linesUpTo(7);

function tilth(folder: string, ...args: string[]): { status: number; output: string; said: string } {
  const run = spawnSync(process.execPath, [programEntry, ...args], { cwd: folder, encoding: 'utf8' });
  return { status: run.status ?? 1, output: run.stdout, said: run.stderr };
}

const everyFile = (folder: string): string[] =>
  Object.keys(snapshot(folder)).filter((name) => !name.startsWith('.git/'));

test('changes are never dropped silently: what stays away is named (cruft 44)', async () => {
  publish(bench, { 'a.txt': lines(), 'gone.txt': lines(), 'skip.txt': '1\n' });
  const project = await start(bench);
  const origin = JSON.parse(read(project, '.cruft.json')) as object;
  commit(project, { 'gone.txt': null, '.cruft.json': JSON.stringify({ ...origin, skip: ['skip.txt'] }) });
  publish(bench, { 'a.txt': lines('one of theirs'), 'gone.txt': lines('two of theirs'), 'skip.txt': '2\n' });
  const plan = await planUpdate(requestFor(bench, project));
  assert.deepEqual(kinds(plan), {
    'a.txt': 'changed',
    'gone.txt': 'conflict deleted-by-you',
    'skip.txt': 'kept skipped',
  });
});

test('there are no .rej files, whatever happens (cruft 47, 49; copier 369, 2386, 2668)', async () => {
  publish(bench, {
    '.gitignore': '*.rej\n',
    'a.txt': lines(),
    'b.txt': lines(),
    'c.bin': Buffer.from([0, 1]),
  });
  const project = await start(bench);
  commit(project, { 'a.txt': 'rewritten\n', 'b.txt': null, 'c.bin': Buffer.from([0, 2]) });
  publish(bench, {
    'a.txt': lines('one of theirs'),
    'b.txt': lines('one of theirs'),
    'c.bin': Buffer.from([0, 3]),
  });
  assert.equal((await update(bench, project)).conflictCount, 3);
  assert.deepEqual(
    everyFile(project).filter((name) => /\.(?:rej|orig)$/.test(name)),
    [],
  );
  assert.match(
    read(project, 'a.txt'),
    /^<<<<<<< project\n[^]*^=======\n[^]*^>>>>>>> template /m,
    'but the usual markers (copier 613, 1350)',
  );
});

test('a shallow clone, as CI makes it, lacks nothing (cruft 181)', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  for (let at = 0; at < 3; at += 1) commit(project, { 'a.txt': lines(`one of mine ${at}`) });
  publish(bench, { 'a.txt': lines('seven of theirs') });
  git(bench.folder, 'clone', '--quiet', '--depth=1', `file://${project}`, 'ci');
  const clone = join(bench.folder, 'ci');
  assert.equal((await update(bench, clone)).outcome, 'updated');
  assert.equal(read(clone, 'a.txt'), lines('one of mine 2', 'seven of theirs'));
});

test('there is one way to merge, and its outcome is the exit code: 0, 1 or 2, with the files by name (cruft 53, 276, 287)', async () => {
  publish(bench, { 'a.txt': lines(), 'b.txt': lines() });
  const project = await start(bench);
  const nothing = tilth(project, 'template', 'update', '--json');
  assert.deepEqual([nothing.status, (JSON.parse(nothing.output) as UpdateResult).outcome], [0, 'up-to-date']);
  commit(project, { 'a.txt': lines('five of mine') });
  publish(bench, { 'a.txt': lines('five of theirs'), 'b.txt': lines('five of theirs') });
  assert.equal(tilth(project, 'template', 'check').status, 1);
  const plan = tilth(project, 'template', 'update', '--dry-run', '--verbose');
  assert.equal(plan.status, 2);
  assert.match(
    plan.output,
    /conflict +a\.txt \(both sides changed it\)\n[^]*\+five of theirs\n[^]* changed +b\.txt/,
  );
  put(project, { 'b.txt': 'dirty\n' });
  const refused = tilth(project, 'template', 'update');
  assert.equal(refused.status, 1);
  assert.match(refused.said, /b\.txt[^]*Nothing was changed[^]*git stash/);
  put(project, { 'b.txt': lines() });
  const conflicts = tilth(project, 'template', 'update', '--json');
  assert.deepEqual(
    [conflicts.status, (JSON.parse(conflicts.output) as UpdateResult).outcome],
    [2, 'conflicts'],
  );
  assert.deepEqual(gitStatus(project), ['M  .cruft.json', 'UU a.txt', 'M  b.txt']);
  git(project, 'reset', '--quiet', '--merge');
  assert.deepEqual(
    [gitStatus(project), read(project, 'a.txt')],
    [[], lines('five of mine')],
    'the way back that is told',
  );
  assert.equal(tilth(project, 'template', 'update').status, 2);
  publish(bench, { 'b.txt': lines('six of theirs') });
  const again = tilth(project, 'template', 'update');
  assert.equal(again.status, 1, 'a merge that goes on is not merged into');
  commit(project, { 'a.txt': lines('five of both') });
  const done = tilth(project, 'template', 'update');
  assert.equal(done.status, 0);
  assert.match(done.output, / changed +b\.txt\n.*git commit/);
});

test('a pre_prompt hook is part of what is rendered', async () => {
  commit(bench.template, {
    'hooks/pre_prompt.py':
      "text = open('cookiecutter.json').read()\nopen('cookiecutter.json', 'w').write(text.replace('unset', 'from the hook'))\n",
  });
  publish(bench, { 'a.txt': '1 {{ cookiecutter.where }}\n' }, { where: 'unset' });
  const project = await start(bench);
  assert.equal(read(project, 'a.txt'), '1 from the hook\n');
  publish(
    bench,
    { 'a.txt': '2 {{ cookiecutter.where }}\n{{ cookiecutter.more }}\n' },
    { where: 'unset', more: 'unset' },
  );
  await update(bench, project);
  assert.equal(read(project, 'a.txt'), '2 from the hook\nfrom the hook\n');
});

test('a template needs no tags to be followed, and one without git is followed from the first commit on', async () => {
  const plain = join(bench.folder, 'plain');
  put(plain, { 'cookiecutter.json': '{"slug": "plot"}', '{{cookiecutter.slug}}/a.txt': lines() });
  const project = await start({ ...bench, template: plain });
  commit(project, { 'a.txt': lines('one of mine') });
  put(plain, { '{{cookiecutter.slug}}/a.txt': lines('seven of theirs') });
  const result = await update(bench, project);
  assert.deepEqual([result.base, result.from, result.to], ['project', null, null]);
  assert.equal(read(project, 'a.txt'), lines('one of mine', 'seven of theirs'));
});

test('an update leaves nothing of its own behind', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  publish(bench, { 'a.txt': lines('one of theirs'), 'b/c.txt': 'c\n' });
  const before = readdirSync(join(project, '.git'));
  await update(bench, project);
  assert.deepEqual(readdirSync(join(project, '.git')).toSorted(), before.toSorted());
  assert.deepEqual(everyFile(project).toSorted(), ['.cruft.json', 'a.txt', 'b/c.txt']);
  assert.equal(existsSync(join(project, '.git', 'index.lock')), false);
  git(project, 'fsck', '--no-dangling');
});

test("answers that copier kept are taken on, where the template is cookiecutter's; else copier is named", async () => {
  const first = publish(bench, { 'a.txt': '1 {{ cookiecutter.title }}\n' }, { slug: 'plot', title: 't' });
  git(bench.template, 'tag', 'v1.0');
  const project = await start(bench, { title: 'mine' });
  commit(project, {
    '.cruft.json': null,
    '.copier-answers.yml': `# kept by copier\n_commit: v1.0\n_src_path: ${bench.template}\nslug: plot\ntitle: mine\n`,
  });
  const to = publish(bench, { 'a.txt': '2 {{ cookiecutter.title }}\n' }, { slug: 'plot', title: 't' });
  const result = await update(bench, project);
  assert.deepEqual([result.from, result.to, result.outcome], [first, to, 'updated']);
  assert.equal(read(project, 'a.txt'), '2 mine\n');
  assert.equal((JSON.parse(read(project, '.cruft.json')) as { commit: string }).commit, to);
  commit(project, {});
  assert.equal((await update(bench, project)).outcome, 'up-to-date');
  const other = join(bench.folder, 'other');
  put(other, { 'copier.yml': 'title: {type: str}\n', 'a.txt.jinja': '{{ title }}' });
  commit(project, { '.cruft.json': null, '.copier-answers.yml': `_src_path: ${other}\ntitle: t\n` });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_IS_COPIER', hint: /copier update/ });
});
