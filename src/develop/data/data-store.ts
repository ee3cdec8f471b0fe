import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { claim } from '../../team/ownership.ts';
import type { ColumnType, ContractReport, ContractState } from '../contracts/contract-api.ts';
import type {
  Dataset,
  DatasetVersion,
  DatasetWithVersions,
  NewDatasetVersion,
} from './data-api.ts';
import { datasetUnknown } from './data-errors.ts';

interface DatasetTable {
  name: string;
  project: string;
  path: string;
  owner: string | null;
  classification: string | null;
  licence: string | null;
  created_at: number;
}

interface DatasetVersionTable {
  dataset: string;
  md5: string;
  size: number;
  file_count: number;
  row_count: number | null;
  /** JSON of columns and their types */
  columns: string;
  contract_hash: string | null;
  contract_state: string;
  /** JSON of the check, null without a contract */
  report: string | null;
  created_at: number;
  created_by: string;
  commit: string | null;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    dataset: DatasetTable;
    dataset_version: DatasetVersionTable;
  }
}

export const dataMigrations: Migrations = {
  'data-001-datasets': {
    async up(db) {
      await db.schema
        .createTable('dataset')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('path', 'text', (column) => column.notNull())
        .addColumn('owner', 'text')
        .addColumn('classification', 'text')
        .addColumn('licence', 'text')
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('dataset_version')
        .addColumn('dataset', 'text', (column) => column.notNull().references('dataset.name'))
        .addColumn('md5', 'text', (column) => column.notNull())
        .addColumn('size', 'integer', (column) => column.notNull())
        .addColumn('file_count', 'integer', (column) => column.notNull())
        .addColumn('row_count', 'integer')
        .addColumn('columns', 'text', (column) => column.notNull())
        .addColumn('contract_hash', 'text')
        .addColumn('contract_state', 'text', (column) => column.notNull())
        .addColumn('report', 'text')
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('commit', 'text')
        .addPrimaryKeyConstraint('dataset_version_key', ['dataset', 'md5'])
        .execute();
    },
  },
};

/**
 * Records a version of a dataset, and the dataset itself with its first one. The same version again only takes over
 * what was checked since: a newer contract, a commit that it had not.
 *
 * @throws NOT_ALLOWED
 */
export async function addDatasetVersion(
  world: World,
  actor: Actor,
  name: string,
  version: NewDatasetVersion,
): Promise<DatasetVersion> {
  const now = world.clock.now();
  const { md5, contractState } = version;
  const change = { actor, verb: 'dataset.add', kind: 'dataset', thing: name, data: { md5, contractState } } as const;
  await perform(world, change, async (tx) => {
    const described = {
      project: version.project,
      path: version.path,
      owner: version.owner,
      classification: version.classification,
      licence: version.licence,
    };
    await tx
      .insertInto('dataset')
      .values({ name, ...described, created_at: now })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(described))
      .execute();
    await claim(tx, 'dataset', name, version.owner ?? actor.id, now);
    const checked = {
      row_count: version.rowCount,
      columns: JSON.stringify(version.columns),
      contract_hash: version.contractHash,
      contract_state: version.contractState,
      report: version.report === null ? null : JSON.stringify(version.report),
      commit: version.commit,
    };
    await tx
      .insertInto('dataset_version')
      .values({
        dataset: name,
        md5: version.md5,
        size: version.size,
        file_count: version.fileCount,
        ...checked,
        created_at: now,
        created_by: actor.id,
      })
      .onConflict((conflict) => conflict.columns(['dataset', 'md5']).doUpdateSet(checked))
      .execute();
  });
  const { versions } = await getDataset(world.database.read, name);
  return versions.find((one) => one.md5 === version.md5) as DatasetVersion;
}

export async function listDatasets(read: Reader): Promise<Dataset[]> {
  const datasets = await read.selectFrom('dataset').selectAll().orderBy('name').execute();
  const versions = await read
    .selectFrom('dataset_version')
    .select([
      'dataset', 'md5', 'size', 'file_count', 'row_count', 'columns', 'contract_hash', 'contract_state',
      'created_at', 'created_by', 'commit',
    ])
    .orderBy('created_at', 'desc')
    .orderBy('md5')
    .execute();
  return datasets.map((row) => {
    const own = versions.filter(({ dataset }) => dataset === row.name);
    const [latest] = own;
    return {
      ...datasetOf(row),
      versionCount: own.length,
      latest: latest === undefined ? null : withoutReport(versionOf({ ...latest, report: null })),
    };
  });
}

/** @throws DATASET_NOT_FOUND */
export async function getDataset(read: Reader, name: string): Promise<DatasetWithVersions> {
  const row = await read.selectFrom('dataset').selectAll().where('name', '=', name).executeTakeFirst();
  if (row === undefined) {
    const known = await read.selectFrom('dataset').select('name').orderBy('name').execute();
    throw datasetUnknown(name, known.map((one) => one.name));
  }
  const rows = await read
    .selectFrom('dataset_version')
    .selectAll()
    .where('dataset', '=', name)
    .orderBy('created_at', 'desc')
    .orderBy('md5')
    .execute();
  const versions = rows.map(versionOf);
  const [latest] = versions;
  return {
    ...datasetOf(row),
    versionCount: versions.length,
    latest: latest === undefined ? null : withoutReport(latest),
    versions,
  };
}

export async function findDatasetVersion(read: Reader, dataset: string, md5: string): Promise<DatasetVersion | undefined> {
  const row = await read
    .selectFrom('dataset_version')
    .selectAll()
    .where('dataset', '=', dataset)
    .where('md5', '=', md5)
    .executeTakeFirst();
  return row === undefined ? undefined : versionOf(row);
}

/** Whether a dataset version kept its contract; undefined for a version that the server does not know. */
export async function contractStateOf(
  read: Reader,
  dataset: string,
  md5: string,
): Promise<{ readonly state: ContractState; readonly contractHash: string | null; readonly checkedAt: number } | undefined> {
  const row = await read
    .selectFrom('dataset_version')
    .select(['contract_state', 'contract_hash', 'created_at'])
    .where('dataset', '=', dataset)
    .where('md5', '=', md5)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { state: row.contract_state as ContractState, contractHash: row.contract_hash, checkedAt: row.created_at };
}

const datasetOf = (row: DatasetTable): Omit<Dataset, 'versionCount' | 'latest'> => ({
  name: row.name,
  project: row.project,
  path: row.path,
  owner: row.owner,
  classification: row.classification,
  licence: row.licence,
  createdAt: row.created_at,
});

const versionOf = (row: DatasetVersionTable): DatasetVersion => ({
  dataset: row.dataset,
  md5: row.md5,
  size: row.size,
  fileCount: row.file_count,
  rowCount: row.row_count,
  columns: JSON.parse(row.columns) as ColumnType[],
  contractHash: row.contract_hash,
  contractState: row.contract_state as ContractState,
  report: row.report === null ? null : (JSON.parse(row.report) as ContractReport),
  commit: row.commit,
  createdAt: row.created_at,
  createdBy: row.created_by,
});

const withoutReport = ({ report: _report, ...version }: DatasetVersion): Omit<DatasetVersion, 'report'> => version;
