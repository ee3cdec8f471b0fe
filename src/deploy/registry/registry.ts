import { createHash } from 'node:crypto';
import type { Instant } from '../../platform/clock.ts';
import { TilthError } from '../../platform/errors.ts';
import { nameRefused } from './registry-errors.ts';

/** The alias of the version in production. */
export const champion = 'champion';
/** The alias of the version that is trying to replace it; approved for a canary's share of the traffic. */
export const challenger = 'challenger';

/** What runs the version: a graph in our own runtime, or the model's own Python. */
export type Engine = 'pending' | 'onnx' | 'python';

export const longestAlias = 255;
const longestName = 256;

/**
 * Names may stand in paths and addresses, so they hold neither `/` nor `:`.
 *
 * @throws INVALID_PARAMETER_VALUE
 */
export function checkModelName(name: string): void {
  if (name.trim() === '') throw nameRefused('registered model', name, 'it is empty');
  // oxlint-disable-next-line no-control-regex
  if (!isModelName(name) || /[\u0000-\u001f]/.test(name))
    throw nameRefused('registered model', name, 'it may not hold / or :');
  if (name.length > longestName)
    throw nameRefused('registered model', name.slice(0, 40), `at most ${longestName} characters`);
}

/** Names that stand neither for a path nor for a place. */
export const isModelName = (name: string): boolean =>
  name.trim() !== '' && !/[/:]/.test(name) && name !== '.' && name !== '..';

/** @throws INVALID_PARAMETER_VALUE for what a client would read as a version or as the newest one */
export function checkAlias(alias: string): void {
  if (!/^[\p{L}\p{N}_-]+$/u.test(alias))
    throw nameRefused('model alias', alias, 'letters, digits, _ and - only');
  if (alias.length > longestAlias)
    throw nameRefused('model alias', alias.slice(0, 40), `at most ${longestAlias} characters`);
  if (alias.toLowerCase() === 'latest' || /^v\d+$/i.test(alias)) {
    throw nameRefused('model alias', alias, 'latest and v1, v2, … are reserved');
  }
}

/** @throws INVALID_PARAMETER_VALUE unless it is a whole number from 1 */
export function parseVersion(text: string | number): number {
  const version = Number(text);
  if (Number.isSafeInteger(version) && version > 0) return version;
  throw new TilthError(
    'INVALID_PARAMETER_VALUE',
    400,
    `Invalid model version ${JSON.stringify(text)}: it is a whole number from 1.`,
  );
}

/** One stay of an alias on a version; `toAt` is missing while it lasts. */
export interface AliasSpan {
  readonly version: number;
  readonly fromAt: Instant;
  readonly toAt: Instant | null;
}

/** JSON with sorted keys: equal values have equal text, whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

export const hashOf = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex');
