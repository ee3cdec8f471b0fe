import { z } from 'zod';

export const ownedThing = z.object({
  kind: z.enum(['project', 'dataset', 'model', 'endpoint']),
  thing: z.string(),
  /** who changed it, with the number of recorded changes: knowledge that may leave */
  hands: z.array(z.object({ person: z.string(), changeCount: z.number() })),
  /** with how few people leaving, nobody who ever changed it would be left */
  busFactor: z.number(),
});
export type OwnedThing = z.infer<typeof ownedThing>;

export const newHandover = z.object({ from: z.string(), to: z.string(), reason: z.string().default('') });

export const handover = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  at: z.number(),
  by: z.string(),
  things: z.array(ownedThing),
  revokedTokenCount: z.number(),
  /** Markdown: what passed over and how each thing is looked after */
  document: z.string(),
});
export type Handover = z.infer<typeof handover>;
