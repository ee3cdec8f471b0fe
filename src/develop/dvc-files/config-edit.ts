import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, posix, relative, resolve } from 'node:path';
import { checkConfig } from './config-check.ts';
import {
  configFile,
  hasScheme,
  mergedSections,
  mergeSections,
  withPaths,
  type ConfigLevel,
} from './config.ts';
import { readConfigText, writeConfigText, type ConfigSections } from './config-text.ts';
import { replaceFile } from './dvc-file.ts';

/**
 * Changes one level's file. Nothing is written when the settings would not hold together afterwards.
 *
 * @param change works on the sections as they are written; a path of a person goes through `pathAsWritten` first
 * @throws DVC_FILE_UNREADABLE, DVC_CONFIG_INVALID
 */
export function editConfig(
  level: ConfigLevel,
  dvcFolder: string,
  change: (sections: ConfigSections) => void,
): void {
  const file = configFile(level, dvcFolder);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const sections = withPaths(readConfigText(before, file), (path) =>
    isPlain(path) ? path : posix.normalize(path),
  );
  change(sections);
  if (sections.size === 0 && !existsSync(file)) return;
  const all = mergedSections(dvcFolder, level);
  mergeSections(all, sections);
  checkConfig(all);
  mkdirSync(dirname(file), { recursive: true });
  const text = writeConfigText(before, sections, file);
  // a link to a file that others share stays a link
  replaceFile(existsSync(file) ? realpathSync(file) : file, text);
}

/** A path as a level's file keeps it: relative to that file, but absolute, `~` and addresses stay as they are. */
export const pathAsWritten = (path: string, level: ConfigLevel, dvcFolder: string, folder: string): string =>
  isPlain(path)
    ? path
    : relative(dirname(configFile(level, dvcFolder)), resolve(folder, path))
        .split('\\')
        .join('/') || '.';

const isPlain = (path: string): boolean =>
  hasScheme(path) || isAbsolute(path) || path === '~' || path.startsWith('~/');
