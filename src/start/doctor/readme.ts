import { posix } from 'node:path';
import type { Check, Finding } from './doctor.ts';
import { targetsOf } from './makefile.ts';
import type { ProjectFiles } from './project-files.ts';
import { pyprojectOf, pythonRange } from './pyproject.ts';
import { compareVersions, isWithin, lowestOf } from './python-versions.ts';

export const readme: Check = {
  id: 'readme',
  title: 'what the README tells',
  practice: 'start',
  find: (files) =>
    files.paths
      .filter((path) => /^(?:README|CONTRIBUTING)\.(?:md|rst|txt)$/i.test(path))
      .flatMap((path) => {
        const lines = (files.text(path) ?? '').split('\n');
        return [
          ...(/^README/i.test(path) ? placeholders(path, lines) : []),
          ...pythonNamed(files, path, lines),
          ...filesNamed(files, path, lines),
          ...commandsNamed(files, path, lines),
        ];
      }),
};

const owner = String.raw`(?:github_user(?:name)?|your[-_ ]?(?:github[-_ ]?)?(?:user)?name|your[-_]?(?:org|organi[sz]ation|account)|<(?:your[-_ ])?(?:user|owner|org)[\w-]*>|username|user_?name)`;
const placeholder = new RegExp(
  String.raw`\b(?:github|gitlab|bitbucket)\.(?:com|org|io)[/:](?:[\w/]*/)?(${owner}(?:/[\w<>.-]+)?)`,
  'i',
);

function placeholders(file: string, lines: readonly string[]): Finding[] {
  const found = lines.flatMap((line, index) => {
    const match = placeholder.exec(line);
    // in a command to copy the reader is meant to put in an own name
    const isForReader = /\bgit\s+(?:clone|remote)\b|_here\b/i.test(line);
    return match === null || isForReader ? [] : [{ line: index + 1, text: match[1] ?? '' }];
  });
  const [first] = found;
  if (first === undefined) return [];
  return [
    {
      id: 'readme/placeholder',
      severity: 'warning',
      file,
      line: first.line,
      message: `${found.length === 1 ? 'an address leads' : `${found.length} addresses lead`} nowhere: ${first.text} is the template's placeholder (${found.length === 1 ? 'line' : 'lines'} ${found.map(({ line }) => line).join(', ')})`,
      why: 'The template never asked for the account and the repository, so nobody can know them but you.',
      remedy: 'Write your own, or remove the lines.',
    },
  ];
}

function pythonNamed(files: ProjectFiles, file: string, lines: readonly string[]): Finding[] {
  const read = pyprojectOf(files);
  const range = read === undefined ? undefined : pythonRange(read);
  const lowest = range === undefined ? undefined : lowestOf(range);
  if (range === undefined || lowest === undefined) return [];
  for (const [index, line] of lines.entries()) {
    const named =
      /\bpython\b\s*[:-]{0,2}(?:version\s*)?[\s`*"'(-]*(?:>=|≥|&gt;=|%3E%3D)\s*`?(3\.\d+)|\bPython\s+(3\.\d+)\s*(?:\+|or (?:later|newer|higher|above))/i.exec(
        line,
      );
    const version = named?.[1] ?? named?.[2];
    if (
      version === undefined ||
      compareVersions(version, lowest.split('.').slice(0, 2).join('.')) >= 0 ||
      isWithin(`${version}.99`, range) !== false
    )
      continue;
    return [
      {
        id: 'readme/python',
        severity: 'warning',
        file,
        line: index + 1,
        message: `it promises Python ${version}, and pyproject.toml asks for ${range}`,
        why: `Who has Python ${version} is told to go on, and the installation stops.`,
        remedy: `Write ${lowest.split('.').slice(0, 2).join('.')}.`,
      },
    ];
  }
  return [];
}

/** Files that it names and that have another ending, and links that lead nowhere. */
function filesNamed(files: ProjectFiles, file: string, lines: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const other = (path: string): string | undefined =>
    [path.replace(/\.yaml$/, '.yml'), path.replace(/\.yml$/, '.yaml')].find(
      (twin) => twin !== path && files.has(twin),
    );
  for (const { path, line } of treeOf(lines)) {
    const twin = files.has(path) ? undefined : other(path);
    if (twin === undefined) continue;
    findings.push({
      id: 'readme/wrong-ending',
      severity: 'warning',
      file,
      line,
      message: `it shows ${path}; the file is ${twin}`,
      why: 'One of the two is wrong, and who copies the name gets a file that is not read.',
      remedy: `Write ${posix.basename(twin)}, unless the program wants the other.`,
    });
  }
  let isCode = false;
  for (const [index, line] of lines.entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) isCode = !isCode;
    if (isCode) continue;
    for (const [, target = ''] of line.matchAll(/\]\(([^)\s]+)\)/g)) {
      const path = target.replace(/[#?].*$/, '').replace(/^\.\//, '');
      if (
        path === '' ||
        /^[a-z]+:|^\/|^\.\.|[<>{}$]|%/i.test(path) ||
        !/\.\w+$/.test(path) ||
        files.has(path)
      )
        continue;
      findings.push({
        id: 'readme/dead-link',
        severity: 'warning',
        file,
        line: index + 1,
        message: `a link leads nowhere: ${path} is not in the project`,
        why: 'The file has another name, or was never rendered.',
        remedy: 'Correct the link, or write the file.',
      });
    }
  }
  return findings;
}

/** The paths of a drawn tree of files. */
export function treeOf(lines: readonly string[]): { readonly path: string; readonly line: number }[] {
  const above: { readonly depth: number; readonly name: string }[] = [];
  return lines.flatMap((text, index) => {
    const entry = /^([│| \u00a0]*)(?:├|└|\|--|`--)[─-]*[ \u00a0]*([\w.@-]+)\/?(?:\s|$)/u.exec(text);
    if (entry === null) return [];
    const depth = entry[1]?.length ?? 0;
    while ((above.at(-1)?.depth ?? -1) >= depth) above.pop();
    above.push({ depth, name: entry[2] ?? '' });
    return [{ path: above.map(({ name }) => name).join('/'), line: index + 1 }];
  });
}

function commandsNamed(files: ProjectFiles, file: string, lines: readonly string[]): Finding[] {
  const make = files.text('Makefile') ?? files.text('makefile');
  const targets = new Set(make === undefined ? [] : targetsOf(make));
  const includes =
    make !== undefined && (/^-?include\b/m.test(make) || [...targets].some((target) => target.includes('%')));
  const findings: Finding[] = [];
  let isCode = false;
  for (const [index, line] of lines.entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) isCode = !isCode;
    const commands =
      isCode || /^(?: {4}|\t)/.test(line)
        ? [line]
        : [...line.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
    for (const command of commands) {
      const target = /^\s*\$?\s*make\s+([\w-]+)\s*(?:#.*)?$/.exec(command)?.[1];
      if (target !== undefined && !targets.has(target) && !includes) {
        findings.push({
          id: 'readme/no-make-target',
          severity: 'warning',
          file,
          line: index + 1,
          message:
            make === undefined
              ? `\`make ${target}\` is named, and there is no Makefile`
              : `\`make ${target}\` stops: no rule to make target`,
          why:
            make === undefined
              ? 'The file was never rendered, or was removed.'
              : `The Makefile has ${[...targets].filter((name) => !name.startsWith('.')).join(', ')}.`,
          remedy: 'Name a target that is there.',
        });
      }
      if (/\bpoetry\s+shell\b/.test(command)) {
        findings.push({
          id: 'readme/poetry-shell',
          severity: 'warning',
          file,
          line: index + 1,
          message: '`poetry shell` is named, and Poetry 2 has no such command',
          why: 'It is in a plugin now.',
          remedy: 'Write: eval $(poetry env activate)',
        });
      }
    }
  }
  return findings;
}
