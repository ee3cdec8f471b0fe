import { z } from 'zod';

export const alertState = z.enum(['pending', 'firing', 'resolved']);
export type AlertState = z.infer<typeof alertState>;

export const movedFeature = z.object({ feature: z.string(), distance: z.number(), drifted: z.boolean() });
export type MovedFeature = z.infer<typeof movedFeature>;

export const alert = z.object({
  id: z.string(),
  model: z.string(),
  version: z.number(),
  /** id of the rule in tilth.yaml */
  rule: z.string(),
  metric: z.string(),
  severity: z.enum(['info', 'ticket', 'page']),
  state: alertState,
  /** one sentence: what fell, how far, in which window */
  summary: z.string(),
  reference: z.number(),
  referenceKind: z.string(),
  /** the whole interval must lie beyond it */
  threshold: z.number(),
  value: z.number(),
  low: z.number(),
  high: z.number(),
  rowCount: z.number(),
  /** the newest window that it was judged by */
  windowStart: z.number(),
  windowEnd: z.number(),
  /** end of the window in which it began to fire, on the time axis of the events */
  raisedEventAt: z.number().nullable(),
  /** features that moved most: context, never the cause of an alert */
  moved: z.array(movedFeature),
  openedAt: z.number(),
  raisedAt: z.number().nullable(),
  resolvedAt: z.number().nullable(),
  resolvedBecause: z.string().nullable(),
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: z.number().nullable(),
  comment: z.string().nullable(),
});
export type Alert = z.infer<typeof alert>;

/** Data of the event `alert.raise`: what a subscriber needs to act. */
export const alertRaised = alert.pick({
  id: true,
  model: true,
  version: true,
  rule: true,
  metric: true,
  severity: true,
  reference: true,
  threshold: true,
  value: true,
  low: true,
  high: true,
  windowStart: true,
  windowEnd: true,
  moved: true,
  summary: true,
});
export type AlertRaised = z.infer<typeof alertRaised>;
