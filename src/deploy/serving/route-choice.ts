import { crc32 } from 'node:zlib';
import type { RouteTarget } from './serving-api.ts';

/**
 * Which target answers: champion or canary by weight, never a shadow.
 *
 * @param draw 0 ≤ draw < 1: chance, or `shareOf` a key so that the same key meets the same version
 * @returns undefined when no target answers
 */
export function chooseTarget<T extends RouteTarget>(targets: readonly T[], draw: number): T | undefined {
  const answering = targets.filter((target) => target.variant !== 'shadow');
  // the canary's share starts at 0, so that a growing weight keeps those who already met it
  const ordered = answering.toSorted((left, right) => (left.variant === right.variant ? 0 : left.variant === 'canary' ? -1 : 1));
  const total = ordered.reduce((sum, target) => sum + target.weight, 0);
  if (total === 0) return ordered.at(-1);
  let left = draw * total;
  for (const target of ordered) {
    if (target.weight > 0 && left < target.weight) return target;
    left -= target.weight;
  }
  return ordered.findLast((target) => target.weight > 0);
}

/** A stable number 0 ≤ share < 1 for a key at one endpoint; evenly spread over keys. */
export const shareOf = (endpoint: string, key: string): number => crc32(`${endpoint}\n${key}`) / 2 ** 32;
