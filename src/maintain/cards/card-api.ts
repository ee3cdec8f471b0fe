import { z } from 'zod';

/** What a fact rests on: the thing, and where somebody did or measured it, who and when. */
export const cardEvidence = z.object({
  kind: z.enum(['model-version', 'run', 'dataset-version', 'gate', 'parity', 'approval', 'performance', 'drift', 'alert', 'endpoint', 'project-file']),
  /** run id, `dataset@md5`, gate hash, approval id, … */
  id: z.string(),
  by: z.string().nullable(),
  /** ms since the epoch */
  at: z.number().nullable(),
});
export type CardEvidence = z.infer<typeof cardEvidence>;

export const cardFact = z.object({
  /** set where a person said it, or is asked to: `Intended use` */
  label: z.string().nullable(),
  text: z.string(),
  /** null for a person's own words */
  evidence: cardEvidence.nullable(),
});
export type CardFact = z.infer<typeof cardFact>;

export const cardPart = z.object({ title: z.string(), facts: z.array(cardFact) });
export type CardPart = z.infer<typeof cardPart>;

export const modelCard = z.object({
  model: z.string(),
  version: z.number().int(),
  /** the whole card, with front matter as Hugging Face reads it */
  markdown: z.string(),
  /** the nine parts of Model Cards for Model Reporting (Mitchell et al., 2019) */
  parts: z.array(cardPart),
  /** what only a person can say and nobody has said: write it into MODEL_CARD.md */
  missing: z.array(z.string()),
  /** the version answered in a window that is newer than the newest one whose numbers are known */
  isStale: z.boolean(),
  staleBecause: z.string().nullable(),
  /** sha256 of front matter and parts; the same evidence has the same digest whenever it is asked for */
  digest: z.string(),
});
export type ModelCard = z.infer<typeof modelCard>;
