import { join, relative } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { configInvalid } from '../dvc-files/config-check.ts';
import { editConfig, pathAsWritten } from '../dvc-files/config-edit.ts';
import {
  configFile,
  configLevels,
  isPathOption,
  mergedSections,
  mergeSections,
  readConfigLevel,
  type ConfigLevel,
} from '../dvc-files/config.ts';
import type { ConfigSections, ConfigValue } from '../dvc-files/config-text.ts';

/** Whose settings: those of the repository around a folder, or without one only what holds for the person and the machine. */
export interface Settings {
  /** where the person stands; their relative paths start here */
  readonly folder: string;
  /** undefined outside of a repository */
  readonly root: string | undefined;
  /** `.dvc`; of no use outside of a repository */
  readonly dvcFolder: string;
}

export function settingsAt(folder: string): Settings {
  const root = findUp('.dvc', folder);
  return { folder, root, dvcFolder: join(root ?? folder, '.dvc') };
}

export interface Setting {
  /** `core.remote`, `remote.store.url` */
  readonly name: string;
  readonly value: string;
  readonly level: ConfigLevel;
  /** relative to the repository where it lies in it */
  readonly file: string;
}

/** Every setting of a level, or of all of them in the order in which they win over each other. @throws DVC_CONFIG_INVALID */
export function listSettings(settings: Settings, level?: ConfigLevel): Setting[] {
  return levelsOf(settings, level).flatMap((one) => {
    const sections = readConfigLevel(one, settings.dvcFolder);
    // dvc names the remotes first
    const ordered = [...sections].toSorted(
      ([left], [right]) => Number(isNamed(right)) - Number(isNamed(left)),
    );
    return ordered.flatMap(([section, options]) =>
      [...options].map(([option, value]): Setting => ({
        name: `${dotted(section)}.${option}`,
        value: shown(value),
        level: one,
        file: fileOf(settings, one),
      })),
    );
  });
}

const isNamed = (section: string): boolean => /^(remote|machine|db)\s*"/.test(section);
const dotted = (section: string): string => section.replace(/^(remote|machine|db)\s*"(.*)"$/, '$1.$2');
const shown = (value: ConfigValue): string =>
  typeof value === 'string' ? value : `[${value.map((one) => `'${one}'`).join(', ')}]`;

const fileOf = ({ root, dvcFolder }: Settings, level: ConfigLevel): string => {
  const file = configFile(level, dvcFolder);
  return root !== undefined && (level === 'repo' || level === 'local') ? relative(root, file) : file;
};

function levelsOf({ root }: Settings, level: ConfigLevel | undefined): readonly ConfigLevel[] {
  if (level === undefined) return root === undefined ? ['system', 'global'] : configLevels;
  if (root === undefined && (level === 'repo' || level === 'local')) throw outside();
  return [level];
}

const outside = (): Error => configInvalid('Not inside a DVC repo', 'Make one with: tilth data init');

/** @throws DVC_CONFIG_INVALID for a name that is not `section.option`, `remote.NAME.option` or `db.NAME.option` */
export function parseSettingName(name: string): { section: string; option: string } {
  const [, top, section, option] = /^(?:(remote|db)\.)?([^.]*)\.([^.]*)$/.exec(name) ?? [];
  if (section === undefined || option === undefined)
    throw configInvalid(
      'name argument should look like remote.name.option or db.name.option or section.option',
    );
  const inner = section.toLowerCase();
  return { section: top === undefined ? inner : `${top} "${inner}"`, option: option.toLowerCase() };
}

/** @returns the setting where it holds; undefined when it is set nowhere, which only a single level takes for a mistake */
export function getSetting(settings: Settings, name: string, level?: ConfigLevel): Setting | undefined {
  const { section, option } = parseSettingName(name);
  for (const one of levelsOf(settings, level).toReversed()) {
    const sections = readConfigLevel(one, settings.dvcFolder);
    const value = sections.get(section)?.get(option);
    if (value !== undefined) return { name, value: shown(value), level: one, file: fileOf(settings, one) };
    if (level !== undefined) mustHave(sections, section, option);
  }
  return undefined;
}

function mustHave(sections: ConfigSections, section: string, option: string): void {
  const named = /^(remote|db) "(.*)"$/.exec(section);
  const kind = named?.[1] ?? 'section';
  const name = named?.[2] ?? section;
  const isBuiltIn = named === null && builtIn.has(section);
  const options = sections.get(section) ?? (isBuiltIn ? new Map<string, ConfigValue>() : undefined);
  if (options === undefined) throw configInvalid(`${kind} '${name}' doesn't exist`);
  if (!options.has(option)) throw configInvalid(`option '${option}' doesn't exist in ${kind} '${name}'`);
}

const builtIn = new Set([
  'core',
  'cache',
  'remote',
  'state',
  'index',
  'machine',
  'feature',
  'plots',
  'exp',
  'parsing',
  'hydra',
  'studio',
  'db',
]);

/** @throws DVC_CONFIG_INVALID and nothing is written, where dvc would refuse the file */
export function setSetting(
  settings: Settings,
  name: string,
  value: string,
  level: ConfigLevel = 'repo',
): void {
  const { section, option } = parseSettingName(name);
  edit(settings, level, (sections) =>
    put(sections, section, option, isPathOption(section, option) ? written(settings, value, level) : value),
  );
}

export function unsetSetting(settings: Settings, name: string, level: ConfigLevel = 'repo'): void {
  const { section, option } = parseSettingName(name);
  edit(settings, level, (sections) => {
    mustHave(sections, section, option);
    sections.get(section)?.delete(option);
  });
}

export function edit(
  settings: Settings,
  level: ConfigLevel,
  change: (sections: ConfigSections) => void,
): void {
  if (settings.root === undefined && (level === 'repo' || level === 'local')) throw outside();
  editConfig(level, settings.dvcFolder, change);
}

export function put(sections: ConfigSections, section: string, option: string, value: string): void {
  const options = sections.get(section) ?? new Map<string, ConfigValue>();
  options.set(option, value);
  sections.set(section, options);
}

const written = ({ dvcFolder, folder }: Settings, path: string, level: ConfigLevel): string =>
  pathAsWritten(path, level, dvcFolder, folder);

/** All levels up to and with `level`. */
export function sectionsUpTo({ dvcFolder }: Settings, level?: ConfigLevel): ConfigSections {
  const all = mergedSections(dvcFolder, level);
  if (level !== undefined) mergeSections(all, readConfigLevel(level, dvcFolder));
  return all;
}
