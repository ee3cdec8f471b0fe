import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** A text with who vouches for it. */
export interface Signature {
  /** `ed25519:` and the public key, 32 bytes in base64 */
  readonly key: string;
  /** base64, over the text's own bytes */
  readonly signature: string;
}

/** The holder of a key names the key that follows it; so those who know the first one can trust the last one. */
export const succession = z.array(z.object({ from: z.string(), to: z.string(), signature: z.string() }));
export type Succession = z.infer<typeof succession>;

/** Headers of `GET /api/v1/serving/config`, beside the body whose bytes are signed. */
export const signatureHeaders = {
  key: 'x-tilth-key-of-server',
  signature: 'x-tilth-signature',
  succession: 'x-tilth-key-succession',
} as const;

/** The key pair of 32 secret bytes (RFC 8032): always the same for the same bytes. */
export function signingKey(seed: Buffer): { readonly key: string; sign(text: string): Signature } {
  // PKCS#8 of Ed25519 (RFC 8410) is this prefix and the 32 bytes
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(secret).export({ format: 'jwk' });
  const key = `ed25519:${Buffer.from(x ?? '', 'base64url').toString('base64')}`;
  return {
    key,
    sign: (text) => ({ key, signature: sign(null, Buffer.from(text), secret).toString('base64') }),
  };
}

/** Did the holder of the key sign exactly this? False for whatever can't be read, too. */
export function isSignedBy(key: string, text: string, signature: string): boolean {
  try {
    return verify(null, Buffer.from(text), publicKey(key), Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

/** What is signed when one key names the next one. */
export const successionText = (from: string, to: string): string =>
  `tilth serving key: ${from} is followed by ${to}`;

/** Does a chain of signatures lead from the key that is trusted to the one that signs now? */
export function leadsTo(trusted: string, key: string, links: Succession): boolean {
  let at = trusted;
  for (let step = 0; step <= links.length && at !== key; step++) {
    const next = links.find(
      (link) => link.from === at && isSignedBy(at, successionText(at, link.to), link.signature),
    );
    if (next === undefined) return false;
    at = next.to;
  }
  return at === key;
}

/** Short enough to be compared by eye. */
export const fingerprint = (key: string): string =>
  createHash('sha256').update(key).digest('hex').slice(0, 16);

/** Is this a key as we write it? */
export function isKey(text: string): boolean {
  try {
    publicKey(text);
    return true;
  } catch {
    return false;
  }
}

function publicKey(key: string): KeyObject {
  const bytes = Buffer.from(key.replace(/^ed25519:/, ''), 'base64');
  if (!key.startsWith('ed25519:') || bytes.length !== 32) throw new Error('no key');
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
    format: 'jwk',
  });
}
