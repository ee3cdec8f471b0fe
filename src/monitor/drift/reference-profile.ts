import { existsSync, statSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { Cache } from '../../develop/dvc-files/cache.ts';
import { openRepository } from '../../develop/dvc-files/repository.ts';
import { isTreeHash, treeEntries } from '../../develop/dvc-files/tree.ts';
import { dataVersionOf } from '../../deploy/registry/training-data.ts';
import { findVersionRow } from '../../deploy/registry/registry-store.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import type { FeatureValues, LogReader } from '../predictions/prediction-log-reader.ts';
import { folderName } from '../predictions/prediction-layout.ts';
import { parquetFiles, type Analytics } from '../windows/analytics.ts';
import { categoricalColumn, numericColumn, type Column } from './column.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

/** What a version's inputs are compared with, kept for ever, ready sorted. */
export interface ReferenceProfile {
  readonly baseline: 'training' | 'reference';
  readonly columns: ReadonlyMap<string, Column>;
}

/** A few of the profiles used last; a profile of 50,000 rows of 11 numbers is 4 MB. */
const keptCount = 8;
const kept = new WeakMap<LogReader, Map<string, ReferenceProfile>>();

/**
 * The profile of a version, made at its first use: from the rows of the data version that it learned from,
 * else from its first window.
 *
 * @param inputs of the window at hand: the first one that is asked about
 */
export async function referenceProfile(
  world: World,
  log: LogReader,
  model: string,
  version: number,
  inputs: readonly FeatureValues[],
): Promise<ReferenceProfile> {
  const profiles = kept.get(log) ?? new Map<string, ReferenceProfile>();
  kept.set(log, profiles);
  const name = `${model}\n${version}`;
  const path = join(world.home.predictions, 'reference', folderName(model), `${version}.parquet`);
  const profile =
    profiles.get(name) ?? (existsSync(path) ? await readProfile(log.analytics, path) : await makeProfile());
  profiles.delete(name);
  profiles.set(name, profile);
  const [oldest] = profiles.keys();
  if (profiles.size > keptCount && oldest !== undefined) profiles.delete(oldest);
  return profile;

  async function makeProfile(): Promise<ReferenceProfile> {
    const files = await trainingFiles(world.database.read, model, version).catch(() => []);
    const training = await readTraining(log.analytics, files, inputs);
    const isTraining = training.length > 0;
    const made: ReferenceProfile = {
      baseline: isTraining ? 'training' : 'reference',
      columns: profileOf(isTraining ? training : inputs),
    };
    await writeProfile(log.analytics, path, made);
    return made;
  }
}

/** The type that a feature has in the log decides: text and truth values are categories. */
export function profileOf(features: readonly FeatureValues[]): Map<string, Column> {
  return new Map(features.map(({ name, values }) => [name, columnOf(values)]));
}

function columnOf(values: FeatureValues['values']): Column {
  const first = values.find((value) => value !== null);
  return typeof first === 'number' || first === undefined ? numericColumn(values) : categoricalColumn(values);
}

/** Files with the rows of the data version that a version learned from; from the cache, so that a later version of the data is not taken for it. */
export async function trainingFiles(read: Reader, model: string, version: number): Promise<string[]> {
  const declared = await declarationOf(read, model);
  if (declared === undefined) return [];
  const path = declared.project.declaration.datasets[declared.model.dataset]?.path;
  const row = await findVersionRow(read, model, version);
  const dataVersion = row === undefined ? null : await dataVersionOf(read, row, declared.model.dataset);
  if (dataVersion !== null) {
    const cache = new Cache(openRepository(declared.project.root));
    if (cache.has(dataVersion)) return cachedFiles(cache, dataVersion);
  }
  if (path === undefined) return [];
  const full = join(declared.project.root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [full];
  const names = await readdir(full, { recursive: true });
  return names.filter((name) => name.endsWith('.parquet')).map((name) => join(full, name));
}

async function cachedFiles(cache: Cache, md5: string): Promise<string[]> {
  if (!isTreeHash(md5)) return [cache.pathOf(md5)];
  const entries = treeEntries(await readFile(cache.pathOf(md5), 'utf8'), md5);
  const tables = entries
    .filter((entry) => entry.relpath.endsWith('.parquet'))
    .map((entry) => cache.pathOf(entry.md5));
  return tables.every((path) => existsSync(path)) ? tables : [];
}

async function readTraining(
  analytics: Analytics,
  files: readonly string[],
  inputs: readonly FeatureValues[],
): Promise<FeatureValues[]> {
  if (files.length === 0) return [];
  try {
    const described = await analytics.rows(`DESCRIBE SELECT * FROM ${parquetFiles(files)}`);
    const present = new Set(described.map((row) => String(row[0])));
    const shared = inputs.filter((input) => present.has(input.name));
    if (shared.length === 0) return [];
    const select = shared.map(({ name, values }) => {
      const isNumber = typeof (values.find((value) => value !== null) ?? 0) === 'number';
      return `${identifier(name)}::${isNumber ? 'DOUBLE' : 'VARCHAR'}`;
    });
    const columns = await analytics.columns(`SELECT ${select.join(', ')} FROM ${parquetFiles(files)}`);
    return shared.map(({ name }, index) => ({
      name,
      values: (columns[index] ?? []) as FeatureValues['values'],
    }));
  } catch {
    // not every dataset is a table of the model's inputs; the first window stands in
    return [];
  }
}

/** Long form: one line per distinct value with its count, in the order of the values. */
async function writeProfile(analytics: Analytics, path: string, profile: ReferenceProfile): Promise<void> {
  const [names, kinds, values, texts, counts]: [
    string[],
    string[],
    (number | null)[],
    (string | null)[],
    number[],
  ] = [[], [], [], [], []];
  const add = (
    name: string,
    kind: string,
    value: number | null,
    text: string | null,
    count: number,
  ): void => {
    names.push(name);
    kinds.push(kind);
    values.push(value);
    texts.push(text);
    counts.push(count);
  };
  for (const [name, column] of profile.columns) {
    add(name, `${column.kind}-missing`, null, null, column.missingCount);
    if (column.kind === 'cat') for (const [text, count] of column.counts) add(name, 'cat', null, text, count);
    else {
      const { sorted } = column;
      for (let from = 0, to = 0; from < sorted.length; from = to) {
        const value = sorted[from] ?? 0;
        while (sorted[to] === value) to++;
        add(name, 'num', value, null, to - from);
      }
    }
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await analytics.load('profile', [
    { name: 'column', type: 'VARCHAR', values: names },
    { name: 'kind', type: 'VARCHAR', values: kinds },
    { name: 'value', type: 'DOUBLE', values: values },
    { name: 'text', type: 'VARCHAR', values: texts },
    { name: 'count', type: 'DOUBLE', values: counts },
  ]);
  const source = `SELECT *, ${literal(profile.baseline)} AS baseline FROM profile`;
  await analytics.run(`COPY (${source}) TO ${literal(`${path}.writing`)} (FORMAT parquet, COMPRESSION zstd)`);
  const file = await open(`${path}.writing`, 'r');
  await file.sync();
  await file.close();
  await rename(`${path}.writing`, path);
}

async function readProfile(analytics: Analytics, path: string): Promise<ReferenceProfile> {
  const [names = [], kinds = [], values = [], texts = [], counts = [], baselines = []] =
    await analytics.columns(
      `SELECT "column", kind, value, text, count, baseline FROM read_parquet(${literal(path)})`,
    );
  const columns = new Map<string, Column>();
  for (const [name, lines] of Map.groupBy(names.keys(), (line) => String(names[line]))) {
    const countAt = (line: number): number => Number(counts[line]);
    const missing = lines.find((line) => String(kinds[line]).endsWith('-missing'));
    const missingCount = missing === undefined ? 0 : countAt(missing);
    const rest = lines.filter((line) => line !== missing);
    const size = rest.reduce((sum, line) => sum + countAt(line), 0);
    if (missing !== undefined && kinds[missing] === 'cat-missing') {
      columns.set(name, {
        kind: 'cat',
        counts: new Map(rest.map((line) => [String(texts[line]), countAt(line)])),
        count: size,
        missingCount,
      });
      continue;
    }
    const sorted = new Float64Array(size);
    let at = 0;
    for (const line of rest) {
      sorted.fill(Number(values[line]), at, at + countAt(line));
      at += countAt(line);
    }
    columns.set(name, { kind: 'num', sorted: sorted.sort(), missingCount });
  }
  return { baseline: baselines[0] === 'training' ? 'training' : 'reference', columns };
}
