/** A document of another tool, whose parts are looked at one by one. */
export type Foreign = Readonly<Record<string, unknown>>;

export const isForeign = (value: unknown): value is Foreign =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Rules as the draft of a contract holds them. */
export type DraftRule = Readonly<Record<string, unknown>>;

/** A rule that only the tool it came from can check. */
export const foreignRule = (engine: string, name: string, implementation: unknown): DraftRule => ({
  type: 'custom',
  engine,
  name,
  implementation: JSON.stringify(implementation),
});

/**
 * At least a share of the values that are there must hold; values that are missing are not counted, as in Great
 * Expectations' `mostly`.
 *
 * @param share 0..1
 * @param test SQL that is true of a good value
 */
export const mostly = (id: string, share: number, test: string): DraftRule => ({
  id,
  type: 'sql',
  query: `SELECT coalesce(100.0 * count(*) FILTER (WHERE {property} IS NOT NULL AND NOT (${test})) / nullif(count({property}), 0), 0) FROM {object}`,
  mustBeLessOrEqualTo: Number((100 * (1 - share)).toFixed(6)),
});

/** The logical type that a dtype of pandas, polars or SQL stands for. */
export function typeOfDtype(dtype: unknown): string | undefined {
  const name = String(dtype).toLowerCase();
  if (/^(u?int|bigint|smallint|tinyint|integer)/.test(name)) return 'integer';
  if (/^(float|double|decimal|numeric|number)/.test(name)) return 'number';
  if (name.startsWith('bool')) return 'boolean';
  if (/^(datetime|timestamp)/.test(name)) return 'timestamp';
  if (name.startsWith('date')) return 'date';
  if (name.startsWith('time')) return 'time';
  if (/^(str|object|varchar|text|char|category)/.test(name)) return 'string';
  return undefined;
}
