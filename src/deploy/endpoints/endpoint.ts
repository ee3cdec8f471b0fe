import type { RouteTarget, Sticky } from '../serving/serving-api.ts';
import { routeRefused } from './endpoint-errors.ts';

/** Which versions answer: one champion, perhaps a canary with a share, shadows that see all and answer nobody. */
export interface Route {
  readonly champion: number;
  readonly canary: { readonly version: number; readonly share: number } | null;
  readonly shadows: readonly number[];
}

/**
 * The targets of a route; champion and canary together have the weight 1.
 *
 * @throws ROUTE_REFUSED when a version would have two parts, or a share is none
 */
export function targetsOf(route: Route): RouteTarget[] {
  const { champion, canary, shadows } = route;
  const versions = [champion, ...(canary === null ? [] : [canary.version]), ...shadows];
  const twice = versions.find((version, index) => versions.indexOf(version) !== index);
  if (twice !== undefined) throw routeRefused(`Version ${twice} can have only one part in a route.`);
  if (canary !== null && !(canary.share > 0 && canary.share < 1)) {
    throw routeRefused(`A canary's share lies between 0 and 100 %, not at ${canary.share * 100} %.`);
  }
  const share = canary?.share ?? 0;
  return [
    { version: champion, variant: 'champion', weight: 1 - share },
    ...(canary === null ? [] : [{ version: canary.version, variant: 'canary' as const, weight: share }]),
    ...shadows.map((version) => ({ version, variant: 'shadow' as const, weight: 1 })),
  ];
}

/** The route behind targets; undefined for an endpoint that answers nobody yet. */
export function routeOf(targets: readonly RouteTarget[]): Route | undefined {
  const champion = targets.find((target) => target.variant === 'champion');
  if (champion === undefined) return undefined;
  const canary = targets.find((target) => target.variant === 'canary');
  return {
    champion: champion.version,
    canary: canary === undefined ? null : { version: canary.version, share: canary.weight },
    shadows: targets.filter((target) => target.variant === 'shadow').map((target) => target.version),
  };
}

/** The route after another version became champion: it leaves its former part, the others keep theirs. */
export function withChampion(route: Route | undefined, champion: number): Route {
  return {
    champion,
    canary: route === undefined || route.canary?.version === champion ? null : route.canary,
    shadows: (route?.shadows ?? []).filter((version) => version !== champion),
  };
}

/** `3:10` is version 3 with 10 % of the requests. @throws ROUTE_REFUSED */
export function parseCanary(text: string): { version: number; share: number } {
  const found = /^(\d+):(\d+(?:\.\d+)?)%?$/.exec(text);
  if (found === null)
    throw routeRefused(`${JSON.stringify(text)} is no canary; write VERSION:PERCENT, for example 3:10.`);
  return { version: Number(found[1]), share: Number(found[2]) / 100 };
}

/** `key`, `header:NAME`, `column:NAME`, or `off`. @throws ROUTE_REFUSED */
export function parseSticky(text: string): Sticky | null {
  if (text === 'off') return null;
  if (text === 'key') return { by: 'key' };
  const found = /^(header|column):(.+)$/.exec(text);
  if (found === null)
    throw routeRefused(
      `${JSON.stringify(text)} names nothing to be sticky by; write key, header:NAME, column:NAME or off.`,
    );
  return { by: found[1] as 'header' | 'column', name: found[2] ?? '' };
}

export const stickyText = (sticky: Sticky | null): string =>
  sticky === null
    ? 'each request'
    : sticky.by === 'key'
      ? 'the key of the rows'
      : `the ${sticky.by} ${sticky.name}`;
