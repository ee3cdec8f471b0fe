import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ignore from 'ignore';
import { repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { isWithin } from '../dvc-files/targets.ts';

export interface IgnoreAnswer {
  /** as it was given */
  readonly path: string;
  readonly isIgnored: boolean;
  /** the one that decides, as `.dvcignore:3:*.log`; undefined where none matches */
  readonly pattern: string | undefined;
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
    return { path, isIgnored: false, pattern: undefined };
  const isFolder = statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
  for (const group of groupsOf(patternsAbove(repository, dirname(at))).reverse()) {
    const found = group.find(({ text, folder: base }) => matches(text, base, at, isFolder));
    if (found !== undefined) return { path, isIgnored: !isNegated(found), pattern: found.shown };
  }
  return { path, isIgnored: false, pattern: undefined };
}

const isNegated = ({ text }: Pattern): boolean => text.startsWith('!');

/**
 * Neighbours of one kind, of which dvc names the first that matches; patterns that take back stand alone. The last
 * group that matches decides.
 */
function groupsOf(patterns: readonly Pattern[]): Pattern[][] {
  const groups: Pattern[][] = [];
  for (const pattern of patterns) {
    const last = groups.at(-1)?.[0];
    const isAlike =
      last !== undefined &&
      !isNegated(last) &&
      !isNegated(pattern) &&
      last.text.endsWith('/') === pattern.text.endsWith('/');
    if (isAlike) groups.at(-1)?.push(pattern);
    else groups.push([pattern]);
  }
  return groups;
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
