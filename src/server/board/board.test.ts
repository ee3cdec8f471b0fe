import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { groups } from '../../cli/groups.ts';
import { createEndpoint, routeEndpoint } from '../../deploy/endpoints/endpoints.ts';
import { hearReport } from '../../deploy/endpoints/serving-state.ts';
import { approve, requestApproval } from '../../deploy/registry/approvals/approvals.ts';
import { newDatasetVersion } from '../../develop/data/data-api.ts';
import { addDatasetVersion } from '../../develop/data/data-store.ts';
import { createExperiment } from '../../develop/tracking/experiment-store.ts';
import { createRun, logBatch } from '../../develop/tracking/run-store.ts';
import { insertRetraining } from '../../maintain/retraining/retraining-store.ts';
import { savePerformance } from '../../monitor/performance/performance-store.ts';
import { createTestRegistry, type TestRegistry } from '../../../test/registry-world.ts';
import { board, type BoardStation } from './board-api.ts';
import { stationsOf, type ModelFacts, type ProjectFacts } from './board.ts';
import { readBoard } from './board-store.ts';

const nothingWatched = { predictionCount: 0, metric: 'auc', known: null, reference: null, firing: [] };
const unborn: ModelFacts = { name: 'late', experiment: 'late', endpoint: 'late', runCount: 0, best: null, newestVersion: null, champion: null, waiting: [], route: null, monitoring: nothingWatched, retrainings: [] };
const project: ProjectFacts = { root: '/home/ana/my flights', template: '/templates/ml-project', templateCommit: 'abcdef0123456789', environment: 'ready', datasets: [], models: [unborn], handoverCount: 0, eventCount: 1 };

const stationOf = (facts: ProjectFacts, name: BoardStation['station']): BoardStation => {
  const found = stationsOf(facts).find((station) => station.station === name);
  assert.ok(found !== undefined);
  return found;
};
const withModel = (change: Partial<ModelFacts>): ProjectFacts => ({ ...project, models: [{ ...unborn, ...change }] });

describe('the board', () => {
  it('sends a new project to its data first, then to its pipeline', () => {
    const dataset = { name: 'flights', path: 'data/raw', versionCount: 0, rowCount: null, contract: 'none' as const };
    assert.deepEqual(pick(stationOf({ ...project, datasets: [dataset] }, 'develop')), ['todo', 'tilth data add data/raw']);
    assert.deepEqual(pick(stationOf({ ...project, datasets: [{ ...dataset, versionCount: 1 }] }, 'develop')), ['active', 'tilth pipeline run']);
  });

  it('names the folder so that a shell understands it', () => {
    assert.equal(stationOf({ ...project, environment: 'missing' }, 'start').next, "cd '/home/ana/my flights' && poetry install");
  });

  it('calls for a person before anything else', () => {
    const version = { version: 3, engine: 'onnx' as const, isGatePassed: true };
    const waiting = withModel({ newestVersion: version, waiting: [3] });
    assert.deepEqual(pick(stationOf(waiting, 'deploy')), ['attention', 'tilth model approve late 3']);
    const firing = withModel({ monitoring: { ...nothingWatched, predictionCount: 9, firing: [{ id: 'A1', summary: 'auc fell', isAcknowledged: false }] } });
    assert.deepEqual(pick(stationOf(firing, 'monitor')), ['attention', 'tilth alert ack A1']);
    const retrained = withModel({ retrainings: [{ state: 'awaiting-approval', candidate: 4 }] });
    assert.deepEqual(pick(stationOf(retrained, 'maintain')), ['attention', 'tilth model approve late 4']);
  });

  it('leads a version from its gate to its endpoint', () => {
    const newest = (isGatePassed: boolean | null): Partial<ModelFacts> => ({ newestVersion: { version: 1, engine: 'onnx', isGatePassed } });
    assert.equal(stationOf(withModel({ best: { runId: 'r1', runName: 'boosting', metric: 'auc', value: 0.7 } }), 'deploy').next, 'tilth model register late --run r1');
    assert.equal(stationOf(withModel(newest(null)), 'deploy').next, 'tilth model gate late 1');
    assert.equal(stationOf(withModel(newest(true)), 'deploy').next, 'tilth model request late 1');
    const approved = { ...newest(true), champion: { version: 1, isGatePassed: true, approvedBy: 'ben' } };
    assert.equal(stationOf(withModel(approved), 'deploy').next, 'tilth endpoint create late --model late');
    const target = { version: 1, variant: 'champion', weight: 1 };
    const silent = { isStopped: false, targets: [target], live: null };
    assert.deepEqual(pick(stationOf(withModel({ ...approved, route: silent }), 'deploy')), ['attention', 'tilth serve']);
    const live = { ...silent, live: { requestsPerSecond: 12.34, requestCount: 1000, failedCount: 0 } };
    assert.deepEqual(pick(stationOf(withModel({ ...approved, route: live }), 'deploy')), ['done', null]);
  });

  it('names only commands that exist', async () => {
    const program = new Command('tilth').enablePositionalOptions();
    for (const add of new Set(await Promise.all(Object.values(groups).map((group) => group.load())))) add(program);
    const served = { isStopped: false, targets: [], live: null };
    const version = { version: 1, engine: 'onnx' as const, isGatePassed: true };
    const dataset = { name: 'flights', path: 'data/raw', versionCount: 1, rowCount: 5, contract: 'broken' as const };
    const situations: ProjectFacts[] = [
      project,
      { ...project, datasets: [dataset] },
      { ...project, datasets: [{ ...dataset, versionCount: 0, contract: 'none' }] },
      withModel({ newestVersion: { ...version, engine: 'pending' } }),
      withModel({ newestVersion: { ...version, isGatePassed: false } }),
      withModel({ newestVersion: version }),
      withModel({ newestVersion: version, waiting: [1] }),
      withModel({ newestVersion: version, champion: { version: 1, isGatePassed: true, approvedBy: null } }),
      withModel({ newestVersion: version, champion: { version: 1, isGatePassed: true, approvedBy: null }, route: served }),
      withModel({ monitoring: { ...nothingWatched, predictionCount: 1 } }),
      withModel({ monitoring: { ...nothingWatched, firing: [{ id: 'A1', summary: '', isAcknowledged: false }] } }),
      withModel({ retrainings: [{ state: 'failed', candidate: null }] }),
    ];
    const commands = new Set(situations.flatMap((each) => stationsOf(each).flatMap((station) => station.next ?? [])));
    assert.ok(commands.size > 10);
    for (const text of commands) {
      const words = text.split(' ').slice(1);
      let command: Command | undefined = program;
      while (command !== undefined && command.commands.length > 0) command = command.commands.find((child) => child.name() === words[0] && words.shift() !== undefined);
      assert.ok(command !== undefined, text);
      for (const flag of words.filter((word) => word.startsWith('--'))) assert.ok(command.options.some((option) => option.long === flag), text);
    }
  });
});

const pick = ({ state, next }: BoardStation): [string, string | null] => [state, next];

describe('the board of a real home', () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await createTestRegistry({ gate: '[{ id: floor, kind: metric-floor, metric: auc, min: 0 }]' });
  });
  after(() => registry.close());

  const now = async (): Promise<BoardStation[]> => {
    const found = board.parse(await readBoard(registry.world));
    assert.equal(found.projects[0]?.name, 'flights');
    return found.projects[0].stations;
  };
  const factsOf = (stations: readonly BoardStation[], name: BoardStation['station']): Record<string, string> =>
    Object.fromEntries((stations.find((station) => station.station === name)?.facts ?? []).map(({ label, value }) => [label, value]));

  it('follows a project from registration to its first version', async () => {
    const { world, ana, addVersion } = registry;
    assert.deepEqual((await now()).map((station) => station.state), ['done', 'todo', 'todo', 'todo', 'todo']);

    const md5 = '0'.repeat(32);
    await addDatasetVersion(world, ana, 'flights', newDatasetVersion.parse({ md5, project: 'flights', path: 'data/raw', size: 1, fileCount: 1, rowCount: 51_955, contractState: 'passed' }));
    const experimentId = await createExperiment(world, ana, { name: 'late', tags: [] });
    for (const [name, value] of [['baseline', 0.61], ['boosting', 0.71], ['broken', Number.NaN]] as const) {
      const run = await createRun(world, ana, { experimentId, name, tags: [] });
      await logBatch(world, run.id, { metrics: [{ key: 'auc', value, timestamp: 1, step: 0 }] });
    }
    const developed = await now();
    assert.deepEqual(factsOf(developed, 'develop'), { 'data flights': '1 version, 51,955 rows, contract held', runs: '3', 'best auc': '0.71 (boosting)' });
    assert.match(developed[2]?.next ?? '', /^tilth model register late --run [0-9a-f]{32}$/);

    await addVersion();
    assert.equal((await now())[2]?.next, 'tilth model gate late 1');
  });

  it('shows who approved, how the traffic is split, and what the last known week was', async () => {
    const { ana, ben } = registry;
    // a gate without conditions is passed by every version
    const gateless = await createTestRegistry();
    try {
      const first = await gateless.addVersion();
      await requestApproval(gateless.world, ana, { model: 'late', version: first });
      assert.deepEqual(pick((board.parse(await readBoard(gateless.world)).projects[0]?.stations[2]) as BoardStation), ['attention', 'tilth model approve late 1']);
      await approve(gateless.world, ben, { model: 'late', version: first });
      await createEndpoint(gateless.world, ben, { name: 'late', model: 'late' });
      const second = await gateless.addVersion();
      await routeEndpoint(gateless.world, ben, 'late', { shadows: [second] });
      const report = { plane: 'p', address: 'http://127.0.0.1:1', revision: 1, startedAt: 0, endpoints: [{ name: 'late', requestCount: 1234, rowCount: 1234, failedCount: 0, p50Us: 1, p99Us: 2, requestsPerSecond: 8.5 }] };
      await hearReport(gateless.world, report);
      const start = Date.parse('2013-03-04');
      await gateless.world.database.write(async (tx) => {
        const measures = [{ metric: 'auc', method: 'delong', estimate: { value: 0.6912, low: 0.67, high: 0.71, standardError: 0.01 }, n: 1900 }];
        await savePerformance(tx, 'late', 'week', { start, end: start + 604_800_000 }, [{ version: 1, variant: 'champion', runId: null, rowCount: 2000, labelledCount: 1900, state: 'known', isPartial: false, measures, calibration: [] }], start);
        await tx.insertInto('prediction_series').values({ model: 'late', version: 1, variant: 'champion', run_id: null, row_count: 2000, error_count: 0 }).execute();
        await insertRetraining(tx, { id: 'R1', model: 'late', state: 'refused', cause: { kind: 'person', id: 'ana' }, requestedBy: 'ana', createdAt: 1, asOf: 1, decidedAsOf: null, trainedFrom: '2013-01-01', trainedTo: '2013-03-01', shadowFrom: 1, shadowUntil: 2, champion: 1, candidate: 2, jobId: null, branch: null, steps: [], gate: null });
      });
      const stations = board.parse(await readBoard(gateless.world)).projects[0]?.stations ?? [];
      assert.deepEqual(factsOf(stations, 'deploy'), { champion: 'version 1, gate passed, approved by ben', route: 'champion 1, shadow 2', traffic: '8.5 requests/s; 1,234 answered, 0 failed' });
      assert.deepEqual(factsOf(stations, 'monitor'), { predictions: '2,000', 'auc, 2013-03-04': '0.691', 'truth known': '95 %', 'alerts firing': '0' });
      assert.equal(factsOf(stations, 'maintain')['retrainings'], '1 refused');
      assert.deepEqual(stations.map((station) => station.state), ['done', 'todo', 'done', 'done', 'done']);
    } finally {
      await gateless.close();
    }
  });

  it('shows the newest lines of the audit log', async () => {
    const { events, jobs } = await readBoard(registry.world);
    assert.ok(events.length > 3 && events.length <= 20);
    assert.ok((events[0]?.seq ?? 0) > (events[1]?.seq ?? 0));
    assert.deepEqual(jobs, []);
  });
});
