import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { TextDecoder } from 'node:util';
import { messageOf } from '../../platform/errors.ts';
import type { Context } from './context.ts';
import { parseJson } from './read-json.ts';
import { dumpJson, str, type Value } from './jinja/values.ts';
import { configRefused, replayMissing } from './source-errors.ts';

/** What cookiecutter reads from the user's own settings. */
export interface UserConfig {
  readonly defaults: ReadonlyMap<string, Value>;
  /** `gh` → an address with `{0}` for the rest */
  readonly abbreviations: Readonly<Record<string, string>>;
  /** where clones and archives are kept */
  readonly cookiecuttersFolder: string;
  readonly replayFolder: string;
}

const builtIn = {
  gh: 'https://github.com/{0}.git',
  gl: 'https://gitlab.com/{0}.git',
  bb: 'https://bitbucket.org/{0}',
};

/**
 * `--config-file`, else COOKIECUTTER_CONFIG, else ~/.cookiecutterrc; `--default-config` reads none.
 *
 * @throws TEMPLATE_CONFIG_INVALID
 */
export async function readUserConfig(flags: {
  configFile?: string | undefined;
  defaultConfig?: boolean | undefined;
}): Promise<UserConfig> {
  const standard: UserConfig = {
    defaults: new Map(),
    abbreviations: builtIn,
    cookiecuttersFolder: join(homedir(), '.cookiecutters/'),
    replayFolder: join(homedir(), '.cookiecutter_replay/'),
  };
  if (flags.defaultConfig === true) return standard;
  // an empty --config-file is none, an empty COOKIECUTTER_CONFIG is a file that isn't there
  const named =
    flags.configFile === undefined || flags.configFile === ''
      ? process.env['COOKIECUTTER_CONFIG']
      : flags.configFile;
  const file = named ?? join(homedir(), '.cookiecutterrc');
  if (!existsSync(file)) {
    if (named === undefined) return standard;
    throw configRefused(`Config file ${file} does not exist.`, 'Correct the path, or add --default-config.');
  }
  const config = await readSettings(file);
  const text = (key: string): string | undefined => {
    const value = config.get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw configRefused(`${key} in ${file} should be a path.`, `Write it as text: ${key}: "~/folder"`);
  };
  const cookiecutters = text('cookiecutters_dir');
  const replay = text('replay_dir');
  return {
    defaults: entries(config, 'default_context', file),
    abbreviations: { ...builtIn, ...abbreviationsOf(config, file) },
    cookiecuttersFolder:
      cookiecutters === undefined ? standard.cookiecuttersFolder : expandPath(cookiecutters),
    replayFolder: replay === undefined ? standard.replayFolder : expandPath(replay),
  };
}

async function readSettings(file: string): Promise<Map<string, Value>> {
  const { parsePythonYaml, withTextKeys } = await import('./python-yaml.ts');
  let value: Value;
  try {
    value = parsePythonYaml(new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)));
  } catch (cause) {
    throw configRefused(
      `Unable to parse YAML file ${file}.`,
      `${messageOf(cause)}. Or add --default-config.`,
      cause,
    );
  }
  const isEmpty = value === null || value === false || value === '' || value === 0;
  const settings =
    isEmpty || (Array.isArray(value) && value.length === 0) ? new Map<string, Value>() : withTextKeys(value);
  if (settings !== undefined) return settings;
  throw configRefused(
    `Top-level element of YAML file ${file} should be an object.`,
    'Write keys and values, for example default_context: and below it author: Your Name',
  );
}

function entries(config: ReadonlyMap<string, Value>, key: string, file: string): Map<string, Value> {
  const value = config.get(key) ?? null;
  if (value === null) return new Map();
  if (value instanceof Map) return new Map([...value].map(([name, item]) => [str(name), item]));
  throw configRefused(`${key} in ${file} should be an object.`, `Write keys and values below ${key}:`);
}

const abbreviationsOf = (config: ReadonlyMap<string, Value>, file: string): Record<string, string> =>
  Object.fromEntries(
    [...entries(config, 'abbreviations', file)].map(([name, address]) => {
      if (typeof address === 'string') return [name, address];
      throw configRefused(
        `The abbreviation ${name} in ${file} should be an address.`,
        `Write it as text: ${name}: https://host/{0}.git`,
      );
    }),
  );

/** `$NAME`, `${NAME}`, `~` and `~user`, as Python expands them; what is unknown stays. */
export function expandPath(path: string): string {
  const expanded = path.replace(
    /\$(?:(\w+)|\{([^}]*)\})/g,
    (whole, bare: string | undefined, braced: string | undefined) =>
      process.env[bare ?? braced ?? ''] ?? whole,
  );
  const [, user, rest = ''] = /^~([^/]*)(.*)$/s.exec(expanded) ?? [];
  if (user === undefined) return expanded;
  const home = user === '' ? homedir() : homeOf(user);
  if (home === undefined) return expanded;
  return `${home.replace(/\/+$/, '')}${rest}` || '/';
}

/** @see passwd(5) */
function homeOf(user: string): string | undefined {
  if (!existsSync('/etc/passwd')) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${user}:`));
  return line?.split(':')[5];
}

/** Where cookiecutter keeps the answers of a template, by the name of its folder. */
export const replayFileOf = (replayFolder: string, name: string): string =>
  join(replayFolder, name.endsWith('.json') ? name : `${name}.json`);

/** Keeps the answers where cookiecutter keeps them, so that either can replay them. */
export function saveReplay(file: string, answers: Context, defaults: Context): void {
  const document = new Map<Value, Value>([
    ['cookiecutter', new Map<Value, Value>(answers)],
    ['_cookiecutter', new Map<Value, Value>(defaults)],
  ]);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, dumpJson(document, 2, false));
  } catch {
    // a home folder that can't be written must not stop a project from starting
  }
}

/** @throws TEMPLATE_REPLAY_MISSING */
export function readReplay(file: string): ReadonlyMap<string, Value> {
  try {
    const document = parseJson(readFileSync(replayPath(file), 'utf8'));
    const answers = document instanceof Map ? document.get('cookiecutter') : undefined;
    if (!(answers instanceof Map)) throw new Error('it has no "cookiecutter"');
    return new Map([...answers].map(([name, value]) => [str(name), value]));
  } catch (cause) {
    throw replayMissing(file, messageOf(cause), cause);
  }
}

/** cookiecutter puts .json in the place of whatever ending the name has. */
function replayPath(file: string): string {
  if (existsSync(file)) return file;
  return `${file.replace(/(?<=[^/.][^/]*)\.[^/.]*$/, '')}.json`;
}
