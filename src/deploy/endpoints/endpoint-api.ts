import { z } from 'zod';
import { routeTarget, servingReport, sticky, variant } from '../serving/serving-api.ts';

export const liveNumbers = z.object({
  plane: z.string(),
  address: z.string(),
  /** revision of the configuration that the plane has loaded */
  revision: z.number(),
  /** does it serve the newest routes? */
  isCurrent: z.boolean(),
  /** ms since the plane last said something */
  ageMs: z.number(),
  requestCount: z.number(),
  rowCount: z.number(),
  failedCount: z.number(),
  p50Us: z.number(),
  p99Us: z.number(),
  requestsPerSecond: z.number(),
});

/** What one version did here, all data planes that live together. */
export const versionNumbers = z.object({
  version: z.number().int(),
  variant,
  requestCount: z.number(),
  rowCount: z.number(),
  failedCount: z.number(),
  refusedCount: z.number(),
  p50Us: z.number().nullable(),
  p99Us: z.number().nullable(),
  /** in the last minute, or as much of it as is known */
  recent: z.object({
    seconds: z.number(),
    requestCount: z.number(),
    failedCount: z.number(),
    requestsPerSecond: z.number(),
    p50Us: z.number().nullable(),
    p99Us: z.number().nullable(),
  }),
  /** what waits for its model now, on all data planes, and the longest wait; null where none tells */
  queue: z.object({ rowCount: z.number(), waitMs: z.number() }).nullable(),
  /** of a shadow: what it said of the rows that another version answered */
  agreement: z
    .object({
      /** rows that were compared */
      rowCount: z.number(),
      /** share of them with the same label, 0..1 */
      sameLabel: z.number(),
      /** of the largest difference of a probability, over the rows */
      meanDifference: z.number(),
      largestDifference: z.number(),
      /** requests that the shadow did not see, since too many waited for it */
      droppedCount: z.number(),
    })
    .nullable(),
});
export type VersionNumbers = z.infer<typeof versionNumbers>;

export const endpoint = z.object({
  name: z.string(),
  model: z.string(),
  isStopped: z.boolean(),
  revision: z.number().int(),
  targets: z.array(routeTarget),
  /** by what callers keep meeting the same version; null: each request is drawn anew */
  sticky: sticky.nullable(),
  createdBy: z.string(),
  createdAt: z.number(),
  changedAt: z.number(),
  /** what each data plane says of it; empty while none is there */
  live: z.array(liveNumbers),
  /** what living data planes could not put to work of it, or are still at, one sentence each */
  problems: z.array(z.string()),
  /** what each version did, since the living data planes began */
  versions: z.array(versionNumbers),
});
export type Endpoint = z.infer<typeof endpoint>;

export const routeRevision = z.object({
  endpoint: z.string(),
  model: z.string(),
  revision: z.number().int(),
  targets: z.array(routeTarget),
  sticky: sticky.nullable(),
  at: z.number(),
  by: z.string(),
  reason: z.string(),
});
export type RouteRevision = z.infer<typeof routeRevision>;

export const newEndpoint = z.object({ name: z.string(), model: z.string() });

export const rollbackRequest = z.object({
  /** which version answers again; else the route before the canary, or the champion before */
  version: z.number().int().positive().optional(),
  reason: z.string().optional(),
});
export type RollbackRequest = z.infer<typeof rollbackRequest>;

export const routeChange = z.object({
  /** stays what it is unless given */
  champion: z.number().int().positive().optional(),
  /** stays what it is unless given; null ends it */
  canary: z.object({ version: z.number().int().positive(), share: z.number() }).nullish(),
  /** stay what they are unless given */
  shadows: z.array(z.number().int().positive()).optional(),
  /** stays what it is unless given; null draws each request anew */
  sticky: sticky.nullish(),
  reason: z.string().optional(),
});
export type RouteChange = z.input<typeof routeChange>;

export const plane = servingReport.extend({ at: z.number(), isAlive: z.boolean() });
export type Plane = z.infer<typeof plane>;

export const servingKey = z.object({
  /** `ed25519:` and 32 bytes in base64 */
  key: z.string(),
  fingerprint: z.string(),
  rotationCount: z.number().int(),
});
export type ServingKey = z.infer<typeof servingKey>;
