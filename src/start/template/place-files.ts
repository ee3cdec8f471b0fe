import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { faultAt } from './render-fault.ts';
import type { Step } from './render-files.ts';
import { folderExists, leadsOutside } from './template-errors.ts';

/**
 * Lays what is staged over a project, in the order and by the rules of cookiecutter: a file gives way to a folder of its
 * name, a copied folder replaces the one that is there.
 *
 * @throws PROJECT_FOLDER_EXISTS for a folder that a hook made before us, TEMPLATE_PATH_REFUSED for a link that leads out
 */
export function placeFiles(
  steps: readonly Step[],
  staged: string,
  project: string,
  ifExists: 'refuse' | 'overwrite' | 'skip-files',
): void {
  for (const step of steps) {
    const source = join(staged, step.path);
    try {
      place(step, source, realPlace(project, step.path), ifExists);
    } catch (thrown) {
      throw faultAt(`create ${step.makes.endsWith('folder') ? 'directory' : 'file'} '${step.of}'`, thrown);
    }
  }
}

/** @throws TEMPLATE_PATH_REFUSED before anything is written through a link that leads out of the project */
export function checkPlaces(steps: readonly Step[], project: string): void {
  for (const { path } of steps) realPlace(project, path);
}

function place(step: Step, source: string, target: string, ifExists: string): void {
  const there = statSync(target, { throwIfNoEntry: false });
  switch (step.makes) {
    case 'folder':
      if (there !== undefined && ifExists === 'refuse') throw folderExists(target);
      mkdirSync(target, { recursive: true });
      return;
    case 'copied-folder':
      rmSync(target, { recursive: true, force: true });
      mkdirSync(dirname(target), { recursive: true });
      move(source, target);
      return;
    case 'file':
      if (there?.isDirectory() === true || (there !== undefined && ifExists === 'skip-files')) return;
      break;
    case 'copied-file':
  }
  // a later file of the same name has replaced this one in the staged folder, and is placed already
  if (existsSync(source)) move(source, target);
}

function move(source: string, target: string): void {
  try {
    renameSync(source, target);
  } catch (thrown) {
    // part of the project may be on another disk
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EXDEV')) throw thrown;
    cpSync(source, target, { recursive: true, preserveTimestamps: true });
  }
}

/** Where a path of the project really is: links inside of the project are followed, others refused. */
function realPlace(project: string, path: string): string {
  const inside = realpathSync(project);
  const real = realPath(join(inside, path));
  if (real === undefined || (real !== inside && !real.startsWith(inside + sep)))
    throw leadsOutside(join(project, path), real ?? path);
  return real;
}

/** Also of what isn't there yet, through links to nowhere; undefined for links in a circle. */
function realPath(path: string, hops = 0): string | undefined {
  if (existsSync(path)) return realpathSync(path);
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (isLink) return hops > 40 ? undefined : realPath(resolve(dirname(path), readlinkSync(path)), hops + 1);
  const parent = realPath(dirname(path), hops);
  return parent === undefined ? undefined : join(parent, basename(path));
}
