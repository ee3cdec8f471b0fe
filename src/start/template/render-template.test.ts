import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { fromJson } from './jinja/values.ts';
import { renderTemplate, type RenderRequest } from './render-template.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/templates');
const python = process.env['TILTH_TEST_PYTHON'];

type Entry = { readonly folder: true } | { readonly mode: string; readonly base64: string };
interface Case {
  readonly template: string;
  readonly answers: Readonly<Record<string, string>>;
  readonly tree: Readonly<Record<string, Entry>>;
}
const { cases } = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  cases: Case[];
};

function treeOf(folder: string): Record<string, Entry> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).map(
    (entry): [string, Entry] => {
      const path = join(entry.parentPath, entry.name);
      if (entry.isDirectory()) return [relative(folder, path), { folder: true }];
      const mode = `0o${(statSync(path).mode & 0o111).toString(8)}`;
      return [relative(folder, path), { mode, base64: readFileSync(path).toString('base64') }];
    },
  );
  return Object.fromEntries(entries);
}

async function inTemporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tilth start '));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const requestOf = (
  template: string,
  outputFolder: string,
  answers: Record<string, string> = {},
): RenderRequest => ({
  templateFolder: join(fixtures, template),
  template: join(fixtures, template),
  outputFolder,
  answers: new Map(Object.entries(answers).map(([name, value]) => [name, fromJson(value)])),
  runsHooks: true,
});

/** Text where it is text, so that a difference can be read. */
const readable = (tree: Readonly<Record<string, Entry>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => [
      path,
      'folder' in entry
        ? 'folder'
        : `${entry.mode} ${Buffer.from(entry.base64, 'base64').toString('latin1')}`,
    ]),
  );

const needsReference =
  python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false;

/** The same template and answers by cookiecutter and by us, side by side. */
function comparedWithCookiecutter(
  template: string,
  answers: Readonly<Record<string, string>>,
): Promise<void> {
  return inTemporary(async (folder) => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with cookiecutter');
    const reference = spawnSync(python, [join(fixtures, 'expect.py'), template, JSON.stringify(answers)], {
      encoding: 'utf8',
    });
    assert.equal(reference.status, 0, reference.stderr);
    await renderTemplate({ ...requestOf(template, folder, answers), python });
    assert.deepEqual(
      readable(treeOf(folder)),
      readable(JSON.parse(reference.stdout) as Record<string, Entry>),
    );
  });
}

test('our own template is one that cookiecutter renders alike', { skip: needsReference }, () =>
  comparedWithCookiecutter('../../../templates/ml-project', {
    project_title: "Ada's 2nd flights",
    author: 'Zoë "Z" Example',
  }),
);

for (const [index, { template, answers, tree }] of cases.entries()) {
  const needsPython = template === 'extension';
  test(
    `the template "${template}" becomes what cookiecutter made of it (case ${index})`,
    {
      skip:
        needsPython && python === undefined && process.env['CI'] === undefined
          ? 'needs TILTH_TEST_PYTHON'
          : false,
    },
    () =>
      inTemporary(async (folder) => {
        const made = await renderTemplate({
          ...requestOf(template, folder, answers),
          ...(python === undefined ? {} : { python }),
        });
        assert.deepEqual(readable(treeOf(folder)), readable(tree));
        assert.equal(made.askedPythonFor !== undefined, needsPython);
      }),
  );

  test(
    `the template "${template}" becomes what cookiecutter makes of it now (case ${index})`,
    { skip: needsReference },
    () => comparedWithCookiecutter(template, answers),
  );
}

const failsWith = (code: string) => (thrown: unknown) => thrown instanceof TilthError && thrown.code === code;

test('a template whose engine is missing says so before anything is written', () =>
  inTemporary(async (folder) => {
    const request = { ...requestOf('extension', folder), python: join(folder, 'no-python') };
    await assert.rejects(renderTemplate(request), failsWith('TEMPLATE_NEEDS_PYTHON'));
    assert.deepEqual(readdirSync(folder), []);
  }));

test('a folder that is there is left alone, and rendered over or filled up when told so', () =>
  inTemporary(async (folder) => {
    const project = join(folder, 'box');
    mkdirSync(project);
    writeFileSync(join(project, 'locked.txt'), 'mine');
    await assert.rejects(renderTemplate(requestOf('files', folder)), failsWith('PROJECT_FOLDER_EXISTS'));
    assert.deepEqual(readdirSync(project), ['locked.txt']);
    await renderTemplate({ ...requestOf('files', folder), ifExists: 'skip-files' });
    assert.equal(readFileSync(join(project, 'locked.txt'), 'utf8'), 'mine');
    assert.ok(existsSync(join(project, 'run.sh')));
    await renderTemplate({ ...requestOf('files', folder), ifExists: 'overwrite' });
    assert.equal(readFileSync(join(project, 'locked.txt'), 'utf8'), 'box');
  }));

test('an answer can not lead out of the folder that was asked for', () =>
  inTemporary(async (folder) => {
    for (const name of ['../outside', '/tmp/outside', '..', '.']) {
      await assert.rejects(
        renderTemplate(requestOf('files', folder, { name })),
        failsWith('TEMPLATE_PATH_REFUSED'),
        name,
      );
    }
    assert.deepEqual(readdirSync(folder), []);
  }));

test('a link in a template can not bring in a file from outside of it', () =>
  inTemporary(async (folder) => {
    const template = join(folder, 'template');
    mkdirSync(join(template, '{{cookiecutter.a}}'), { recursive: true });
    writeFileSync(join(template, 'cookiecutter.json'), '{"a": "x"}');
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(template, '{{cookiecutter.a}}', 'link'));
    const request = { ...requestOf('files', join(folder, 'out')), templateFolder: template };
    await assert.rejects(renderTemplate(request), failsWith('TEMPLATE_PATH_REFUSED'));
    assert.equal(existsSync(join(folder, 'out')), false);
  }));

test('a failing template or hook leaves no half project', () =>
  inTemporary(async (folder) => {
    const template = join(folder, 'template');
    mkdirSync(join(template, '{{cookiecutter.a}}'), { recursive: true });
    writeFileSync(join(template, 'cookiecutter.json'), '{"a": "x"}');
    writeFileSync(join(template, '{{cookiecutter.a}}', 'a.txt'), 'fine');
    writeFileSync(join(template, '{{cookiecutter.a}}', 'b.txt'), '{{ cookiecutter.missing }}');
    const out = join(folder, 'out');
    await assert.rejects(
      renderTemplate({ ...requestOf('files', out), templateFolder: template }),
      (thrown) =>
        failsWith('TEMPLATE_VARIABLE_UNDEFINED')(thrown) &&
        /Unable to create file 'b.txt': 'collections.OrderedDict object' has no attribute 'missing'/.test(
          String(thrown),
        ),
    );
    for (const fails of ['before', 'after']) {
      await assert.rejects(
        renderTemplate(requestOf('hooks', out, { fails })),
        failsWith('TEMPLATE_HOOK_FAILED'),
      );
    }
    assert.equal(existsSync(out), false);
    await assert.rejects(
      renderTemplate({
        ...requestOf('hooks', out, { fails: 'after' }),
        keepsProjectOnFailure: true,
      }),
    );
    assert.deepEqual(readdirSync(out), ['hooked']);
  }));

test('a choice that is not offered and a yes that is not one are refused', () =>
  inTemporary(async (folder) => {
    for (const answers of [{ licence: 'GPL' }, { use_docker: 'perhaps' }]) {
      await assert.rejects(
        renderTemplate(requestOf('variables', folder, answers)),
        failsWith('TEMPLATE_ANSWER_REFUSED'),
      );
    }
  }));

test('asked questions follow the order of the file, count themselves and show their labels', () =>
  inTemporary(async (folder) => {
    const asked: string[] = [];
    const made = await renderTemplate({
      ...requestOf('variables', folder),
      ask: {
        text: (question, otherwise) => {
          asked.push(`${question} (${otherwise})`);
          return Promise.resolve(question.endsWith('called?') ? 'My Thing' : (otherwise ?? ''));
        },
        yesNo: (question, otherwise) => {
          asked.push(`${question} (${otherwise})`);
          return Promise.resolve(!otherwise);
        },
        choice: (question, labels) => {
          asked.push(`${question} ${labels.join(' / ')}`);
          return Promise.resolve(1);
        },
        json: (question, otherwise) => {
          asked.push(question);
          return Promise.resolve(otherwise);
        },
      },
    });
    assert.deepEqual(asked, [
      '[1/9] How shall it be called? (Late Flights)',
      '[2/9] slug (my_thing)',
      '[3/9] Which licence? MIT, short / Apache-2.0 / My Thing licence',
      '[4/9] use_docker (true)',
      '[5/9] use_docs (false)',
      '[6/9] empty (null)',
      '[7/9] number (3)',
      '[8/9] share (1.0)',
      '[9/9] ports',
    ]);
    assert.equal(made.answers.get('__derived'), 'MY_THING-Apache-2.0');
    assert.equal(made.folder, join(folder, 'my_thing'));
  }));
