import { readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { TilthError } from '../../platform/errors.ts';

/**
 * Refuses, and removes, a new project in which the template has put a git folder of its own: its settings name programs
 * that the next git command runs, so it would be a hook that nobody was asked about.
 *
 * @throws TEMPLATE_PATH_REFUSED
 */
export function refuseForeignGit(folder: string): void {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).find(
    // .git is .GIT where names differ in more than case
    (entry) => /^\.git$/i.test(entry.name),
  );
  if (found === undefined) return;
  rmSync(folder, { recursive: true, force: true });
  throw new TilthError(
    'TEMPLATE_PATH_REFUSED',
    400,
    `The template makes ${JSON.stringify(relative(folder, join(found.parentPath, found.name)))}, whose settings git would obey.`,
    'No template needs this without its hooks; if you trust it, let them run: --accept-hooks yes',
  );
}
