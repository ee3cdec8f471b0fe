import { posix } from 'node:path';
import { LineCounter, isMap, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';

export const hydraConfig: Check = {
  id: 'hydra',
  title: 'Hydra and its configuration files',
  practice: 'start',
  find(files) {
    const entries = files.paths
      .filter((path) => path.endsWith('.py'))
      .flatMap((path) => entryPoints(files, path));
    const folders = new Set(entries.flatMap(({ folder }) => (folder === undefined ? [] : [folder])));
    return [
      ...[...folders].flatMap((folder) => ignoredFiles(files, folder, entries)),
      ...entries.flatMap((entry) => missingConfig(files, entry)),
      ...[...folders].flatMap((folder) => [
        ...choices(files, folder),
        ...nearMisses(files, folder),
        ...noRecord(files, folder),
      ]),
    ];
  },
};

/** One `@hydra.main(...)`. */
interface EntryPoint {
  readonly file: string;
  readonly line: number;
  /** of the configuration, relative to the project; undefined when it is elsewhere or not written out */
  readonly folder: string | undefined;
  readonly name: string | undefined;
}

function entryPoints(files: ProjectFiles, file: string): EntryPoint[] {
  const text = files.text(file) ?? '';
  return [...text.matchAll(/^[ \t]*@(?:hydra\.)?main\(([^)]*)\)/gm)].flatMap((match) => {
    const given = match[1] ?? '';
    const argument = (name: string): string | undefined =>
      new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)["']`).exec(given)?.[1];
    const path = argument('config_path');
    if (path === undefined && argument('config_name') === undefined) return [];
    const folder =
      path === undefined || path.startsWith('/') || path.startsWith('pkg:')
        ? undefined
        : posix.join(posix.dirname(file), path);
    return {
      file,
      line: text.slice(0, match.index).split('\n').length,
      folder: folder?.startsWith('..') === true ? undefined : folder,
      name: argument('config_name'),
    };
  });
}

const inFolder = (files: ProjectFiles, folder: string): string[] =>
  files.paths.filter((path) => path.startsWith(`${folder}/`));
const withYaml = (path: string): string => path.replace(/\.yml$/, '.yaml');

/** Hydra reads `.yaml` and nothing else. */
function ignoredFiles(files: ProjectFiles, folder: string, entries: readonly EntryPoint[]): Finding[] {
  const ignored = inFolder(files, folder).filter((path) => path.endsWith('.yml'));
  const [first] = ignored;
  if (first === undefined) return [];
  const broken = entries.filter(
    (entry) =>
      entry.folder === folder &&
      entry.name !== undefined &&
      !files.has(`${folder}/${entry.name}.yaml`) &&
      ignored.includes(`${folder}/${entry.name}.yml`),
  );
  const mentions = ignored.filter((path) => isMentioned(files, path));
  const canRename = ignored.every((path) => !files.has(withYaml(path))) && mentions.length === 0;
  const primary = broken[0]?.name ?? '';
  return [
    {
      id: 'hydra/yml-ignored',
      severity: broken.length > 0 ? 'error' : 'warning',
      file: broken.length > 0 ? `${folder}/${primary}.yml` : first,
      line: 1,
      message:
        broken.length > 0
          ? `${broken.map(({ file }) => file).join(' and ')} stop${broken.length === 1 ? 's' : ''} with "Cannot find primary config '${primary}'"`
          : `Hydra does not see ${ignored.join(', ')}`,
      why: `Hydra looks for files that end in .yaml only; ${folder} has ${ignored.length} that end${ignored.length === 1 ? 's' : ''} in .yml.`,
      remedy: `Rename ${ignored.length === 1 ? 'it' : 'them'} to .yaml${mentions.length === 0 ? '.' : `, also where they are named: ${mentions.join(', ')}.`}`,
      fix: canRename ? (target) => ignored.forEach((path) => target.rename(path, withYaml(path))) : undefined,
    },
  ];
}

/** Code or settings open the file by this very path. */
function isMentioned(files: ProjectFiles, path: string): boolean {
  const name = posix.basename(path);
  return files.paths.some((other) => {
    if (
      other.endsWith('.md') ||
      other === path ||
      !/\.(?:py|ya?ml|toml|cfg|sh|ipynb|json)$|Makefile$|Dockerfile/.test(other)
    )
      return false;
    const text = files.text(other) ?? '';
    return text.includes(path) || text.includes(`"${name}"`) || text.includes(`'${name}'`);
  });
}

function missingConfig(files: ProjectFiles, { file, line, folder, name }: EntryPoint): Finding[] {
  if (folder === undefined) return [];
  if (!files.has(folder)) {
    return [
      {
        id: 'hydra/no-config-folder',
        severity: 'error',
        file,
        line,
        message: `${file} stops with "Primary config directory not found": ${folder} is not there`,
        why: 'Hydra takes config_path from the folder of the script, not from where it is started.',
        remedy: 'Correct config_path.',
      },
    ];
  }
  if (name === undefined) return [];
  const wanted = `${folder}/${name.endsWith('.yaml') ? name : `${name}.yaml`}`;
  if (files.has(wanted) || files.has(`${folder}/${name}.yml`)) return [];
  return [
    {
      id: 'hydra/no-primary-config',
      severity: 'error',
      file,
      line,
      message: `${file} stops with "Cannot find primary config '${name}'"`,
      why: `${wanted} is not there.`,
      remedy: name.endsWith('.yml')
        ? `Name it without .yml, and the file with .yaml.`
        : 'Correct config_name, or write the file.',
    },
  ];
}

/** Each file of the defaults lists is there. */
function choices(files: ProjectFiles, folder: string): Finding[] {
  return inFolder(files, folder)
    .filter((path) => /\.ya?ml$/.test(path))
    .flatMap((path) => {
      const counter = new LineCounter();
      const document = parseDocument(files.text(path) ?? '', { lineCounter: counter });
      const defaults: unknown = document.get('defaults');
      if (!isSeq(defaults)) return [];
      return defaults.items.flatMap((item): Finding[] => {
        if (!isMap(item)) return [];
        const [pair] = item.items;
        if (!isPair(pair) || !isScalar(pair.key) || !isScalar(pair.value)) return [];
        const [group, choice] = [String(pair.key.value), pair.value.value];
        const isPlain =
          /^[\w/-]+$/.test(group) &&
          typeof choice === 'string' &&
          /^[\w/-]+$/.test(choice) &&
          choice !== '_self_';
        if (!isPlain || group.startsWith('hydra/')) return [];
        const base = group.startsWith('/')
          ? posix.join(folder, group)
          : posix.join(posix.dirname(path), group);
        const isThere = files.has(`${base}/${choice}.yaml`) || files.has(`${base}/${choice}.yml`);
        // a group that is not here at all comes from a package or another search path
        if (isThere || !files.has(base)) return [];
        const there = inFolder(files, base)
          .filter((other) => posix.dirname(other) === base)
          .map((other) => posix.basename(other).replace(/\.ya?ml$/, ''));
        return [
          {
            id: 'hydra/no-choice',
            severity: 'error',
            file: path,
            line: counter.linePos(pair.value.range?.[0] ?? 0).line,
            message: `every run stops with "In '${posix.basename(path).replace(/\.ya?ml$/, '')}': Could not find '${group}/${choice}'"`,
            why: `${base} has ${there.length === 0 ? 'no file' : there.join(', ')}, and no ${choice}.`,
            remedy: 'Name one that is there, or write the file.',
          },
        ];
      });
    });
}

/** A file whose name is one letter away from how its neighbours are named: no one finds it under the name that is meant. */
function nearMisses(files: ProjectFiles, folder: string): Finding[] {
  const configs = inFolder(files, folder).filter((path) => /\.ya?ml$/.test(path));
  return configs.flatMap((path): Finding[] => {
    const [name, extension] = [posix.basename(path).replace(/\.ya?ml$/, ''), posix.extname(path)];
    const group = posix.basename(posix.dirname(path));
    const [, word = '', rest = ''] = /^([a-z]+)([_-].+)$/i.exec(name) ?? [];
    const hasNeighbour = configs.some(
      (other) =>
        other !== path &&
        posix.dirname(other) === posix.dirname(path) &&
        posix.basename(other).startsWith(`${group}${rest.slice(0, 1)}`),
    );
    if (word === '' || word === group || group.length < 4 || !hasNeighbour || !isOneLetterApart(word, group))
      return [];
    const meant = `${posix.dirname(path)}/${group}${rest}${extension}`;
    const isNamed = files.paths.some((other) => other !== path && (files.text(other) ?? '').includes(name));
    return [
      {
        id: 'hydra/misnamed-choice',
        severity: 'warning',
        file: path,
        line: 1,
        message: `\`${group}=${group}${rest}\` stops with "Could not find '${group}/${group}${rest}'": the file is named ${name}`,
        why: `The others of the group begin with ${group}; a letter is missing or wrong here.`,
        remedy: `Rename it to ${posix.basename(meant)}.`,
        fix: isNamed || files.has(meant) ? undefined : (target) => target.rename(path, meant),
      },
    ];
  });
}

/** One letter is missing, too many or different. */
export function isOneLetterApart(one: string, other: string): boolean {
  if (one === other || Math.abs(one.length - other.length) > 1) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const [left, right] = [one.slice(start), other.slice(start)];
  return left.slice(1) === right.slice(1) || left === right.slice(1) || left.slice(1) === right;
}

function noRecord(files: ProjectFiles, folder: string): Finding[] {
  return inFolder(files, folder)
    .filter((path) => /\.ya?ml$/.test(path))
    .flatMap((path): Finding[] => {
      const counter = new LineCounter();
      const document = parseDocument(files.text(path) ?? '', { lineCounter: counter });
      if (document.errors.length > 0 || !isMap(document.contents)) return [];
      const directory = document.getIn(['hydra', 'run', 'dir'], true);
      if (
        !isScalar(directory) ||
        directory.value !== '.' ||
        document.getIn(['hydra', 'output_subdir']) !== null
      )
        return [];
      return [
        {
          id: 'hydra/no-record',
          severity: 'info',
          file: path,
          line: counter.linePos(directory.range?.[0] ?? 0).line,
          message: 'no run leaves a trace of its configuration, and each overwrites the log of the last',
          why: '`run.dir: .` and `output_subdir: null` turn off the folder that Hydra makes for each run.',
          remedy:
            'Leave both out (outputs/ is git-ignored as a rule), or log the configuration to a tracker.',
        },
      ];
    });
}
