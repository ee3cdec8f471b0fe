import { z } from 'zod';
import { routeTarget, servingReport } from '../serving/serving-api.ts';

export const liveNumbers = z.object({
  plane: z.string(),
  address: z.string(),
  /** revision of the configuration that the plane has loaded */
  revision: z.number(),
  /** ms since the plane last said something */
  ageMs: z.number(),
  requestCount: z.number(),
  rowCount: z.number(),
  failedCount: z.number(),
  p50Us: z.number(),
  p99Us: z.number(),
  requestsPerSecond: z.number(),
});

export const endpoint = z.object({
  name: z.string(),
  model: z.string(),
  isStopped: z.boolean(),
  revision: z.number().int(),
  targets: z.array(routeTarget),
  createdBy: z.string(),
  createdAt: z.number(),
  changedAt: z.number(),
  /** what each data plane says of it; empty while none is there */
  live: z.array(liveNumbers),
});
export type Endpoint = z.infer<typeof endpoint>;

export const routeRevision = z.object({
  endpoint: z.string(),
  model: z.string(),
  revision: z.number().int(),
  targets: z.array(routeTarget),
  at: z.number(),
  by: z.string(),
  reason: z.string(),
});
export type RouteRevision = z.infer<typeof routeRevision>;

export const newEndpoint = z.object({ name: z.string(), model: z.string() });

export const routeChange = z.object({
  /** stays what it is unless given */
  champion: z.number().int().positive().optional(),
  canary: z.object({ version: z.number().int().positive(), share: z.number() }).nullish(),
  shadows: z.array(z.number().int().positive()).default([]),
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
