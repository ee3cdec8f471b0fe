import { crc32 } from 'node:zlib';
import type { AskedPrediction } from '../dialects/asked-prediction.ts';
import type { ActiveEndpoint, CallerContext } from './active-endpoint.ts';
import type { RouteTarget } from '../serving-api.ts';

/**
 * Which target answers: champion or canary by weight, never a shadow.
 *
 * @param draw 0 ≤ draw < 1: chance, or `shareOf` a key so that the same key meets the same version
 * @returns undefined when no target answers
 */
export function chooseTarget<T extends RouteTarget>(targets: readonly T[], draw: number): T | undefined {
  const answering = targets.filter((target) => target.variant !== 'shadow');
  // the canary's share starts at 0, so that a growing weight keeps those who already met it
  const ordered = answering.toSorted((left, right) =>
    left.variant === right.variant ? 0 : left.variant === 'canary' ? -1 : 1,
  );
  const total = ordered.reduce((sum, target) => sum + target.weight, 0);
  if (total === 0) return ordered.at(-1);
  let left = draw * total;
  for (const target of ordered) {
    if (target.weight > 0 && left < target.weight) return target;
    left -= target.weight;
  }
  return ordered.findLast((target) => target.weight > 0);
}

/**
 * A stable number 0 ≤ share < 1 for a key at one endpoint and one canary; evenly spread over keys. Another canary meets
 * other keys first, so that it is not always the same callers who try what is new.
 */
export const shareOf = (endpoint: string, canary: number | undefined, key: string): number =>
  mixed(crc32(`${endpoint}\n${canary ?? ''}\n${key}`)) / 2 ** 32;

/**
 * A checksum is linear: at two endpoints the same keys would lie a constant apart.
 *
 * @see Appleby, MurmurHash3, the finalizer of 32 bits.
 */
function mixed(bits: number): number {
  let value = bits ^ (bits >>> 16);
  value = Math.imul(value, 0x85ebca6b);
  value ^= value >>> 13;
  value = Math.imul(value, 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/**
 * Where a request falls between 0 and 1. By the caller's own key where it names one (`x-tilth-key`), else by what the endpoint
 * is sticky by, else by the request's id, so that a retry meets the version that its first try met, else by chance.
 *
 * @throws what `AskedPrediction.rowsFor` throws, where the endpoint is sticky by a column
 */
export function drawFor(endpoint: ActiveEndpoint, asked: AskedPrediction, context: CallerContext): number {
  const key = context.stickyKey ?? keyOf(endpoint, asked, context) ?? asked.requestId;
  if (key === undefined) return Math.random();
  const canary = endpoint.targets.find((target) => target.variant === 'canary')?.version;
  return shareOf(endpoint.name, canary, key);
}

function keyOf(
  { sticky, targets }: ActiveEndpoint,
  asked: AskedPrediction,
  context: CallerContext,
): string | undefined {
  if (sticky === undefined) return undefined;
  if (sticky.by === 'key') return asked.keys?.[0];
  if (sticky.by === 'header') return context.header?.(sticky.name.toLowerCase());
  const champion = targets.find((target) => target.variant === 'champion');
  const index = champion?.inMemory.layout.indexes.get(sticky.name);
  if (champion === undefined || index === undefined) return undefined;
  const value = asked.rowsFor(champion.inMemory.layout).columns[index]?.[0];
  return value === undefined || value === null || Number.isNaN(value) ? undefined : String(value);
}
