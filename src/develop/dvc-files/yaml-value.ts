/**
 * A YAML value that keeps apart what Python keeps apart:
 * `bigint` is an integer of any size, `number` is a float.
 */
export type YamlValue = YamlScalar | readonly YamlValue[] | YamlMap;
export type YamlScalar = string | bigint | number | boolean | null;
/** In the order of the file. */
export type YamlMap = ReadonlyMap<YamlScalar, YamlValue>;

export const isMap = (value: YamlValue | undefined): value is YamlMap => value instanceof Map;
export const isList = (value: YamlValue | undefined): value is readonly YamlValue[] => Array.isArray(value);

/** A map of the entries that have a value. */
export const yamlMap = (entries: Readonly<Record<string, YamlValue | undefined>>): YamlMap =>
  new Map(Object.entries(entries).filter((entry): entry is [string, YamlValue] => entry[1] !== undefined));

/** Equal as Python sees it: 1 is 1.0, the order of keys does not matter. */
export function equalValues(left: YamlValue | undefined, right: YamlValue | undefined): boolean {
  if (isMap(left)) {
    if (!isMap(right) || left.size !== right.size) return false;
    return [...left].every(([key, value]) => right.has(key) && equalValues(value, right.get(key)));
  }
  if (isList(left)) {
    return (
      isList(right) && left.length === right.length && left.every((item, at) => equalValues(item, right[at]))
    );
  }
  // == compares a bigint with a number by value, exactly
  // oxlint-disable-next-line eqeqeq
  if (isNumeric(left) && isNumeric(right)) return left == right;
  return left === right;
}

const isNumeric = (value: YamlValue | undefined): value is bigint | number =>
  typeof value === 'bigint' || typeof value === 'number';

/** Plain JSON data; integers beyond 2^53 become the nearest float. */
export function toPlain(value: YamlValue): unknown {
  if (isMap(value)) return Object.fromEntries([...value].map(([key, item]) => [String(key), toPlain(item)]));
  if (isList(value)) return value.map(toPlain);
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The text of a scalar; undefined for a list, a map or nothing. */
export const textOf = (value: YamlValue | undefined): string | undefined =>
  value === null || isMap(value) || isList(value) || value === undefined ? undefined : String(value);
