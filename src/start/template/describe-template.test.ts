import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { answersOf, describeTemplate, type TemplateDescription } from './describe-template.ts';
import { decideHooks } from './hook-trust.ts';
import { readUserConfig } from './user-config.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/templates');
let folder = '';
const dataBefore = process.env['XDG_DATA_HOME'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tilth-describe-'));
  process.env['XDG_DATA_HOME'] = join(folder, 'data');
});
afterEach(() => {
  if (dataBefore === undefined) delete process.env['XDG_DATA_HOME'];
  else process.env['XDG_DATA_HOME'] = dataBefore;
  rmSync(folder, { recursive: true, force: true });
});

const describe = async (
  template: string,
  answers: Readonly<Record<string, unknown>> = {},
): Promise<TemplateDescription> =>
  describeTemplate({ source: { template }, config: await readUserConfig({ defaultConfig: true }), answers });

function template(files: Readonly<Record<string, string>>): string {
  const root = join(folder, 'template');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const answersIn = (description: TemplateDescription): Record<string, unknown> =>
  Object.fromEntries(description.prompts.map((prompt) => [prompt.name, prompt.answer]));

test('a template is described by its questions, without the private ones', async () => {
  const { prompts, templates, code, isTrusted } = await describe(join(fixtures, 'variables'));
  assert.deepEqual(
    prompts.map(({ name, kind, question }) => [name, kind, question]),
    [
      ['project_name', 'text', 'How shall it be called?'],
      ['slug', 'text', 'slug'],
      ['licence', 'choice', 'Which licence?'],
      ['use_docker', 'yes-no', 'use_docker'],
      ['use_docs', 'yes-no', 'use_docs'],
      ['empty', 'text', 'empty'],
      ['number', 'text', 'number'],
      ['share', 'text', 'share'],
      ['ports', 'json', 'ports'],
    ],
  );
  assert.deepEqual([templates, code, isTrusted], [[], [], true]);
  const licence = prompts.find((prompt) => prompt.kind === 'choice');
  assert.deepEqual(
    licence?.choices.map((choice) => choice.label),
    ['MIT, short', 'Apache-2.0', 'Late Flights licence'],
  );
});

test('defaults follow the answers so far, and an answer that does not fit is a problem of its question', async () => {
  const given = {
    project_name: 'My Thing',
    use_docker: 'no',
    licence: 'My Thing licence',
    empty: '',
  };
  const good = await describe(join(fixtures, 'variables'), given);
  const answers = answersIn(good);
  assert.equal(answers['slug'], 'my_thing');
  assert.equal(answers['use_docker'], false);
  assert.equal(answers['licence'], 'My Thing licence');
  assert.deepEqual(good.problems, []);
  const bad = await describe(join(fixtures, 'variables'), {
    licence: 'GPL',
    use_docs: 'maybe',
    ports: '[1]',
  });
  assert.deepEqual(
    bad.problems.map((problem) => problem.name),
    ['licence', 'use_docs', 'empty', 'ports'],
  );
  assert.equal(answersIn(bad)['licence'], 'MIT');
});

test('an answer means what would be typed at a prompt: it is no template itself', async () => {
  const { prompts } = await describe(join(fixtures, 'variables'), { project_name: '{{ cookiecutter }}' });
  assert.equal(prompts[0]?.answer, '{{ cookiecutter }}');
});

test('a list of templates is described as a list', async () => {
  const root = template({
    'cookiecutter.json': '{"templates": {"a": {"path": "./lib", "title": "A library"}}}',
    'lib/cookiecutter.json': '{"name": "x"}',
  });
  const { templates, prompts } = await describe(root);
  assert.deepEqual(templates, [{ key: 'a', title: 'A library', description: 'a', path: 'lib' }]);
  assert.deepEqual(prompts, []);
});

test('code that nobody trusted is shown and not run', async () => {
  const root = template({
    'cookiecutter.json': `{"name": "{{ 'x'|loud }}", "_extensions": ["local_extensions.Loud"]}`,
    'local_extensions.py': `open(${JSON.stringify(join(folder, 'ran'))}, 'w')`,
    'hooks/pre_prompt.sh': `#!/bin/sh\ntouch ${join(folder, 'ran')}\n`,
    '{{cookiecutter.name}}/a.txt': '',
  });
  const before = await describe(root);
  assert.equal(before.isTrusted, false);
  assert.deepEqual(
    before.code.map(({ kind, path }) => [kind, path]),
    [
      ['hook', 'hooks/pre_prompt.sh'],
      ['extension', 'local_extensions.py'],
    ],
  );
  assert.equal(before.prompts[0]?.answer, "{{ 'x'|loud }}");
  assert.throws(() => rmSync(join(folder, 'ran')), /ENOENT/);
});

test('once trusted, pre_prompt may change the questions', async () => {
  const root = template({
    'cookiecutter.json': '{"name": "x"}',
    'hooks/pre_prompt.sh': `#!/bin/sh\necho '{"name": "from the hook", "more": "y"}' > cookiecutter.json\n`,
  });
  await decideHooks({ source: { template: root, commit: null }, folder: root, choice: 'yes' });
  assert.deepEqual(answersIn(await describe(root)), { name: 'from the hook', more: 'y' });
});

test('a template can not reach Python while it is only looked at', async () => {
  const escape = `{{ ''.__class__.__mro__[1].__subclasses__() }}`;
  const root = template({ 'cookiecutter.json': JSON.stringify({ name: escape, other: 'fine' }) });
  assert.deepEqual(answersIn(await describe(root)), { name: escape, other: 'fine' });
});

test('answers that the template breaks on are a problem, and the other questions stay', async () => {
  const root = template({
    'cookiecutter.json': JSON.stringify({
      port: '8000',
      _x: 1,
      __checked:
        '{% if not cookiecutter.port.isdigit() %}{{ cookiecutter.port_must_be_a_number }}{% endif %}',
      slug: '{{ cookiecutter.port|lower }}-{{ cookiecutter.nothing }}',
      odd: "{{ ''.__class__ }}",
      last: '{{ cookiecutter.port }}',
    }),
  });
  const { problems, prompts } = await describe(root, { port: 'http' });
  assert.deepEqual(
    problems.map(({ name, message }) => [name, ...(/'(\w+)'.*?'(\w+)'\.$/.exec(message)?.slice(1) ?? [])]),
    [
      ['port', '__checked', 'port_must_be_a_number'],
      ['port', 'slug', 'nothing'],
    ],
  );
  assert.deepEqual(
    prompts.map((prompt) => prompt.answer),
    ['http', '{{ cookiecutter.port|lower }}-{{ cookiecutter.nothing }}', "{{ ''.__class__ }}", 'http'],
  );
});

test('a question without a default needs an answer', async () => {
  const asked = { name: 'owner', canGoBack: false };
  await assert.rejects(
    answersOf({}).text('owner', null, asked),
    (thrown) => thrown instanceof TilthError && thrown.code === 'TEMPLATE_ANSWER_REFUSED',
  );
  assert.equal(await answersOf({ owner: '' }).text('owner', null, asked), '');
});
