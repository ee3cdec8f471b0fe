import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { runToEnd, scriptOf, templateFolder, temporaryFolder, tilth, versionsIn } from '../processes.ts';

const manyFiles = 200;

/** A project folder from a template: `tilth start` and `cookiecutter`, whole processes. */
export async function measureStart({ rounds }: Effort): Promise<Practice> {
  const figures: Figure[] = [];
  const checked: string[] = [];
  for (const { name, template } of [
    { name: 'our template', template: templateFolder },
    { name: `a template of ${manyFiles} files`, template: templateOfManyFiles() },
  ]) {
    const render = async (command: (out: string) => string[]): Promise<{ out: string; round: Round }> => {
      const out = temporaryFolder('start');
      const { seconds, cpuMs } = await runToEnd(command(out));
      return { out, round: { value: seconds * 1000, cpuMs } };
    };
    const ours = (): ReturnType<typeof render> =>
      render((out) => tilth('start', template, '--no-git', '--no-install', '--no-input', '-o', out));
    const peer = (): ReturnType<typeof render> =>
      render((out) => [scriptOf('start', 'cookiecutter'), template, '--no-input', '-o', out]);
    const fileCount = compareFolders((await ours()).out, (await peer()).out);
    checked.push(`${name}: all ${fileCount} files are equal byte for byte`);
    const found = await inTurns(
      rounds,
      async () => (await ours()).round,
      async () => (await peer()).round,
    );
    figures.push({
      what: `render ${name} (${fileCount} files)`,
      unit: 'ms',
      better: 'less',
      ours: { name: 'tilth start', rounds: found.ours },
      peer: { name: 'cookiecutter', rounds: found.peer },
    });
  }
  return {
    name: 'start',
    peer: 'cookiecutter',
    versions: await versionsIn('start', ['cookiecutter', 'jinja2']),
    checked,
    notEqual: [
      'Ours also asks git which commit the template is at and writes it with the answers into .cruft.json, so that the project can be updated later.',
      'Ours also looks for a server to register the project with, and finds none.',
      'Ours runs from its sources on the Node that comes with it; the launcher bin/tilth.js is one more Node process where the machine has an older one.',
    ],
    figures,
  };
}

/** @returns how many files both have */
function compareFolders(ours: string, peer: string): number {
  const filesOf = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== '.cruft.json')
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort();
  const files = filesOf(ours);
  assert.deepEqual(files, filesOf(peer));
  for (const file of files)
    assert.deepEqual(readFileSync(join(ours, file)), readFileSync(join(peer, file)), file);
  return files.length;
}

/** Folders, a loop, a condition and filters in every file, as real templates have them. */
function templateOfManyFiles(): string {
  const template = temporaryFolder('template');
  writeFileSync(
    join(template, 'cookiecutter.json'),
    JSON.stringify({
      name: 'Many Files',
      slug: "{{ cookiecutter.name | lower | replace(' ', '_') }}",
      parts: '40',
      is_open: ['yes', 'no'],
    }),
  );
  for (let index = 0; index < manyFiles; index++) {
    const folder = join(template, '{{cookiecutter.slug}}', `part_${index % 20}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `{{cookiecutter.slug}}_${index}.py`),
      `"""Part ${index} of {{ cookiecutter.name }}."""\n\n` +
        `{% if cookiecutter.is_open == "yes" %}LICENCE = "MIT"{% else %}LICENCE = None{% endif %}\n\n` +
        `{% for part in range(cookiecutter.parts | int) %}\ndef step_{{ part }}(value):\n    """{{ cookiecutter.slug | title }} {{ loop.index }} of {{ loop.length }}."""\n    return value + {{ part * ${index + 1} }}\n\n{% endfor %}`,
    );
  }
  return template;
}
