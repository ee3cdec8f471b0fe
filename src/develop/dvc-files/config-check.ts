import { TilthError } from '../../platform/errors.ts';
import { linkTypes, remoteNameOf } from './config.ts';
import type { ConfigSections, ConfigValue } from './config-text.ts';

export const configInvalid = (reason: string, hint?: string): TilthError =>
  new TilthError('DVC_CONFIG_INVALID', 400, `config file error: ${reason}`, hint);

/** What a value must be; a list of words is a choice. */
type Kind = 'text' | 'bool' | 'bool-or-text' | 'count' | 'integer' | 'seconds' | 'links' | readonly string[];
type Options = Readonly<Record<string, Kind>>;

/** Refuses what dvc would refuse, in its words, so that a colleague's dvc never stumbles over what we wrote. @throws DVC_CONFIG_INVALID */
export function checkConfig(sections: ConfigSections): void {
  for (const [section, options] of sections) {
    const name = remoteNameOf(section);
    const known = name === undefined ? knownOptions(section) : remoteOptions(name, options);
    if (known === 'any') continue;
    const at = name === undefined ? `data['${section}']` : `data['remote']['${name}']`;
    for (const [option, value] of options) {
      const kind = known[option];
      if (kind === undefined) throw configInvalid(`extra keys not allowed @ ${at}['${option}']`);
      const reason = faultOf(kind, value);
      if (reason !== undefined) throw configInvalid(`${reason} for dictionary value @ ${at}['${option}']`);
    }
  }
}

function faultOf(kind: Kind, value: ConfigValue): string | undefined {
  const text = typeof value === 'string' ? value : value.join(',');
  if (kind === 'links') {
    const wrong = text
      .split(',')
      .map((type) => type.trim())
      .filter((type) => !(linkTypes as readonly string[]).includes(type));
    return wrong.length === 0 ? undefined : `Unsupported cache type(s): ${wrong.join(', ')}`;
  }
  if (typeof value !== 'string') return 'expected str';
  if (kind === 'bool') return /^(true|false)$/i.test(text) ? undefined : 'expected true or false';
  if (kind === 'integer') return /^\s*[+-]?\d+\s*$/.test(text) ? undefined : 'expected int';
  if (kind === 'count') {
    if (!/^\s*[+-]?\d+\s*$/.test(text)) return 'expected int';
    return Number(text) >= 1 ? undefined : 'value must be at least 1';
  }
  if (kind === 'seconds') {
    if (text.trim() === '' || Number.isNaN(Number(text))) return 'expected float';
    return Number(text) >= 0 ? undefined : 'value must be at least 0';
  }
  if (typeof kind === 'string') return undefined;
  return kind.includes(text.toLowerCase()) ? undefined : `expected one of ${kind.join(', ')}`;
}

function knownOptions(section: string): Options | 'any' {
  if (/^(machine|db)\s*"/.test(section)) return 'any';
  const known = sectionOptions[section];
  if (known === undefined) throw configInvalid(`extra keys not allowed @ data['${section}']`);
  return known;
}

function remoteOptions(name: string, options: ReadonlyMap<string, ConfigValue>): Options | 'any' {
  const url = options.get('url');
  const at = `data['remote']['${name}']`;
  if (typeof url !== 'string') throw configInvalid(`expected 'url' for dictionary value @ ${at}`);
  const scheme = /^(\w[\w+.-]*):\/\/[^/]/.exec(url)?.[1]?.toLowerCase() ?? '';
  const known = remoteSchemes[scheme];
  if (known === undefined)
    throw configInvalid(`Unsupported URL type ${scheme}:// for dictionary value @ ${at}`);
  return known;
}

const everyRemote: Options = {
  url: 'text',
  checksum_jobs: 'count',
  jobs: 'count',
  worktree: 'bool',
  no_traverse: 'bool',
  version_aware: 'bool',
};

const local: Options = {
  type: 'links',
  protected: 'bool',
  shared: ['group'],
  slow_link_warning: 'bool',
  verify: 'bool',
};

const http: Options = {
  ...everyRemote,
  auth: ['basic', 'digest', 'custom'],
  custom_auth_header: 'text',
  user: 'text',
  password: 'text',
  ask_password: 'bool',
  ssl_verify: 'bool-or-text',
  method: 'text',
  connect_timeout: 'seconds',
  read_timeout: 'seconds',
  verify: 'bool',
};

const texts = (...names: string[]): Options => Object.fromEntries(names.map((name) => [name, 'text']));

/** Options of a storage that tilth does not speak itself: names of texts, and of what is true or false. */
const others = (named: string, switches: string): Options => ({
  ...everyRemote,
  ...texts(...named.split(' ')),
  ...Object.fromEntries(switches.split(' ').map((name) => [name, 'bool'])),
  verify: 'bool',
});

const webdav = others(
  'user password token bearer_token_command custom_auth_header cert_path key_path timeout ssl_verify',
  'ask_password',
);

/** By the scheme of the url; of storages that tilth does not speak itself dvc checks the options. */
const remoteSchemes: Readonly<Record<string, Options | 'any'>> = {
  '': { ...local, ...everyRemote },
  s3: {
    ...everyRemote,
    ...texts(
      'region',
      'profile',
      'credentialpath',
      'configpath',
      'endpointurl',
      'access_key_id',
      'secret_access_key',
    ),
    ...texts('session_token', 'sse', 'sse_kms_key_id', 'sse_customer_algorithm', 'sse_customer_key', 'acl'),
    ...texts('grant_read', 'grant_read_acp', 'grant_write_acp', 'grant_full_control'),
    listobjects: 'bool',
    use_ssl: 'bool',
    allow_anonymous_login: 'bool',
    ssl_verify: 'bool-or-text',
    cache_regions: 'bool',
    read_timeout: 'integer',
    connect_timeout: 'integer',
    verify: 'bool',
  },
  ssh: {
    ...everyRemote,
    ...texts('user', 'password', 'passphrase', 'keyfile'),
    type: 'links',
    port: 'integer',
    ask_password: 'bool',
    ask_passphrase: 'bool',
    timeout: 'integer',
    gss_auth: 'bool',
    allow_agent: 'bool',
    max_sessions: 'integer',
    verify: 'bool',
  },
  http,
  https: http,
  remote: 'any',
  gs: others('projectname credentialpath endpointurl', 'allow_anonymous_login'),
  hdfs: others('user kerb_ticket replication', ''),
  webhdfs: others(
    'kerberos_principal proxy_to ssl_verify token user password data_proxy_target',
    'kerberos use_https',
  ),
  azure: others(
    'connection_string sas_token account_name account_key tenant_id client_id client_secret timeout read_timeout connection_timeout',
    'allow_anonymous_login exclude_environment_credential exclude_visual_studio_code_credential ' +
      'exclude_shared_token_cache_credential exclude_managed_identity_credential',
  ),
  oss: others('oss_key_id oss_key_secret oss_endpoint', ''),
  gdrive: others(
    'profile gdrive_client_id gdrive_client_secret gdrive_user_credentials_file gdrive_service_account_user_email ' +
      'gdrive_service_account_json_file_path',
    'gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse',
  ),
  webdav,
  webdavs: webdav,
};

const sectionOptions: Readonly<Record<string, Options | 'any'>> = {
  core: {
    remote: 'text',
    checksum_jobs: 'count',
    interactive: 'bool',
    analytics: 'bool',
    hardlink_lock: 'bool',
    no_scm: 'bool',
    autostage: 'bool',
    experiments: 'bool',
    check_update: 'bool',
    site_cache_dir: 'text',
    machine: 'text',
  },
  cache: { ...local, ...texts('local', 's3', 'gs', 'hdfs', 'webhdfs', 'ssh', 'azure', 'dir') },
  state: { dir: 'text', row_limit: 'count', row_cleanup_quota: 'integer' },
  index: { dir: 'text' },
  feature: 'any',
  plots: { html_template: 'text', auto_open: 'bool', out_dir: 'text' },
  exp: {
    ...texts('code', 'data', 'models', 'metrics', 'params', 'plots', 'live', 'git_remote'),
    auto_push: 'bool',
  },
  parsing: { bool: ['store_true', 'boolean_optional'], list: ['nargs', 'append'] },
  hydra: { enabled: 'bool', ...texts('config_dir', 'config_module', 'config_name', 'plugins_path') },
  studio: { ...texts('token', 'url', 'repo_url'), offline: 'bool' },
};
