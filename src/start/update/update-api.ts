import { z } from 'zod';

/** Why git could not put both sides of a file together. */
export const conflictKind = z.enum([
  /** both changed the same lines, or a file that isn't text */
  'content',
  /** both have a new file of that name */
  'both-added',
  /** deleted in the project, changed in the template */
  'deleted-by-you',
  /** deleted in the template, changed in the project */
  'deleted-by-template',
  /** both moved it, or one has a folder where the other has a file */
  'place',
  /** a file that git doesn't track is where the template has a new one; it is left alone */
  'in-the-way',
]);
export type ConflictKind = z.infer<typeof conflictKind>;

/** What an update does with one file. */
export const fileChange = z.object({
  /** from the project's folder */
  path: z.string(),
  /** where it was, of a renamed file */
  from: z.string().optional(),
  kind: z.enum(['added', 'changed', 'deleted', 'renamed', 'conflict', 'kept']),
  /** of a conflict */
  conflict: conflictKind.optional(),
  /** why a file that the template changed stays as it is */
  kept: z.enum(['already-there', 'skipped', 'ignored', 'yours']).optional(),
  /** unified diff from the project's file to the updated one; empty for a file that is kept */
  diff: z.string(),
});
export type FileChange = z.infer<typeof fileChange>;

export const templateCommit = z.object({
  commit: z.string(),
  subject: z.string(),
  /** ms since the epoch */
  at: z.number(),
});
export type TemplateCommit = z.infer<typeof templateCommit>;

/** What an update would change; made without touching the project. */
export const updatePlan = z.object({
  /** its folder */
  project: z.string(),
  template: z.string(),
  /** the commit that the project remembers; null when it remembers none */
  from: z.string().nullable(),
  /** the commit it comes to; null for a template without history */
  to: z.string().nullable(),
  /** what was committed to the template in between, newest first, at most 50 */
  commits: z.array(templateCommit),
  /** where the old render came from: the template's history, or the project's own first commit */
  base: z.enum(['template', 'project']),
  /** same template, same answers: nothing to do */
  isUpToDate: z.boolean(),
  variables: z.object({
    /** asked for by the template since */
    added: z.array(z.object({ name: z.string(), value: z.unknown() })),
    /** answered anew */
    changed: z.array(z.object({ name: z.string(), before: z.unknown(), after: z.unknown() })),
    /** no longer asked for */
    removed: z.array(z.string()),
  }),
  changes: z.array(fileChange),
  conflictCount: z.number(),
  /** files with uncommitted work that the update would write; it refuses until they are committed or stashed */
  blockedBy: z.array(z.string()),
});
export type UpdatePlan = z.infer<typeof updatePlan>;

/** What an update has done. */
export const updateResult = updatePlan.extend({
  outcome: z.enum(['up-to-date', 'updated', 'conflicts']),
  /** of `--branch` */
  branch: z.string().optional(),
  /** of `--branch` */
  commit: z.string().optional(),
});
export type UpdateResult = z.infer<typeof updateResult>;

/** Whether a project is at its template's newest commit. */
export const templateCheck = z.object({
  project: z.string(),
  template: z.string(),
  commit: z.string().nullable(),
  newest: z.string().nullable(),
  /** true when no commit in between changes what this project would get */
  isUpToDate: z.boolean(),
  /** files that an update would touch */
  changedCount: z.number(),
  commits: z.array(templateCommit),
});
export type TemplateCheck = z.infer<typeof templateCheck>;

/** What a project changed in the files it has from its template. */
export const templateDiff = z.object({
  project: z.string(),
  template: z.string(),
  commit: z.string().nullable(),
  files: z.array(
    z.object({
      path: z.string(),
      from: z.string().optional(),
      kind: z.enum(['changed', 'deleted', 'renamed']),
      /** unified diff from the template's file to the project's */
      diff: z.string(),
    }),
  ),
});
export type TemplateDiff = z.infer<typeof templateDiff>;
