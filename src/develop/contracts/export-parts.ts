import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { belongs, dataFiles, folderOf, relativePath } from './contract-files.ts';
import type { Contract } from './contract.ts';
import type { TableText } from './contract-text.ts';

/** A file of a table, as descriptions name it. */
export interface DescribedFile {
  /** absolute */
  readonly file: string;
  /** relative to the folder of the contract, where a description would lie */
  readonly path: string;
  readonly size: number;
  readonly mediaType: string;
  readonly format: string;
}

export interface DescribedTable {
  readonly table: TableText;
  readonly files: readonly DescribedFile[];
}

/** What a contract says and which files it is about: all that a description in another language needs. */
export interface Described {
  readonly name: string;
  readonly contract: Contract;
  readonly tables: readonly DescribedTable[];
  readonly owner: string | undefined;
  readonly licence: string | undefined;
  readonly classification: string | undefined;
  readonly description: string | undefined;
}

const mediaTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  parquet: 'application/vnd.apache.parquet',
  jsonl: 'application/jsonlines',
  ndjson: 'application/jsonlines',
};

/** @param path of the data, absolute @param file of the contract, absolute */
export function describe(
  name: string,
  contract: Contract,
  path: string,
  file: string,
  declared: {
    readonly owner?: string | undefined;
    readonly licence?: string | undefined;
    readonly classification?: string | undefined;
  },
): Described {
  const files = dataFiles(path, folderOf(path));
  const { text } = contract;
  const tables = contract.tables.map((one, at): DescribedTable => {
    const own = files.filter(
      (each) => one.files === undefined || belongs(relativePath(folderOf(path), each), one.files),
    );
    return { table: text.schema[at] as TableText, files: own.map((each) => described(each, dirname(file))) };
  });
  return {
    name: text.name ?? name,
    contract,
    tables,
    owner: ownerOf(contract) ?? declared.owner,
    licence: customOf(contract, 'licence') ?? customOf(contract, 'license') ?? declared.licence,
    classification: customOf(contract, 'classification') ?? declared.classification,
    description: typeof text.description === 'string' ? text.description : text.description?.purpose,
  };
}

function described(file: string, from: string): DescribedFile {
  const format = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
  return {
    file,
    path: relativePath(from, file),
    size: statSync(file).size,
    format,
    mediaType: mediaTypes[format] ?? 'application/octet-stream',
  };
}

/** The person with the role of owner, or the first of the team. */
export function ownerOf({ text }: Contract): string | undefined {
  const members = Array.isArray(text.team) ? text.team : (text.team?.members ?? []);
  const owner = members.find(({ role }) => role !== undefined && /owner/i.test(role)) ?? members[0];
  return owner?.username ?? owner?.name;
}

export function customOf({ text }: Contract, property: string): string | undefined {
  const found = text.customProperties?.find((one) => one.property === property)?.value;
  return typeof found === 'string' || typeof found === 'number' ? String(found) : undefined;
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Letters, digits, `-`, `.` and `_` only, as other languages want names. */
export const slug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^-+|-+$/g, '') || 'data';

export const licenceAddress = (licence: string): string => `https://spdx.org/licenses/${licence}.html`;
