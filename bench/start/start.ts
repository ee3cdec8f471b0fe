import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import {
  installedTilth,
  pythonOf,
  runToEnd,
  scriptOf,
  templateFolder,
  temporaryFolder,
  versionsIn,
} from '../processes.ts';

/** Templates from small to large; the last one brings code of its own. */
const templates = [
  { name: 'a template of 3 files', make: () => templateOf(3), hasHooks: false },
  { name: 'our template', make: () => templateFolder, hasHooks: false },
  { name: 'a template of 200 files', make: () => templateOf(200), hasHooks: false },
  {
    name: 'a template of 30 files with two Python hooks',
    make: () => withHooks(templateOf(30)),
    hasHooks: true,
  },
];

/** A project folder from a template: `tilth start` and `cookiecutter`, whole processes. */
export async function measureStart({ rounds }: Effort): Promise<Practice> {
  const figures: Figure[] = [];
  const checked: string[] = [];
  const tilth = await installedTilth();
  // the interpreter that cookiecutter runs hooks with
  const env = { TILTH_PYTHON: pythonOf('start') };
  for (const { name, make, hasHooks } of templates) {
    const template = make();
    const render = async (command: (out: string) => string[]): Promise<{ out: string; round: Round }> => {
      const out = temporaryFolder('start');
      const { seconds, cpuMs } = await runToEnd(command(out), { env });
      return { out, round: { value: seconds * 1000, cpuMs } };
    };
    const flags = ['--no-input', ...(hasHooks ? ['--accept-hooks', 'yes'] : [])];
    const ours = (): ReturnType<typeof render> =>
      render((out) => tilth('start', template, '--no-git', '--no-install', ...flags, '-o', out));
    const peer = (): ReturnType<typeof render> =>
      render((out) => [scriptOf('start', 'cookiecutter'), template, ...flags, '-o', out]);
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
      'Ours also finds the commit that the template is at and writes it with the answers into .cruft.json, so that the project can be updated later.',
      "Ours also looks for a server to register our template's project with, and finds none.",
      'Ours is the built program, as a package has it, on the Node that comes with it; the launcher bin/tilth.js is one more Node process where the machine has an older one.',
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
function templateOf(fileCount: number): string {
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
  for (let index = 0; index < fileCount; index++) {
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

/** A check before and a removal after, which is what most hooks of public templates do. */
function withHooks(template: string): string {
  const hooks = join(template, 'hooks');
  mkdirSync(hooks);
  writeFileSync(
    join(hooks, 'pre_gen_project.py'),
    'import re\nimport sys\n\nif not re.match(r"^[a-z_]+$", "{{ cookiecutter.slug }}"):\n    sys.exit(1)\n',
  );
  writeFileSync(
    join(hooks, 'post_gen_project.py'),
    'import os\nimport shutil\n\nif "{{ cookiecutter.is_open }}" == "yes":\n    shutil.rmtree(os.path.join("part_3"))\n',
  );
  return template;
}
