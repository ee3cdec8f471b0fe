import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../../platform/errors.ts';
import { resolveTarget } from './check-datasets.ts';
import { contractBeside } from './declared-datasets.ts';
import { draftText, type DraftTable } from './contract-draft.ts';
import { contractExists, notImportable } from './contract-errors.ts';
import { readContract } from './contract.ts';
import { isForeign, type Foreign } from './foreign-rules.ts';
import { fromFrictionless } from './import-frictionless.ts';
import { fromGreatExpectations } from './import-great-expectations.ts';
import { fromPandera } from './import-pandera.ts';

export interface Imported {
  /** absolute */
  readonly file: string;
  readonly from: 'Great Expectations' | 'pandera' | 'Frictionless';
  readonly ruleCount: number;
  /** what is kept in the contract and not checked, in words */
  readonly notChecked: readonly string[];
}

/**
 * Writes a contract from the checks that another tool keeps: a suite of Great Expectations (JSON), a schema that pandera
 * wrote (YAML), or a schema, resource or package of Frictionless (JSON or YAML). What has no counterpart is kept as a
 * rule of that tool, and listed as not checked.
 *
 * @param asked the data: a dataset's name or a path
 * @throws DATA_CONTRACT_EXISTS unless forced, DATA_CONTRACT_NOT_IMPORTABLE
 */
export async function importContract(
  folder: string,
  source: string,
  asked: string,
  isForced: boolean,
): Promise<Imported> {
  const target = await resolveTarget(folder, asked);
  const file = target.contract ?? contractBeside(target.path);
  if (existsSync(file) && !isForced) throw contractExists(file);
  const document = readSource(resolve(folder, source), source);
  const name = target.name.replace(/\.[^.]+$/, '');
  const from = sourceOf(document);
  if (from === undefined)
    throw notImportable(
      source,
      'it has neither "expectations" nor "schema_type" nor "fields" or "resources"',
    );
  const tables = readers[from](document, name);
  const { owner, licence, classification } = target.declared;
  const text = draftText({
    id: name,
    name,
    tables,
    ...(owner === undefined ? {} : { owner }),
    ...(licence === undefined ? {} : { licence }),
    ...(classification === undefined ? {} : { classification }),
  });
  // what we wrote must be what we read, before it stands in anybody's way
  const contract = readContract(text, basename(file));
  writeFileSync(file, text);
  return {
    file,
    from,
    ruleCount: contract.tables.reduce((sum, { rules }) => sum + rules.length, 0),
    notChecked: contract.notChecked,
  };
}

const readers: Readonly<Record<Imported['from'], (document: Foreign, name: string) => DraftTable[]>> = {
  'Great Expectations': fromGreatExpectations,
  pandera: fromPandera,
  Frictionless: fromFrictionless,
};

function sourceOf(document: Foreign): Imported['from'] | undefined {
  if (Array.isArray(document['expectations'])) return 'Great Expectations';
  if (document['schema_type'] === 'dataframe' || isForeign(document['columns'])) return 'pandera';
  return Array.isArray(document['fields']) ||
    Array.isArray(document['resources']) ||
    isForeign(document['schema'])
    ? 'Frictionless'
    : undefined;
}

function readSource(path: string, shown: string): Foreign {
  let document: unknown;
  try {
    // JSON is YAML too
    document = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw notImportable(shown, messageOf(cause));
  }
  if (!isForeign(document)) throw notImportable(shown, 'it is not a document with keys');
  return document;
}
