import type { PropertyText } from './contract-text.ts';
import { slug, type Described, type DescribedTable } from './export-parts.ts';
import { patternOfFormat } from './formats.ts';

/**
 * A data package that describes the dataset's files and columns.
 *
 * @see https://datapackage.org/standard/data-package/ (version 2)
 */
export function frictionlessOf(described: Described): Record<string, unknown> {
  const { contract, tables, licence, owner, description } = described;
  return {
    $schema: 'https://datapackage.org/profiles/2.0/datapackage.json',
    name: slug(contract.id),
    title: described.name,
    version: contract.text.version,
    ...(description === undefined ? {} : { description }),
    ...(licence === undefined ? {} : { licenses: [{ name: licence }] }),
    ...(owner === undefined ? {} : { contributors: [{ title: owner, roles: ['owner'] }] }),
    resources: tables.filter(({ files }) => files.length > 0).map(resourceOf),
  };
}

function resourceOf({ table, files }: DescribedTable): Record<string, unknown> {
  const [first] = files;
  const keys = table.properties
    .filter((one) => one.primaryKey === true)
    .toSorted((one, other) => (one.primaryKeyPosition ?? 0) - (other.primaryKeyPosition ?? 0))
    .map(columnOf);
  return {
    name: slug(table.name),
    ...(table.description === undefined ? {} : { description: table.description }),
    type: 'table',
    ...(files.length === 1
      ? { path: first?.path }
      : { path: first?.path, extrapaths: files.slice(1).map(({ path }) => path) }),
    format: first?.format,
    mediatype: first?.mediaType,
    encoding: 'utf-8',
    schema: {
      fields: table.properties.map(fieldOf),
      ...(keys.length === 0 ? {} : { primaryKey: keys }),
      missingValues: [''],
    },
  };
}

const columnOf = (one: PropertyText): string => one.physicalName ?? one.name;

const types: Readonly<Record<string, string>> = { timestamp: 'datetime', object: 'object', array: 'array' };

function fieldOf(one: PropertyText): Record<string, unknown> {
  const type = types[one.logicalType ?? ''] ?? one.logicalType ?? 'any';
  const constraints = constraintsOf(one);
  const format = type === 'string' ? one.logicalTypeOptions?.format : undefined;
  const known = format !== undefined && ['email', 'uri', 'uuid'].includes(format) ? format : undefined;
  return {
    name: columnOf(one),
    type,
    ...(known === undefined ? {} : { format: known }),
    ...(type === 'datetime' || type === 'date' || type === 'time' ? { format: 'any' } : {}),
    ...(one.description === undefined ? {} : { description: one.description }),
    ...(Object.keys(constraints).length === 0 ? {} : { constraints }),
  };
}

/** Only what holds of every value: a limit with room for exceptions has no counterpart there. */
function constraintsOf(one: PropertyText): Record<string, unknown> {
  const {
    minimum,
    maximum,
    exclusiveMinimum,
    exclusiveMaximum,
    minLength,
    maxLength,
    pattern,
    format,
    enum: listed,
  } = one.logicalTypeOptions ?? {};
  const strict = (one.quality ?? []).filter((rule) => rule['mustBe'] === 0);
  const invalid = strict.find((rule) => rule.metric === 'invalidValues')?.arguments;
  const values = listed ?? one.enum?.map(({ value }) => value) ?? invalid?.validValues;
  const expression =
    pattern ?? invalid?.pattern ?? (format === undefined ? undefined : patternOfFormat(format));
  const isText = one.logicalType === 'string' || one.logicalType === undefined;
  return Object.fromEntries(
    Object.entries({
      required:
        one.required === true ||
        one.primaryKey === true ||
        strict.some(({ metric }) => metric === 'nullValues')
          ? true
          : undefined,
      unique:
        one.unique === true || strict.some(({ metric }) => metric === 'duplicateValues') ? true : undefined,
      minimum,
      maximum,
      exclusiveMinimum,
      exclusiveMaximum,
      minLength,
      maxLength,
      pattern: isText ? expression : undefined,
      enum: values?.filter((value) => value !== null),
    }).filter(([, value]) => value !== undefined),
  );
}
