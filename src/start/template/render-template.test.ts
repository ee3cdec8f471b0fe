import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
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
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { fromJson } from './jinja/values.ts';
import { runPrePrompt } from './hooks.ts';
import { chooseNested } from './nested-templates.ts';
import { renderTemplate, type RenderRequest, type RenderedProject } from './render-template.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/templates');
const python = process.env['TILTH_TEST_PYTHON'];

type Entry = { readonly folder: true } | { readonly mode: string; readonly base64: string };
/** What cookiecutter made, or the exception it ended with and Jinja2's words about what is undefined. */
type Outcome =
  | { readonly tree: Readonly<Record<string, Entry>> }
  | { readonly fault: string; readonly words: string | null };
type Case = Outcome & { readonly template: string; readonly answers: Readonly<Record<string, string>> };

/** Our error for each of cookiecutter's exceptions. */
const codes: Readonly<Record<string, string>> = {
  UndefinedVariableInTemplate: 'TEMPLATE_VARIABLE_UNDEFINED',
  FileNotFoundError: 'TEMPLATE_INVALID',
  UnicodeDecodeError: 'TEMPLATE_INVALID',
  TemplateSyntaxError: 'TEMPLATE_INVALID',
  OutputDirExistsException: 'PROJECT_FOLDER_EXISTS',
};
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

/** Renders as the command does, from the choice among nested templates on, and compares with what cookiecutter made. */
function agreesWith(
  outcome: Outcome,
  template: string,
  answers: Readonly<Record<string, string>>,
): Promise<RenderedProject | undefined> {
  return inTemporary(async (folder) => {
    const out = join(folder, 'out');
    const nested = await chooseNested(join(fixtures, template), undefined);
    const templateFolder = await runPrePrompt(nested);
    const request = {
      ...requestOf(template, out, answers),
      templateFolder,
      ...(python === undefined ? {} : { python }),
    };
    if ('tree' in outcome) {
      const made = await renderTemplate(request);
      assert.deepEqual(readable(treeOf(out)), readable(outcome.tree));
      return made;
    }
    await assert.rejects(renderTemplate(request), (thrown) => {
      assert.ok(thrown instanceof TilthError, String(thrown));
      assert.equal(thrown.code, codes[outcome.fault], thrown.message);
      assert.ok(thrown.message.includes(outcome.words ?? ''), thrown.message);
      return true;
    });
    assert.equal(existsSync(out), false);
    return undefined;
  });
}

/** The same template and answers by cookiecutter and by us, side by side. */
async function comparedWithCookiecutter(
  template: string,
  answers: Readonly<Record<string, string>>,
): Promise<void> {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with cookiecutter');
  const reference = spawnSync(python, [join(fixtures, 'expect.py'), template, JSON.stringify(answers)], {
    encoding: 'utf8',
  });
  assert.equal(reference.status, 0, reference.stderr);
  await agreesWith(JSON.parse(reference.stdout) as Outcome, template, answers);
}

test('our own template is one that cookiecutter renders alike', { skip: needsReference }, () =>
  comparedWithCookiecutter('../../../templates/ml-project', {
    project_title: "Ada's 2nd flights",
    author: 'Zoë "Z" Example',
  }),
);

for (const [index, each] of cases.entries()) {
  const { template, answers } = each;
  const needsPython = template === 'extension';
  test(
    `the template "${template}" becomes what cookiecutter made of it (case ${index})`,
    {
      skip:
        needsPython && python === undefined && process.env['CI'] === undefined
          ? 'needs TILTH_TEST_PYTHON'
          : false,
    },
    async () => {
      const made = await agreesWith(each, template, answers);
      assert.equal(made?.askedPythonFor !== undefined, needsPython);
    },
  );
}

test('and what the cookiecutter that is installed makes of them', { skip: needsReference }, async () => {
  for (const { template, answers } of cases) await comparedWithCookiecutter(template, answers);
});

test('asked to, the real Jinja2 renders them all alike', { skip: needsReference }, async () => {
  for (const each of cases.filter((one) =>
    ['variables', 'files', 'language', 'names', 'undefined-file'].includes(one.template),
  )) {
    const { template, answers } = each;
    await inTemporary(async (folder) => {
      const rendering = renderTemplate({ ...requestOf(template, folder, answers), engine: 'python', python });
      if ('fault' in each)
        await assert.rejects(rendering, (thrown) => String(thrown).includes(each.words ?? ''));
      else {
        assert.equal((await rendering).askedPythonFor, 'it was asked to render with Python');
        assert.deepEqual(readable(treeOf(folder)), readable(each.tree));
      }
    });
  }
});

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

/** A template with one file and what else is given, in a folder of its own. */
function templateOf(folder: string, files: Readonly<Record<string, string>>): string {
  const template = join(folder, 'template');
  for (const [path, content] of Object.entries({ 'cookiecutter.json': '{"name": "project"}', ...files })) {
    mkdirSync(dirname(join(template, path)), { recursive: true });
    writeFileSync(join(template, path), content);
  }
  return template;
}
const root = '{{cookiecutter.name}}';

test('a project that is rendered over is as it was when a hook fails half way', () =>
  inTemporary(async (folder) => {
    const template = templateOf(folder, {
      [`${root}/mine.txt`]: 'of the template',
      [`${root}/new/file.txt`]: 'new',
      'hooks/post_gen_project.py':
        'import os, sys\nos.remove("gone.txt")\nopen("kept/a.txt", "w").write("changed")\nsys.exit(1)\n',
    });
    const project = join(folder, 'out', 'project');
    mkdirSync(join(project, 'kept'), { recursive: true });
    for (const name of ['mine.txt', 'gone.txt', 'kept/a.txt', 'untouched.txt'])
      writeFileSync(join(project, name), `mine ${name}`);
    chmodSync(join(project, 'mine.txt'), 0o600);
    symlinkSync('mine.txt', join(project, 'link'));
    const before = readable(treeOf(project));
    const untouched = statSync(join(project, 'untouched.txt'));
    const request = { ...requestOf('files', join(folder, 'out')), templateFolder: template };
    await assert.rejects(
      renderTemplate({ ...request, ifExists: 'overwrite' }),
      failsWith('TEMPLATE_HOOK_FAILED'),
    );
    assert.deepEqual(readable(treeOf(project)), before);
    assert.equal(statSync(join(project, 'mine.txt')).mode & 0o777, 0o600);
    assert.equal(lstatSync(join(project, 'link')).isSymbolicLink(), true);
    assert.equal(statSync(join(project, 'untouched.txt')).ino, untouched.ino);
    assert.deepEqual(readdirSync(join(folder, 'out')), ['project']);
  }));

test('nothing is written through a link of the project that leads out; one that stays inside is followed', () =>
  inTemporary(async (folder) => {
    const template = templateOf(folder, {
      [`${root}/a.txt`]: 'of the template',
      [`${root}/sub/b.txt`]: 'of the template',
    });
    const project = join(folder, 'out', 'project');
    const outside = join(folder, 'outside');
    const request: RenderRequest = {
      ...requestOf('files', join(folder, 'out')),
      templateFolder: template,
      ifExists: 'overwrite',
    };
    for (const [link, target] of [
      ['sub', outside],
      ['a.txt', join(outside, 'secret')],
      ['a.txt', join(outside, 'not-there')],
    ] as const) {
      rmSync(project, { recursive: true, force: true });
      mkdirSync(project, { recursive: true });
      mkdirSync(outside, { recursive: true });
      writeFileSync(join(outside, 'secret'), 'secret');
      symlinkSync(target, join(project, link));
      await assert.rejects(renderTemplate(request), failsWith('TEMPLATE_PATH_REFUSED'), link);
      assert.deepEqual(readdirSync(project), [link]);
      assert.deepEqual(readdirSync(outside), ['secret']);
      assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
    }
    rmSync(join(project, 'a.txt'));
    mkdirSync(join(project, 'elsewhere'));
    symlinkSync('elsewhere', join(project, 'sub'));
    await renderTemplate(request);
    assert.equal(readFileSync(join(project, 'elsewhere', 'b.txt'), 'utf8'), 'of the template');
    assert.equal(lstatSync(join(project, 'sub')).isSymbolicLink(), true);
  }));

test('a pipe in a template is told, not waited for', () =>
  inTemporary(async (folder) => {
    const template = templateOf(folder, { [`${root}/a.txt`]: 'fine' });
    assert.equal(spawnSync('mkfifo', [join(template, root, 'pipe')]).status, 0);
    const request = { ...requestOf('files', join(folder, 'out')), templateFolder: template };
    await assert.rejects(renderTemplate(request), (thrown) => {
      assert.ok(failsWith('TEMPLATE_INVALID')(thrown));
      assert.match(String(thrown), /pipe: it is neither a file nor a folder/);
      return true;
    });
    assert.equal(existsSync(join(folder, 'out')), false);
  }));

test('a link inside of a folder that is only copied can not bring in what lies outside', () =>
  inTemporary(async (folder) => {
    const template = templateOf(folder, {
      'cookiecutter.json': '{"name": "project", "_copy_without_render": ["raw"]}',
      [`${root}/raw/a.txt`]: 'fine',
    });
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(template, root, 'raw', 'link'));
    const request = { ...requestOf('files', join(folder, 'out')), templateFolder: template };
    await assert.rejects(renderTemplate(request), failsWith('TEMPLATE_PATH_REFUSED'));
    assert.equal(existsSync(join(folder, 'out')), false);
  }));
