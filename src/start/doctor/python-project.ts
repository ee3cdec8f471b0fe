import { isDockerfile } from './dockerfile.ts';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';
import {
  at,
  dependenciesOf,
  isTable,
  isText,
  lastLineOf,
  lineOf,
  pyprojectFile,
  pythonRange,
  readPyproject,
  tableAt,
  usesPoetry,
  type Dependency,
  type Pyproject,
} from './pyproject.ts';
import { compareVersions, isWithin, lowestOf } from './python-versions.ts';
import {
  distributionName,
  isDistributionName,
  movedKeys,
  withStandardMetadata,
} from './standard-metadata.ts';
import { withRuffLintTable } from './ruff-settings.ts';

export const pythonProject: Check = {
  id: 'python',
  title: 'pyproject.toml, its lock and its dependencies',
  practice: 'start',
  find(files) {
    const read = readPyproject(files);
    if (read === undefined) return [];
    if ('fault' in read) {
      return [
        {
          id: 'python/invalid-toml',
          severity: 'error',
          file: pyprojectFile,
          line: read.line,
          message: 'pyproject.toml is not TOML, so nothing can install the project',
          why: `${read.fault}.`,
          remedy: 'Correct the line.',
        },
      ];
    }
    return [
      ...metadata(files, read),
      ...rootPackage(files, read),
      ...lock(files, read),
      ...dependencies(files, read),
      ...ruff(files, read),
    ];
  },
};

const inPyproject = { file: pyprojectFile } as const;

function metadata(files: ProjectFiles, read: Pyproject): Finding[] {
  const { data } = read;
  const poetry = tableAt(data, 'tool', 'poetry');
  const name = at(data, 'project', 'name') ?? poetry['name'];
  const findings: Finding[] = [];
  const nameKeys = isTable(data['project']) ? ['project', 'name'] : ['tool', 'poetry', 'name'];
  const deprecated = isTable(data['project'])
    ? []
    : [...movedKeys, 'urls', 'scripts'].filter((key) => poetry[key] !== undefined);
  const hasLock = files.has('poetry.lock');
  const moved =
    deprecated.length === 0
      ? undefined
      : (withStandardMetadata(read, hasLock) ?? withStandardMetadata(read, true));
  const move =
    moved === undefined ? undefined : (target: ProjectFiles): void => target.write(pyprojectFile, moved);
  if (isText(name) && !isDistributionName(name)) {
    findings.push({
      id: 'python/name',
      severity: 'warning',
      ...inPyproject,
      line: lineOf(read, ...nameKeys),
      message: `the name ${JSON.stringify(name)} is a title; pip, uv and PyPI take letters, digits, - _ and .`,
      why: 'A distribution is installed, cached and required by this name; Poetry lets it pass only in its own old table.',
      remedy: `Name it ${JSON.stringify(distributionName(name))}; the title has its place in the README.`,
      fix: move,
    });
  }
  if (deprecated.length > 0) {
    findings.push({
      id: 'python/poetry-metadata',
      severity: 'warning',
      ...inPyproject,
      line: lineOf(read, 'tool', 'poetry'),
      message: `\`poetry check\` warns: ${deprecated.join(', ')} of [tool.poetry] belong in [project]`,
      why: 'Since version 2 Poetry reads the standard table (PEP 621), which uv, pip and editors read too; its own is deprecated.',
      remedy: hasLock
        ? 'Move them to [project]; the dependencies may stay where they are, as dynamic, so that poetry.lock stays valid.'
        : 'Move them to [project], with requires-python and dependencies.',
      fix: move,
    });
  }
  if (Array.isArray(at(data, 'tool', 'poetry', 'authors')) || Array.isArray(at(data, 'project', 'authors'))) {
    const authors = JSON.stringify(at(data, 'project', 'authors') ?? poetry['authors']);
    if (/your[ _-]?(?:full[ _-]?)?name|you@|name@example|your[._-]?e?mail|john doe|jane doe/i.test(authors)) {
      findings.push({
        id: 'python/author-placeholder',
        severity: 'info',
        ...inPyproject,
        line: lineOf(
          read,
          ...(isTable(data['project']) ? ['project', 'authors'] : ['tool', 'poetry', 'authors']),
        ),
        message: `the authors are the template's placeholder: ${authors}`,
        why: 'Nobody knows whom to ask, and a published package would carry it.',
        remedy: 'Write your name and address.',
      });
    }
  }
  const devTable = /^\[tool\.poetry\.dev-dependencies\]/m.exec(read.text)?.[0];
  if (poetry['dev-dependencies'] !== undefined) {
    findings.push({
      id: 'python/dev-dependencies',
      severity: 'warning',
      ...inPyproject,
      line: lineOf(read, 'tool', 'poetry', 'dev-dependencies'),
      message: '`poetry check` warns: [tool.poetry.dev-dependencies] is deprecated and will be removed',
      why: 'Groups took its place; this is the group dev.',
      remedy: `Call it [tool.poetry.group.dev.dependencies]${hasLock ? ', then run `poetry lock`' : ''}.`,
      // the lock holds a hash of the table under its name
      fix:
        hasLock || devTable === undefined || at(poetry, 'group', 'dev') !== undefined
          ? undefined
          : (target) =>
              target.write(
                pyprojectFile,
                read.text.replace(devTable, '[tool.poetry.group.dev.dependencies]'),
              ),
    });
  }
  const addresses = [
    ...['homepage', 'repository', 'documentation'].map((key) => ['tool', 'poetry', key]),
    ...Object.keys(tableAt(data, 'project', 'urls')).map((key) => ['project', 'urls', key]),
  ];
  for (const path of addresses) {
    const address = at(data, ...path);
    if (!usesPoetry(read) || !isText(address) || /^[a-z][a-z\d+.-]*:/i.test(address)) continue;
    findings.push({
      id: 'python/address',
      severity: 'error',
      ...inPyproject,
      line: lineOf(read, ...path),
      message: `every poetry command stops: ${path.join('.')} must be uri`,
      why: `${JSON.stringify(address)} is not an address, and Poetry checks that it is one.`,
      remedy: 'Write the whole address with https://, or take the key out.',
    });
  }
  const readme = at(data, 'project', 'readme') ?? poetry['readme'];
  if (isText(readme) && !files.has(readme)) {
    findings.push({
      id: 'python/readme-missing',
      severity: 'error',
      ...inPyproject,
      line: lineOf(
        read,
        ...(at(data, 'project', 'readme') === undefined
          ? ['tool', 'poetry', 'readme']
          : ['project', 'readme']),
      ),
      message: `readme names ${readme}, which is not there: installing or building the project fails`,
      why: 'Every build backend reads the file for the metadata of the package.',
      remedy: `Write ${readme}, or take the key out.`,
    });
  }
  return findings;
}

/** Poetry installs the project itself too, and must find its package. */
function rootPackage(files: ProjectFiles, read: Pyproject): Finding[] {
  const { data } = read;
  const poetry = tableAt(data, 'tool', 'poetry');
  const name = at(data, 'project', 'name') ?? poetry['name'];
  const backend = at(data, 'build-system', 'build-backend');
  const hasOtherBackend = isText(backend) && !backend.startsWith('poetry');
  if (!usesPoetry(read) || hasOtherBackend || !isText(name) || poetry['package-mode'] === false) return [];
  if (poetry['packages'] !== undefined || poetry['include'] !== undefined) return [];
  const module = distributionName(name).replaceAll(/[-.]/g, '_');
  if ([module, `${module}.py`, `src/${module}`, `src/${module}.py`].some((path) => files.has(path)))
    return [];
  const found = packageThere(files);
  const line =
    found === undefined
      ? 'package-mode = false'
      : `packages = [{ include = ${JSON.stringify(found.include)}${found.from === undefined ? '' : `, from = ${JSON.stringify(found.from)}`} }]`;
  return [
    {
      id: 'python/root-not-installable',
      severity: 'error',
      ...inPyproject,
      line: lineOf(read, 'tool', 'poetry'),
      message: `\`poetry install\` ends with an error: no file or folder found for package ${distributionName(name)}`,
      why: `Without \`packages\` Poetry looks for ${module} and src/${module}; ${found === undefined ? 'there is no package at all' : `the code is in ${found.from === undefined ? '' : `${found.from}/`}${found.include}`}.`,
      remedy: `Add to [tool.poetry]: ${line}`,
      fix: (target) => target.write(pyprojectFile, withPoetryLine(read, line)),
    },
  ];
}

/** The one package of the project: `src/NAME`, `src` itself, or `NAME`. */
function packageThere(files: ProjectFiles): { readonly include: string; readonly from?: string } | undefined {
  const packages = files.paths
    .filter((path) => path.endsWith('/__init__.py'))
    .map((path) => path.slice(0, -'/__init__.py'.length));
  const inSrc = packages.filter((path) => /^src\/[^/]+$/.test(path));
  const atTop = packages.filter(
    (path) => !path.includes('/') && !/^(?:tests?|docs?|examples?|scripts|notebooks|conftest)$/.test(path),
  );
  if (atTop.includes('src')) return { include: 'src' };
  if (inSrc.length === 1) return { include: inSrc[0]?.slice(4) ?? '', from: 'src' };
  return inSrc.length === 0 && atTop.length === 1 ? { include: atTop[0] ?? '' } : undefined;
}

function withPoetryLine(read: Pyproject, line: string): string {
  const lines = read.text.split('\n');
  const tables = read.document.cst.filter((block) => block.type === 'Table');
  const table = tables.find(({ key }) => key.item.value.join('.') === 'tool.poetry');
  if (table !== undefined) lines.splice(lastLineOf(table), 0, line);
  else {
    const before = tables.find(({ key }) => key.item.value[0] !== 'project');
    lines.splice((before?.loc.start.line ?? lines.length + 1) - 1, 0, '[tool.poetry]', line, '');
  }
  return lines.join('\n');
}

function lock(files: ProjectFiles, read: Pyproject): Finding[] {
  if (!usesPoetry(read) || dependenciesOf(read).length === 0) return [];
  if (files.has('uv.lock') || files.has('pdm.lock')) return [];
  if (!files.has('poetry.lock')) {
    return [
      {
        id: 'python/no-lock',
        // a library is installed beside others and leaves the choice to them
        severity: isApplication(files, read) ? 'warning' : 'info',
        ...inPyproject,
        line: lineOf(read, 'tool', 'poetry'),
        message: 'there is no poetry.lock: two people who install today and tomorrow get different versions',
        why: 'Only the lock says which versions were meant, so without it no result can be made again.',
        remedy: 'Run `poetry lock` and commit poetry.lock.',
      },
    ];
  }
  if (files.isRepository && !files.tracked.has('poetry.lock') && !files.paths.includes('poetry.lock')) {
    return [
      {
        id: 'python/lock-ignored',
        severity: 'warning',
        file: '.gitignore',
        message: 'poetry.lock is ignored by git: colleagues, CI and image builds never see it',
        why: 'An application shares its lock; that is what makes an environment the same everywhere.',
        remedy: 'Take poetry.lock out of .gitignore and commit it.',
      },
    ];
  }
  return [];
}

const notebookTools = new Set([
  'notebook',
  'jupyter',
  'jupyterlab',
  'ipykernel',
  'ipywidgets',
  'plotly',
  'seaborn',
  'plotnine',
  'bokeh',
  'streamlit',
]);
const learners = new Set([
  'scikit-learn',
  'xgboost',
  'lightgbm',
  'catboost',
  'torch',
  'tensorflow',
  'keras',
  'jax',
]);
const trackers = new Set([
  'mlflow',
  'mlflow-skinny',
  'wandb',
  'neptune',
  'comet-ml',
  'clearml',
  'dvclive',
  'aim',
  'tensorboard',
  'kedro-mlflow',
  'sacred',
]);

function dependencies(files: ProjectFiles, read: Pyproject): Finding[] {
  const asked = dependenciesOf(read);
  const findings: Finding[] = [];
  const dvc = asked.find(({ name }) => name === 'dvc');
  if (dvc !== undefined && isBefore(dvc.constraint, '3.0')) {
    const hasLock = files.has('poetry.lock') || files.has('uv.lock');
    const isOpen = !hasLock && !asked.some(({ name }) => name === 'pathspec');
    const hasData = files.has('dvc.lock') || files.has('.dvc/cache');
    findings.push({
      id: 'python/dvc-2',
      severity: isOpen ? 'error' : 'warning',
      ...inPyproject,
      line: lineOf(read, ...dvc.path),
      message: isOpen
        ? `\`dvc status\`, add and repro stop: "cannot import name '_DIR_MARK' from 'pathspec…'" (dvc ${dvc.constraint})`
        : `dvc ${dvc.constraint} keeps the project on DVC 2, which has had no release since May 2023`,
      why: isOpen
        ? 'DVC 2 takes whatever pathspec is newest, and that no longer has what DVC 2 imports; its last release was in May 2023.'
        : 'It reads no data that DVC 3 wrote, and breaks with libraries that have moved on.',
      remedy: `Ask for "dvc>=3,<4"${hasData ? ', then run `dvc cache migrate`' : ''}.`,
      fix: isOpen && !hasData ? (target) => askForDvc3(target, read, dvc) : undefined,
    });
  }
  const heavy = asked.filter(({ name, group }) => group === 'dev' && notebookTools.has(name));
  const isOptional = at(read.data, 'tool', 'poetry', 'group', 'dev', 'optional') === true;
  if (heavy.length >= 3 && !isOptional) {
    findings.push({
      id: 'python/heavy-dev-group',
      severity: 'info',
      ...inPyproject,
      line: lineOf(read, ...(heavy[0]?.path.slice(0, -1) ?? [])),
      message: `every \`poetry install\` brings notebooks and plots: ${heavy.map(({ name }) => name).join(', ')}`,
      why: 'They stand in the group that everybody and every CI job installs, and pull in about a hundred packages.',
      remedy: 'Give them a group of their own with `optional = true`; who explores adds `--with notebooks`.',
    });
  }
  const main = asked.filter(({ group }) => group === 'main');
  if (main.some(({ name }) => learners.has(name)) && !asked.some(({ name }) => trackers.has(name))) {
    findings.push({
      id: 'python/no-tracker',
      severity: 'info',
      ...inPyproject,
      line: lineOf(read, ...(main.find(({ name }) => learners.has(name))?.path ?? [])),
      message: 'nothing that the project depends on records runs, parameters and metrics',
      why: 'A model whose run was not recorded can be neither compared nor made again.',
      remedy: 'Run `poetry add mlflow-skinny` and log to the server of `tilth up`.',
    });
  }
  const range = pythonRange(read);
  const pinned = files.text('.python-version')?.trim().split('\n')[0]?.trim();
  if (
    range !== undefined &&
    pinned !== undefined &&
    /^3\.\d+\.\d+$/.test(pinned) &&
    isWithin(pinned, range) === false
  ) {
    findings.push({
      id: 'python/pinned-python-outside',
      severity: 'error',
      file: '.python-version',
      line: 1,
      message: `.python-version says ${pinned}, and the project wants ${range}`,
      why: 'pyenv and uv take the first, then the installation stops at the second.',
      remedy: 'Let both say the same.',
    });
  }
  return findings;
}

/** Something that runs or is trained, and not only a library for others. */
const isApplication = (files: ProjectFiles, read: Pyproject): boolean =>
  files.has('.dvc/config') ||
  files.paths.some(isDockerfile) ||
  dependenciesOf(read).some(
    ({ name, group }) => group === 'main' && (learners.has(name) || name === 'hydra-core'),
  );

/** Whether every version that the constraint lets in is older. */
const isBefore = (constraint: string, version: string): boolean =>
  isWithin(version, constraint) === false && compareVersions(lowestOf(constraint) ?? '999', version) < 0;

function askForDvc3(files: ProjectFiles, read: Pyproject, { constraint }: Dependency): void {
  const quoted = constraint.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const inTable = new RegExp(`^(\\s*dvc\\s*=.*["'])${quoted}(["'])`, 'm');
  const inList = new RegExp(`^(.*["']dvc(?:\\[[^\\]]*\\])?\\s*\\(?)${quoted}(\\)?["'])`, 'm');
  const text = inTable.test(read.text)
    ? read.text.replace(inTable, '$1>=3,<4$2')
    : read.text.replace(inList, '$1>=3,<4$2');
  files.write(pyprojectFile, text);
}

function ruff(files: ProjectFiles, read: Pyproject): Finding[] {
  const edit = withRuffLintTable(read);
  if (edit === undefined) return [];
  const { text } = edit;
  const hook = /ruff-pre-commit\b[^\n]*\n\s*rev:\s*["']?v?(\d+\.\d+\.\d+)/.exec(
    files.text('.pre-commit-config.yaml') ?? '',
  );
  const asked = dependenciesOf(read).find(({ name }) => name === 'ruff');
  // `lint` is a table since 0.1.0; an older ruff stops at it
  const isOld = [hook?.[1], asked === undefined ? undefined : lowestOf(asked.constraint)].some(
    (version) => version !== undefined && compareVersions(version, '0.1.0') < 0,
  );
  return [
    {
      id: 'python/ruff-lint-keys',
      severity: 'warning',
      ...inPyproject,
      line: lineOf(read, 'tool', 'ruff', edit.keys[0] ?? ''),
      message: `ruff warns on every run: ${edit.keys.join(', ')} of [tool.ruff] belong in [tool.ruff.lint]`,
      why: 'Settings of the linter have had a table of their own since ruff 0.1, apart from those of the formatter.',
      remedy: isOld
        ? 'Bring ruff to 0.1 or later first (an older one does not know the table), then move the keys.'
        : 'Move the keys to [tool.ruff.lint].',
      fix: isOld || text === undefined ? undefined : (target) => target.write(pyprojectFile, text),
    },
  ];
}
