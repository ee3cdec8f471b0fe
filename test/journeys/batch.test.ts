// a night's work of scores: once per row, whatever happens to the machine
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { createLogger } from '../../src/platform/log.ts';
import { createHome, resolveHome, type Home } from '../../src/platform/home.ts';
import type { BatchManifest } from '../../src/deploy/batch/batch.ts';
import { approve, requestApproval } from '../../src/deploy/registry/approvals/approvals.ts';
import { moveAlias } from '../../src/deploy/registry/aliases.ts';
import { updateVersionRow } from '../../src/deploy/registry/registry-store.ts';
import { fileKeyOf } from '../../src/deploy/registry/served-file.ts';
import { registerVersion } from '../../src/deploy/registry/versions.ts';
import { skipBucket, startTestBucket } from '../../src/platform/blobs/test-bucket.ts';
import { expected, late1, late2 } from '../../src/deploy/serving/test-control-plane.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { registerProject } from '../../src/start/project/project-store.ts';
import { localActor } from '../../src/team/can.ts';
import { program, start, type Started } from './processes.ts';

const rowCount = 400_000;
const truth = expected['late-1'].label as number[];
const known = truth.length;

describe('tilth batch', () => {
  let folder = '';
  let home: Home;
  let server: RunningServer;
  let connection: DuckDBConnection;

  const at = (name: string): string => join(folder, name);
  const query = async (sql: string): Promise<unknown[][]> =>
    (await connection.runAndReadAll(sql)).getRowsJS();
  const batch = (...args: string[]): Started =>
    start([program, 'batch', ...args, '--home', home.root, '--server', server.address, '--json'], {
      env: { ...process.env, TILTH_TOKEN: '', TILTH_LOG: 'warn' },
    });
  const done = async (...args: string[]): Promise<BatchManifest> => {
    const { code, stdout, stderr } = await batch(...args).ended;
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as BatchManifest;
  };
  const refused = async (...args: string[]): Promise<{ code: string; message: string; hint: string }> => {
    const { code, stdout, stderr } = await batch(...args).ended;
    assert.equal(code, 1, stdout + stderr);
    return (
      JSON.parse(stdout === '' ? stderr.slice(stderr.indexOf('{')) : stdout) as {
        error: { code: string; message: string; hint: string };
      }
    ).error;
  };
  const partsOf = (output: string): string[] =>
    existsSync(output) ? readdirSync(output).filter((name) => /^part-.*parquet$/.test(name)) : [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tilth batch '));
    home = createHome(resolveHome(at('home')));
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    const { world } = server;
    writeFileSync(
      at('tilth.yaml'),
      'project: night\ndatasets: { flights: { path: data, owner: ana } }\nmodels:\n  late: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: late }\n',
    );
    await registerProject(world, localActor, folder);
    for (const [served, file] of [
      [late1, 'late-1.onnx'],
      [late2, 'late-2.onnx'],
    ] as const) {
      await world.blobs.put(
        fileKeyOf('onnx', served.digest),
        readFileSync(new URL(`../fixtures/serving/${file}`, import.meta.url)),
      );
      const { version } = await registerVersion(world, localActor, {
        model: 'late',
        source: 's3://bucket/model',
        createsModel: true,
      });
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', version, {
          engine: 'onnx',
          reason: null,
          artifact_digest: served.digest,
          onnx_digest: served.digest,
          onnx_byte_count: served.byteCount,
          schema: JSON.stringify(served.schema),
          schema_hash: served.schemaHash,
        }),
      );
    }
    await requestApproval(world, localActor, { model: 'late', version: 1 });
    await approve(world, localActor, { model: 'late', version: 1, reason: 'alone here' });
    await moveAlias(world, localActor, { model: 'late', alias: 'champion', version: 1, reason: null });
    connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    writeFileSync(
      at('known.json'),
      JSON.stringify(
        truth.map((label, row) => ({
          at: row,
          dep_delay: expected.rows.dep_delay[row],
          distance: expected.rows.distance[row],
          carrier: expected.rows.carrier[row],
          label,
        })),
      ),
    );
    const rows = `SELECT i::VARCHAR AS id, dep_delay, distance, carrier, DATE '2026-01-01' + (i % 28)::INTEGER AS day FROM range(${rowCount}) r(i) JOIN read_json('${at('known.json')}') k ON k.at = i % ${known} ORDER BY i`;
    await connection.run(`COPY (${rows}) TO '${at('rows.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 50000)`);
  });

  after(async () => {
    connection?.closeSync();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const summary = async (): Promise<{
    rowCount: number;
    series: { version: number; variant: string; rowCount: number }[];
  }> =>
    (await (await fetch(`${server.address}/api/v1/models/late/predictions/summary`)).json()) as Awaited<
      ReturnType<typeof summary>
    >;
  /** rows come to Parquet behind the answers */
  const logged = async (variant: string, count: number): Promise<number> => {
    for (let tries = 0; tries < 300; tries += 1) {
      const { series } = await summary();
      const found = series
        .filter((one) => one.variant === variant)
        .reduce((sum, one) => sum + one.rowCount, 0);
      if (found >= count) return found;
      await sleep(200);
    }
    return (await summary()).rowCount;
  };

  it('killed and done again, it scores and logs each row once, right, and keeps the parts that were there', async () => {
    const output = at('scores');
    const args = [
      'late',
      '--input',
      at('rows.parquet'),
      '--output',
      output,
      '--key-column',
      'id',
      '--event-time-column',
      'day',
    ];
    const first = batch(...args);
    for (let tries = 0; partsOf(output).length < 2 && tries < 2000; tries += 1) await sleep(10);
    first.child.kill('SIGKILL');
    const { signal } = await first.ended;
    assert.equal(signal, 'SIGKILL', 'it was still at work');
    const kept = partsOf(output);
    assert.ok(kept.length >= 2 && kept.length < 7, String(kept.length));
    const facts = (name: string): string =>
      `${createHash('sha256')
        .update(readFileSync(join(output, name)))
        .digest('hex')} ${statSync(join(output, name)).mtimeMs}`;
    const before = kept.map(facts);

    const manifest = await done(...args);
    assert.equal(manifest.rowCount, rowCount);
    assert.equal(manifest.badCount, 0);
    assert.deepEqual(kept.map(facts), before);
    const parts = `read_parquet('${output}/part-*.parquet')`;
    const [[count, distinct, first0, last] = []] = await query(
      `SELECT count(*)::INT, count(DISTINCT row)::INT, min(row)::INT, max(row)::INT FROM ${parts}`,
    );
    assert.deepEqual([count, distinct, first0, last], [rowCount, rowCount, 0, rowCount - 1]);
    const [[wrong] = []] = await query(
      `SELECT count(*)::INT FROM ${parts} p JOIN read_json('${at('known.json')}') k ON k.at = p.row % ${known} WHERE p.prediction != k.label OR p.key != p.row::VARCHAR`,
    );
    assert.equal(wrong, 0);
    assert.equal(await logged('champion', rowCount), rowCount);
    // and once more: nothing is scored, nothing is logged
    assert.equal((await done(...args)).id, manifest.id);
    await sleep(500);
    assert.equal((await summary()).rowCount, rowCount);
  });

  it('refuses a version that is not approved, and marks what is asked as a test', async () => {
    const input = at('few.csv');
    writeFileSync(input, 'carrier,distance,dep_delay,more\nAA,100,3,x\nUA,900,,y\n');
    const error = await refused('late/2', '--input', input, '--output', at('unapproved'));
    assert.equal(error.code, 'APPROVAL_MISSING');
    assert.deepEqual(partsOf(at('unapproved')), []);
    const manifest = await done('late/2', '--input', input, '--output', at('tested'), '--as-test');
    assert.deepEqual([manifest.isTest, manifest.version, manifest.rowCount], [true, 2, 2]);
    assert.equal(await logged('shadow', 2), 2);
    const { state, isTest } = (await (
      await fetch(`${server.address}/api/v1/batches/${manifest.id}`)
    ).json()) as { state: string; isTest: boolean };
    assert.deepEqual([state, isTest], ['done', true]);
  });

  it('names bad rows, leaves them out, or keeps them with their fault', async () => {
    const input = at('bad.csv');
    writeFileSync(input, 'dep_delay,distance,carrier\n3,100,AA\n4,far,UA\n5,,DL\n6,200,\n7,300,B6\n');
    const error = await refused('late', '--input', input, '--output', at('failed'));
    assert.equal(error.code, 'BATCH_ROWS_BAD');
    assert.match(
      error.message,
      /row 1 of .*bad\.csv: distance is no number; row 2 .*distance lacks a value; row 3 .*carrier lacks a value/,
    );
    const skipped = await done(
      'late',
      '--input',
      input,
      '--output',
      at('skipped'),
      '--on-bad-row',
      'skip',
      '--no-log',
    );
    assert.equal(skipped.badCount, 3);
    assert.deepEqual(await query(`SELECT row::INT FROM read_parquet('${at('skipped')}/part-*.parquet')`), [
      [0],
      [4],
    ]);
    await done('late', '--input', input, '--output', at('reported'), '--on-bad-row', 'report', '--no-log');
    assert.deepEqual(
      await query(
        `SELECT row::INT, prediction IS NULL, fault FROM read_parquet('${at('reported')}/part-*.parquet') ORDER BY row`,
      ),
      [
        [0, false, null],
        [1, true, 'distance is no number'],
        [2, true, 'distance lacks a value'],
        [3, true, 'carrier lacks a value'],
        [4, false, null],
      ],
    );
  });

  it('names a column that is missing or of another kind before anything is scored', async () => {
    writeFileSync(at('lacks.csv'), 'dep_delay,distance\n3,100\n');
    const missing = await refused('late', '--input', at('lacks.csv'), '--output', at('o1'));
    assert.deepEqual([missing.code, /"carrier"/.test(missing.message)], ['BATCH_COLUMN_MISSING', true]);
    await connection.run(
      `COPY (SELECT 'x' AS distance, 1.0 AS dep_delay, 'AA' AS carrier) TO '${at('kind.parquet')}' (FORMAT parquet)`,
    );
    const wrong = await refused('late', '--input', at('kind.parquet'), '--output', at('o2'));
    assert.match(wrong.message, /"distance" of .*kind\.parquet holds VARCHAR; the model takes numbers/);
  });

  it('goes on with nothing but the batch that was begun', async () => {
    writeFileSync(at('one.csv'), 'dep_delay,distance,carrier\n3,100,AA\n');
    await done('late', '--input', at('one.csv'), '--output', at('one'), '--no-log');
    writeFileSync(at('two.csv'), 'dep_delay,distance,carrier\n3,100,AA\n');
    const error = await refused('late', '--input', at('two.csv'), '--output', at('one'), '--no-log');
    assert.equal(error.code, 'BATCH_OUTPUT_TAKEN');
  });

  it('scores from a bucket into a bucket', { skip: skipBucket }, async () => {
    const bucket = await startTestBucket();
    try {
      const body = 'dep_delay,distance,carrier\n3,100,AA\n,200,UA\n';
      for (const key of ['in/a.csv', 'in/deep/b.csv', 'in/readme.txt'])
        await bucket.s3.putObject({ Bucket: bucket.name, Key: key, Body: body });
      const place = (folder: string): string => {
        const url = new URL(bucket.url);
        const root = url.pathname.replace(/\/$/, '');
        return `s3://${bucket.name}${root}/${folder}${url.search}`;
      };
      const keysIn = async (): Promise<string[]> =>
        ((await bucket.s3.listObjectsV2({ Bucket: bucket.name })).Contents ?? []).map(({ Key }) => Key ?? '');
      const root = new URL(bucket.url).pathname.replace(/^\//, '').replace(/\/$/, '');
      if (root !== '')
        for (const key of ['in/a.csv', 'in/deep/b.csv'])
          await bucket.s3.putObject({ Bucket: bucket.name, Key: `${root}/${key}`, Body: body });
      const manifest = await done('late', '--input', place('in'), '--output', place('out'), '--no-log');
      assert.equal(manifest.rowCount, 4);
      assert.equal((await keysIn()).filter((key) => /out\/part-.*\.parquet$/.test(key)).length, 2);
      assert.equal(
        (await done('late', '--input', place('in'), '--output', place('out'), '--no-log')).id,
        manifest.id,
      );
    } finally {
      await bucket.stop();
    }
  });
});
