import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { planUpdate } from './plan-update.ts';
import { settleText } from './settle-chance.ts';
import { checkTemplate } from './template-check.ts';
import { diffTemplate } from './template-diff.ts';
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

let bench: Bench;
beforeEach(() => (bench = createBench()));
afterEach(() => bench.close());

const lines = linesUpTo(9);

test("what the template changed comes in, and the project's own changes stay", async () => {
  publish(bench, { 'a.txt': lines(), 'gone.txt': 'old\n', 'b.txt': 'b\n' });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('one of mine'), 'mine.txt': 'mine\n' });
  const to = publish(bench, {
    'a.txt': lines('nine of theirs'),
    'gone.txt': null,
    'new/c.txt': 'for {{ cookiecutter.slug }}\n',
  });
  const result = await update(bench, project);
  assert.equal(result.outcome, 'updated');
  assert.deepEqual(kinds(result), { 'a.txt': 'changed', 'gone.txt': 'deleted', 'new/c.txt': 'added' });
  assert.equal(read(project, 'a.txt'), lines('one of mine', 'nine of theirs'));
  assert.equal(read(project, 'new/c.txt'), 'for plot\n');
  assert.equal(existsSync(join(project, 'gone.txt')), false);
  assert.deepEqual(
    gitStatus(project),
    ['M  .cruft.json', 'M  a.txt', 'D  gone.txt', 'A  new/c.txt'],
    'all of it is staged',
  );
  assert.equal((JSON.parse(read(project, '.cruft.json')) as { commit: string }).commit, to);
  commit(project, {});
  assert.equal((await update(bench, project)).outcome, 'up-to-date');
});

test("lines that both changed are a conflict in git's own way: markers with names, three stages, sides to choose", async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('five of mine') });
  const to = publish(bench, { 'a.txt': lines('five of theirs') });
  const result = await update(bench, project);
  assert.equal(result.outcome, 'conflicts');
  assert.deepEqual(kinds(result), { 'a.txt': 'conflict content' });
  assert.equal(
    read(project, 'a.txt'),
    lines().replace(
      'five',
      `<<<<<<< project\nfive of mine\n=======\nfive of theirs\n>>>>>>> template ${to.slice(0, 9)}`,
    ),
  );
  assert.deepEqual(gitStatus(project), ['M  .cruft.json', 'UU a.txt']);
  assert.equal(git(project, 'show', ':1:a.txt'), lines().trimEnd());
  git(project, 'checkout', '--quiet', '--ours', 'a.txt');
  assert.equal(read(project, 'a.txt'), lines('five of mine'));
  git(project, 'checkout', '--quiet', '--theirs', 'a.txt');
  assert.equal(read(project, 'a.txt'), lines('five of theirs'));
  git(project, 'checkout', '--quiet', '--merge', 'a.txt');
  assert.match(read(project, 'a.txt'), /<<<<<<< ours\nfive of mine/);
});

test('a conflict that was solved once does not come back', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('five of mine') });
  publish(bench, { 'a.txt': lines('five of theirs') });
  await update(bench, project);
  commit(project, { 'a.txt': lines('five of both') });
  publish(bench, { 'a.txt': lines('five of theirs', 'nine of theirs') });
  const result = await update(bench, project);
  assert.equal(result.outcome, 'updated');
  assert.equal(read(project, 'a.txt'), lines('five of both', 'nine of theirs'));
});

test('a file that the user deleted stays deleted, and is a conflict only when the template changed it', async () => {
  publish(bench, { 'quiet.txt': lines(), 'loud.txt': lines(), 'a.txt': 'a\n' });
  const project = await start(bench);
  commit(project, { 'quiet.txt': null, 'loud.txt': null });
  publish(bench, { 'loud.txt': lines('one of theirs'), 'a.txt': 'b\n' });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), { 'a.txt': 'changed', 'loud.txt': 'conflict deleted-by-you' });
  assert.equal(existsSync(join(project, 'quiet.txt')), false);
  assert.ok(gitStatus(project).includes('DU loud.txt'));
});

test('a file that the template deleted and the user changed is a conflict, and stays where it is', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('one of mine') });
  publish(bench, { 'a.txt': null, 'b.txt': 'b\n' });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), { 'a.txt': 'conflict deleted-by-template', 'b.txt': 'added' });
  assert.equal(read(project, 'a.txt'), lines('one of mine'));
  assert.ok(gitStatus(project).includes('UD a.txt'));
});

test('renames of both sides are followed', async () => {
  publish(bench, { 'old/a.txt': lines(), 'b.txt': lines('one b') });
  const project = await start(bench);
  commit(project, { 'old/a.txt': lines('one of mine'), 'b.txt': null, 'moved.txt': lines('one b') });
  publish(bench, { 'old/a.txt': null, 'new/a.txt': lines(), 'b.txt': lines('one b', 'nine of theirs') });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), { 'moved.txt': 'changed', 'new/a.txt': 'renamed' });
  assert.equal(result.changes.find((change) => change.path === 'new/a.txt')?.from, 'old/a.txt');
  assert.equal(read(project, 'new/a.txt'), lines('one of mine'));
  assert.equal(read(project, 'moved.txt'), lines('one b', 'nine of theirs'));
  assert.equal(existsSync(join(project, 'old')), false);
});

test('a changed answer renames the package, and files of the user in it go along', async () => {
  publish(
    bench,
    {
      'src/{{cookiecutter.package}}/__init__.py': lines(),
      'src/{{cookiecutter.package}}/main.py': lines('one main'),
    },
    { package: 'seed' },
  );
  const project = await start(bench);
  commit(project, { 'src/seed/model.py': 'mine\n' });
  const result = await update(bench, project, { answers: new Map([['package', 'plant']]) });
  assert.equal(result.outcome, 'updated');
  assert.equal(read(project, 'src/plant/model.py'), 'mine\n');
  assert.deepEqual(result.variables.changed, [{ name: 'package', before: 'seed', after: 'plant' }]);
  assert.equal(
    (JSON.parse(read(project, '.cruft.json')) as { context: { cookiecutter: { package: string } } }).context
      .cookiecutter.package,
    'plant',
  );
});

test('modes, links and files that are not text are merged too', async () => {
  const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]);
  publish(bench, {
    'run.sh': { text: '#!/bin/sh\n', isExecutable: false },
    'logo.png': picture,
    'mark.png': picture,
    'a.txt': 'a\n',
  });
  const project = await start(bench);
  commit(project, { 'mark.png': Buffer.concat([picture, Buffer.from('mine')]) });
  publish(bench, {
    'run.sh': { text: '#!/bin/sh\n', isExecutable: true },
    'logo.png': Buffer.concat([picture, Buffer.from([9])]),
    'mark.png': Buffer.concat([picture, Buffer.from('theirs')]),
  });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), {
    'logo.png': 'changed',
    'mark.png': 'conflict content',
    'run.sh': 'changed',
  });
  assert.equal(git(project, 'ls-files', '--stage', 'run.sh').slice(0, 6), '100755');
  assert.equal(readFileSync(join(project, 'logo.png')).length, 9);
  assert.match(
    readFileSync(join(project, 'mark.png'), 'latin1'),
    /mine$/,
    "the user's picture stays in place",
  );
});

test('files left out by skip, in .cruft.json or pyproject.toml, are not touched', async () => {
  const files = (version: string): Record<string, string> => ({
    'a.txt': version,
    'docs/index.md': version,
    'docs/deep/page.md': version,
    'src/one.py': version,
    'src/keep.md': version,
    'pyproject.toml': '[tool.cruft]\nskip = ["src/*.py"]\n',
  });
  publish(bench, files('1\n'));
  const project = await start(bench);
  const origin = JSON.parse(read(project, '.cruft.json')) as object;
  commit(project, { '.cruft.json': JSON.stringify({ ...origin, skip: ['docs'] }) });
  publish(bench, files('2\n'));
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), {
    'a.txt': 'changed',
    'docs/deep/page.md': 'kept skipped',
    'docs/index.md': 'kept skipped',
    'src/keep.md': 'changed',
    'src/one.py': 'kept skipped',
  });
  assert.equal(read(project, 'docs/index.md') + read(project, 'src/one.py'), '1\n1\n');
  assert.deepEqual(
    (JSON.parse(read(project, '.cruft.json')) as { skip: string[] }).skip,
    ['docs'],
    'and it stays so',
  );
});

test('a plan leaves no trace in the project', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('five of mine') });
  publish(bench, { 'a.txt': lines('five of theirs'), 'b.txt': 'b\n' });
  put(project, { 'a.txt': lines('five of mine', 'six not committed') });
  const before = snapshot(project);
  const plan = await planUpdate(requestFor(bench, project));
  assert.deepEqual(snapshot(project), before);
  assert.deepEqual(plan.blockedBy, ['a.txt']);
  assert.equal(plan.conflictCount, 1);
  assert.match(
    plan.changes.find((change) => change.path === 'b.txt')?.diff ?? '',
    /^diff --git a\/b\.txt b\/b\.txt\nnew file/,
  );
});

test('uncommitted work is never overwritten: the update refuses where it would write, and only there', async () => {
  publish(bench, { 'a.txt': lines(), 'b.txt': 'b\n' });
  const project = await start(bench);
  publish(bench, { 'a.txt': lines('nine of theirs') });
  put(project, { 'a.txt': lines('one of mine') });
  const before = snapshot(project);
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_UPDATE_DIRTY', message: /a\.txt/ });
  assert.deepEqual(snapshot(project), before);
  put(project, { 'a.txt': lines(), 'b.txt': 'mine\n', 'new.txt': 'mine\n' });
  git(project, 'add', 'new.txt');
  assert.equal((await update(bench, project)).outcome, 'updated');
  assert.deepEqual(gitStatus(project), ['M  .cruft.json', 'M  a.txt', ' M b.txt', 'A  new.txt']);
});

test('a file that git does not track is never overwritten by a new one of the template', async () => {
  publish(bench, { '.gitignore': '.env\n*.log\n', 'a.txt': 'a\n' });
  const project = await start(bench);
  put(project, { 'notes.txt': 'my notes\n', '.env': 'SECRET=1\n', 'same.txt': 'same\n' });
  publish(bench, {
    'notes.txt': 'theirs\n',
    '.env': 'SECRET=\n',
    'same.txt': 'same\n',
    'a.txt': 'b\n',
    'run.log': 'log\n',
  });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), {
    '.env': 'conflict in-the-way',
    'a.txt': 'changed',
    'notes.txt': 'conflict in-the-way',
    'run.log': 'added',
    'same.txt': 'kept already-there',
  });
  assert.equal(read(project, 'notes.txt') + read(project, '.env'), 'my notes\nSECRET=1\n');
  assert.deepEqual(gitStatus(project), [
    'M  .cruft.json',
    'UA .env',
    'M  a.txt',
    'AA notes.txt',
    '?? same.txt',
  ]);
  assert.equal(read(project, 'run.log'), 'log\n', 'what git ignores is written, but not staged');
  assert.equal(git(project, 'show', ':3:.env'), 'SECRET=');
});

test('a folder or a link in the way is a conflict, and nothing is written through a link', async () => {
  publish(bench, { 'a.txt': 'a\n' });
  const project = await start(bench);
  put(bench.folder, { 'elsewhere/keep.txt': 'keep\n' });
  put(project, { docs: { link: join(bench.folder, 'elsewhere') }, 'data/mine.csv': '1\n' });
  publish(bench, { 'docs/keep.txt': 'theirs\n', data: 'a file\n', 'a.txt': 'b\n' });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), {
    'a.txt': 'changed',
    data: 'conflict in-the-way',
    'docs/keep.txt': 'conflict in-the-way',
  });
  assert.equal(read(bench.folder, 'elsewhere/keep.txt'), 'keep\n');
  assert.equal(read(project, 'data/mine.csv'), '1\n');
});

test('an ignored file of the template is brought up to date while the user left it alone', async () => {
  publish(bench, { '.gitignore': 'local/\n', 'local/quiet.ini': '1\n', 'local/loud.ini': '1\n' });
  const project = await start(bench);
  put(project, { 'local/loud.ini': 'mine\n' });
  publish(bench, { 'local/quiet.ini': '2\n', 'local/loud.ini': '2\n' });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), { 'local/loud.ini': 'conflict in-the-way', 'local/quiet.ini': 'changed' });
  assert.equal(read(project, 'local/quiet.ini') + read(project, 'local/loud.ini'), '2\nmine\n');
});

test('--branch commits the update on a branch and leaves work tree, index and HEAD alone', async () => {
  publish(bench, { '.gitignore': 'local/\n', 'a.txt': lines(), 'local/x.ini': '1\n' });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('one of mine') });
  git(project, 'rm', '--quiet', '--cached', '--force', 'local/x.ini');
  git(project, 'commit', '--quiet', '--message', 'ignored again');
  const to = publish(bench, { 'a.txt': lines('nine of theirs'), 'local/x.ini': '2\n' });
  put(project, { 'a.txt': lines('one of mine', 'two not committed'), 'untracked.txt': 'u\n' });
  const work = gitStatus(project);
  const head = git(project, 'rev-parse', 'HEAD');
  const result = await update(bench, project, { branch: 'template/next' });
  assert.equal(result.outcome, 'updated');
  assert.deepEqual([gitStatus(project), git(project, 'rev-parse', 'HEAD')], [work, head]);
  assert.equal(git(project, 'show', 'template/next:a.txt'), lines('one of mine', 'nine of theirs').trimEnd());
  assert.equal(git(project, 'rev-parse', 'template/next^'), head);
  assert.deepEqual(git(project, 'diff', '--name-only', 'HEAD', 'template/next').split('\n'), [
    '.cruft.json',
    'a.txt',
  ]);
  assert.match(
    git(project, 'log', '-1', '--format=%B', 'template/next'),
    new RegExp(`^Update from .* to ${to.slice(0, 9)}\n\n\\* ${to.slice(0, 9)} change`),
  );
  await assert.rejects(update(bench, project, { branch: 'template/next' }), {
    code: 'TEMPLATE_BRANCH_THERE',
  });
});

test('--branch with conflicts makes nothing, unless conflicts are allowed', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('five of mine') });
  publish(bench, { 'a.txt': lines('five of theirs') });
  const before = snapshot(project);
  const refused = await update(bench, project, { branch: 'next' });
  assert.deepEqual([refused.outcome, refused.commit], ['conflicts', undefined]);
  assert.deepEqual(snapshot(project), before);
  const allowed = await update(bench, project, { branch: 'next', allowsConflicts: true });
  assert.equal(allowed.outcome, 'conflicts');
  assert.match(git(project, 'show', 'next:a.txt'), /<<<<<<< project/);
});

test('new variables get their defaults, given answers, or those of who is asked', async () => {
  publish(bench, { 'a.txt': '{{ cookiecutter.slug }}\n' });
  const project = await start(bench, { slug: 'meadow' });
  publish(
    bench,
    {
      'a.txt':
        '{{ cookiecutter.slug }} {{ cookiecutter.city }} {{ cookiecutter.licence }} {{ cookiecutter.note }}\n',
    },
    { city: 'near {{ cookiecutter.slug }}', licence: ['MIT', 'BSD'], note: 'n' },
  );
  const asked: string[] = [];
  const result = await update(bench, project, {
    answers: new Map([['licence', 'BSD']]),
    ask: {
      text: async (question, otherwise) => {
        asked.push(question);
        return question.includes('note') ? 'asked' : (otherwise ?? '');
      },
      yesNo: async () => assert.fail('not a question here'),
      choice: async () => assert.fail('answered already'),
      json: async () => assert.fail('not a question here'),
    },
  });
  assert.equal(read(project, 'a.txt'), 'meadow near meadow BSD asked\n');
  assert.equal(asked.length, 2, `only what is new is asked: ${asked.join(', ')}`);
  assert.deepEqual(result.variables.added, [
    { name: 'city', value: 'near meadow' },
    { name: 'licence', value: 'BSD' },
    { name: 'note', value: 'asked' },
  ]);
  await assert.rejects(update(bench, project, { answers: new Map([['town', 'x']]) }), {
    code: 'TEMPLATE_ANSWER_UNKNOWN',
    hint: /city, licence/,
  });
});

test('an answer that the template no longer takes is asked for by name', async () => {
  publish(bench, { 'a.txt': '{{ cookiecutter.licence }}\n' }, { licence: ['MIT', 'GPL'] });
  const project = await start(bench, { licence: 'GPL' });
  publish(bench, { 'a.txt': '{{ cookiecutter.licence }}!\n' }, { licence: ['MIT', 'BSD'] });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_ANSWER_GONE', hint: /licence=/ });
  await update(bench, project, { answers: new Map([['licence', 'BSD']]) });
  assert.equal(read(project, 'a.txt'), 'BSD!\n');
});

test('an answer with braces in it is not rendered again', async () => {
  publish(bench, { 'a.txt': 'x\n{{ cookiecutter.title }}\n' }, { title: 't' });
  const project = await start(bench, { title: '{{ "{{ x }}" }}' });
  assert.equal(read(project, 'a.txt'), 'x\n{{ x }}\n');
  publish(bench, { 'a.txt': 'y\n{{ cookiecutter.title }}\n' }, { title: 't' });
  await update(bench, project);
  assert.equal(read(project, 'a.txt'), 'y\n{{ x }}\n');
});

test('hooks that delete files or make a repository are part of what is compared', async () => {
  const hook = [
    'import os, subprocess',
    "os.remove('extra.txt')",
    "subprocess.run(['git', 'init', '--quiet'], check=True)",
    "open('made.txt', 'w').write('{{ cookiecutter.slug }} 1')",
  ].join('\n');
  commit(bench.template, { 'hooks/post_gen_project.py': hook });
  publish(bench, { 'a.txt': 'a\n', 'extra.txt': '1\n' });
  const project = await start(bench);
  assert.equal(existsSync(join(project, 'extra.txt')), false);
  commit(bench.template, { 'hooks/post_gen_project.py': hook.replace('1', '2') });
  publish(bench, { 'a.txt': 'b\n', 'extra.txt': '2\n' });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), { 'a.txt': 'changed', 'made.txt': 'changed' });
  assert.equal(read(project, 'made.txt'), 'plot 2');
  await assert.rejects(
    async () => {
      commit(bench.template, { 'hooks/post_gen_project.py': 'raise SystemExit(3)' });
      publish(bench, { 'a.txt': 'c\n' });
      commit(project, {});
      await update(bench, project, { hooks: 'ask' });
    },
    { code: 'TEMPLATE_HOOKS_NOT_TRUSTED' },
  );
});

test('a secret that was made by chance stays, and is no conflict at each update', async () => {
  const settings = (debug: string): string =>
    `SLUG = "{{ cookiecutter.slug }}"\nKEY = "{{ random_ascii_string(20) }}"\nDEBUG = ${debug}\nSALT = made-by-hook\nEND = 1\n`;
  const hook =
    "import secrets\ntext = open('settings.py').read()\nopen('settings.py', 'w').write(text.replace('made-by-hook', secrets.token_hex(9)))\n";
  commit(bench.template, { 'hooks/post_gen_project.py': hook });
  publish(bench, { 'settings.py': settings('True') });
  const project = await start(bench);
  const before = read(project, 'settings.py');
  assert.deepEqual((await diffTemplate(requestFor(bench, project))).files, []);
  commit(bench.template, { 'README.md': 'about\n' });
  assert.equal((await checkTemplate(requestFor(bench, project))).isUpToDate, true);
  publish(bench, { 'settings.py': settings('False') });
  const result = await update(bench, project);
  assert.equal(result.outcome, 'updated');
  assert.equal(read(project, 'settings.py'), before.replace('DEBUG = True', 'DEBUG = False'));
  assert.notEqual(settleText('K = a1\n', 'K = b2\n', 'x\nK = c3\n'), 'K = a1\n');
});

test('a project in a folder of a larger repository is updated in its place', async () => {
  publish(bench, { 'a.txt': lines(), 'sub/b.txt': 'b\n' });
  const repository = join(bench.folder, 'mono');
  const made = await start(bench);
  git(bench.folder, 'init', '--quiet', 'mono');
  commit(repository, { 'README.md': 'mono\n', 'a.txt': 'not this one\n' });
  const project = join(repository, 'apps', 'plot');
  git(made, 'checkout-index', '--all', `--prefix=${project}/`);
  commit(repository, { 'apps/plot/a.txt': lines('five of mine') });
  publish(bench, { 'a.txt': lines('five of theirs'), 'sub/b.txt': null, 'sub/c.txt': 'c\n' });
  const result = await update(bench, project);
  assert.deepEqual(kinds(result), {
    'a.txt': 'conflict content',
    'sub/b.txt': 'deleted',
    'sub/c.txt': 'added',
  });
  assert.deepEqual(gitStatus(repository), [
    'M  apps/plot/.cruft.json',
    'UU apps/plot/a.txt',
    'D  apps/plot/sub/b.txt',
    'A  apps/plot/sub/c.txt',
  ]);
  assert.equal(read(repository, 'a.txt'), 'not this one\n');
});

test('where the template lost the recorded commit, the first commit of the project stands in', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  commit(project, { 'a.txt': lines('one of mine') });
  put(bench.template, { '.git': null });
  git(bench.template, 'init', '--quiet', '--initial-branch=main');
  publish(bench, { 'a.txt': lines('nine of theirs') });
  const result = await update(bench, project);
  assert.equal(result.base, 'project');
  assert.equal(read(project, 'a.txt'), lines('one of mine', 'nine of theirs'));
  commit(project, {});
  put(bench.template, { '.git': null });
  git(bench.template, 'init', '--quiet', '--initial-branch=main');
  publish(bench, { 'a.txt': lines('nine of theirs', 'two new') });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_COMMIT_GONE', hint: /adopt/ });
});

test('a branch that the project follows is followed on; a tag or commit is only where it began', async () => {
  publish(bench, { 'a.txt': '1\n' });
  git(bench.template, 'tag', 'v1');
  git(bench.template, 'checkout', '--quiet', '-b', 'stable');
  const stable = publish(bench, { 'a.txt': '2\n' });
  git(bench.template, 'checkout', '--quiet', 'main');
  const main = publish(bench, { 'a.txt': '3\n' });
  const project = await start(bench);
  const origin = JSON.parse(read(project, '.cruft.json')) as object;
  const first = git(bench.template, 'rev-parse', 'v1');
  for (const [checkout, to] of [
    ['stable', stable],
    ['v1', main],
    [first, main],
    [null, main],
  ] as const) {
    commit(project, { '.cruft.json': JSON.stringify({ ...origin, commit: first, checkout }) });
    assert.equal((await planUpdate(requestFor(bench, project))).to, to, `${checkout}`);
  }
  assert.equal((await planUpdate(requestFor(bench, project, { checkout: 'stable' }))).to, stable);
  await assert.rejects(planUpdate(requestFor(bench, project, { checkout: 'nope' })), {
    code: 'TEMPLATE_CHECKOUT_NOT_FOUND',
  });
});

test('an update waits for a merge to end, and for git itself', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  publish(bench, { 'a.txt': lines('nine of theirs') });
  writeFileSync(join(project, '.git', 'index.lock'), '');
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_UPDATE_INDEX_LOCKED' });
  assert.ok(existsSync(join(project, '.git', 'index.lock')), "another's lock is not ours to remove");
  put(project, { '.git/index.lock': null, '.git/MERGE_HEAD': git(project, 'rev-parse', 'HEAD') });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_UPDATE_MERGING' });
  put(project, { '.git/MERGE_HEAD': null });
  assert.equal((await update(bench, project)).outcome, 'updated');
});

test('without git, without a commit or without .cruft.json the message says what to do', async () => {
  publish(bench, { 'a.txt': lines() });
  const project = await start(bench);
  put(project, { '.git': null });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_UPDATE_NEEDS_GIT', hint: /git init/ });
  git(project, 'init', '--quiet');
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_UPDATE_NEEDS_COMMIT' });
  commit(project, { '.cruft.json': null });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_ORIGIN_MISSING', hint: /adopt/ });
  commit(project, { '.cruft.json': '{"template": 1}' });
  await assert.rejects(update(bench, project), { code: 'TEMPLATE_ORIGIN_INVALID' });
});
