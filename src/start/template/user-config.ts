import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { parseJson, type Context } from './context.ts';
import { dumpJson, fromJson, str, type Value } from './jinja/values.ts';

/** What cookiecutter reads from the user's own settings. */
export interface UserConfig {
  readonly defaults: ReadonlyMap<string, Value>;
  /** `gh` → an address with `{0}` for the rest */
  readonly abbreviations: Readonly<Record<string, string>>;
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
  const empty: UserConfig = {
    defaults: new Map(),
    abbreviations: builtIn,
    replayFolder: join(homedir(), '.cookiecutter_replay'),
  };
  if (flags.defaultConfig === true) return empty;
  const named = flags.configFile ?? process.env['COOKIECUTTER_CONFIG'];
  const file = named ?? join(homedir(), '.cookiecutterrc');
  if (named === undefined && !existsSync(file)) return empty;
  const { parse } = await import('yaml');
  let read: unknown;
  try {
    read = parse(readFileSync(file, 'utf8')) ?? {};
    if (typeof read !== 'object' || Array.isArray(read))
      throw new Error('its top level should be keys and values');
  } catch (cause) {
    throw new TilthError(
      'TEMPLATE_CONFIG_INVALID',
      400,
      `The settings ${file} can't be read: ${messageOf(cause)}`,
      'Correct the file, or add --default-config.',
      { cause },
    );
  }
  const config = read as {
    default_context?: unknown;
    abbreviations?: Record<string, string>;
    replay_dir?: string;
  };
  const defaults = fromJson(config.default_context ?? {});
  return {
    defaults: new Map(
      defaults instanceof Map ? [...defaults].map(([name, value]) => [str(name), value]) : [],
    ),
    abbreviations: { ...builtIn, ...config.abbreviations },
    replayFolder: config.replay_dir === undefined ? empty.replayFolder : expand(config.replay_dir),
  };
}

const expand = (path: string): string =>
  resolve(
    path
      .replace(/\$\{?(\w+)\}?/g, (whole, name: string) => process.env[name] ?? whole)
      .replace(/^~(?=\/|$)/, homedir()),
  );

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
    const document = parseJson(readFileSync(file, 'utf8'));
    const answers = document instanceof Map ? document.get('cookiecutter') : undefined;
    if (!(answers instanceof Map)) throw new Error('it has no "cookiecutter"');
    return new Map([...answers].map(([name, value]) => [str(name), value]));
  } catch (cause) {
    throw new TilthError(
      'TEMPLATE_REPLAY_MISSING',
      404,
      `There are no answers to replay in ${file}: ${messageOf(cause)}`,
      'Start once without --replay.',
      { cause },
    );
  }
}
