import { z } from 'zod';
import { bundles, flags, titles } from './can.ts';

export const role = z.enum([...bundles, ...flags]);

export const person = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string().nullable(),
  title: z.enum(titles),
  roles: z.array(role),
  /** false once the person has left */
  isActive: z.boolean(),
  /** a stand-in that a demonstration made, not a human being */
  isSimulated: z.boolean(),
  createdAt: z.number(),
  tokenCount: z.number(),
});
export type Person = z.infer<typeof person>;

export const newPerson = z.object({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, dot, dash'),
  name: z.string().min(1),
  email: z.string().nullable().default(null),
  title: z.enum(titles),
  roles: z.array(role).min(1),
  isSimulated: z.boolean().default(false),
});
export type NewPerson = z.infer<typeof newPerson>;

export const issuedToken = z.object({ id: z.string(), token: z.string(), person: z.string(), expiresAt: z.number() });
export type IssuedToken = z.infer<typeof issuedToken>;

export const whoAmI = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['person', 'local', 'system']),
  roles: z.array(z.string()),
});
export type WhoAmI = z.infer<typeof whoAmI>;
