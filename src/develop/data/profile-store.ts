import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import './data-store.ts';
import type { DataProfile, FileEntry, NewDataProfile, VersionProfile } from './profile-api.ts';
import { datasetUnknown } from './data-errors.ts';
import { oneVersion, profileTooLarge, profileUnknown, versionUnknown } from './profile-errors.ts';

/** What a version holds; written once for each content, replaced when it is counted anew. */
interface DatasetProfileTable {
  dataset: string;
  md5: string;
  /** JSON, as the files */
  profile: string;
  files: string;
  files_left_out: number;
  contract: string | null;
  created_at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    dataset_profile: DatasetProfileTable;
  }
}

export const profileMigrations: Migrations = {
  'data-profile-001': {
    async up(db) {
      await db.schema
        .createTable('dataset_profile')
        .addColumn('dataset', 'text', (column) => column.notNull())
        .addColumn('md5', 'text', (column) => column.notNull())
        .addColumn('profile', 'text', (column) => column.notNull())
        .addColumn('files', 'text', (column) => column.notNull())
        .addColumn('files_left_out', 'integer', (column) => column.notNull())
        .addColumn('contract', 'text')
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('dataset_profile_key', ['dataset', 'md5'])
        .execute();
    },
  },
};

/** bytes of one profile with its list of files */
const mostBytes = 8_000_000;

/**
 * Keeps what a version holds.
 *
 * @throws DATASET_NOT_FOUND, DATASET_VERSION_NOT_FOUND, DATASET_PROFILE_TOO_LARGE, NOT_ALLOWED
 */
export async function keepProfile(
  world: World,
  actor: Actor,
  dataset: string,
  version: string,
  given: NewDataProfile,
): Promise<VersionProfile> {
  const now = world.clock.now();
  const md5 = await versionNamed(world.database.read, dataset, version);
  const [profile, files] = [JSON.stringify({ ...given.profile, md5 }), JSON.stringify(given.files)];
  const size = Buffer.byteLength(profile) + Buffer.byteLength(files);
  if (size > mostBytes) throw profileTooLarge(dataset, size, mostBytes);
  const kept = {
    profile,
    files,
    files_left_out: given.filesLeftOut,
    contract: given.contract,
    created_at: now,
  };
  const change = { actor, verb: 'dataset.profile', kind: 'dataset', thing: dataset, data: { md5 } } as const;
  await perform(world, change, async (tx) => {
    await tx
      .insertInto('dataset_profile')
      .values({ dataset, md5, ...kept })
      .onConflict((conflict) => conflict.columns(['dataset', 'md5']).doUpdateSet(kept))
      .execute();
    // without a contract nobody has counted the rows before
    await tx
      .updateTable('dataset_version')
      .set({ row_count: given.profile.tables.reduce((sum, { rowCount }) => sum + rowCount, 0) })
      .where('dataset', '=', dataset)
      .where('md5', '=', md5)
      .where('row_count', 'is', null)
      .execute();
  });
  return { ...given, profile: { ...given.profile, md5 }, dataset, createdAt: now };
}

/** @throws DATASET_PROFILE_NOT_FOUND */
export async function findProfile(read: Reader, dataset: string, md5: string): Promise<VersionProfile> {
  const row = await read
    .selectFrom('dataset_profile')
    .selectAll()
    .where('dataset', '=', dataset)
    .where('md5', '=', md5)
    .executeTakeFirst();
  if (row === undefined) throw profileUnknown(dataset, md5);
  return {
    dataset,
    profile: JSON.parse(row.profile) as DataProfile,
    files: JSON.parse(row.files) as FileEntry[],
    filesLeftOut: row.files_left_out,
    contract: row.contract,
    createdAt: row.created_at,
  };
}

/** md5s of a dataset's versions, newest first. */
async function versionsOf(read: Reader, dataset: string): Promise<string[]> {
  const rows = await read
    .selectFrom('dataset_version')
    .select('md5')
    .where('dataset', '=', dataset)
    .orderBy('created_at', 'desc')
    .orderBy('md5')
    .execute();
  if (rows.length > 0) return rows.map(({ md5 }) => md5);
  const known = await read.selectFrom('dataset').select('name').orderBy('name').execute();
  throw datasetUnknown(
    dataset,
    known.map(({ name }) => name),
  );
}

/**
 * The version that its whole md5 or the first letters of it name.
 *
 * @throws DATASET_NOT_FOUND, DATASET_VERSION_NOT_FOUND
 */
export async function versionNamed(read: Reader, dataset: string, word: string): Promise<string> {
  return named(dataset, await versionsOf(read, dataset), word);
}

function named(dataset: string, versions: readonly string[], word: string): string {
  const found = versions.filter((md5) => md5 === word || (word.length >= 4 && md5.startsWith(word)));
  if (found.length !== 1 || found[0] === undefined)
    throw versionUnknown(dataset, word, versions.slice(0, 10));
  return found[0];
}

/** Two versions to compare; by themselves the newest and the one before it. */
export async function versionPair(
  read: Reader,
  dataset: string,
  from: string | undefined,
  to: string | undefined,
): Promise<{ readonly from: string; readonly to: string }> {
  const versions = await versionsOf(read, dataset);
  const newest = to === undefined ? versions[0] : named(dataset, versions, to);
  const before =
    from === undefined ? versions[versions.indexOf(newest ?? '') + 1] : named(dataset, versions, from);
  if (newest === undefined || before === undefined) throw oneVersion(dataset);
  return { from: before, to: newest };
}

/**
 * Profiles of two versions of one dataset.
 *
 * @throws DATASET_NOT_FOUND, DATASET_VERSION_NOT_FOUND, DATASET_HAS_ONE_VERSION, DATASET_PROFILE_NOT_FOUND
 */
export async function profilePair(
  read: Reader,
  dataset: string,
  from: string | undefined,
  to: string | undefined,
): Promise<{ readonly from: VersionProfile; readonly to: VersionProfile }> {
  const pair = await versionPair(read, dataset, from, to);
  const [before, after] = await Promise.all([
    findProfile(read, dataset, pair.from),
    findProfile(read, dataset, pair.to),
  ]);
  return { from: before, to: after };
}
