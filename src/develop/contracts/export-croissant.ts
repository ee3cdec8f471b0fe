import type { PropertyText } from './contract-text.ts';
import { licenceAddress, sha256Of, slug, type Described, type DescribedTable } from './export-parts.ts';

/** The prefixes that Croissant 1.1 documents share. */
const context = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  sc: 'https://schema.org/',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  dct: 'http://purl.org/dc/terms/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  containedIn: 'cr:containedIn',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileObject: 'cr:fileObject',
  fileProperty: 'cr:fileProperty',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
};

/**
 * The dataset as Croissant 1.1 describes it, with a checksum of every file.
 *
 * @param publishedAt ISO date
 * @see https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
 */
export async function croissantOf(
  described: Described,
  publishedAt: string,
): Promise<Record<string, unknown>> {
  const { contract, tables, licence, owner, description } = described;
  const limits = typeof contract.text.description === 'object' ? contract.text.description : {};
  return {
    '@context': context,
    '@type': 'sc:Dataset',
    conformsTo: 'http://mlcommons.org/croissant/1.1',
    name: slug(described.name),
    description: description ?? described.name,
    version: contract.text.version,
    datePublished: publishedAt,
    ...(licence === undefined ? {} : { license: licenceAddress(licence) }),
    ...(owner === undefined ? {} : { creator: { '@type': 'sc:Person', name: owner } }),
    ...(limits.limitations === undefined ? {} : { 'rai:dataLimitations': limits.limitations }),
    ...(limits.usage === undefined ? {} : { 'rai:dataUseCases': limits.usage }),
    ...personalOf(tables),
    distribution: (await Promise.all(tables.map(distributionOf))).flat(),
    recordSet: tables.filter(({ files }) => files.length > 0).map(recordSetOf),
  };
}

function personalOf(tables: readonly DescribedTable[]): Record<string, unknown> {
  const personal = tables.flatMap(({ table }) =>
    table.properties
      .filter((one) => one.classification === 'pii' || one.classification === 'special-category')
      .map(({ name }) => name),
  );
  return personal.length === 0 ? {} : { 'rai:personalSensitiveInformation': personal };
}

const fileId = (path: string): string => path;
const setId = ({ table }: DescribedTable): string => `${slug(table.name)}-files`;

/** Every file by its checksum; those of one table together are a set. */
async function distributionOf(described: DescribedTable): Promise<Record<string, unknown>[]> {
  const objects: Record<string, unknown>[] = [];
  for (const one of described.files) {
    objects.push({
      '@type': 'cr:FileObject',
      '@id': fileId(one.path),
      name: one.path,
      contentUrl: one.path,
      contentSize: `${one.size} B`,
      encodingFormat:
        one.mediaType === 'application/vnd.apache.parquet' ? 'application/x-parquet' : one.mediaType,
      sha256: await sha256Of(one.file),
    });
  }
  const [first] = described.files;
  if (first === undefined || objects.length === 1) return objects;
  return [
    ...objects,
    {
      '@type': 'cr:FileSet',
      '@id': setId(described),
      name: setId(described),
      encodingFormat:
        first.mediaType === 'application/vnd.apache.parquet' ? 'application/x-parquet' : first.mediaType,
      includes: patternOver(
        described.files.map(({ path }) => path),
        first.format,
      ),
    },
  ];
}

/** The narrowest folder that holds all files. */
function patternOver(paths: readonly string[], format: string): string {
  const folders = paths.map((path) => path.split('/').slice(0, -1));
  const [first = []] = folders;
  const shared = first.filter(
    (part, at) =>
      folders.every((folder) => folder.slice(0, at + 1).join('/') === first.slice(0, at + 1).join('/')) &&
      part !== '',
  );
  const isFlat = folders.every((folder) => folder.length === shared.length);
  return [...shared, ...(isFlat ? [] : ['**']), `*.${format}`].join('/');
}

const dataTypes: Readonly<Record<string, string>> = {
  string: 'sc:Text',
  integer: 'sc:Integer',
  number: 'sc:Float',
  boolean: 'sc:Boolean',
  date: 'sc:Date',
  timestamp: 'sc:DateTime',
  time: 'sc:Time',
};

function recordSetOf(described: DescribedTable): Record<string, unknown> {
  const { table, files } = described;
  const id = slug(table.name);
  const [first] = files;
  const source =
    files.length === 1
      ? { fileObject: { '@id': fileId(first?.path ?? '') } }
      : { fileSet: { '@id': setId(described) } };
  const keys = table.properties.filter((one) => one.primaryKey === true);
  return {
    '@type': 'cr:RecordSet',
    '@id': id,
    name: id,
    ...(table.description === undefined ? {} : { description: table.description }),
    ...(keys.length === 0 ? {} : { key: keys.map((one) => ({ '@id': `${id}/${one.name}` })) }),
    field: table.properties.map((one) => fieldOf(one, id, source)),
  };
}

function fieldOf(one: PropertyText, set: string, source: Record<string, unknown>): Record<string, unknown> {
  return {
    '@type': 'cr:Field',
    '@id': `${set}/${one.name}`,
    name: `${set}/${one.name}`,
    ...(one.description === undefined ? {} : { description: one.description }),
    dataType: dataTypes[one.logicalType ?? ''] ?? 'sc:Text',
    source: { ...source, extract: { column: one.physicalName ?? one.name } },
  };
}
