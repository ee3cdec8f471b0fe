import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ignore from 'ignore';
import { repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { isWithin } from '../dvc-files/targets.ts';

export interface IgnoreAnswer {
  /** as it was given */
  readonly path: string;
  readonly isIgnored: boolean;
  /** patterns that match, the deciding one last, as `.dvcignore:3:*.log` */
  readonly patterns: readonly string[];
}

interface Pattern {
  readonly text: string;
  readonly shown: string;
  /** the folder it is relative to, absolute */
  readonly folder: string;
}

/** Patterns that hold in every repository, shown as dvc shows them. */
const builtIn = ['.hg/', '.git/', '.git', '.dvc/'];

/** Whether `.dvcignore` leaves a path out, and by which pattern. */
export function checkIgnore(repository: Repository, folder: string, path: string): IgnoreAnswer {
  const at = resolve(folder, path);
  if (!isWithin(at, repository.root) || at === repository.root)
    return { path, isIgnored: false, patterns: [] };
  const isFolder = statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
  const found = patternsAbove(repository, dirname(at)).filter(({ text, folder: base }) =>
    matches(text, base, at, isFolder),
  );
  const last = found.at(-1);
  return {
    path,
    isIgnored: last !== undefined && !last.text.startsWith('!'),
    patterns: found.map(({ shown }) => shown),
  };
}

function matches(text: string, base: string, path: string, isFolder: boolean): boolean {
  const inside = relative(base, path).split(sep).join('/');
  if (inside.startsWith('..')) return false;
  return ignore({ allowRelativePaths: true })
    .add(text.replace(/^!/, ''))
    .ignores(isFolder ? `${inside}/` : inside);
}

function patternsAbove(repository: Repository, folder: string): Pattern[] {
  const names = relative(repository.root, folder)
    .split(sep)
    .filter((name) => name !== '');
  const folders = [
    repository.root,
    ...names.map((_, at) => join(repository.root, ...names.slice(0, at + 1))),
  ];
  const written = folders.flatMap((at) => patternsIn(repository, at));
  return [...builtIn.map((text) => ({ text, shown: `:${text}`, folder: repository.root })), ...written];
}

function patternsIn(repository: Repository, folder: string): Pattern[] {
  const file = join(folder, '.dvcignore');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, at) => {
      const text = line.trim();
      return text === '' || text.startsWith('#')
        ? []
        : [{ text, shown: `${repositoryPath(repository, file)}:${at + 1}:${text}`, folder }];
    });
}
