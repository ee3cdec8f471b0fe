import { statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { cruftFile } from '../project/cruft-file.ts';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';

export const gitFiles: Check = {
  id: 'git',
  title: 'what git keeps, and where the project came from',
  practice: 'start',
  find: (files) => [
    ...repository(files),
    ...kept(files),
    ...ignorePatterns(files),
    ...unguardedData(files),
    ...origin(files),
  ],
};

function repository(files: ProjectFiles): Finding[] {
  if (files.isRepository) return [];
  return [
    {
      id: 'git/no-repository',
      severity: 'warning',
      message: 'the folder is not in a git repository',
      why: 'Nothing that is changed here can be undone, compared or shared; DVC and pre-commit want one too.',
      remedy: 'git init && git add . && git commit -m "Start"',
    },
  ];
}

const largest = 10_000_000;

function kept(files: ProjectFiles): Finding[] {
  return [...files.tracked].flatMap((path): Finding[] => {
    const bytes = statSync(join(files.root, path), { throwIfNoEntry: false })?.size ?? 0;
    const name = posix.basename(path);
    if (
      name === '.env' &&
      /^\s*\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*\s*=\s*\S{8,}/im.test(files.text(path) ?? '')
    ) {
      return [
        {
          id: 'git/secret',
          severity: 'warning',
          file: path,
          line:
            (files.text(path) ?? '')
              .split('\n')
              .findIndex((line) => /^\s*\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*\s*=\s*\S{8,}/i.test(line)) + 1,
          message: `${path} is in git and holds what looks like a secret`,
          why: 'Everybody who ever clones the repository has it, also after it is removed.',
          remedy: `git rm --cached ${path}, ignore it, and change the secret where it is used.`,
        },
      ];
    }
    if (bytes <= largest) return [];
    return [
      {
        id: 'git/large-file',
        severity: 'warning',
        file: path,
        message: `${path} is in git and has ${(bytes / 1e6).toFixed(0)} MB`,
        why: 'Every version of it stays in every clone for ever; some hosts refuse files above 100 MB.',
        remedy: `Let git forget it and keep it as data: git rm --cached ${path}, then \`tilth data add\` or \`dvc add\`.`,
      },
    ];
  });
}

/** A pattern with a stray quote at its end never matches. */
function ignorePatterns(files: ProjectFiles): Finding[] {
  return files.paths
    .filter((path) => posix.basename(path) === '.gitignore')
    .flatMap((path) => {
      const lines = (files.text(path) ?? '').split('\n');
      return lines.flatMap((line, index): Finding[] => {
        const [, pattern = '', quote = ''] = /^([^#\s'"]+)(['"])\s*$/.exec(line) ?? [];
        if (pattern === '') return [];
        return [
          {
            id: 'git/ignore-pattern',
            severity: 'info',
            file: path,
            line: index + 1,
            message: `the pattern ${pattern}${quote} ignores nothing`,
            why: `git takes the ${quote} as a part of the name.`,
            remedy: `Write ${pattern}`,
            fix: (target) => target.write(path, lines.with(index, pattern).join('\n')),
          },
        ];
      });
    });
}

/** Folders made for data and models that neither git ignores nor DVC keeps. */
function unguardedData(files: ProjectFiles): Finding[] {
  if (!files.has('.dvc/config') || !files.isRepository) return [];
  const placeholders = files.paths.filter(
    (path) => /^(?:data|models?)\/(?:.*\/)?\.gitkeep$/.test(path) && files.tracked.has(path),
  );
  const ignored = (files.text('.gitignore') ?? '').split('\n').map((line) => line.trim());
  const open = placeholders
    .map((path) => posix.dirname(path))
    .filter((folder) => !files.has(`${folder}.dvc`) && !files.has(`${folder}/.gitignore`))
    .filter(
      (folder) =>
        !ignored.some(
          (line) =>
            /^\/?(?:data|models?)\b/.test(line) &&
            folder.startsWith(line.replace(/^\//, '').replace(/\/?\**$/, '')),
        ),
    );
  const [first] = open;
  if (first === undefined) return [];
  return [
    {
      id: 'git/data-not-ignored',
      severity: 'info',
      file: `${first}/.gitkeep`,
      line: 1,
      message: `the next \`git add .\` takes what a run writes into ${open.join(', ')}`,
      why: 'They are made for data and models, and neither .gitignore nor DVC knows of them.',
      remedy: 'Make them outputs of stages in dvc.yaml, which ignores them, or add them to .gitignore.',
    },
  ];
}

function origin(files: ProjectFiles): Finding[] {
  if ([cruftFile, '.copier-answers.yml'].some((path) => files.has(path))) return [];
  const looksRendered = files.has('pyproject.toml') || files.has('setup.py');
  if (!looksRendered) return [];
  return [
    {
      id: 'git/no-origin',
      severity: 'info',
      message: 'the project does not remember a template, so improvements of one never reach it',
      why: 'There is neither .cruft.json nor .copier-answers.yml.',
      remedy: 'If it came from one: tilth template adopt TEMPLATE',
    },
  ];
}
