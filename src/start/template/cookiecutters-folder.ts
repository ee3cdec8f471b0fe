import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { contextFile, type Ask } from './context.ts';
import { folderNotMade, templatesNotListed } from './source-errors.ts';

const besidePrefix = '.tilth-';

const dayMs = 86_400_000;

/**
 * The folder in which clones and downloaded archives are kept.
 *
 * @throws TEMPLATE_FOLDER_NOT_MADE
 */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    // what a killed process left
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (name.startsWith(besidePrefix) && Date.now() - lstatSync(path).mtimeMs > dayMs)
        rmSync(path, { recursive: true, force: true });
    }
  } catch (cause) {
    throw folderNotMade(folder, messageOf(cause));
  }
}

/**
 * A folder for what is under way, beside what it will replace.
 *
 * @throws TEMPLATE_FOLDER_NOT_MADE
 */
export function makeBeside(folder: string): string {
  try {
    return mkdtempSync(join(folder, besidePrefix));
  } catch (cause) {
    throw folderNotMade(folder, messageOf(cause));
  }
}

/**
 * Asks whether what was fetched before may be replaced; without anyone to ask it may.
 *
 * @returns false when it shall be used as it is
 * @throws STOPPED when it shall be neither replaced nor used
 */
export async function mayReplace(
  path: string,
  {
    ask,
    checkout,
    onLine,
  }: {
    readonly ask?: Pick<Ask, 'yesNo'> | undefined;
    readonly checkout?: string | undefined;
    readonly onLine?: ((line: string) => void) | undefined;
  },
): Promise<boolean> {
  if (ask === undefined) return true;
  const replaces = await ask.yesNo(
    `You've downloaded ${path} before. Is it okay to delete and re-download it?`,
    true,
  );
  if (replaces) return true;
  if (!(await ask.yesNo('Do you want to re-use the existing version?', true)))
    throw new TilthError('STOPPED', 400, `Stopped; ${path} is as it was, and nothing was written.`);
  if (checkout !== undefined) onLine?.(`${path} is used as it is; --checkout ${checkout} was not applied`);
  return false;
}

/**
 * The templates that were fetched before and can be named without their address.
 *
 * @returns their names, sorted
 * @throws TEMPLATES_NOT_LISTED before there is a folder of them
 */
export function installedTemplates(folder: string): string[] {
  if (!existsSync(folder)) throw templatesNotListed(folder);
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, contextFile)))
    .toSorted();
}
