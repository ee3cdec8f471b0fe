import { compareCodePoints, floatText, jsonText } from './python-text.ts';
import { isList, isMap, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

interface JsonOptions {
  /** keys in Python's order instead of their own */
  readonly isSorted?: boolean;
  /** keys that are left out wherever they stand */
  readonly leftOut?: ReadonlySet<YamlScalar>;
}

/** A value as Python's `json.dumps` writes it: `1.0` stays a float, integers of any size stay exact. */
export function valueJson(value: YamlValue, options: JsonOptions = {}): string {
  if (isMap(value)) {
    const entries = (options.isSorted === true ? sorted(value) : [...value]).filter(
      ([key]) => options.leftOut?.has(key) !== true,
    );
    return `{${entries.map(([key, item]) => `${jsonText(keyText(key))}: ${valueJson(item, options)}`).join(', ')}}`;
  }
  if (isList(value)) return `[${value.map((item) => valueJson(item, options)).join(', ')}]`;
  if (typeof value === 'string') return jsonText(value);
  if (typeof value === 'number') return jsonNumber(value);
  return value === null ? 'null' : String(value);
}

const sorted = (map: YamlMap): [YamlScalar, YamlValue][] =>
  [...map].sort(([left], [right]) =>
    typeof left === 'string' || typeof right === 'string'
      ? compareCodePoints(keyText(left), keyText(right))
      : Number(left) - Number(right),
  );

function keyText(key: YamlScalar): string {
  if (typeof key === 'number') return jsonNumber(key);
  return key === null ? 'null' : String(key);
}

const specials: Readonly<Record<string, string>> = {
  '.nan': 'NaN',
  '.inf': 'Infinity',
  '-.inf': '-Infinity',
};

function jsonNumber(value: number): string {
  const text = floatText(value);
  return specials[text] ?? text;
}

/** A value as Python's `repr` writes it: `[1, 'a', None]`. */
export function pythonRepr(value: YamlValue): string {
  if (isMap(value))
    return `{${[...value].map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`).join(', ')}}`;
  if (isList(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const inside = value
      .replaceAll('\\', '\\\\')
      .replaceAll('\n', '\\n')
      .replaceAll('\t', '\\t')
      .replaceAll('\r', '\\r');
    return quote + (quote === "'" ? inside.replaceAll("'", "\\'") : inside) + quote;
  }
  if (typeof value === 'number') return floatText(value).replace(/^(-?)\./, '$1');
  if (value === null) return 'None';
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}
