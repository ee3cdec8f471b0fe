import { z } from 'zod';

export const glossaryWord = z.object({
  word: z.string(),
  /** the practice where one meets it first */
  practice: z.enum(['start', 'develop', 'deploy', 'monitor', 'maintain', 'team']),
  means: z.string(),
  /** where it is kept, in words */
  lives: z.string(),
  /** address on the page; null when it has no screen of its own */
  page: z.string().nullable(),
  /** the command that shows it; null when it has none of its own */
  command: z.string().nullable(),
  /** other words for the same thing that people bring along */
  alsoCalled: z.array(z.string()),
  /** what can be done with it, and the roles that may */
  rights: z.array(z.object({ verb: z.string(), roles: z.array(z.string()) })),
});
export type GlossaryWord = z.infer<typeof glossaryWord>;
