import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, beforeEach, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  createExperiment,
  getExperiment,
  getExperimentByName,
} from '../../develop/tracking/experiment-store.ts';
import { createRun, getRun, logBatch } from '../../develop/tracking/run-store.ts';
import { aliasHistory, championOf, getVersion } from '../../deploy/registry/registry-store.ts';
import { createModel } from '../../deploy/registry/versions.ts';
import type { Actor } from '../../platform/actor.ts';
import { packagePath } from '../../platform/package-root.ts';
import type { World } from '../../platform/world.ts';
import { createTestWorld } from '../../server/test-world.ts';
import type { ImportReport, ImportRequest } from './exchange-api.ts';
import { exportMlflow } from './export.ts';
import { importMlflow } from './import.ts';
import { openMlflowDatabase } from './mlflow-database.ts';
import { openMlflowFolder } from './mlflow-folder.ts';
import { ownRun } from './own-records.ts';
import { loggedModelDigest, runDigest, type MlflowSource } from './records.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth exchange '));
const open: (World & { close(): Promise<void> })[] = [];
after(async () => {
  for (const world of open) await world.close();
  rmSync(folder, { recursive: true, force: true });
});

let world: World;
beforeEach(async () => {
  world = await newWorld();
});

async function newWorld(): Promise<World> {
  const made = await createTestWorld();
  open.push(made);
  return made;
}

const ana: Actor = { id: 'ana', kind: 'person', name: 'Ana', roles: ['contributor', 'maintainer'] };
const quiet = {
  progress: () => Promise.resolve(),
  log: () => undefined,
  signal: new AbortController().signal,
};

let count = 0;
/** A database that a real MLflow wrote (`test/fixtures/mlflow-stores`), with its files beside it. */
function fixture(version: '2.9' | '3.17'): string {
  const from = packagePath('test', 'fixtures', 'mlflow-stores', `mlflow-${version}`);
  count += 1;
  const to = join(folder, `store ${count}`);
  mkdirSync(to);
  writeFileSync(join(to, 'mlflow.db'), gunzipSync(readFileSync(join(from, 'mlflow.db.gz'))));
  cpSync(join(from, 'artifacts'), join(to, 'mlruns'), { recursive: true });
  return join(to, 'mlflow.db');
}

const bring = (source: string, more: Partial<ImportRequest> = {}, into = world): Promise<ImportReport> =>
  importMlflow(into, ana, { source, isDryRun: false, renames: false, ...more }, quiet);

const news = (report: ImportReport): string[] =>
  Object.entries(report.taken).flatMap(([kind, counts]) => [
    ...(counts.new > 0 ? [`${counts.new} new ${kind}`] : []),
    ...(counts.changed > 0 ? [`${counts.changed} changed ${kind}`] : []),
  ]);

async function everyRun(source: MlflowSource): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { id } of await source.experiments()) {
    for (const run of await source.runIds(id)) found.set(run, await runDigest(await source.run(id, run)));
    for (const model of await source.loggedModelIds(id))
      found.set(model, loggedModelDigest(await source.loggedModel(id, model)));
  }
  return found;
}

for (const version of ['2.9', '3.17'] as const) {
  test(`what MLflow ${version} kept comes in once, and goes out again as it was`, async () => {
    const source = fixture(version);
    const planned = await bring(source, { isDryRun: true });
    assert.equal(
      (await world.database.read.selectFrom('run').select('id').execute()).length,
      0,
      'a dry run writes nothing',
    );
    const taken = await bring(source);
    assert.deepEqual(taken.taken, planned.taken);
    assert.deepEqual([taken.pointCount, taken.files], [planned.pointCount, planned.files]);
    const again = await bring(source);
    assert.deepEqual([news(again), again.pointCount, again.files.count], [[], 0, 0]);

    for (const target of [join(folder, `out ${version}.db`), join(folder, `out ${version}`)]) {
      const written = await exportMlflow(world, ana, { target }, quiet);
      assert.equal(written.files.count, taken.files.count);
      const [before, out] = [
        openMlflowDatabase(source),
        target.endsWith('.db') ? openMlflowDatabase(target) : await openMlflowFolder(target),
      ];
      // only a file store can't hold an empty line at the end of a history apart from none
      assert.deepEqual(await everyRun(out), await everyRun(before));
      const facts = async (store: MlflowSource): Promise<unknown> =>
        (await store.registeredModels()).map((model) => ({
          ...model,
          versions: model.versions.map((each) => ({
            ...each,
            location: '',
            source: '',
            userId: '',
            loggedModelId: '',
          })),
        }));
      assert.deepEqual(await facts(out), await facts(before));
      before.close();
      out.close();
      const other = await newWorld();
      assert.deepEqual(news(await bring(target, {}, other)), news(taken), 'an export can be imported');
      assert.deepEqual(news(await bring(target)), [], 'and is nothing new where it came from');
    }
  });
}

test('one entry in the audit log tells of an import, and none of one that added nothing', async () => {
  const source = fixture('2.9');
  await bring(source);
  await bring(source);
  const events = await world.database.read
    .selectFrom('event')
    .select(['verb', 'actor', 'thing'])
    .where('verb', '=', 'tracking.import')
    .execute();
  assert.deepEqual(
    events.map((event) => ({ ...event })),
    [{ verb: 'tracking.import', actor: 'ana', thing: source }],
  );
});

test('who may not import is told so before anything is read', async () => {
  const viewer: Actor = { ...ana, roles: ['viewer'] };
  await assert.rejects(
    importMlflow(world, viewer, { source: '/nowhere', isDryRun: true, renames: false }, quiet),
    { code: 'NOT_ALLOWED' },
  );
});

test('a newer source adds what is new; what was changed here stays, and is told', async () => {
  const source = fixture('3.17');
  await bring(source);
  const db = new DatabaseSync(source);
  const [first, second] = db
    .prepare("SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active' ORDER BY run_uuid LIMIT 2")
    .all()
    .map((row) => String(row['run_uuid']));
  assert.ok(first !== undefined && second !== undefined);
  for (const run of [first, second]) {
    db.prepare(
      "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', 7.5, 1, ?, 9000000000, 0)",
    ).run(run);
    db.prepare("UPDATE tags SET value = 'newer there' WHERE run_uuid = ? AND key = 'extra'").run(run);
    db.prepare("UPDATE runs SET status = 'KILLED' WHERE run_uuid = ?").run(run);
  }
  await logBatch(world, second, { tags: [{ key: 'extra', value: 'changed here' }] });
  const report = await bring(source);
  db.close();
  assert.deepEqual(news(report), ['2 changed run']);
  const latest = async (id: string): Promise<unknown[]> => {
    const run = await getRun(world.database.read, id);
    return [
      run.metrics.find(({ key }) => key === 'loss')?.value,
      run.tags.find(({ key }) => key === 'extra')?.value,
    ];
  };
  assert.deepEqual(await latest(first), [7.5, 'newer there']);
  assert.equal((await getRun(world.database.read, first)).status, 'KILLED');
  assert.deepEqual(await latest(second), [7.5, 'changed here']);
  assert.ok(report.left.some(({ id, reason }) => id === second && reason.includes('extra')));
  assert.deepEqual(news(await bring(source)), []);
});

test('an import that was interrupted goes on, and no run is ever there in part', async () => {
  const source = fixture('3.17');
  const whole = await everyRun(openMlflowDatabase(source));
  for (let stopAt = 1; stopAt < 12; stopAt += 3) {
    const into = await newWorld();
    const controller = new AbortController();
    let blobCount = 0;
    const blobs = Object.assign(Object.create(into.blobs) as typeof into.blobs, {
      put: async (...args: Parameters<typeof into.blobs.put>) => {
        blobCount += 1;
        if (blobCount === stopAt) controller.abort(new Error('stopped'));
        return into.blobs.put(...args);
      },
    });
    const request = { source, isDryRun: false, renames: false };
    await assert.rejects(
      importMlflow({ ...into, blobs }, ana, request, { ...quiet, signal: controller.signal }),
    );
    for (const { id } of await into.database.read.selectFrom('run').select('id').execute()) {
      const run = await ownRun(into.database.read, id);
      assert.equal(run && (await runDigest(run)), whole.get(id));
    }
    await bring(source, {}, into);
    assert.equal((await into.database.read.selectFrom('run').select('id').execute()).length, 5);
  }
});

test('what has the id or name of something else here is refused, or comes in under another; nothing is mixed', async () => {
  const source = fixture('2.9');
  const mine = await createExperiment(world, ana, { name: 'mine', tags: [] });
  const alpha = await createExperiment(world, ana, { name: 'alpha', tags: [] });
  const run = await createRun(world, ana, { experimentId: mine, tags: [] });
  await createModel(world, ana, { name: 'clf' });
  await assert.rejects(bring(source), (thrown: { code?: string; message: string }) => {
    assert.equal(thrown.code, 'IMPORT_CLASHES');
    assert.match(thrown.message, /experiment 1 is "mine" here and "alpha" there/);
    return true;
  });
  assert.equal((await bring(source, { isDryRun: true })).clashes.length, 3, 'ids 1 and 2, and the model');
  assert.equal(
    (await world.database.read.selectFrom('run').select('id').execute()).length,
    1,
    'nothing came in',
  );
  const report = await bring(source, { renames: true });
  assert.equal((await getExperiment(world.database.read, alpha)).name, 'alpha');
  const renamed = await getExperimentByName(world.database.read, 'alpha (imported)');
  assert.equal(renamed.tags.find(({ key }) => key === 'tilth.imported.experiment_id')?.value, '1');
  assert.equal((await getRun(world.database.read, run.id)).experimentId, mine);
  assert.ok(report.renamed.some(({ from, to }) => from === 'clf' && to === 'clf-imported'));
  assert.deepEqual(news(await bring(source)), [], 'the next import knows where they are');
});

test('a champion of elsewhere has no approval here: it comes in as a move with its reason, and never moves again', async () => {
  const source = fixture('3.17');
  await bring(source);
  assert.equal(await championOf(world.database.read, 'clf'), 2);
  const [stay] = await aliasHistory(world.database.read, { model: 'clf', alias: 'champion' });
  assert.deepEqual([stay?.by, stay?.reason], ['ana', `imported from ${source}`]);
  const version = await getVersion(world.database.read, 'clf', 2);
  assert.deepEqual([version.approvals, version.createdBy, version.engine], [[], 'ana', 'python']);
  const db = new DatabaseSync(source);
  db.exec(
    "UPDATE registered_model_aliases SET version = 3 WHERE alias = 'champion'; UPDATE registered_model_aliases SET version = 1 WHERE alias = 'other'",
  );
  db.close();
  const report = await bring(source);
  assert.equal(await championOf(world.database.read, 'clf'), 2);
  assert.ok(report.left.some(({ kind, id }) => kind === 'alias' && id === 'clf@champion'));
  assert.deepEqual(
    (await getVersion(world.database.read, 'clf', 1)).aliases,
    ['other'],
    'an alias that the import set, and that decides over nothing, follows',
  );
});

test('a forged source has no private folder copied', async () => {
  const source = fixture('2.9');
  const secrets = join(folder, 'secrets', 'artifacts');
  mkdirSync(secrets, { recursive: true });
  writeFileSync(join(secrets, 'key.pem'), 'secret');
  const db = new DatabaseSync(source);
  const [run, other] = db
    .prepare('SELECT run_uuid, experiment_id FROM runs WHERE experiment_id IN (0, 1) ORDER BY experiment_id')
    .all();
  db.prepare('UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?').run(secrets, run?.['run_uuid'] ?? '');
  db.close();
  symlinkSync(
    join(secrets, 'key.pem'),
    join(source, '..', 'mlruns', '1', String(other?.['run_uuid']), 'artifacts', 'link.pem'),
  );
  const report = await bring(source);
  const entries = await world.database.read
    .selectFrom('run')
    .select('artifact_uri')
    .where('id', '=', String(run?.['run_uuid']))
    .execute();
  assert.deepEqual(
    entries.map((entry) => entry.artifact_uri),
    [secrets],
    'its address stays',
  );
  assert.ok(report.left.some(({ reason }) => reason.includes('--artifacts')));
  assert.ok(report.left.some(({ id }) => id?.endsWith('link.pem')));
  const text = JSON.stringify(await world.blobs.list('artifacts/1'));
  assert.ok(!text.includes('link.pem'));
});

test('an mlruns folder keeps ids of 18 digits for the next export, and torn files cost only their own run', async () => {
  const root = join(folder, 'mlruns');
  const at = join(root, '123456789012345678');
  const put = (path: string, content: string): void => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
  };
  put(
    join(at, 'meta.yaml'),
    "artifact_location: file:///gone/mlruns/123456789012345678\ncreation_time: 5\nexperiment_id: '123456789012345678'\nlast_update_time: 6\nlifecycle_stage: active\nname: ids\n",
  );
  const run = (id: string): string =>
    `artifact_uri: file:///gone/mlruns/123456789012345678/${id}/artifacts\nend_time: 1700000000001\nexperiment_id: '123456789012345678'\nlifecycle_stage: active\nrun_id: ${id}\nrun_name: r\nstart_time: 1700000000000\nstatus: 3\nuser_id: u\n`;
  const [good, torn, bad] = ['a', 'b', 'c'].map((letter) => letter.repeat(32)) as [string, string, string];
  put(join(at, good, 'meta.yaml'), run(good));
  put(join(at, good, 'metrics', 'x', 'y'), '2 nan 1\n1 -inf 0\n1 inf\n3 0.1 2 data d1\n');
  put(join(at, good, 'artifacts', 'f.txt'), 'content');
  put(join(at, torn, 'meta.yaml'), '');
  put(join(at, bad, 'meta.yaml'), run(bad));
  put(join(at, bad, 'metrics', 'x'), '1 nonsense 0\n');
  const report = await bring(root);
  assert.deepEqual(news(report), ['1 new experiment', '1 new run']);
  assert.deepEqual(
    report.left.map(({ id }) => id),
    [torn, bad],
  );
  const found = await ownRun(world.database.read, good);
  assert.deepEqual(
    found?.metrics.map(({ value, timestamp, step }) => [value, timestamp, step]),
    [
      [-Infinity, 1, 0],
      [Infinity, 1, 0],
      [Number.NaN, 2, 1],
      [0.1, 3, 2],
    ],
  );
  assert.equal(report.files.count, 1, 'the folder was moved, and is found beside the run');
  const out = join(folder, 'again');
  await exportMlflow(world, ana, { target: out }, quiet);
  assert.ok(
    readFileSync(join(out, '123456789012345678', good, 'meta.yaml'), 'utf8').includes('"123456789012345678"'),
  );
});

test('what is no store of MLflow is refused with the reason', async () => {
  const text = join(folder, 'text.db');
  writeFileSync(text, 'no database');
  for (const source of [text, folder, join(folder, 'nothing'), 'http://host/x'])
    await assert.rejects(bring(source), { code: 'IMPORT_SOURCE_UNREADABLE' });
  await assert.rejects(bring('postgresql://u:secret@h/db'), (thrown: { code?: string; message: string }) => {
    assert.equal(thrown.code, 'IMPORT_POSTGRES_NOT_SUPPORTED');
    return !thrown.message.includes('secret');
  });
  await assert.rejects(exportMlflow(world, ana, { target: folder }, quiet), { code: 'EXPORT_TARGET_EXISTS' });
});
