import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { ExportReport, ImportReport } from '../../src/maintain/exchange/exchange-api.ts';
import { packagePath, programEntry } from '../../src/platform/package-root.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip =
  python === undefined && process.env['CI'] === undefined
    ? 'TILTH_TEST_PYTHON is not set: npm test sets it up'
    : false;
const stores = packagePath('test', 'fixtures', 'mlflow-stores');
const run = promisify(execFile);

interface Seen {
  readonly experiments: Readonly<Record<string, { id?: string }>>;
  readonly runs: Readonly<Record<string, unknown>>;
  readonly models: Readonly<Record<string, unknown>>;
  readonly registry: Readonly<Record<string, unknown>>;
}

/** A file store's ids have 18 digits, which ours can't. */
const withoutIds = (seen: Seen): Seen => ({
  ...seen,
  experiments: Object.fromEntries(
    Object.entries(seen.experiments).map(([name, { id: _id, ...rest }]) => [name, rest]),
  ),
});

describe('the unmodified mlflow client', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth exchange '));
  const homes = [temporaryHome(), temporaryHome(), temporaryHome()];
  const servers: RunningServer[] = [];
  const seen: Record<string, Seen> = {};
  const imported: Record<string, ImportReport> = {};

  async function tilth<T>(server: RunningServer, ...words: string[]): Promise<T> {
    const { stdout } = await run(process.execPath, [
      programEntry,
      ...words,
      '--json',
      '--server',
      server.address,
    ]);
    return JSON.parse(stdout) as T;
  }

  before(async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    const reads: string[] = [];
    const read = (name: string, uri: string): void => void reads.push(uri, join(folder, `${name}.json`));
    const mlruns = join(folder, 'filled');
    const filled = run(python, [join(stores, 'fill_store.py'), mlruns, '11', mlruns]);
    for (const [index, version] of ['2.9', '3.17', 'mlruns'].entries()) {
      const home = homes[index];
      assert.ok(home !== undefined);
      const server = await startServer({ home, port: 0 });
      servers.push(server);
      let source = mlruns;
      let files: string[] = [];
      if (version === 'mlruns') await filled;
      else {
        const fixture = join(stores, `mlflow-${version}`);
        source = join(folder, `${version}.db`);
        writeFileSync(source, gunzipSync(readFileSync(join(fixture, 'mlflow.db.gz'))));
        cpSync(join(fixture, 'artifacts'), join(folder, `files ${version}`), { recursive: true });
        files = ['--artifacts', join(folder, `files ${version}`)];
        seen[`${version} there`] = JSON.parse(
          gunzipSync(readFileSync(join(fixture, 'seen.json.gz'))).toString(),
        ) as Seen;
      }
      imported[version] = await tilth<ImportReport>(server, 'import', 'mlflow', source, ...files);
      const out = join(folder, `out ${version}`);
      await tilth<ExportReport>(server, 'export', 'mlflow', out);
      read(`${version} here`, server.address);
      read(`${version} out`, out);
    }
    read('mlruns there', mlruns);
    await run(python, [join(stores, 'read_store.py'), ...reads], {
      env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' },
    });
    for (let index = 1; index < reads.length; index += 2) {
      const file = reads[index] ?? '';
      seen[file.slice(folder.length + 1, -'.json'.length)] = JSON.parse(readFileSync(file, 'utf8')) as Seen;
    }
  });
  after(async () => {
    for (const server of servers) await server.close();
    for (const home of homes) home.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const version of ['2.9', '3.17'] as const)
    it(`sees of a database of MLflow ${version}, once it is imported, what it saw before`, () => {
      const { there, here } = { there: seen[`${version} there`], here: seen[`${version} here`] };
      // a client of 2.9 knew no logged models, and does not say that a run has none
      assert.deepEqual(version === '2.9' ? asOldClient(here) : here, there);
      assert.equal(Object.keys(there?.runs ?? {}).length, 5);
      assert.equal(imported[version]?.renamed.length, 0, 'every id is kept');
    });

  it('sees of an mlruns folder, once it is imported, what it saw before', () => {
    assert.deepEqual(withoutIds(seen['mlruns here'] as Seen), withoutIds(seen['mlruns there'] as Seen));
    assert.equal(imported['mlruns']?.renamed.length, 4, 'the experiments of 18 digits, and nothing else');
  });

  it('sees of an mlruns folder that was imported and exported what it saw before, ids of 18 digits too', () => {
    assert.deepEqual(seen['mlruns out'], seen['mlruns there']);
  });

  it('reads the exports of imported databases', () => {
    for (const version of ['2.9', '3.17']) {
      const [here, out] = [seen[`${version} here`], seen[`${version} out`]];
      assert.deepEqual({ ...out, models: {} }, { ...here, models: {} });
      assert.deepEqual(Object.keys(out?.models ?? {}), Object.keys(here?.models ?? {}));
    }
  });
});

describe('the unmodified mlflow client, asking for traces', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  before(async () => {
    server = await startServer({ home, port: 0 });
  });
  after(async () => {
    await server.close();
    home.remove();
  });

  it('sees of a database of MLflow 3.17, once it is imported, what MLflow itself saw there', async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    const fixture = join(stores, 'mlflow-3.17-traces');
    const source = join(home.root, 'source.db');
    writeFileSync(source, gunzipSync(readFileSync(join(fixture, 'mlflow.db.gz'))));
    await run(process.execPath, [programEntry, 'import', 'mlflow', source, '--server', server.address]);
    const { stdout } = await run(python, [join(stores, 'traces_store.py'), 'read', server.address], { maxBuffer: 1e8 });
    const there = JSON.parse(gunzipSync(readFileSync(join(fixture, 'seen.json.gz'))).toString()) as SeenTraces;
    assert.deepEqual(withoutValidity(JSON.parse(stdout) as SeenTraces), withoutValidity(there));
    assert.equal(Object.keys(there).length, 3);
  });

  it('sees of a file store, once it is imported, what it saw there, and again in a folder that is exported', async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    const folder = join(home.root, 'file store');
    const asked = async (uri: string): Promise<unknown> => {
      const { stdout } = await run(python, [join(stores, 'traces_store.py'), 'read', uri], { maxBuffer: 1e8 });
      return withoutValidity(JSON.parse(stdout) as SeenTraces);
    };
    mkdirSync(folder);
    await run(python, [join(stores, 'traces_store.py'), 'fill-folder', folder]);
    const there = await asked(pathToFileURL(join(folder, 'mlruns')).href);
    assert.equal(Object.keys(there as object).length, 3);
    const own = temporaryHome();
    const other = await startServer({ home: own, port: 0 });
    try {
      await run(process.execPath, [programEntry, 'import', 'mlflow', join(folder, 'mlruns'), '--server', other.address]);
      assert.deepEqual(await asked(other.address), there);
      const out = join(folder, 'out');
      await run(process.execPath, [programEntry, 'export', 'mlflow', out, '--server', other.address]);
      assert.deepEqual(await asked(pathToFileURL(out).href), there);
    } finally {
      await other.close();
      own.remove();
    }
  });
});

type SeenTraces = Readonly<Record<string, { readonly info: { readonly assessments?: readonly Readonly<Record<string, unknown>>[] } }>>;

/** Of an expectation a client that asks over HTTP reads no `valid`, whatever the server answers. */
const withoutValidity = (seen: SeenTraces): unknown =>
  Object.fromEntries(
    Object.entries(seen).map(([id, trace]) => [
      id,
      { ...trace, info: { ...trace.info, assessments: trace.info.assessments?.map(({ valid, ...rest }) => ('expectation' in rest ? rest : { ...rest, valid })) } },
    ]),
  );

function asOldClient(seen: Seen | undefined): unknown {
  const runs = Object.entries(seen?.runs ?? {}).map(([id, found]) => {
    const { model_inputs: _inputs, outputs: _outputs, ...rest } = found as Record<string, unknown>;
    return [id, rest] as const;
  });
  return { ...seen, runs: Object.fromEntries(runs) };
}
