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
});
export type ContractReport = z.infer<typeof contractReport>;
