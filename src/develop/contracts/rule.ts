import type { Scalar } from './contract-text.ts';
import type { Limit } from './limit.ts';

/** One thing that must hold; contract-sql.ts turns it into SQL, row-rules.ts into a function. */
export interface Rule {
  readonly id: string;
  /** null for a rule about the rows as a whole */
  readonly column: string | null;
  readonly description: string;
  readonly severity: 'error' | 'warning';
  readonly test: RuleTest;
  readonly limit: Limit;
}

export type RuleTest =
  | { readonly kind: 'wrong-type' }
  | { readonly kind: 'null' }
  | { readonly kind: 'below' | 'above' | 'not-above' | 'not-below'; readonly bound: number | string }
  | { readonly kind: 'length-below' | 'length-above'; readonly bound: number }
  | { readonly kind: 'not-multiple'; readonly of: number }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'not-one-of'; readonly values: readonly Scalar[] }
  | { readonly kind: 'one-of'; readonly values: readonly Scalar[] }
  | { readonly kind: 'duplicate'; readonly columns: readonly string[] }
  | { readonly kind: 'row-count' }
  | { readonly kind: 'sql'; readonly query: string };

export type LogicalType =
  | 'string'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'date'
  | 'timestamp'
  | 'time'
  | 'other';
