import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Actor } from '../../platform/actor.ts';
import { homeKey } from '../../platform/home-keys.ts';
import type { Home } from '../../platform/home.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import {
  fingerprint,
  signatureHeaders,
  signingKey,
  succession,
  successionText,
  type Succession,
} from '../serving/config/config-signature.ts';
import type { ServingKey } from './endpoint-api.ts';

/** Which of this home's keys signs now, and how it came after the others. */
const keyState = z.object({ number: z.number().int().positive(), links: succession });
type KeyState = z.infer<typeof keyState>;

const stateFile = (home: Pick<Home, 'root'>): string => join(home.root, 'keys', 'serving-succession.json');

function stateOf(home: Pick<Home, 'root'>): KeyState {
  const file = stateFile(home);
  return existsSync(file) ? keyState.parse(JSON.parse(readFileSync(file, 'utf8'))) : { number: 1, links: [] };
}

const signerOf = (home: Pick<Home, 'root'>, number: number) => signingKey(homeKey(home, `serving-${number}`));

interface Signer {
  readonly key: string;
  readonly links: Succession;
  sign(text: string): Record<string, string>;
}

const signers = new WeakMap<World, Signer>();

/** Signs configurations with the key of this home; made when it is first asked for. */
export function servingSigner(world: World): Signer {
  const known = signers.get(world);
  if (known !== undefined) return known;
  const { number, links } = stateOf(world.home);
  const signer = signerOf(world.home, number);
  const made: Signer = {
    key: signer.key,
    links,
    sign: (text) => ({
      [signatureHeaders.key]: signer.key,
      [signatureHeaders.signature]: signer.sign(text).signature,
      ...(links.length === 0 ? {} : { [signatureHeaders.succession]: JSON.stringify(links) }),
    }),
  };
  signers.set(world, made);
  return made;
}

export function servingKey(world: World): ServingKey {
  const { key, links } = servingSigner(world);
  return { key, fingerprint: fingerprint(key), rotationCount: links.length };
}

/**
 * Signs with a new key from now on. The old one vouches for it, so data planes that trust the old one follow.
 *
 * @throws NOT_ALLOWED
 */
export async function rotateServingKey(world: World, actor: Actor): Promise<ServingKey> {
  const { number, links } = stateOf(world.home);
  const [before, next] = [signerOf(world.home, number), signerOf(world.home, number + 1)];
  const link = {
    from: before.key,
    to: next.key,
    signature: before.sign(successionText(before.key, next.key)).signature,
  };
  const data = { from: fingerprint(before.key), to: fingerprint(next.key) };
  const change = { actor, verb: 'endpoint.rotate-key', kind: 'serving-key', thing: data.to, data } as const;
  await perform(world, change, async () => {
    const file = stateFile(world.home);
    writeFileSync(`${file}.partial`, JSON.stringify({ number: number + 1, links: [...links, link] }), {
      mode: 0o600,
      flush: true,
    });
    renameSync(`${file}.partial`, file);
    signers.delete(world);
  });
  return servingKey(world);
}
