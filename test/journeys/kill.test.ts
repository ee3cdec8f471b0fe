import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeRoute } from '../../src/deploy/endpoints/endpoint-store.ts';
import { hashOf } from '../../src/deploy/registry/registry.ts';
import { updateVersionRow } from '../../src/deploy/registry/registry-store.ts';
import { fileKeyOf } from '../../src/deploy/registry/served-file.ts';
import { registerVersion } from '../../src/deploy/registry/versions.ts';
import { expected, lateSchema } from '../../src/deploy/serving/test-control-plane.ts';
import type { VerdictView } from '../../src/maintain/audit/audit-api.ts';
import type { WindowPerformance } from '../../src/monitor/performance/performance-api.ts';
import type { PredictionSummary } from '../../src/monitor/predictions/prediction-api.ts';
import type { ReplaySummary } from '../../src/monitor/replay/replay.ts';
import { Analytics, dataFile, parquetFiles, timestamp } from '../../src/monitor/windows/analytics.ts';
import { dayMs } from '../../src/monitor/windows/window.ts';
import { call } from '../../src/platform/client.ts';
import { createLogger } from '../../src/platform/log.ts';
import { literal } from '../../src/platform/sql-text.ts';
import { startServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { localActor } from '../../src/team/can.ts';
import {
  freePorts,
  isTaken,
  processesNaming,
  program,
  seededRandom,
  start,
  until,
  type Started,
} from './processes.ts';

const model = 'late';
const weekCount = 8;
const rowCount = 120_000;
/** Many small requests, so that a kill meets some under way. */
const batchRows = 20;
/** Kills end after this; what is left of the traffic passes in peace. */
const killForMs = 16_000;
/** Who falls in which round; later rounds are drawn. */
const firstRounds: readonly (readonly Victim[])[] = [
  ['serve'],
  ['server'],
  ['replay'],
  ['serve', 'server'],
  ['replay', 'serve'],
  ['server', 'replay'],
];
type Victim = 'serve' | 'server' | 'replay';

/** A failing run says its seed: the same one kills in the same order after the same pauses. */
const seed = Number(process.env['TILTH_TEST_SEED'] ?? Date.now() % 1_000_000);

interface UpRecord {
  readonly pid: number;
  readonly processes: readonly { readonly name: string; readonly pid?: number }[];
}

describe(`processes that are killed while traffic passes (TILTH_TEST_SEED=${seed})`, () => {
  const home = temporaryHome();
  const traffic = join(home.root, 'traffic.parquet');
  const cursorFile = join(home.root, 'replay', 'kill.json');
  let up: Started;
  let replaying: Started | undefined;
  let ports: { port: number; servePort: number };
  let address: string;

  before(async () => {
    await writeTraffic(traffic);
    await routeThreeVersions(home);
    ports = await freePorts();
    address = `http://127.0.0.1:${ports.port}`;
    up = startUp();
    await until(isUp, 30_000, 'tilth up answers');
  });

  /** In a process group of its own, as a terminal gives it: Ctrl-C reaches all of it. */
  const startUp = (): Started =>
    start(
      [
        program,
        'up',
        '--home',
        home.root,
        '--port',
        String(ports.port),
        '--serve-port',
        String(ports.servePort),
      ],
      { detached: true },
    );

  const isUp = async (): Promise<boolean> =>
    (await isHealthy(address)) && (await isHealthy(`http://127.0.0.1:${ports.servePort}`));

  after(async () => {
    replaying?.child.kill('SIGKILL');
    const { pid } = up.child;
    // the whole group, should the test have failed before it ended it
    if (pid !== undefined && processesNaming(home.root).length > 0) process.kill(-pid, 'SIGKILL');
    await up.ended;
    home.remove();
  });

  it('every row is in the log once, every label counts, no request fails', async (context) => {
    const random = seededRandom(seed);
    const kills: Record<Victim, number> = { serve: 0, server: 0, replay: 0 };
    const startReplay = (): Started =>
      start(
        [
          program,
          'monitor',
          'replay',
          traffic,
          '--endpoint',
          model,
          '--batch',
          String(batchRows),
          '--name',
          'kill',
          '--json',
        ],
        {
          env: { ...process.env, TILTH_HOME: home.root, TILTH_URL: address },
        },
      );
    replaying = startReplay();
    const startedAt = Date.now();
    for (let round = 0; Date.now() - startedAt < killForMs && replaying.child.exitCode === null; round += 1) {
      await untilSent(replaying);
      await sleep(random() * 300);
      const victims =
        firstRounds[round] ?? (['serve', 'server', 'replay'] as const).filter(() => random() < 0.5);
      for (const victim of victims) {
        if (victim !== 'replay') {
          if (killSupervised(victim)) kills[victim] += 1;
        } else if (replaying.child.exitCode === null) {
          replaying.child.kill('SIGKILL');
          await replaying.ended;
          kills.replay += 1;
          replaying = startReplay();
        }
      }
    }
    const { code, stdout, stderr } = await replaying.ended;
    context.diagnostic(`killed: ${JSON.stringify(kills)}, ${Math.round((Date.now() - startedAt) / 1000)} s`);
    assert.equal(code, 0, stderr);
    assert.ok(
      Math.min(...Object.values(kills)) >= 2,
      `the traffic was over too soon: ${JSON.stringify(kills)}`,
    );
    const summary = JSON.parse(stdout) as ReplaySummary;
    const { rows, failed, firstFailure, labels, isDone } = summary;
    const arrivals = rowCount - rowCount / 20;
    assert.deepEqual(
      { rows, failed, firstFailure, labels, isDone },
      { rows: rowCount, failed: 0, firstFailure: null, labels: arrivals, isDone: true },
    );
    const { labelCount, repeatedCount } = await call<PredictionSummary>(
      { server: address },
      'GET',
      `/api/v1/models/${model}/predictions/summary`,
    );
    assert.equal(labelCount, arrivals);
    context.diagnostic(
      `${summary.retried} attempts were made again, ${repeatedCount} repeated records were dropped`,
    );

    const windows = await call<WindowPerformance[]>(
      { server: address },
      'GET',
      `/api/v1/models/${model}/performance/windows`,
    );
    const weeks = Map.groupBy(
      windows.filter((window) => window.variant !== 'shadow'),
      (window) => window.windowStart,
    );
    assert.ok(weeks.size >= weekCount - 1, `${weeks.size} weeks are evaluated`);
    for (const [week, series] of weeks) {
      const counted = [
        sum(series, (window) => window.rowCount),
        sum(series, (window) => window.labelledCount),
      ];
      assert.deepEqual(
        counted,
        await countWeek(traffic, week),
        `rows and labels in the week of ${new Date(week).toISOString()}`,
      );
    }
    const verdict = await call<VerdictView>({ server: address }, 'GET', '/api/v1/audit/verify');
    assert.equal(verdict.isSound, true, verdict.fault?.reason);
  });

  it('Ctrl-C ends tilth up with both planes', async () => {
    const { pid } = up.child;
    assert.ok(pid !== undefined);
    process.kill(-pid, 'SIGINT');
    const { code, stderr } = await up.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(processesNaming(home.root), []);
    assert.deepEqual([await isTaken(ports.port), await isTaken(ports.servePort)], [false, false]);
    assert.equal(existsSync(join(home.run, 'up.json')), false);
  });

  it('a supervisor that is killed takes its planes with it, and tilth up starts again at the same place', async () => {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const again = startUp();
      await until(isUp, 30_000, 'tilth up answers again');
      again.child.kill(signal);
      await again.ended;
      await until(() => processesNaming(home.root).length === 0, 20_000, `nothing runs after ${signal}`);
    }
  });

  it('the Parquet that is left says the same, answer by answer', async (context) => {
    const analytics = new Analytics();
    try {
      await analytics.run(
        `CREATE TEMP TABLE log AS SELECT * FROM ${parquetFiles(partsOf(home.database, home.predictions))}`,
      );
      const twice = await analytics.rows(
        'SELECT version, variant, key, count(*)::INT FROM log GROUP BY ALL HAVING count(*) > 1 LIMIT 5',
      );
      assert.deepEqual(twice, [], 'a prediction is in the log twice');
      const strangers = await analytics.rows(
        `SELECT key FROM log ANTI JOIN (SELECT id FROM ${dataFile(traffic)}) ON key = id LIMIT 5`,
      );
      assert.deepEqual(strangers, []);
      const [answered = []] = await analytics.rows(
        "SELECT count(*)::INT, count(DISTINCT key)::INT FROM log WHERE variant <> 'shadow'",
      );
      assert.deepEqual(answered, [rowCount, rowCount], 'each row has one answer, whichever version gave it');
      const shares = await analytics.rows(
        'SELECT version, variant, count(*)::INT FROM log GROUP BY ALL ORDER BY version',
      );
      assert.deepEqual(
        shares.map(([version, variant]) => [Number(version), variant]),
        [
          [1, 'champion'],
          [2, 'canary'],
          [3, 'shadow'],
        ],
      );
      // a shadow is scored after its answer was given: what was answered at the moment of a kill may lack it
      const shadowed = Number(shares[2]?.[2]);
      context.diagnostic(`${rowCount - shadowed} rows lack their shadow`);
      assert.ok(
        shadowed > rowCount * 0.98 && shadowed <= rowCount,
        `${shadowed} of ${rowCount} rows have a shadow`,
      );
      // scikit-learn's own answers to these rows
      for (const [version, file] of [
        [1, 'late-1'],
        [2, 'late-2'],
        [3, 'late-1'],
      ] as const) {
        const said = `list_extract([${expected[file].label.join(', ')}], (key[3:]::INT % 200) + 1)`;
        const wrong = await analytics.rows(
          `SELECT key, prediction, ${said} FROM log WHERE version = ${version} AND prediction <> ${said} LIMIT 5`,
        );
        assert.deepEqual(wrong, []);
      }
    } finally {
      await analytics.close();
    }
  });

  /** A kill while everyone waits for somebody who is away shows nothing: requests must be under way again. */
  async function untilSent(sender: Started): Promise<void> {
    const before = placeOf(cursorFile);
    await until(
      () => placeOf(cursorFile) > before || sender.child.exitCode !== null,
      30_000,
      'the replay goes on',
    );
  }

  /** @returns false when it is down already */
  function killSupervised(name: 'serve' | 'server'): boolean {
    const pid = readRecord()?.processes.find((each) => each.name === name)?.pid;
    if (pid === undefined) return false;
    try {
      process.kill(pid, 'SIGKILL');
      return true;
    } catch {
      return false;
    }
  }

  function readRecord(): UpRecord | undefined {
    try {
      return JSON.parse(readFileSync(join(home.run, 'up.json'), 'utf8')) as UpRecord;
    } catch {
      // being written at this moment
      return undefined;
    }
  }
});

const isHealthy = (address: string): Promise<boolean> =>
  fetch(`${address}/health`).then(
    (response) => response.ok,
    () => false,
  );

/** How far the replay noted that it got. */
const placeOf = (cursorFile: string): number =>
  existsSync(cursorFile) ? (JSON.parse(readFileSync(cursorFile, 'utf8')) as { place: number }).place : 0;

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** Files that the manifest names: one that was merged into another stays for a moment. */
function partsOf(database: string, predictions: string): string[] {
  const db = new DatabaseSync(database, { readOnly: true });
  const rows = db.prepare('SELECT path FROM prediction_part').all() as { path: string }[];
  db.close();
  return rows.map(({ path }) => join(predictions, 'parquet', path));
}

/** The 200 rows of the fixture over and over, eight weeks long; one in twenty never gets an outcome. */
async function writeTraffic(path: string): Promise<void> {
  const { dep_delay, distance, carrier } = expected.rows;
  const texts = carrier.map(literal).join(', ');
  const numbers = (values: readonly (number | null)[]): string =>
    values.map((value) => (value === null ? 'NULL' : String(value))).join(', ');
  const cell = (list: string): string => `list_extract([${list}], (i % 200) + 1)`;
  const at = `(TIMESTAMP '2013-03-04' + to_milliseconds((i * ${weekCount * 7 * dayMs} // ${rowCount})::BIGINT))`;
  const analytics = new Analytics();
  await analytics.run(`COPY (
    SELECT 'f-' || i AS id, ${at} AS event_at, ${cell(numbers(dep_delay))}::FLOAT AS dep_delay,
      ${cell(numbers(distance))}::FLOAT AS distance, ${cell(texts)} AS carrier,
      CASE WHEN i % 20 <> 7 THEN ((i * 7919) % 5 = 0)::INT END AS label,
      CASE WHEN i % 20 <> 7 THEN ${at} + to_minutes(30 + i % 2000) END AS observed_at
    FROM range(${rowCount}) t(i)) TO ${literal(path)} (FORMAT parquet)`);
  await analytics.close();
}

/** Rows and labels of one week of the traffic. */
async function countWeek(path: string, start: number): Promise<number[]> {
  const analytics = new Analytics();
  const within = `event_at >= ${timestamp(start)} AND event_at < ${timestamp(start + 7 * dayMs)}`;
  const [counts = []] = await analytics.rows(
    `SELECT count(*)::INT, count(label)::INT FROM ${dataFile(path)} WHERE ${within}`,
  );
  await analytics.close();
  return counts.map(Number);
}

/** Three versions of a model as a conversion leaves them: a champion, a canary with a third of the traffic, and a shadow. */
async function routeThreeVersions(home: ReturnType<typeof temporaryHome>): Promise<void> {
  const server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
  const { world } = server;
  for (const [version, file] of [
    [1, 'late-1.onnx'],
    [2, 'late-2.onnx'],
    [3, 'late-1.onnx'],
  ] as const) {
    const graph = readFileSync(new URL(`../fixtures/serving/${file}`, import.meta.url));
    const digest = createHash('sha256').update(graph).digest('hex');
    await world.blobs.put(fileKeyOf('onnx', digest), graph);
    await registerVersion(world, localActor, { model, source: `s3://bucket/${version}`, createsModel: true });
    const converted = {
      engine: 'onnx',
      onnx_digest: digest,
      onnx_byte_count: graph.length,
      schema: JSON.stringify(lateSchema),
      schema_hash: hashOf(lateSchema),
    } as const;
    await world.database.write((tx) => updateVersionRow(tx, model, version, converted));
  }
  const targets = [
    { version: 1, variant: 'champion' as const, weight: 0.67 },
    { version: 2, variant: 'canary' as const, weight: 0.33 },
    { version: 3, variant: 'shadow' as const, weight: 0 },
  ];
  await world.database.write((tx) =>
    writeRoute(tx, { name: model, model, targets, isStopped: false, at: 1, by: 'local', reason: 'test' }),
  );
  await server.close();
}
