import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { AuditEvent } from '../../platform/events.ts';
import { PredictionLog } from '../../deploy/serving/log/prediction-log.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { registerProject } from '../../start/project/project-store.ts';
import { localActor } from '../../team/can.ts';
import { listAlerts } from '../alerts/alert-store.ts';
import { listDrift } from '../drift/drift-store.ts';
import { listWindows } from '../performance/performance-store.ts';
import { compareVersions } from '../performance/window-performance.ts';
import { addLabels } from '../predictions/label-store.ts';
import type { NewLabel } from '../predictions/prediction-api.ts';
import { closePredictions, predictionLog } from '../predictions/predictions.ts';
import { dayMs } from '../windows/window.ts';
import { evaluate } from './evaluation.ts';

const monday = Date.UTC(2013, 2, 4);
const weekMs = 7 * dayMs;
const rowsPerWeek = 400;

const declaration = `
project: flights
datasets: { flights: { path: data/raw, owner: ana } }
models:
  late:
    dataset: flights
    task: binary-classification
    target: late
    owner: ana
    experiment: late
    endpoint: late
    monitoring:
      minCount: 100
      reference: first-4-windows
      alerts: [{ id: auc-fell, metric: auc, drop: 0.05, windows: 2, of: 3 }]
`;

/** Weeks of traffic of a model that knows the answer until week 6 and guesses from then on; version 2 always knows. */
async function setUp(context: TestContext, weekCount: number) {
  const world = await createTestWorld();
  const project = join(world.home.root, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'tilth.yaml'), declaration);
  await registerProject(world, localActor, project);
  const segments = new PredictionLog({ folder: join(world.home.predictions, 'segments'), plane: 'plane', clock: world.clock, log: world.log });
  context.after(async () => {
    await segments.close();
    await closePredictions(world);
    await world.close();
  });
  const labels: NewLabel[] = [];
  for (let week = 0; week < weekCount; week++) {
    const rows = Array.from({ length: rowsPerWeek }, (_, row) => row);
    const truth = rows.map((row) => (row % 5 === 0 ? 1 : 0));
    const eventAt = rows.map((row) => monday + week * weekMs + (row * weekMs) / rowsPerWeek);
    const guess = (row: number): number => ((row * 7919 + week * 31) % 101) / 101;
    for (const version of [1, 2]) {
      const knows = version === 2 || week < 6;
      const scores = rows.map((row) => (knows ? 0.6 * guess(row) + 0.4 * (truth[row] ?? 0) : guess(row)));
      await segments.append({
        requestId: `week-${week}`,
        at: Date.UTC(2026, 0, 1) + week,
        eventAt,
        keys: rows.map((row) => `${week}/${row}`),
        endpoint: 'late',
        model: 'late',
        version,
        runId: null,
        variant: version === 1 ? 'champion' : 'shadow',
        schemaHash: 'a',
        rowCount: rows.length,
        features: { wind: rows.map((row) => guess(row) + (week < 6 ? 0 : 1)), carrier: rows.map((row) => (row % 2 === 0 ? 'UA' : 'AA')) },
        prediction: scores.map((score) => (score > 0.5 ? 1 : 0)),
        probabilities: { 0: scores.map((score) => 1 - score), 1: scores },
        latencyUs: 100,
        status: 'ok',
        error: null,
        caller: null,
        traceId: null,
      });
    }
    labels.push(...rows.map((row) => ({ key: `${week}/${row}`, label: truth[row] ?? 0, observedAt: (eventAt[row] ?? 0) + 3_600_000 })));
  }
  return { world, labels, read: world.database.read };
}

test('an alert fires when performance falls, once, with what moved beside it', async (context) => {
  const { world, labels, read } = await setUp(context, 9);
  const raised: AuditEvent[] = [];
  world.events.subscribe((event) => {
    if (event.verb === 'alert.raise') raised.push(event);
  });
  await addLabels(world, localActor, 'late', labels);
  for (let week = 1; week <= 9; week++) {
    const { windows, alerts } = await evaluate(world, localActor, 'late', monday + week * weekMs);
    assert.deepEqual(
      windows.map((window) => [window.start, window.isNew]),
      [[monday + (week - 1) * weekMs, true]],
    );
    assert.equal(alerts.length, week === 8 ? 1 : 0, `week ${week}`);
  }
  const [alert] = await listAlerts(read, { model: 'late' });
  assert.equal(alert?.state, 'firing');
  assert.equal(alert.moved[0]?.feature, 'wind');
  assert.equal(raised.length, 1);
  const [event] = raised as [AuditEvent];
  assert.equal((event.data as { windowEnd: number }).windowEnd, monday + 8 * weekMs);
  const drift = await listDrift(read, 'late', { granularity: 'week', window: monday + 7 * weekMs, version: 1 });
  assert.deepEqual(
    drift[0]?.features.map((each) => [each.feature, each.default?.drifted]),
    [
      ['carrier', false],
      ['wind', true],
    ],
  );
});

test('a shadow and the champion are compared on the rows that both answered', async (context) => {
  const { world, labels } = await setUp(context, 8);
  await addLabels(world, localActor, 'late', labels);
  const log = await predictionLog(world);
  await log.compaction.run();
  const compared = await compareVersions(log, 'late', 2, 1, monday + 6 * weekMs, monday + 8 * weekMs);
  assert.equal(compared.n, 2 * rowsPerWeek);
  assert.ok((compared.auc?.low ?? 0) > 0, 'the candidate ranks better beyond doubt');
  assert.ok((compared.brier?.high ?? 0) < 0, 'and its errors are smaller beyond doubt');
});

test('labels late, in any order, twice and corrected give the same history as labels in order', async (context) => {
  const inOrder = await setUp(context, 3);
  await addLabels(inOrder.world, localActor, 'late', inOrder.labels);
  await evaluate(inOrder.world, localActor, 'late', monday + 3 * weekMs);

  const { world, labels, read } = await setUp(context, 3);
  const first = await evaluate(world, localActor, 'late', monday + 3 * weekMs);
  assert.deepEqual(
    first.windows.map((window) => window.series[0]?.state),
    ['not yet known', 'not yet known', 'not yet known'],
  );
  const late = labels.slice(0, rowsPerWeek);
  const wrong = late.map((label) => ({ ...label, label: label.label === 1 ? 0 : 1, observedAt: label.observedAt - 1 }));
  await addLabels(world, localActor, 'late', late.toReversed());
  await addLabels(world, localActor, 'late', wrong);
  await addLabels(world, localActor, 'late', late);
  const second = await evaluate(world, localActor, 'late', 0);
  assert.deepEqual(
    second.windows.map((window) => [window.start, window.isNew]),
    [[monday, false]],
    'only the window that the labels touch is computed again',
  );
  await addLabels(world, localActor, 'late', labels.slice(rowsPerWeek).toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? 1 : -1)));
  await evaluate(world, localActor, 'late', 0);
  const history = async (from: typeof read) =>
    (await listWindows(from, 'late', { granularity: 'week' })).map(({ metrics, windowStart, version, labelledCount, calibration }) => ({
      metrics,
      windowStart,
      version,
      labelledCount,
      calibration,
    }));
  assert.deepEqual(await history(read), await history(inOrder.read));
  assert.deepEqual((await evaluate(world, localActor, 'late', monday + 3 * weekMs)).windows, [], 'nothing new, nothing computed');
});
