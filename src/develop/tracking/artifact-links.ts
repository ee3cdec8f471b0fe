import { createHmac, timingSafeEqual } from 'node:crypto';
import { TilthError } from '../../platform/errors.ts';
import type { Instant } from '../../platform/clock.ts';

/** What the holder of a link may do, and until when; nothing else. */
export type ArtifactGrant = (
  | { readonly does: 'get' | 'put'; readonly key: string }
  | { readonly does: 'put part'; readonly key: string; readonly upload: string; readonly part: number }
) & {
  /** ms since the epoch */
  readonly expiresAt: Instant;
};

/** A grant as a segment of a URL; whoever holds it needs no other right. */
export function signGrant(secret: Buffer, grant: ArtifactGrant): string {
  const body = Buffer.from(JSON.stringify(grant)).toString('base64url');
  return `${body}.${signatureOf(secret, body).toString('base64url')}`;
}

/** @throws ARTIFACT_LINK_REFUSED for what we did not sign, and for what has expired */
export function readGrant(secret: Buffer, token: string, now: Instant): ArtifactGrant {
  const [body = '', signature = '', ...rest] = token.split('.');
  const seen = Buffer.from(signature, 'base64url');
  const made = signatureOf(secret, body);
  if (rest.length > 0 || seen.length !== made.length || !timingSafeEqual(seen, made)) throw linkRefused('it was not made by this server');
  // what we signed has the shape that we gave it
  const grant = JSON.parse(Buffer.from(body, 'base64url').toString()) as ArtifactGrant;
  if (grant.expiresAt <= now) throw linkRefused(`it expired at ${new Date(grant.expiresAt).toISOString()}`);
  return grant;
}

const signatureOf = (secret: Buffer, body: string): Buffer => createHmac('sha256', secret).update(`artifact link\n${body}`).digest();

const linkRefused = (reason: string): TilthError =>
  new TilthError('ARTIFACT_LINK_REFUSED', 403, `The link to an artifact is refused: ${reason}.`, 'Ask the server for a new one.');
