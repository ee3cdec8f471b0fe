import { stringify } from 'yaml';

/** A property as it will be written. */
export interface DraftProperty {
  readonly name: string;
  readonly description?: string;
  readonly logicalType?: string;
  readonly physicalType?: string;
  readonly required?: boolean;
  readonly unique?: boolean;
  readonly primaryKey?: boolean;
  readonly primaryKeyPosition?: number;
  readonly classification?: string;
  readonly logicalTypeOptions?: Readonly<Record<string, unknown>>;
  readonly customProperties?: readonly { readonly property: string; readonly value: unknown }[];
  readonly quality?: readonly Readonly<Record<string, unknown>>[];
}

export interface DraftTable {
  readonly name: string;
  readonly physicalName?: string;
  readonly description?: string;
  readonly properties: readonly DraftProperty[];
  readonly quality?: readonly Readonly<Record<string, unknown>>[];
}

/** A contract that a program wrote and a person has yet to read. */
export interface ContractDraft {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly owner?: string;
  readonly classification?: string;
  readonly licence?: string;
  readonly tables: readonly DraftTable[];
}

/** The file of a draft, in the keys' usual order. */
export function draftText(draft: ContractDraft): string {
  const custom = [
    ...(draft.licence === undefined ? [] : [{ property: 'licence', value: draft.licence }]),
    ...(draft.classification === undefined
      ? []
      : [{ property: 'classification', value: draft.classification }]),
  ];
  return stringify(
    {
      apiVersion: 'v3.1.0',
      kind: 'DataContract',
      id: draft.id,
      name: draft.name,
      version: '1.0.0',
      status: 'draft',
      ...(draft.description === undefined ? {} : { description: { purpose: draft.description } }),
      ...(draft.owner === undefined
        ? {}
        : { team: { name: draft.name, members: [{ username: draft.owner, role: 'owner' }] } }),
      ...(custom.length === 0 ? {} : { customProperties: custom }),
      schema: draft.tables.map(({ name, physicalName, description, quality, properties }) => ({
        name,
        ...(physicalName === undefined ? {} : { physicalName }),
        logicalType: 'object',
        ...(description === undefined ? {} : { description }),
        ...(quality === undefined || quality.length === 0 ? {} : { quality: quality.map(libraryFirst) }),
        properties: properties.map((property) => ({
          ...property,
          ...(property.quality === undefined ? {} : { quality: property.quality.map(libraryFirst) }),
        })),
      })),
    },
    { indentSeq: false, lineWidth: 110 },
  );
}

const libraryFirst = (one: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...(one['metric'] === undefined || one['type'] !== undefined ? {} : { type: 'library' }),
  ...one,
});
