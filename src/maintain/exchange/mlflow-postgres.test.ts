import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import pg from 'pg';
import { isTestedOnPostgres, temporaryDatabase } from '../../platform/database/test-database.ts';
import { copyMlflowDatabase, isPostgresSource } from './mlflow-postgres.ts';

test('a PostgreSQL database is known by its address, as SQLAlchemy writes it too', () => {
  assert.ok(isPostgresSource('postgresql://ana@db/mlflow') && isPostgresSource('postgresql+psycopg2://ana@db/mlflow'));
  assert.ok(!isPostgresSource('sqlite:///mlflow.db') && !isPostgresSource('/data/postgresql'));
});

test(
  'a PostgreSQL database of MLflow becomes a SQLite file with the same values',
  { skip: isTestedOnPostgres ? false : 'needs TILTH_TEST_DATABASE: node scripts/postgresql.js' },
  async () => {
    const place = temporaryDatabase('');
    const client = new pg.Client({ connectionString: place.where });
    await client.connect();
    await client.query(`
      CREATE TABLE runs (run_uuid varchar(32) PRIMARY KEY, experiment_id integer, start_time bigint, is_nan boolean, value double precision, note text);
      INSERT INTO runs SELECT 'run' || n, n, 1795461193413 + n, n % 2 = 0, CASE WHEN n = 1 THEN 'Infinity' ELSE n / 3.0 END, NULL FROM generate_series(1, 12000) AS n`);
    await client.end();
    const copy = await copyMlflowDatabase(place.where.replace('postgres:', 'postgresql+psycopg2:'));
    const file = new DatabaseSync(copy.file);
    const row = (run: string): unknown => ({ ...file.prepare('SELECT *, CAST(experiment_id AS text) AS id FROM runs WHERE run_uuid = ?').get(run) });
    assert.equal(copy.rowCount, 12_000);
    assert.deepEqual(row('run1'), { run_uuid: 'run1', experiment_id: 1, start_time: 1795461193414, is_nan: 0, value: Infinity, note: null, id: '1' });
    assert.deepEqual(row('run6'), { run_uuid: 'run6', experiment_id: 6, start_time: 1795461193419, is_nan: 1, value: 2, note: null, id: '6' });
    file.close();
    await copy.remove();
    assert.ok(!existsSync(copy.file));
    place.remove();
  },
);
