import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandFaults, commandsPage, loadProgram } from './reference/commands.ts';
import { configPage, settingFaults } from './reference/config.ts';
import { errorsPage } from './reference/errors.ts';
import { glossaryPage } from './reference/glossary-page.ts';
import { dataPlaneFaults, httpPage } from './reference/http.ts';
import { projectFilePage } from './reference/project-file.ts';
import { root } from './reference/source.ts';
import { glossary } from '../src/team/glossary.ts';

/** Pages that are generated from the code, by path. */
export const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/commands.md': commandsPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/http.md': httpPage,
  'docs/reference/project-file.md': projectFilePage,
  'docs/reference/config.md': configPage,
  'docs/glossary.md': glossaryPage,
};

/** What the code has and the reference can't say, one sentence each. */
export const faults = async (): Promise<string[]> => {
  const named = glossary.flatMap((word) => word.command ?? []);
  return [...settingFaults(), ...dataPlaneFaults(), ...commandFaults(await loadProgram(), named)];
};

/** The page as it is in the repository; empty when it is not there. */
export const storedPage = (path: string): string => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '');

// `npm run reference` writes the pages; a page that can't be made leaves the others
if (import.meta.main) {
  for (const [path, make] of Object.entries(pages)) {
    try {
      const text = await make();
      const isChanged = storedPage(path) !== text;
      mkdirSync(dirname(join(root, path)), { recursive: true });
      if (isChanged) writeFileSync(join(root, path), text);
      process.stdout.write(`${isChanged ? 'written  ' : 'unchanged'}  ${path}\n`);
    } catch (thrown) {
      process.exitCode = 1;
      process.stderr.write(`✗ ${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    }
  }
  for (const fault of await faults()) {
    process.exitCode = 1;
    process.stderr.write(`✗ ${fault}\n`);
  }
  // a feature may keep a timer; the pages are on the disk
  process.exit();
}
