import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findUp } from './home.ts';

/** The folder of the package: where `package.json` is, `python/`, `templates/` and the page, in both forms of the program. */
export const packageRoot = findUp('package.json', import.meta.dirname) ?? process.cwd();

/** A file or folder that ships with tilth. */
export const packagePath = (...parts: readonly string[]): string => join(packageRoot, ...parts);

/** The version of this package. */
export const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { readonly version: string };

/** This program as a script that the running Node can start: its source, or what was built of it. */
export const programEntry = packagePath(...(import.meta.url.endsWith('.ts') ? ['src', 'cli', 'main.ts'] : ['dist', 'cli', 'main.js']));
