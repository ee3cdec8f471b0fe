import { z } from 'zod';
import { projectDeclaration } from './declaration.ts';

export const project = z.object({
  name: z.string(),
  /** folder on the server's machine */
  root: z.string(),
  /** where it came from; null when it doesn't remember */
  template: z.string().nullable(),
  templateCommit: z.string().nullable(),
  answers: z.record(z.string(), z.unknown()),
  declaration: projectDeclaration,
  /** ms since the epoch */
  registeredAt: z.number(),
  syncedAt: z.number(),
});
export type Project = z.infer<typeof project>;

export const registration = z.object({
  /** absolute path of the folder that holds tilth.yaml, on the server's machine */
  root: z.string().startsWith('/', 'give the whole path of the folder'),
});
export type Registration = z.infer<typeof registration>;
