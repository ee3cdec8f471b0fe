import type { DuckDBVector } from '@duckdb/node-api';

/**
 * The numbers of a vector in one list, which is far quicker than to ask for one after the other. The library keeps it
 * to itself: where it is not as we know it, undefined says that its public way is to be taken. Valid only where no
 * value is missing.
 */
export function numbersOf(vector: DuckDBVector): Float64Array | Int32Array | undefined {
  const { items } = vector as unknown as { readonly items?: unknown };
  return items instanceof Float64Array || items instanceof Int32Array ? items : undefined;
}
