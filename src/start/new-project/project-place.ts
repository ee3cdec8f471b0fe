import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import type { Home } from '../../platform/home.ts';
import { placeRefused } from './new-project-errors.ts';

/** The folder that projects are made in where nothing else is said: `TILTH_PROJECTS`, else `projects` in the home. */
export const projectsFolder = (home: Home, environment = process.env): string =>
  resolve(environment['TILTH_PROJECTS'] ?? join(home.root, 'projects'));

/**
 * The folder in which a project's own folder may be made.
 *
 * @param wanted below `root`; a whole path (or one with ~) only where `mayLeave`
 * @throws PROJECT_PLACE_REFUSED for what lies outside, also by `..` or through a link
 */
export function placeFor(wanted: string, root: string, mayLeave: boolean): string {
  if (wanted.includes('\0')) throw placeRefused(wanted, root);
  const spelled = mayLeave ? wanted.replace(/^~(?=\/|$)/, homedir()) : wanted;
  if (isAbsolute(spelled) && mayLeave) return resolve(spelled);
  if (isAbsolute(spelled) || spelled.split(/[/\\]/).includes('..')) throw placeRefused(wanted, root);
  mkdirSync(root, { recursive: true });
  const place = resolve(root, spelled);
  const real = realOf(place);
  const realRoot = realpathSync(root);
  if (real !== realRoot && !real.startsWith(realRoot + sep)) throw placeRefused(wanted, root);
  return place;
}

/** Where a folder lies that may not be there yet, with the links on its way followed. */
function realOf(folder: string): string {
  if (existsSync(folder)) return realpathSync(folder);
  const parent = dirname(folder);
  return parent === folder ? folder : join(realOf(parent), basename(folder));
}
