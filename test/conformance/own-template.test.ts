import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DockerfileParser } from 'dockerfile-ast';
import { parse, parseDocument } from 'yaml';
import { packagePath } from '../../src/platform/package-root.ts';
import { readDeclaration } from '../../src/start/project/declaration.ts';
import { renderTemplate } from '../../src/start/template/render-template.ts';
import { TilthError } from '../../src/platform/errors.ts';

// What needs Poetry and an environment is in test/journeys/first-model.test.ts. No container is built anywhere.
const templateFolder = packagePath('templates', 'ml-project');
const place = mkdtempSync(join(tmpdir(), 'tilth own template '));
after(() => rmSync(place, { recursive: true, force: true }));
let count = 0;

async function render(answers: Readonly<Record<string, string>> = {}): Promise<string> {
  const outputFolder = join(place, String((count += 1)));
  const { folder, askedPythonFor } = await renderTemplate({
    templateFolder,
    template: 'ours',
    outputFolder,
    answers: new Map(Object.entries(answers)),
  });
  assert.equal(askedPythonFor, undefined, 'our template needs no Python');
  return folder;
}

/** What `rgalindor/data-science-cookiecutter` asks for, with its own defaults. */
const anchor = {
  project_title: 'Cookiecutter Personal',
  project_slug: 'cookiecutter_personal',
  description: 'Something cool',
  author: 'Your name',
  project_packages: 'All',
  python_version: '>=3.11.1,<3.12',
  python_image_version: '3.11-slim',
  docker_dev_port: '8000',
};
const odd = {
  project_title: 'Class "A": \\ 2nd 100 %',
  description: 'Says "yes" or \\no; ü 🙂 # {0}',
  author: 'Zoë "Z" O\'Neil, Ph.D. <zoe@example.org>',
  project_packages: 'Minimal',
  python_version: '3.14',
  docker_dev_port: '9001',
};
const all: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no answers': {},
  'the anchor template’s answers': anchor,
  'odd answers': odd,
};

for (const [name, answers] of Object.entries(all)) {
  describe(`a project of ${name}`, () => {
    test('has nothing left to fill in, and YAML that can be read', async () => {
      const folder = await render(answers);
      const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      );
      assert.ok(files.length > 50);
      for (const { parentPath, name: file } of files) {
        const text = readFileSync(join(parentPath, file), 'utf8');
        assert.doesNotMatch(text, /cookiecutter\.|\{%/, `${file} is rendered`);
        if (file !== 'poetry.lock' && text !== '')
          assert.ok(text.endsWith('\n') && !text.endsWith('\n\n'), `${file} ends with one line break`);
        if (/\.ya?ml$/.test(file)) assert.deepEqual(parseDocument(text).errors, [], file);
      }
    });

    test('says in tilth.yaml and in the contract whose it is', async () => {
      const folder = await render(answers);
      const owner = answers['author'] ?? 'Ada Example';
      const { datasets, models } = readDeclaration(folder);
      // two projects of the template may be on one server: each has a model of its own
      const model = Object.keys(models)[0] ?? '';
      assert.match(model, /^[a-z0-9][a-z0-9-]{0,63}$/);
      assert.deepEqual([datasets['flights']?.owner, models[model]?.owner], [owner, owner]);
      const contract = parse(readFileSync(join(folder, 'data/raw.odcs.yaml'), 'utf8')) as {
        team: { members: [{ username: string }] };
      };
      assert.equal(contract.team.members[0].username, owner);
    });

    test('has images that are not root, use the lock and say whether they are healthy, on the port of the answers', async () => {
      const folder = await render(answers);
      const port = answers['docker_dev_port'] ?? '8000';
      const image = `python:${answers['python_image_version'] ?? `${answers['python_version'] ?? '3.11'}-slim`}`;
      const dockerfile = DockerfileParser.parse(readFileSync(join(folder, 'Dockerfile'), 'utf8'));
      const stages = dockerfile
        .getFROMs()
        .map((from) => ({ image: from.getImage(), name: from.getBuildStage() }));
      assert.deepEqual(stages, [
        { image, name: 'build' },
        { image: 'build', name: 'test' },
        { image, name: 'base' },
        { image: 'base', name: 'pipeline' },
        { image: 'base', name: 'app' },
      ]);
      const lines = dockerfile
        .getInstructions()
        .map((line) => `${line.getKeyword()} ${line.getArgumentsContent() ?? ''}`);
      const stage = (name: string): string[] => {
        const begin = lines.findIndex((line) => line.startsWith('FROM') && line.endsWith(` AS ${name}`));
        const end = lines.findIndex((line, at) => at > begin && line.startsWith('FROM'));
        return lines.slice(begin, end === -1 ? undefined : end);
      };
      for (const name of ['test', 'pipeline', 'app'])
        assert.ok(stage(name).includes('USER 10001:10001'), name);
      const app = stage('app').join('\n');
      assert.match(app, new RegExp(`HEALTHCHECK [^]*127\\.0\\.0\\.1:${port}/health`));
      assert.match(app, new RegExp(`EXPOSE ${port}\n`));
      const build = stage('build');
      assert.ok(
        build.findIndex((line) => line.startsWith('COPY pyproject.toml poetry.lock')) <
          build.findIndex((line) => line.startsWith('RUN poetry install')),
      );
      // what is copied must pass .dockerignore, and be there but for what is trained first
      const kept = readFileSync(join(folder, '.dockerignore'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .map((line) => line.slice(1));
      const copied = dockerfile
        .getCOPYs()
        .filter((copy) => copy.getFromFlag() === null)
        .flatMap((copy) =>
          copy
            .getArguments()
            .slice(0, -1)
            .map((one) => one.getValue().replace(/\/$/, '')),
        );
      for (const path of copied) {
        assert.ok(
          kept.some((one) => one === path || one.startsWith(`${path}/`)),
          `${path} passes .dockerignore`,
        );
        assert.ok(path === 'models' || existsSync(join(folder, path)), `${path} is there`);
      }
      const compose = parse(readFileSync(join(folder, 'compose.yaml'), 'utf8')) as {
        services: Record<string, { build: { target: string }; ports?: string[]; env_file?: unknown }>;
      };
      assert.deepEqual(compose.services['app']?.ports, [`127.0.0.1:\${PORT:-${port}}:${port}`]);
      for (const {
        build: { target },
        env_file: file,
      } of Object.values(compose.services)) {
        assert.ok(stages.some(({ name: known }) => known === target));
        assert.equal(file, undefined, 'no file that is not there is needed');
      }
    });
  });
}

test('the answers of the anchor template name Python, packages and port here too', async () => {
  const folder = await render(anchor);
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  assert.equal(read('.python-version'), '3.11\n');
  assert.match(read('pyproject.toml'), /^name = "cookiecutter-personal"$/m);
  assert.match(read('pyproject.toml'), /^requires-python = ">=3\.11,<3\.15"$/m);
  assert.ok(existsSync(join(folder, 'src', 'cookiecutter_personal', 'app.py')));
  const minimal = await render({ ...anchor, project_packages: 'Minimal' });
  for (const [file, group] of [
    ['pyproject.toml', 'group.docs'],
    ['poetry.lock', 'name = "pdoc"'],
    ['Makefile', '--with docs'],
    ['README.md', '--with docs'],
  ]) {
    assert.ok(read(file ?? '').includes(group ?? ''), `${file} of All`);
    assert.ok(!readFileSync(join(minimal, file ?? ''), 'utf8').includes(group ?? ''), `${file} of Minimal`);
  }
});

test('Python may be given as a version or as a range; what the lock does not cover is refused before anything is written', async () => {
  const chosen = async (version: string): Promise<string> =>
    readFileSync(join(await render({ python_version: version }), '.python-version'), 'utf8').trim();
  for (const [given, python] of [
    ['3.11', '3.11'],
    ['3.13.3', '3.13'],
    ['>=3.11.1,<3.12', '3.11'],
    ['^3.8', '3.11'],
    ['>=3.12, <4', '3.12'],
    ['~3.14', '3.14'],
  ]) {
    assert.equal(await chosen(given ?? ''), python, given);
  }
  for (const given of ['3.9', '3.15', '>=3.8,<3.11', 'three'])
    await assert.rejects(render({ python_version: given }), names('python_version_must_allow'));
  await assert.rejects(render({ docker_dev_port: 'http' }), names('docker_dev_port_must_be'));
  await assert.rejects(render({ package: 'not-a-name' }), names('package_must_be'));
  assert.equal(existsSync(join(place, String(count))), false);
});

test('an answer that is refused is named, with what it must be', async () => {
  await assert.rejects(render({ model: 'two words' }), (thrown: TilthError) => {
    assert.equal(thrown.code, 'TEMPLATE_VARIABLE_UNDEFINED');
    assert.match(thrown.hint ?? '', /: model must be letters digits and dashes\.$/);
    return true;
  });
});

test('a package is never named like a module that Python or a library has', async () => {
  for (const [title, name] of [
    ['Class', 'p_class'],
    ['Test', 'p_test'],
    ['MLflow', 'p_mlflow'],
    ['2nd try', 'p_2nd_try'],
    ['Grüße', 'grusse'],
  ]) {
    const folder = await render({ project_title: title ?? '' });
    assert.deepEqual(readdirSync(join(folder, 'src')), [name]);
  }
});

test('both locks name no index, and what is in both has one version', () => {
  const packages = (choice: string): Map<string, string> => {
    const text = readFileSync(join(templateFolder, 'templates', `poetry-${choice}.lock`), 'utf8');
    assert.ok(!/\[package\.source\]|^(?!description).*https?:/m.test(text), 'no address of an index');
    assert.ok(/^python-versions = ">=3\.11,<3\.15"$/m.test(text));
    return new Map(
      [...text.matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm)].map(([, name = '', version = '']) => [
        name,
        version,
      ]),
    );
  };
  const everything = packages('all');
  const minimal = packages('minimal');
  assert.ok(minimal.size > 60 && everything.size > minimal.size + 50);
  for (const [name, version] of minimal) assert.equal(everything.get(name), version, name);
});

const names = (variable: string) => (thrown: unknown) =>
  thrown instanceof TilthError && thrown.message.includes(variable);
