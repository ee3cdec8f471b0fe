import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { readConfigText, type ConfigSections, type ConfigValue } from './config-text.ts';

/** Where an option may be set; a later level wins. */
export const configLevels = ['system', 'global', 'repo', 'local'] as const;
export type ConfigLevel = (typeof configLevels)[number];

export const linkTypes = ['reflink', 'hardlink', 'symlink', 'copy'] as const;
export type LinkType = (typeof linkTypes)[number];

/** A remote with its options as they are written, paths made absolute. */
export interface RemoteConfig {
  readonly name: string;
  readonly url: string;
  /** all other options: `endpointurl`, `user`, `jobs`, … */
  readonly options: ReadonlyMap<string, string>;
}

/** dvc's settings of one repository, all levels merged. */
export interface DvcConfig {
  /** `.dvc/cache`, or what `cache.dir` says: absolute, holds `files/md5` and `runs` */
  readonly cacheFolder: string;
  /** in order of preference */
  readonly cacheTypes: readonly LinkType[];
  /** `.dvc` files and `.gitignore` go to git's index by themselves */
  readonly autostage: boolean;
  /** written down by `dvc init --no-scm` */
  readonly noScm: boolean;
  readonly remotes: ReadonlyMap<string, RemoteConfig>;
  readonly defaultRemote: string | undefined;
  /** how many files at once, from `core.checksum_jobs` */
  readonly checksumJobs: number | undefined;
  /** all sections, for what has no field here */
  readonly sections: ConfigSections;
}

/** The file of a level; `repo` and `local` lie in the repository's `.dvc`. */
export function configFile(level: ConfigLevel, dvcFolder: string, environment = process.env): string {
  if (level === 'repo') return join(dvcFolder, 'config');
  if (level === 'local') return join(dvcFolder, 'config.local');
  const isMac = process.platform === 'darwin';
  if (level === 'system') {
    const shared = isMac
      ? '/Library/Application Support'
      : (environment['XDG_CONFIG_DIRS']?.split(':')[0] ?? '');
    return join(environment['DVC_SYSTEM_CONFIG_DIR'] || join(shared || '/etc/xdg', 'dvc'), 'config');
  }
  const home = environment['HOME'] ?? homedir();
  const own = isMac
    ? join(home, 'Library/Application Support')
    : environment['XDG_CONFIG_HOME'] || join(home, '.config');
  return join(environment['DVC_GLOBAL_CONFIG_DIR'] || join(own, 'dvc'), 'config');
}

/**
 * The settings of one level, paths made absolute.
 *
 * @throws DVC_FILE_UNREADABLE
 */
export function readConfigLevel(level: ConfigLevel, dvcFolder: string): ConfigSections {
  const file = configFile(level, dvcFolder);
  return existsSync(file)
    ? withPaths(readConfigText(readFileSync(file, 'utf8'), file), (path) => absolutePath(path, dirname(file)))
    : new Map();
}

/**
 * The settings that hold: all levels below `until`, the later ones winning.
 *
 * @throws DVC_FILE_UNREADABLE
 */
export function mergedSections(dvcFolder: string, until?: ConfigLevel): ConfigSections {
  const merged: ConfigSections = new Map();
  for (const level of configLevels) {
    if (level === until) break;
    mergeSections(merged, readConfigLevel(level, dvcFolder));
  }
  return merged;
}

export function mergeSections(into: ConfigSections, update: ConfigSections): void {
  for (const [section, options] of update)
    into.set(section, new Map([...(into.get(section) ?? []), ...options]));
}

/**
 * Reads `.dvc/config` and the files around it.
 *
 * @param dvcFolder the repository's `.dvc`
 * @throws DVC_FILE_UNREADABLE
 */
export const readConfig = (dvcFolder: string): DvcConfig => configOf(mergedSections(dvcFolder), dvcFolder);

/** What sections say; `dvcFolder` is where the cache lies when they don't say. */
export function configOf(sections: ConfigSections, dvcFolder: string): DvcConfig {
  const textOf = (section: string, option: string): string | undefined =>
    joined(sections.get(section)?.get(option));
  const types = textOf('cache', 'type')
    ?.split(',')
    .map((type) => type.trim()) ?? ['reflink', 'copy'];
  const jobs = Number(textOf('core', 'checksum_jobs'));
  return {
    cacheFolder: textOf('cache', 'dir') ?? join(dvcFolder, 'cache'),
    cacheTypes: types.filter((type): type is LinkType => (linkTypes as readonly string[]).includes(type)),
    autostage: isTrue(textOf('core', 'autostage')),
    noScm: isTrue(textOf('core', 'no_scm')),
    remotes: remotesOf(sections),
    defaultRemote: textOf('core', 'remote')?.toLowerCase(),
    checksumJobs: Number.isInteger(jobs) && jobs > 0 ? jobs : undefined,
    sections,
  };
}

export const remoteSection = (name: string): string => `remote "${name}"`;

/** @returns the name in a section such as `remote "store"` */
export const remoteNameOf = (section: string): string | undefined => /^remote\s*"(.*)"$/.exec(section)?.[1];

function remotesOf(sections: ConfigSections): Map<string, RemoteConfig> {
  const remotes = new Map<string, RemoteConfig>();
  for (const [section, written] of sections) {
    const name = remoteNameOf(section);
    if (name === undefined) continue;
    const options = new Map([...written].map(([option, value]) => [option, joined(value) ?? '']));
    const url = options.get('url') ?? '';
    options.delete('url');
    remotes.set(name, { name, url, options });
  }
  return remotes;
}

const joined = (value: ConfigValue | undefined): string | undefined =>
  value === undefined || typeof value === 'string' ? value : value.join(',');

export const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === 'true';

const pathOptions = new Set([
  'url',
  'gdrive_user_credentials_file',
  'gdrive_service_account_json_file_path',
  'credentialpath',
  'configpath',
  'keyfile',
  'cert_path',
  'key_path',
]);

/** Whether an option is a path, kept relative to the file that names it. */
export const isPathOption = (section: string, option: string): boolean =>
  (section === 'cache' && option === 'dir') ||
  (remoteNameOf(section) !== undefined && pathOptions.has(option));

/** The sections with every option that is a path changed by `change`. */
export function withPaths(sections: ConfigSections, change: (path: string) => string): ConfigSections {
  return new Map(
    [...sections].map(([section, options]) => [
      section,
      new Map(
        [...options].map(([option, value]) => [
          option,
          typeof value === 'string' && isPathOption(section, option) ? change(value) : value,
        ]),
      ),
    ]),
  );
}

export const hasScheme = (path: string): boolean => /^\w+:\/\//.test(path);

function absolutePath(path: string, folder: string): string {
  if (hasScheme(path) || isAbsolute(path)) return path;
  return path === '~' || path.startsWith('~/')
    ? join(process.env['HOME'] ?? homedir(), path.slice(1))
    : resolve(folder, path);
}
