import { TilthError } from '../../platform/errors.ts';
import type { Command } from 'commander';
import { note } from '../../platform/terminal.ts';
import type { DvcFlags } from '../dvc-files/dvc-dialect.ts';
import type { ConfigLevel } from '../dvc-files/config.ts';
import type { Dialect } from './dialect.ts';

interface LevelFlags extends DvcFlags {
  readonly global?: boolean;
  readonly system?: boolean;
  readonly project?: boolean;
  readonly local?: boolean;
  readonly unset?: boolean;
}

const levelOf = (flags: LevelFlags): ConfigLevel | undefined =>
  flags.global === true
    ? 'global'
    : flags.system === true
      ? 'system'
      : flags.project === true
        ? 'repo'
        : flags.local === true
          ? 'local'
          : undefined;

const withLevels = (command: Command): Command =>
  command
    .option('--global', 'for you, in every repository')
    .option('--system', 'for everybody on this machine')
    .option('--project', 'for everybody who works in this repository (.dvc/config)')
    .option('--local', 'for you, in this repository (.dvc/config.local)');

/** `config`, `cache dir` and `remote add|modify|remove|list|default|rename`. */
export function addSettingsVerbs(group: Command, dialect: Dialect): void {
  const { verb, run } = dialect;
  withLevels(verb(group, 'config [name] [value]', 'show or change a setting'))
    .option('-u, --unset', 'take it back')
    .option('-l, --list', 'show all')
    .option('--show-origin', 'with the file that says so')
    .action(
      run(
        (name: string | undefined, value: string | undefined, flags: ConfigFlags) =>
          config(dialect, name, value, flags),
        1,
      ),
    );
  const cache = group.command('cache').description('where data is kept on this machine');
  withLevels(verb(cache, 'dir [path]', 'show or change the folder of the cache'))
    .option('-u, --unset', 'take it back')
    .action(run((path: string | undefined, flags: LevelFlags) => cacheDir(dialect, path, flags)));
  addRemoteVerbs(
    group.command('remote').description('places outside of this machine where data is kept'),
    dialect,
  );
}

function addRemoteVerbs(group: Command, dialect: Dialect): void {
  const { verb, run, print } = dialect;
  withLevels(verb(group, 'add <name> <url>', 'add one: a folder, s3://…, ssh://…, https://…'))
    .option('-d, --default', 'push there and pull from there')
    .option('-f, --force', 'in place of one of that name')
    .action(
      run(async (name: string, url: string, flags: LevelFlags & { default?: boolean; force?: boolean }) => {
        const { addRemote, settings } = await work();
        const isDefault = flags.default === true;
        addRemote(settings, { name, url, isDefault, isForced: flags.force === true, level: levelOf(flags) });
        print(flags, { name: name.toLowerCase(), url, isDefault }, () =>
          isDefault
            ? `Setting '${name.toLowerCase()}' as a default remote.`
            : dialect.isDvc
              ? []
              : `Added ${name.toLowerCase()}.`,
        );
      }),
    );
  withLevels(verb(group, 'modify <name> <option> [value]', 'change one of its options'))
    .option('-u, --unset', 'take the option back')
    .action(
      run(async (name: string, option: string, value: string | undefined, flags: LevelFlags) => {
        const { modifyRemote, settings } = await work();
        modifyRemote(
          settings,
          name,
          option,
          flags.unset === true ? undefined : (value ?? ''),
          levelOf(flags),
        );
        print(
          flags,
          { name: name.toLowerCase(), option, value: flags.unset === true ? null : (value ?? '') },
          () => (dialect.isDvc ? [] : `Changed ${name.toLowerCase()}.`),
        );
      }),
    );
  withLevels(verb(group, 'remove <name>', 'forget one; what is kept there stays')).action(
    run(async (name: string, flags: LevelFlags) => {
      const { removeRemote, settings } = await work();
      removeRemote(settings, name, levelOf(flags));
      print(flags, { removed: name.toLowerCase() }, () =>
        dialect.isDvc ? [] : `Removed ${name.toLowerCase()}; what is kept there stays.`,
      );
    }),
  );
  withLevels(verb(group, 'rename <name> <new>', 'give one another name')).action(
    run(async (name: string, next: string, flags: LevelFlags) => {
      const { renameRemote, settings } = await work();
      renameRemote(settings, name, next, levelOf(flags));
      print(flags, { name: next }, () => (dialect.isDvc ? [] : `Renamed ${name} to ${next}.`));
    }),
  );
  withLevels(verb(group, 'list', 'those that there are')).action(
    run(async (flags: LevelFlags) => {
      const { listRemotes, settings } = await work();
      print(flags, listRemotes(settings, levelOf(flags)), (all) =>
        all.map(({ name, url, isDefault }) =>
          atTabs(isDefault ? `${name}\t${url}\t(default)` : `${name}\t${url}`),
        ),
      );
    }),
  );
  withLevels(verb(group, 'default [name]', 'show or choose where push and pull go'))
    .option('-u, --unset', 'choose none')
    .action(
      run(async (name: string | undefined, flags: LevelFlags) => {
        const { defaultRemote, setDefaultRemote, settings } = await work();
        if (name === undefined && flags.unset !== true) {
          const found = defaultRemote(settings, levelOf(flags));
          print(flags, { name: found ?? null }, () => found ?? 'No default remote set');
          if (found === undefined) process.exitCode = 1;
          return;
        }
        setDefaultRemote(settings, flags.unset === true ? undefined : name, levelOf(flags));
        print(flags, { name: flags.unset === true ? null : (name ?? null) }, () =>
          dialect.isDvc
            ? []
            : flags.unset === true
              ? 'No remote is the default now.'
              : `${name} is the default now.`,
        );
      }),
    );
}

interface ConfigFlags extends LevelFlags {
  readonly list?: boolean;
  readonly showOrigin?: boolean;
}

async function config(
  { isDvc, print }: Dialect,
  name: string | undefined,
  value: string | undefined,
  flags: ConfigFlags,
): Promise<void> {
  const { getSetting, listSettings, setSetting, unsetSetting, settings, wrongFlags } = await work();
  const level = levelOf(flags);
  const changes = value !== undefined || flags.unset === true;
  if (flags.showOrigin === true && changes)
    throw wrongFlags("--show-origin can't be used together with any of these options: -u/--unset, value");
  if (flags.list === true) {
    if (name !== undefined || changes)
      throw wrongFlags("-l/--list can't be used together with any of these options: -u/--unset, name, value");
    print(flags, listSettings(settings, level), (all) =>
      all.map((one) => `${flags.showOrigin === true ? `${one.file}\t` : ''}${one.name}=${one.value}`),
    );
    return;
  }
  if (name === undefined) throw wrongFlags('name argument is required');
  if (flags.unset === true) {
    unsetSetting(settings, name, level);
    print(flags, { name, value: null }, () => (isDvc ? [] : `${name} is as it was before anybody set it.`));
    return;
  }
  if (value !== undefined) {
    setSetting(settings, name, value, level);
    if (name === 'cache.type')
      note(
        'Files that are checked out already stay as they are; to link them anew: tilth data checkout --relink',
      );
    print(flags, { name, value }, () => (isDvc ? [] : `${name} is ${value} now.`));
    return;
  }
  const found = getSetting(settings, name, level);
  print(flags, found ?? { name, value: null }, () =>
    found === undefined ? [] : `${flags.showOrigin === true ? `${found.file}\t` : ''}${found.value}`,
  );
}

async function cacheDir(
  { isDvc, print }: Dialect,
  path: string | undefined,
  flags: LevelFlags,
): Promise<void> {
  const { getSetting, setSetting, unsetSetting, settings } = await work();
  const level = levelOf(flags);
  if (flags.unset === true) unsetSetting(settings, 'cache.dir', level);
  else if (path !== undefined) setSetting(settings, 'cache.dir', path, level);
  else {
    const folder = getSetting(settings, 'cache.dir', level)?.value ?? `${settings.dvcFolder}/cache`;
    print(flags, { folder }, () => folder);
    return;
  }
  print(flags, { folder: path ?? null }, () =>
    isDvc
      ? []
      : path === undefined
        ? 'The cache is in .dvc/cache again.'
        : `The cache is in ${path} now; what is in the old one stays there.`,
  );
}

/** dvc's tables go by tab stops, which it turns into spaces. */
const atTabs = (line: string): string => {
  let text = '';
  for (const part of line.split('\t'))
    text = text === '' ? part : text.padEnd(Math.floor(text.length / 8 + 1) * 8) + part;
  return text;
};

/** Loaded when a verb runs, so that help stays quick. */
async function work() {
  const [settings, remotes] = await Promise.all([import('./settings.ts'), import('./remote-settings.ts')]);
  return {
    ...settings,
    ...remotes,
    settings: settings.settingsAt(process.cwd()),
    // dvc ends with 1 here, not with the code of wrong settings
    wrongFlags: (reason: string) => new TilthError('REMOTE_FLAGS_WRONG', 400, reason),
  };
}
