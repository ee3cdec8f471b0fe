import { isIP } from 'node:net';
import { checkHost, type CheckedHost, type GuardPolicy } from '../../platform/address-guard.ts';
import { isRepositoryAddress } from '../template/repository-address.ts';
import { addressForLocalUser, addressNotUnderstood, addressWithPassword } from './new-project-errors.ts';

/** Who asks for a template, and what the server's owner allows. */
export interface Asker extends GuardPolicy {
  /** sits at this machine: may name folders of it, and addresses that use the owner's own keys */
  readonly isLocalUser: boolean;
  /** where it is kept what code this person let run; undefined: with what the owner of the server trusts */
  readonly dataFolder?: string | undefined;
}

/** A template that may be fetched, and how. */
export type Permit =
  | { readonly kind: 'own' | 'folder'; readonly template: string }
  | {
      readonly kind: 'repository' | 'archive';
      readonly template: string;
      /** undefined where the transport looks the host up itself: ssh, with the local user's own settings */
      readonly pinned: CheckedHost | undefined;
    };

/**
 * Decides whether this template may be fetched for who asks. Everybody may name ours and `https` addresses of public
 * hosts; the local user also folders, `file:`, `ssh`, `git` and `http`, of hosts that pass the guard.
 *
 * @param template its address after the abbreviations
 * @throws TEMPLATE_ADDRESS_REFUSED, ADDRESS_REFUSED, ADDRESS_UNKNOWN
 */
export async function permitTemplate(template: string, asker: Asker): Promise<Permit> {
  // git and the shell of a hook read lines; an address is one
  if (/\p{Cc}/u.test(template) || template.startsWith('-')) throw addressNotUnderstood(template);
  if (/^tilth:[\w-]+$/.test(template)) return { kind: 'own', template };
  const isArchive = template.toLowerCase().endsWith('.zip');
  const scp = /^(?:[\w.-]+@)?([\w.-]+):(?!\/\/)/.exec(template);
  if (!template.includes('://') && scp?.[1] !== undefined && template.includes('@')) {
    requireLocal(template, asker);
    await checkHost(scp[1], 22, asker);
    return { kind: 'repository', template, pinned: undefined };
  }
  const match = /^(?:(?:git|hg)\+)?([a-z]+):\/\//i.exec(template);
  if (match === null) {
    // `https:host`, which some programs take for a host and others for a path
    if (isRepositoryAddress(template)) throw addressNotUnderstood(template);
    requireLocal(template, asker);
    return { kind: 'folder', template };
  }
  const scheme = match[1]?.toLowerCase() ?? '';
  if (!['https', 'http', 'ssh', 'git', 'file'].includes(scheme)) throw addressNotUnderstood(template);
  if (scheme !== 'https' || template.startsWith('hg+')) requireLocal(template, asker);
  const url = parse(template);
  if (scheme === 'file') return { kind: isArchive ? 'folder' : 'repository', template, pinned: undefined };
  if (url.password !== '' || (scheme.startsWith('http') && url.username !== '')) throw addressWithPassword();
  const host = await checkHost(url.hostname, Number(url.port === '' ? ports[scheme] : url.port), asker);
  if (scheme === 'ssh' || scheme === 'git' || template.startsWith('hg+'))
    return { kind: 'repository', template, pinned: undefined };
  // what was checked is what is asked for: other programs read odd spellings of a host in other ways
  return isArchive
    ? { kind: 'archive', template: url.href, pinned: host }
    : { kind: 'repository', template: `git+${url.href}`, pinned: host };
}

const ports: Readonly<Record<string, number>> = { https: 443, http: 80, ssh: 22, git: 9418 };

function parse(template: string): URL {
  try {
    return new URL(template.replace(/^(?:git|hg)\+/, ''));
  } catch {
    throw addressNotUnderstood(template);
  }
}

function requireLocal(template: string, asker: Asker): void {
  if (!asker.isLocalUser) throw addressForLocalUser(template);
}

/** What is trusted at the keyboard is nothing that others may rely on, and the other way round. */
export const trustEnvironment = ({ dataFolder }: Asker): Record<string, string> =>
  dataFolder === undefined ? {} : { XDG_DATA_HOME: dataFolder };

/**
 * What git is told for this fetch, as environment: no redirect may lead it elsewhere, and the host is the one that
 * was looked at. Someone who does not sit at this machine gets none of its owner's passwords.
 */
export function gitEnvironment(permit: Permit, isLocalUser: boolean): Record<string, string> {
  const settings: [string, string][] = [['http.followRedirects', 'false']];
  if ('pinned' in permit && permit.pinned !== undefined && isIP(permit.pinned.host) === 0) {
    const { host, port, addresses } = permit.pinned;
    settings.push(['http.curloptResolve', `${host}:${port}:${addresses.join(',')}`]);
  }
  if (!isLocalUser) settings.push(['credential.helper', ''], ['core.askPass', 'false']);
  return {
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
    GIT_TERMINAL_PROMPT: '0',
    ...(isLocalUser ? {} : { GIT_ALLOW_PROTOCOL: 'https' }),
    // large files of a repository come from an address of the repository's choice
    GIT_LFS_SKIP_SMUDGE: '1',
  };
}
