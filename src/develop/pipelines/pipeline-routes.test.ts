import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newUlid } from '../../platform/ids.ts';
import { createLogger } from '../../platform/log.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import type {
  Dataset,
  DatasetVersion,
  DatasetWithVersions,
  NewDatasetVersionBody,
} from '../data/data-api.ts';
import type { LineageGraph } from '../lineage/lineage-api.ts';
import type { ExecutionList } from './pipeline-api.ts';

const home = temporaryHome();
let server: RunningServer;
before(async () => {
  server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
});
after(async () => {
  await server.close();
  home.remove();
});

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${server.address}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as T;
}

const md5 = `${'0123456789abcdef'.repeat(2)}.dir`;
const version: NewDatasetVersionBody = {
  md5,
  project: 'p',
  path: 'data/raw',
  size: 10,
  fileCount: 2,
  rowCount: 7,
  contractState: 'passed',
  owner: 'ada',
};

test('a dataset version is kept once, with the state of its contract', async () => {
  assert.deepEqual(await ask('GET', '/api/v1/datasets'), []);
  const added = await ask<DatasetVersion>('POST', '/api/v1/datasets/raw/versions', version);
  assert.deepEqual(
    [added.dataset, added.md5, added.contractState, added.createdBy],
    ['raw', md5, 'passed', 'local'],
  );
  await ask('POST', '/api/v1/datasets/raw/versions', { ...version, contractState: 'broken' });
  const [listed] = await ask<Dataset[]>('GET', '/api/v1/datasets');
  assert.deepEqual(
    [listed?.versionCount, listed?.latest?.contractState, listed?.owner],
    [1, 'broken', 'ada'],
  );
  const found = await ask<DatasetWithVersions>('GET', '/api/v1/datasets/raw');
  assert.equal(found.versions.length, 1);
});

test('an unknown dataset and a version without an md5 are refused in words', async () => {
  assert.match(JSON.stringify(await ask('GET', '/api/v1/datasets/none')), /DATASET_NOT_FOUND/);
  assert.match(
    JSON.stringify(await ask('POST', '/api/v1/datasets/raw/versions', { ...version, md5: 'x' })),
    /BAD_REQUEST/,
  );
});

test('a run leads back to its data through the stages that made what it read', async () => {
  const start = { project: 'p', cmd: 'x', startedAt: 1, state: 'running' };
  const prepare = {
    ...start,
    id: newUlid(),
    stage: 'prepare',
    inputs: [{ path: 'data/raw', md5, dataset: 'raw' }],
  };
  await ask('POST', '/api/v1/pipelines/executions', prepare);
  const done = { state: 'succeeded', finishedAt: 2, outputs: [{ path: 'mid', md5: 'aa' }] };
  await ask('POST', '/api/v1/pipelines/executions', { ...prepare, ...done });
  const train = {
    ...start,
    id: newUlid(),
    stage: 'train',
    needs: ['prepare'],
    inputs: [{ path: 'mid', md5: 'aa' }],
  };
  await ask('POST', '/api/v1/pipelines/executions', train);
  const tags = [
    { key: 'tilth.execution', value: train.id },
    { key: 'tilth.dataset.raw', value: md5 },
  ];
  const { run } = await ask<{ run: { info: { run_id: string } } }>('POST', '/api/2.0/mlflow/runs/create', {
    experiment_id: '0',
    tags,
  });
  const id = run.info.run_id;

  const listed = await ask<ExecutionList>('GET', '/api/v1/pipelines/executions?project=p');
  assert.deepEqual(
    listed.executions.map(({ stage, state }) => `${stage} ${state}`),
    ['train running', 'prepare succeeded'],
  );
  assert.deepEqual(listed.dag.edges, [{ project: 'p', from: 'prepare', to: 'train' }]);

  const graph = await ask<LineageGraph>('GET', `/api/v1/lineage?kind=run&id=${id}`);
  const edges = graph.edges.map(({ from, to, relation }) => `${from.kind} ${relation} ${to.kind}`).sort();
  assert.deepEqual(edges, [
    'dataset-version read pipeline-execution',
    'dataset-version read run',
    'pipeline-execution logged run',
    'pipeline-execution made for pipeline-execution',
  ]);
  const near = await ask<LineageGraph>('GET', `/api/v1/lineage?kind=run&id=${id}&depth=1`);
  assert.equal(near.nodes.length, 3);
  const from = await ask<LineageGraph>(
    'GET',
    `/api/v1/lineage?kind=dataset-version&id=${encodeURIComponent(`raw@${md5}`)}`,
  );
  assert.ok(from.nodes.some((node) => node.kind === 'run' && node.id === id));
});
