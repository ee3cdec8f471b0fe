import { posix } from 'node:path';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';
import { dependenciesOf, pyprojectOf } from './pyproject.ts';

export const makefile: Check = {
  id: 'make',
  title: 'Makefile',
  practice: 'start',
  find: (files) =>
    files.paths
      .filter((path) => /^(?:GNU)?[Mm]akefile$/.test(posix.basename(path)))
      .flatMap((path) => oneMakefile(files, path)),
};

interface Recipe {
  readonly target: string;
  readonly line: number;
  readonly text: string;
}

/** The recipe lines, each with the target it is of. */
export function recipesOf(text: string): Recipe[] {
  let target = '';
  return text.split('\n').flatMap((line, index) => {
    const header = /^([\w.%/ -]+?)\s*:(?![=:])/.exec(line);
    if (header !== null && !line.startsWith('\t')) target = header[1] ?? '';
    return line.startsWith('\t') && line.trim() !== '' ? [{ target, line: index + 1, text: line }] : [];
  });
}

export const targetsOf = (text: string): string[] =>
  text
    .split('\n')
    .flatMap((line) =>
      line.startsWith('\t') || /^\s*#/.test(line)
        ? []
        : (/^([\w./% -]+?)\s*:(?![=:])/.exec(line)?.[1]?.split(/\s+/) ?? []),
    );

function oneMakefile(files: ProjectFiles, path: string): Finding[] {
  const text = files.text(path) ?? '';
  const recipes = recipesOf(text).filter((recipe) => !/^\t[@-]*\s*(?:echo|printf|#)/.test(recipe.text));
  const findings: Finding[] = [];
  const replace =
    (line: number, edit: (old: string) => string) =>
    (target: ProjectFiles): void => {
      const lines = text.split('\n');
      target.write(path, lines.with(line - 1, edit(lines[line - 1] ?? '')).join('\n'));
    };
  for (const recipe of recipes) {
    if (/\bpoetry\s+shell\b/.test(recipe.text)) {
      findings.push({
        id: 'make/poetry-shell',
        severity: 'error',
        file: path,
        line: recipe.line,
        message: `\`make ${recipe.target}\` stops: poetry has no command shell`,
        why: 'Poetry 2 gave it to a plugin; a recipe could not leave an activated shell behind anyway, only start another inside.',
        remedy: 'Use `poetry env activate`, which prints the line that activates the environment.',
        fix: replace(recipe.line, (old) => old.replace(/\bpoetry(\s+)shell\b/, 'poetry$1env activate')),
      });
    }
    const old = /\bpoetry\s+install\b.*?\s(--no-dev|--remove-untracked|--default)\b/.exec(recipe.text)?.[1];
    if (old !== undefined) {
      const isNoDev = old === '--no-dev';
      findings.push({
        id: 'make/poetry-option',
        severity: 'error',
        file: path,
        line: recipe.line,
        message: `\`make ${recipe.target}\` stops: poetry install has no option ${old}`,
        why: 'Poetry 2 took it away.',
        remedy: isNoDev
          ? 'Write --only main.'
          : old === '--default'
            ? 'Write --only main.'
            : 'Use `poetry sync`.',
        fix: isNoDev ? replace(recipe.line, (line) => line.replace(/--no-dev\b/, '--only main')) : undefined,
      });
    }
    if (/(?:^|\s)git\s+init\b/.test(recipe.text) && files.isRepository) {
      findings.push({
        id: 'make/git-init',
        severity: 'info',
        file: path,
        line: recipe.line,
        message: `\`make ${recipe.target}\` runs git init in what is a repository already`,
        why: 'It changes nothing here; for who has the project as an archive it makes a history apart from yours.',
        remedy: 'Leave it out.',
      });
    }
    findings.push(...pdoc(files, path, recipe));
  }
  return findings;
}

function pdoc(files: ProjectFiles, path: string, recipe: Recipe): Finding[] {
  if (!/\bpdoc3?\s/.test(recipe.text)) return [];
  const read = pyprojectOf(files);
  const names = read === undefined ? [] : dependenciesOf(read).map(({ name }) => name);
  const findings: Finding[] = [];
  const flag = /\s(--force|--http|--html|--pdf|--output-dir)\b/.exec(recipe.text)?.[1];
  if (flag !== undefined && names.includes('pdoc') && !names.includes('pdoc3')) {
    findings.push({
      id: 'make/pdoc-flags',
      severity: 'error',
      file: path,
      line: recipe.line,
      message: `\`make ${recipe.target}\` stops: pdoc has no option ${flag}`,
      why: 'The option is of pdoc3, another program of the same name.',
      remedy: 'pdoc writes with -o FOLDER and serves without it.',
    });
  }
  if (flag !== undefined && names.includes('pdoc3')) {
    const serves = flag === '--http';
    findings.push({
      id: serves ? 'make/docs-never-end' : 'make/pdoc3',
      severity: serves ? 'warning' : 'info',
      file: path,
      line: recipe.line,
      message: serves
        ? `\`make ${recipe.target}\` never ends: its last step is a web server`
        : `${flag} is an option of pdoc3, a fork; \`pip install pdoc\` gives another program that stops at it`,
      why: serves
        ? 'pdoc3 serves until it is stopped, so in CI, or before another target, it waits for ever.'
        : 'Both are started as `pdoc`, and only the one in pyproject.toml knows the option.',
      remedy: serves
        ? 'Give the server a target of its own.'
        : 'Stay with pdoc3 knowingly, or move to pdoc: pdoc -o docs PACKAGE',
    });
  }
  return findings;
}
