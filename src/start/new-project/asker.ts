import { join } from 'node:path';
import type { Actor } from '../../platform/actor.ts';
import { vouchedHosts, type Lookup } from '../../platform/address-guard.ts';
import type { World } from '../../platform/world.ts';
import { readUserConfig, type UserConfig } from '../template/user-config.ts';
import type { Asker } from './template-address.ts';

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]', '::1']);

/** Sits at this machine: the user without a token on a server that listens on loopback only. */
export const isLocalUser = (world: World, actor: Actor): boolean =>
  actor.kind === 'local' && loopback.has(new URL(world.address).hostname);

/** What this person may name, with the hosts that the owner of the server vouches for in `TILTH_FETCH_HOSTS`. */
export function askerOf(world: World, actor: Actor, lookup?: Lookup): Asker {
  const isLocal = isLocalUser(world, actor);
  return {
    isLocalUser: isLocal,
    dataFolder: isLocal ? undefined : join(world.home.root, 'people', encodeURIComponent(actor.id)),
    vouchedFor: vouchedHosts(),
    ...(lookup === undefined ? {} : { lookup }),
  };
}

/** The settings of the server's owner are theirs alone: others get cookiecutter's own abbreviations and no defaults. */
export const settingsFor = (asker: Asker): Promise<UserConfig> =>
  readUserConfig({ defaultConfig: !asker.isLocalUser });
