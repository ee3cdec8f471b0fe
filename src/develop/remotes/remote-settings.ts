import { configInvalid } from '../dvc-files/config-check.ts';
import {
  configLevels,
  mergedSections,
  readConfigLevel,
  remoteNameOf,
  remoteSection,
  type ConfigLevel,
} from '../dvc-files/config.ts';
import type { ConfigSections } from '../dvc-files/config-text.ts';
import { pathAsWritten } from '../dvc-files/config-edit.ts';
import { edit, put, sectionsUpTo, setSetting, type Settings } from './settings.ts';

export interface NamedRemote {
  readonly name: string;
  readonly url: string;
  readonly isDefault: boolean;
}

export function listRemotes(settings: Settings, level?: ConfigLevel): NamedRemote[] {
  const sections =
    level === undefined ? mergedSections(settings.dvcFolder) : readConfigLevel(level, settings.dvcFolder);
  const standard = defaultIn(sections);
  return [...sections].flatMap(([section, options]) => {
    const name = remoteNameOf(section);
    return name === undefined
      ? []
      : [{ name, url: String(options.get('url') ?? ''), isDefault: name === standard }];
  });
}

const defaultIn = (sections: ConfigSections): string | undefined =>
  sections.get('core')?.get('remote')?.toString().toLowerCase();

export interface NewRemote {
  readonly name: string;
  readonly url: string;
  readonly isDefault: boolean;
  readonly isForced: boolean;
  readonly level?: ConfigLevel | undefined;
}

/** @throws DVC_CONFIG_INVALID when there is one of that name, or for an address that dvc does not know */
export function addRemote(
  settings: Settings,
  { name: given, url, isDefault, isForced, level = 'repo' }: NewRemote,
): void {
  const name = given.toLowerCase();
  edit(settings, level, (sections) => {
    const section = remoteSection(name);
    if (sections.has(section) && !isForced)
      throw configInvalid(`remote '${name}' already exists. Use \`-f|--force\` to overwrite it.`);
    sections.set(section, new Map([['url', pathAsWritten(url, level, settings.dvcFolder, settings.folder)]]));
    if (isDefault) put(sections, 'core', 'remote', name);
  });
}

/** @param value undefined: the option goes */
export function modifyRemote(
  settings: Settings,
  given: string,
  option: string,
  value: string | undefined,
  level: ConfigLevel = 'repo',
): void {
  const name = given.toLowerCase();
  mustExist(sectionsUpTo(settings, level), name);
  if (value !== undefined) return setSetting(settings, `remote.${name}.${option}`, value, level);
  edit(settings, level, (sections) => {
    const section = remoteSection(name);
    const options = sections.get(section) ?? new Map();
    options.delete(option);
    sections.set(section, options);
  });
}

function mustExist(sections: ConfigSections, name: string): void {
  if (!sections.has(remoteSection(name))) throw configInvalid(`remote '${name}' doesn't exist.`);
}

/** Takes a remote out of one level, and out of where it is the default from there on. */
export function removeRemote(settings: Settings, given: string, level: ConfigLevel = 'repo'): void {
  const name = given.toLowerCase();
  edit(settings, level, (sections) => {
    mustExist(sections, name);
    sections.delete(remoteSection(name));
  });
  for (const one of levelsFrom(level).toReversed())
    edit(settings, one, (sections) => {
      if (defaultIn(sections) === name) sections.get('core')?.delete('remote');
    });
}

/** This level and those that win over it. */
const levelsFrom = (level: ConfigLevel): readonly ConfigLevel[] =>
  configLevels.slice(configLevels.indexOf(level));

export function renameRemote(
  settings: Settings,
  given: string,
  next: string,
  level: ConfigLevel = 'repo',
): void {
  const name = given.toLowerCase();
  if (mergedSections(settings.dvcFolder).has(remoteSection(next)))
    throw configInvalid(`Rename failed. Remote name '${next}' already exists.`);
  edit(settings, level, (sections) => {
    mustExist(sections, name);
    const options = sections.get(remoteSection(name));
    sections.delete(remoteSection(name));
    if (options !== undefined) sections.set(remoteSection(next), options);
    renameDefault(sections, name, next);
  });
  for (const one of levelsFrom(level).slice(1).toReversed())
    edit(settings, one, (sections) => renameDefault(sections, name, next));
}

function renameDefault(sections: ConfigSections, name: string, next: string): void {
  if (defaultIn(sections) === name) put(sections, 'core', 'remote', next);
}

/** The default remote, undefined where none is set. */
export const defaultRemote = (settings: Settings, level?: ConfigLevel): string | undefined =>
  (level === undefined ? mergedSections(settings.dvcFolder) : readConfigLevel(level, settings.dvcFolder))
    .get('core')
    ?.get('remote')
    ?.toString();

/** @param given undefined: there is none any more */
export function setDefaultRemote(
  settings: Settings,
  given: string | undefined,
  level: ConfigLevel = 'repo',
): void {
  const name = given?.toLowerCase();
  edit(settings, level, (sections) => {
    if (name === undefined) {
      sections.get('core')?.delete('remote');
      return;
    }
    if (!sectionsUpTo(settings, level).has(remoteSection(name)))
      throw configInvalid('default remote must be present in remote list.');
    put(sections, 'core', 'remote', name);
  });
}
