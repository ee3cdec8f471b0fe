import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openOwnTemplate, ownRepositories } from '../template/own-template.ts';
import { startProject } from '../start-project.ts';
import { isSkipped } from './skip-patterns.ts';
import { checkTemplate } from './template-check.ts';
import { diffTemplate } from './template-diff.ts';
import { askPython } from '../template/test-cookiecutter.ts';
import {
  commit,
  createBench,
  cruft,
  git,
  gitStatus,
  inProject,
  kinds,
  linesUpTo,
  needsCruft,
  publish,
  put,
  read,
  requestFor,
  start,
  update,
  type Bench,
} from './test-template.ts';

let bench: Bench;
beforeEach(() => (bench = createBench()));
afterEach(() => bench.close());

const lines = linesUpTo(7);

test('cruft checks, compares and updates a project that tilth started and updated', needsCruft, async () => {
  publish(
    bench,
    { 'a.txt': lines(), 'b.txt': '{{ cookiecutter.title }}\n' },
    { title: 'T {{ cookiecutter.slug }}', _hidden: ['x'], flag: true },
  );
  const project = await start(bench, { title: 'mine' });
  assert.match(cruft(project, 'check').output, /SUCCESS/);
  publish(
    bench,
    { 'a.txt': lines('seven of theirs') },
    { title: 'T', _hidden: ['x'], flag: true, more: 'm' },
  );
  assert.equal(cruft(project, 'check').status, 1);
  commit(project, { 'a.txt': lines('one of mine') });
  assert.equal((await update(bench, project)).outcome, 'updated');
  commit(project, {});
  assert.match(cruft(project, 'check').output, /SUCCESS/);
  const compared = cruft(project, 'diff', '--exit-code');
  assert.equal(compared.status, 1);
  assert.match(compared.output, /^-one of mine\n\+one$/m);
  publish(
    bench,
    { 'a.txt': lines('seven of theirs', 'four new') },
    { title: 'T', _hidden: ['x'], flag: true, more: 'm' },
  );
  const updated = cruft(project, 'update', '--skip-apply-ask');
  assert.match(updated.output, /Good work/);
  assert.equal(read(project, 'a.txt'), lines('one of mine', 'seven of theirs', 'four new'));
  commit(project, {});
  assert.equal((await update(bench, project)).outcome, 'up-to-date', 'and tilth takes it from there');
});

test(
  'tilth updates a project that cruft made, in a folder of the repository, and leaves it to cruft again',
  needsCruft,
  async () => {
    const version = (text: string): Record<string, string> => ({
      'a.txt': text,
      'commit.txt': '{{ cookiecutter.title }} {{ cookiecutter._commit }}\n',
      'docs/x.md': text,
    });
    const publishNested = (text: string): string =>
      commit(bench.template, {
        'python/cookiecutter.json': JSON.stringify({
          slug: 'plot',
          title: 'a {{ cookiecutter.slug }}',
          kind: ['lib', 'app'],
        }),
        ...Object.fromEntries(
          Object.entries(inProject(version(text))).map(([name, spec]) => [`python/${name}`, spec]),
        ),
      });
    publishNested(lines());
    const made = cruft(
      bench.folder,
      'create',
      bench.template,
      '--directory',
      'python',
      '--no-input',
      '--skip',
      'docs',
      '--extra-context',
      '{"kind": "app"}',
    );
    assert.equal(made.status, 0, made.output);
    const project = join(bench.folder, 'plot');
    git(project, 'init', '--quiet');
    commit(project, { 'a.txt': lines('one of mine') });
    const to = publishNested(lines('seven of theirs'));
    const result = await update(bench, project);
    assert.deepEqual(kinds(result), {
      'a.txt': 'changed',
      'commit.txt': 'changed',
      'docs/x.md': 'kept skipped',
    });
    const origin = JSON.parse(read(project, '.cruft.json')) as {
      context: { cookiecutter: Record<string, string> };
    };
    assert.equal(origin.context.cookiecutter['kind'], 'app');
    assert.equal(origin.context.cookiecutter['_commit'], to);
    commit(project, {});
    assert.match(cruft(project, 'check').output, /SUCCESS/);
    assert.match(cruft(project, 'diff').output, /-one of mine/);
  },
);

test(
  "cruft works on a project of tilth's own template, once git is told where the template is",
  needsCruft,
  async () => {
    const started = await startProject({
      source: { template: 'tilth:ml-project' },
      config: bench.config,
      outputFolder: bench.folder,
      answers: new Map([['project_title', 'Plot']]),
      ifExists: 'refuse',
      hooks: 'ask',
      keepsProjectOnFailure: false,
      usesGit: true,
      onLine: () => undefined,
    });
    git(bench.folder, 'config', '--global', `url.${ownRepositories()}/.insteadOf`, 'tilth:');
    assert.match(cruft(started.folder, 'check').output, /SUCCESS/);
    assert.deepEqual(cruft(started.folder, 'diff', '--exit-code'), { status: 0, output: '' });
    assert.match(cruft(started.folder, 'update', '--skip-apply-ask').output, /already up to date/);
  },
);

test("our own template's commit is what git makes of the same files, and a new version is an update", async () => {
  const folder = join(bench.folder, 'templates', 'tiny');
  put(folder, {
    'cookiecutter.json': '{"slug": "plot"}',
    'hooks/post_gen_project.sh': { text: '#!/bin/sh\n', isExecutable: true },
    'a-b.txt': '',
    'a.txt': '',
    'a/x.txt': 'x',
    now: { link: 'a.txt' },
    ...inProject({ 'ä.txt': 'ä' }),
  });
  const own = openOwnTemplate('tiny', folder, '1.0.0');
  own.keep();
  const next = openOwnTemplate('tiny', folder, '1.0.1');
  next.keep();
  next.keep();
  git(own.repository, 'fsck', '--strict', '--full');
  git(folder, 'init', '--quiet');
  git(folder, 'add', '--all');
  assert.equal(git(own.repository, 'rev-parse', `${own.commit}^{tree}`), git(folder, 'write-tree'));
  assert.equal(git(own.repository, 'rev-parse', 'HEAD'), next.commit);
  assert.equal(git(own.repository, 'tag').split('\n').length, 2, 'the version before can still be cloned');
  git(bench.folder, 'clone', '--quiet', own.repository, 'copy');
  assert.equal(git(join(bench.folder, 'copy'), 'cat-file', '-t', own.commit), 'commit');
});

test('skip means what it means to cruft', needsCruft, () => {
  const paths = [
    'a.md',
    '.hidden',
    'docs/a.md',
    'docs/deep/b.md',
    'docs/deep/c.py',
    'src/x.py',
    'src/[y].py',
    'src/deep/x.py',
    'docs2/a.md',
  ];
  const patterns = [
    'a.md',
    'docs',
    'docs/',
    './docs/deep',
    'docs/*',
    '*',
    '**',
    '*.md',
    'docs/*.md',
    '**/*.py',
    'docs/**',
    'docs/**/*',
    'd?cs*',
    'src/[xz]*',
    'src/[!x]*',
    '**/deep',
    'src/**/x.py',
    '.*',
    'none',
    'docs*/a.md',
    'src/[y].py',
  ];
  const script = `
import json, sys, tempfile
from pathlib import Path
from cruft._commands.utils.generate import _remove_paths, _get_skip_paths
asked = json.load(sys.stdin)
answers = []
for pattern in asked['patterns']:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in asked['paths']:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text('')
        _remove_paths(root, _get_skip_paths({'skip': [pattern]}, root / 'none'))
        answers.append([path for path in asked['paths'] if not (root / path).exists()])
print(json.dumps(answers))`;
  const expected = askPython(script, { paths, patterns }) as string[][];
  for (const [at, pattern] of patterns.entries())
    assert.deepEqual(
      paths.filter((path) => isSkipped(path, [pattern])),
      expected[at],
      pattern,
    );
});

test('check counts only commits that change what the project would get', async () => {
  publish(
    bench,
    {
      'a.txt': 'a {{ cookiecutter.slug }}\n',
      '{% if cookiecutter.kind == "app" %}app.txt{% endif %}': 'x\n',
    },
    { kind: ['lib', 'app'] },
  );
  const project = await start(bench);
  const check = (): ReturnType<typeof checkTemplate> => checkTemplate(requestFor(bench, project));
  assert.equal((await check()).isUpToDate, true);
  commit(bench.template, { 'README.md': 'about the template\n' });
  commit(bench.template, inProject({ '{% if cookiecutter.kind == "app" %}app.txt{% endif %}': 'y\n' }));
  const same = await check();
  assert.deepEqual([same.isUpToDate, same.changedCount, same.commits.length], [true, 0, 2]);
  publish(bench, { 'a.txt': 'b {{ cookiecutter.slug }}\n' }, { kind: ['lib', 'app'] });
  assert.deepEqual([(await check()).isUpToDate, (await check()).changedCount], [false, 1]);
  assert.equal((await checkTemplate(requestFor(bench, project, { checkout: 'HEAD~1' }))).isUpToDate, true);
  assert.deepEqual(gitStatus(project), []);
});

test("diff shows the project's own changes, committed or not, and nothing else", async () => {
  publish(bench, { 'a.txt': lines(), 'b.txt': 'b\n', 'c.txt': 'c\n', 'run.sh': '#!/bin/sh\n' });
  const project = await start(bench);
  assert.deepEqual((await diffTemplate(requestFor(bench, project))).files, []);
  commit(project, { 'a.txt': lines('one of mine'), 'own.txt': 'mine\n', 'c.txt': null });
  put(project, { 'b.txt': 'not committed\n', 'run.sh': { text: '#!/bin/sh\n', isExecutable: true } });
  publish(bench, { 'a.txt': 'something else\n' });
  const { files } = await diffTemplate(requestFor(bench, project));
  assert.deepEqual(
    files.map((file) => [file.path, file.kind]),
    [
      ['a.txt', 'changed'],
      ['b.txt', 'changed'],
      ['c.txt', 'deleted'],
      ['run.sh', 'changed'],
    ],
  );
  assert.match(files[0]?.diff ?? '', /^-one\n\+one of mine$/m);
  put(project, { '.git': null });
  assert.equal((await diffTemplate(requestFor(bench, project))).files.length, 4, 'a folder will do');
});
