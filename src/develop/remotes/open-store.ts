import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DvcConfig, RemoteConfig } from '../dvc-files/config.ts';
import { folderStore } from './folder-store.ts';
import { noRemote, remoteUnknown, schemeUnknown } from './remote-errors.ts';
import type { RemoteStore } from './remote-store.ts';

/**
 * The remote of that name, or the default one, with `remote://other/path` followed.
 *
 * @throws REMOTE_UNKNOWN, REMOTE_NOT_SET
 */
export function remoteNamed(config: DvcConfig, name?: string): RemoteConfig {
  const wanted = name?.toLowerCase() ?? config.defaultRemote;
  if (wanted === undefined || wanted === '') throw noRemote(config.remotes.size > 0);
  const found = config.remotes.get(wanted);
  if (found === undefined) throw remoteUnknown(wanted, [...config.remotes.keys()]);
  return resolveRemote(config, found);
}

/** `remote://store/sub` lies below the remote "store" and has its options, unless it says otherwise. */
export function resolveRemote(config: DvcConfig, remote: RemoteConfig, depth = 0): RemoteConfig {
  const [, name, path = ''] = /^remote:\/\/([^/]+)(\/.*)?$/.exec(remote.url) ?? [];
  if (name === undefined) return remote;
  const base = config.remotes.get(name.toLowerCase());
  if (base === undefined || depth > 8) throw remoteUnknown(name, [...config.remotes.keys()]);
  const url = `${base.url.replace(/\/+$/, '')}${path}`;
  return resolveRemote(
    config,
    { name: remote.name, url, options: new Map([...base.options, ...remote.options]) },
    depth + 1,
  );
}

/**
 * Opens a remote; nothing is asked over the network yet. What S3, SSH and HTTP need is loaded only for them.
 *
 * @throws REMOTE_SCHEME_UNKNOWN, REMOTE_OPTION_MISSING
 */
export async function openStore(remote: RemoteConfig, jobs?: number): Promise<RemoteStore> {
  const scheme = /^(\w[\w+.-]*):\/\//.exec(remote.url)?.[1]?.toLowerCase();
  const atOnce = jobs ?? (Number(remote.options.get('jobs')) || undefined);
  switch (scheme) {
    case undefined:
      return folderStore(resolve(remote.url));
    case 'file':
      return folderStore(fileURLToPath(remote.url));
    case 's3':
      return (await import('./s3-store.ts')).s3Store(remote, atOnce);
    case 'ssh':
      return (await import('./ssh-store.ts')).sshStore(remote, atOnce);
    case 'http':
    case 'https':
      return (await import('./http-store.ts')).httpStore(remote, atOnce);
    default:
      throw schemeUnknown(remote.url);
  }
}
