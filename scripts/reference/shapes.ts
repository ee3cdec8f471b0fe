/** The part of JSON Schema that our routes and files use. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly nullable?: boolean;
}

/** Names of shapes by their canonical text. */
export type ShapeNames = ReadonlyMap<string, string>;

/** A schema as a type of TypeScript; shapes that have a name are called by it. */
export function typeOf(schema: JsonSchema, names: ShapeNames = new Map(), indent = ''): string {
  const name = names.get(canonical(schema));
  return name ?? bodyOf(schema, names, indent);
}

/** As `typeOf`, but the outermost shape is written out. */
export function bodyOf(schema: JsonSchema, names: ShapeNames = new Map(), indent = ''): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((each) => JSON.stringify(each)).join(' | ');
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.map((option) => typeOf(option, names, indent)).join(' | ');
  if (schema.allOf !== undefined) return schema.allOf.map((option) => typeOf(option, names, indent)).join(' & ');
  const types = schema.type === undefined ? [] : typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (types.length === 0) return 'unknown';
  return types.map((type) => plainType(type, schema, names, indent)).join(' | ');
}

function plainType(type: string, schema: JsonSchema, names: ShapeNames, indent: string): string {
  if (type === 'array') {
    if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map((item) => typeOf(item, names, indent)).join(', ')}]`;
    const item = typeOf(schema.items ?? {}, names, indent);
    return item.includes(' | ') && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
  }
  if (type !== 'object') return type;
  if (schema.properties === undefined || Object.keys(schema.properties).length === 0) {
    return typeof schema.additionalProperties === 'object' ? `{[name]: ${typeOf(schema.additionalProperties, names, indent)}}` : 'object';
  }
  const deeper = `${indent}  `;
  const fields = Object.entries(schema.properties).map(([key, inner]) => {
    const mark = schema.required?.includes(key) === true ? '' : '?';
    return `${/^[\w$]+$/.test(key) ? key : JSON.stringify(key)}${mark}: ${typeOf(inner, names, deeper)}`;
  });
  const oneLine = `{${fields.join(', ')}}`;
  if (indent.length + oneLine.length <= 90 && !oneLine.includes('\n')) return oneLine;
  return `{\n${fields.map((field) => `${deeper}${field}\n`).join('')}${indent}}`;
}

/** JSON with sorted keys, so that equal schemas have equal text. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
