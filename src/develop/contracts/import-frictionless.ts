import type { DraftProperty, DraftTable } from './contract-draft.ts';
import { foreignRule, isForeign, type DraftRule, type Foreign } from './foreign-rules.ts';

/** A Frictionless table schema, a resource with one, or a package of resources. */
export function fromFrictionless(document: Foreign, name: string): DraftTable[] {
  if (Array.isArray(document['resources'])) {
    const resources = document['resources'].filter(isForeign);
    return resources.map((one) =>
      tableOf(isForeign(one['schema']) ? one['schema'] : {}, wordOf(one['name']) ?? name, one),
    );
  }
  return isForeign(document['schema'])
    ? [tableOf(document['schema'], name, document)]
    : [tableOf(document, name, {})];
}

function tableOf(schema: Foreign, name: string, resource: Foreign): DraftTable {
  const fields = Array.isArray(schema['fields']) ? schema['fields'].filter(isForeign) : [];
  const keys = [schema['primaryKey']].flat().filter((one): one is string => typeof one === 'string');
  const missing = [schema['missingValues']]
    .flat()
    .filter((one): one is string => typeof one === 'string' && one !== '');
  const foreignKeys = Array.isArray(schema['foreignKeys']) ? schema['foreignKeys'] : [];
  const path = resource['path'];
  return {
    name,
    ...(typeof path === 'string' ? { physicalName: path.split('/').at(-1) ?? path } : {}),
    ...(typeof resource['description'] === 'string' ? { description: resource['description'] } : {}),
    properties: fields.map((field) => propertyOf(field, keys, missing)),
    quality: foreignKeys.map((one) => foreignRule('frictionless', 'foreignKeys', one)),
  };
}

const types: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
  datetime: 'timestamp',
  time: 'time',
  object: 'object',
  array: 'array',
  year: 'integer',
};

function propertyOf(field: Foreign, keys: readonly string[], missing: readonly string[]): DraftProperty {
  const constraints = isForeign(field['constraints']) ? field['constraints'] : {};
  const name = wordOf(field['name']) ?? '';
  const type = types[wordOf(field['type']) ?? ''];
  const options: Record<string, unknown> = {};
  for (const key of [
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'minLength',
    'maxLength',
  ]) {
    if (constraints[key] !== undefined) options[key] = constraints[key];
  }
  // there a pattern holds for the whole value
  if (typeof constraints['pattern'] === 'string') options['pattern'] = `^(?:${constraints['pattern']})$`;
  const format = field['format'];
  if (type === 'string' && (format === 'email' || format === 'uri' || format === 'uuid'))
    options['format'] = format;
  const quality: DraftRule[] = [
    ...(Array.isArray(constraints['enum'])
      ? [{ metric: 'invalidValues', arguments: { validValues: constraints['enum'] }, mustBe: 0 }]
      : []),
    ...(constraints['required'] === true && missing.length > 0
      ? [{ metric: 'missingValues', arguments: { missingValues: missing }, mustBe: 0 }]
      : []),
  ];
  const position = keys.indexOf(name);
  return {
    name,
    ...(typeof field['description'] === 'string' ? { description: field['description'] } : {}),
    ...(type === undefined ? {} : { logicalType: type }),
    ...(constraints['required'] === true ? { required: true } : {}),
    ...(constraints['unique'] === true ? { unique: true } : {}),
    ...(position === -1 ? {} : { primaryKey: true, primaryKeyPosition: position + 1 }),
    ...(Object.keys(options).length === 0 ? {} : { logicalTypeOptions: options }),
    ...(quality.length === 0 ? {} : { quality }),
  };
}

const wordOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
