import { z } from 'zod';

/** A variable of the template with the value that the project tells. */
export const foundAnswer = z.object({
  name: z.string(),
  value: z.unknown(),
  /**
   * found: in the project's lines; derived: from another form of it; tried: the choice whose files fit best; given: by the
   * user; default: nothing tells; unused: no file has it
   */
  how: z.enum(['found', 'derived', 'tried', 'given', 'default', 'unused']),
  isSure: z.boolean(),
  evidence: z.array(
    z.object({
      file: z.string(),
      /** from 1; 0 when no line tells, but a name */
      line: z.number(),
      value: z.string(),
    }),
  ),
});
export type FoundAnswer = z.infer<typeof foundAnswer>;

/** Where a project seems to have come from. */
export const adoption = z.object({
  project: z.string(),
  template: z.string(),
  directory: z.string().nullable(),
  commit: z.string().nullable(),
  subject: z.string(),
  /** ms since the epoch */
  committedAt: z.number(),
  /** share of lines that the project and the render have in common, 0..1 */
  likeness: z.number(),
  /** of the render */
  fileCount: z.number(),
  /** of those, the ones that are the same in the project */
  sameFileCount: z.number(),
  /** files of the render that the project doesn't have */
  missing: z.array(z.string()).readonly(),
  /** versions of the template that were compared */
  searchedCount: z.number(),
  /** versions that there are */
  commitCount: z.number(),
  answers: z.array(foundAnswer).readonly(),
  /** the next best commits */
  others: z.array(z.object({ commit: z.string().nullable(), subject: z.string(), likeness: z.number() })),
});
export type Adoption = z.infer<typeof adoption>;
