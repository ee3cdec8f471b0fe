/** What a value of a statement is to a database: a truth is 1 or 0, nothing is NULL. */
export function bindable(value: unknown): string | number | bigint | null | Uint8Array {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new Error(`A ${typeof value} can't be stored in a column; store JSON text instead.`);
}
