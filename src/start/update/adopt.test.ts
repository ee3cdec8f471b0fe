import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { adoptOrigin, findOrigin, type AdoptRequest } from './adopt.ts';
import { compareText, mostTold, originalsOf, readTemplateText } from './infer-answers.ts';
import {
  commit,
  createBench,
  git,
  gitStatus,
  publish,
  put,
  read,
  snapshot,
  start,
  update,
  type Bench,
} from './test-template.ts';

let bench: Bench;
beforeEach(() => (bench = createBench()));
afterEach(() => bench.close());

const variables = {
  title: 'A project',
  slug: "{{ cookiecutter.title|lower|replace(' ', '-') }}",
  package: "{{ cookiecutter.slug|replace('-', '_') }}",
  author: 'Your name',
  description: 'Something',
  licence: ['MIT', 'BSD', 'None'],
  docker: 'y',
  nowhere: 'x',
};

const files = (version: number): Record<string, string> => ({
  'README.md': `# {{ cookiecutter.title }}\n\n{{ cookiecutter.description }}\n\nInstall with make, version ${version} of the instructions.\n`,
  'pyproject.toml':
    '[project]\nname = "{{ cookiecutter.slug }}"\ndescription = "{{ cookiecutter.description }}"\nauthors = ["{{ cookiecutter.author }}"]\n',
  'src/{{cookiecutter.package}}/__init__.py': `"""{{ cookiecutter.description }}"""\nVERSION = ${version}\nSTEPS = [\n${Array.from({ length: version }, (_none, at) => `    "step ${at}",\n`).join('')}]\n`,
  'src/{{cookiecutter.package}}/main.py': 'import sys\n\n\ndef main():\n    return sys.argv\n',
  "{% if cookiecutter.licence != 'None' %}LICENCE{% endif %}":
    '{% if cookiecutter.licence == "MIT" %}\nThe MIT licence, by {{ cookiecutter.author }}\n{% else %}\nThe BSD licence, by {{ cookiecutter.author }}\n{% endif %}\n',
  "{% if cookiecutter.docker == 'y' %}Dockerfile{% endif %}":
    'FROM python:3.11\nRUN pip install {{ cookiecutter.slug }}\n',
});

const requestOf = (folder: string, wish: Partial<AdoptRequest> = {}): AdoptRequest => ({
  folder,
  template: bench.template,
  answers: new Map(),
  config: bench.config,
  hooks: 'no',
  limitMs: 60_000,
  onLine: () => undefined,
  ...wish,
});

/** A project as cookiecutter leaves it: without a memory of its template, and worked on since. */
async function strayProject(answers: Record<string, string>): Promise<string> {
  const project = await start(bench, answers);
  put(project, { '.git': null, '.cruft.json': null });
  git(project, 'init', '--quiet');
  commit(project, {});
  return project;
}

test('adopt finds the commit and the answers of an older version, worked on since', async () => {
  const versions: string[] = [];
  for (let version = 1; version <= 8; version += 1) {
    versions.push(publish(bench, files(version), variables));
    if (version === 5) break;
  }
  const project = await strayProject({
    title: 'Sea Ice',
    author: 'Ada Example',
    description: 'Where the ice is',
    licence: 'BSD',
    docker: 'n',
  });
  for (let version = 6; version <= 9; version += 1) publish(bench, files(version), variables);
  commit(project, {
    'README.md': `My own words.\n\n${read(project, 'README.md')}`,
    'src/sea_ice/model.py': 'mine\n',
    'src/sea_ice/main.py': 'import os\n\n\ndef main():\n    return os.environ\n',
  });
  const before = snapshot(project);
  const { adoption, origin } = await findOrigin(requestOf(project));
  assert.deepEqual(snapshot(project), before, 'looking writes nothing');
  assert.equal(adoption.commit, versions[4]);
  assert.ok(adoption.likeness > 0.8 && adoption.likeness < 1, `${adoption.likeness}`);
  const { _template, ...answers } = origin.context.cookiecutter;
  assert.equal(_template, bench.template);
  assert.deepEqual(answers, {
    title: 'Sea Ice',
    slug: 'sea-ice',
    package: 'sea_ice',
    author: 'Ada Example',
    description: 'Where the ice is',
    licence: 'BSD',
    docker: 'n',
    nowhere: 'x',
  });
  const of = (name: string): (typeof adoption.answers)[number] | undefined =>
    adoption.answers.find((answer) => answer.name === name);
  assert.deepEqual(of('author')?.how, 'found');
  assert.ok(
    of('author')?.evidence.some(({ file, line }) => file === 'pyproject.toml' && line === 4),
    'each answer with its place',
  );
  assert.equal(of('docker')?.how, 'tried');
  assert.equal(of('nowhere')?.how, 'unused');
  adoptOrigin(project, origin);
  assert.deepEqual(gitStatus(project), ['?? .cruft.json']);
  commit(project, {});
  const updated = await update(bench, project, { hooks: 'no' });
  assert.equal(updated.outcome, 'updated');
  assert.match(read(project, 'README.md'), /^My own words\.[^]*version 9 of the instructions\.\n$/);
});

test('what the user knows already is not asked of the files', async () => {
  publish(bench, files(1), variables);
  const project = await strayProject({ title: 'Sea Ice' });
  const { adoption, origin } = await findOrigin(
    requestOf(project, { answers: new Map([['author', 'Someone else']]) }),
  );
  assert.equal(origin.context.cookiecutter['author'], 'Someone else');
  assert.equal(adoption.answers.find((answer) => answer.name === 'author')?.how, 'given');
  await assert.rejects(findOrigin(requestOf(project, { answers: new Map([['autor', 'x']]) })), {
    code: 'TEMPLATE_ANSWER_UNKNOWN',
  });
});

test('a title that stands nowhere is worked out from its short form, and marked as unsure', async () => {
  publish(
    bench,
    { 'pyproject.toml': 'name = "{{ cookiecutter.slug }}"\nversion = "1"\n', 'a.txt': 'a\n' },
    { title: 'T', slug: variables.slug },
  );
  const project = await strayProject({ title: 'Sea Ice' });
  const { adoption } = await findOrigin(requestOf(project));
  const title = adoption.answers.find((answer) => answer.name === 'title');
  assert.deepEqual([title?.value, title?.how, title?.isSure], ['Sea Ice', 'derived', false]);
});

test('a project of another kind is not adopted', async () => {
  publish(bench, files(1), variables);
  const other = join(bench.folder, 'other');
  put(other, { 'package.json': '{}\n', 'index.js': 'start()\n' });
  git(other, 'init', '--quiet');
  commit(other, {});
  await assert.rejects(findOrigin(requestOf(other)), { code: 'TEMPLATE_UNLIKE' });
  assert.equal(existsSync(join(other, '.cruft.json')), false);
});

test('a project that remembers its template is not adopted again', async () => {
  publish(bench, files(1), variables);
  const project = await start(bench);
  await assert.rejects(findOrigin(requestOf(project)), { code: 'TEMPLATE_ORIGIN_THERE' });
});

test('the search ends in time and says how far it came', async () => {
  for (let version = 1; version <= 4; version += 1) publish(bench, files(version), variables);
  const project = await strayProject({});
  const { adoption } = await findOrigin(requestOf(project, { limitMs: 0 }));
  assert.deepEqual([adoption.searchedCount, adoption.commitCount], [1, 4]);
});

test('a line with holes tells the values, its neighbours tell which line it is', () => {
  const template = readTemplateText(
    '[project]\nname = "{{ cookiecutter.name }}"\n\nauthor:\n{{ cookiecutter.author }}\nend\n{% raw %}\n{{ not.a.hole }}\n{% endraw %}\n',
  );
  const compared = compareText(
    template,
    ['[project]', 'name = "plot"', '', 'author:', 'Ada', 'end', '{{ not.a.hole }}', 'Bob'],
    'x.toml',
  );
  assert.deepEqual(
    compared.evidence.map((each) => [each.expression, each.value, each.line]),
    [
      ['cookiecutter.name', 'plot', 2],
      ['cookiecutter.author', 'Ada', 5],
    ],
  );
  assert.equal(compared.matchedCount, template.lineCount);
  assert.deepEqual(
    mostTold([...compared.evidence, ...compared.evidence].filter((each) => each.line === 5))?.value,
    'Ada',
  );
  assert.ok(originalsOf('sea_ice').includes('Sea Ice'));
});
