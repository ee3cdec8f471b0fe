import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findUp } from './home.ts';

/** The folder of the package: where `package.json` is, `python/`, `templates/` and the page, in both forms of the program. */
export const packageRoot = findUp('package.json', import.meta.dirname) ?? process.cwd();

/** A file or folder that ships with tilth. */
export const packagePath = (...parts: readonly string[]): string => join(packageRoot, ...parts);

/** The version of this package. */
export const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { readonly version: string };

/** This program as a script that a Node can start; it takes the sources where there are some, else what was built. */
export const programEntry = packagePath('bin', 'tilth.js');
