import { z } from 'zod';

/** A bad value, so that somebody can go and look at it. */
export const example = z.object({
  /** path relative to the dataset */
  file: z.string(),
  /** 1 is the first row of data, the header not counted; null when the whole file is meant */
  row: z.number().nullable(),
  column: z.string().nullable(),
  value: z.string().nullable(),
});
export type Example = z.infer<typeof example>;

export const ruleResult = z.object({
  rule: z.string(),
  column: z.string().nullable(),
  /** what the contract asks, in words */
  description: z.string(),
  /** what was found, in words */
  outcome: z.string(),
  passed: z.boolean(),
  /** a broken warning is reported and refuses nothing */
  severity: z.enum(['error', 'warning']),
});
export type RuleResult = z.infer<typeof ruleResult>;

export const violation = ruleResult.extend({ examples: z.array(example) });
export type Violation = z.infer<typeof violation>;

export const contractState = z.enum(['passed', 'broken', 'none']);
export type ContractState = z.infer<typeof contractState>;

export const columnType = z.object({
  name: z.string(),
  type: z.string(),
  /** what its contract says of it: public, internal, confidential, pii, special-category */
  classification: z.string().optional(),
});
export type ColumnType = z.infer<typeof columnType>;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** A rule that one row can break by itself: a request is held to it too. */
export const rowRule = z.object({
  rule: z.string(),
  /** its name in the files and in requests */
  column: z.string(),
  /** logical type of the column */
  type: z.string(),
  description: z.string(),
  test: z.discriminatedUnion('kind', [
    z.object({ kind: z.enum(['wrong-type', 'null']) }),
    z.object({
      kind: z.enum(['below', 'above', 'not-above', 'not-below']),
      bound: z.union([z.number(), z.string()]),
    }),
    z.object({ kind: z.enum(['length-below', 'length-above']), bound: z.number() }),
    z.object({ kind: z.literal('not-multiple'), of: z.number() }),
    z.object({ kind: z.literal('pattern'), pattern: z.string() }),
    z.object({ kind: z.enum(['not-one-of', 'one-of']), values: z.array(scalar).readonly() }),
  ]),
});
export type RowRule = z.infer<typeof rowRule>;

/** What a check of one dataset version against one contract found. */
export const contractReport = z.object({
  dataset: z.string(),
  contract: z.string(),
  /** sha256 of the contract file */
  contractHash: z.string(),
  /** md5 of the dataset version */
  md5: z.string(),
  state: contractState,
  rowCount: z.number(),
  fileCount: z.number(),
  columns: z.array(columnType),
  rules: z.array(ruleResult),
  violations: z.array(violation),
  /** broken rules of severity "warning" */
  warnings: z.array(violation),
  /** rules in the contract that we do not evaluate, in words */
  notChecked: z.array(z.string()),
  /** rules that requests to models trained on this data are held to */
  rowRules: z.array(rowRule).optional(),
});
export type ContractReport = z.infer<typeof contractReport>;
