import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLogger } from '../../platform/log.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import type { LineageGraph } from '../lineage/lineage-api.ts';
import { initRepository } from '../dvc-files/repository.ts';
import type { ExecutionList, ExecutionLog, PipelineList } from './pipeline-api.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const needsPython = {
  skip:
    python === undefined && process.env['CI'] === undefined
      ? 'needs TILTH_TEST_PYTHON, a Python with mlflow-skinny'
      : false,
};
const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'tilth stages '));
const home = temporaryHome();
let server: RunningServer;

before(async () => {
  server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
});
after(async () => {
  await server.close();
  home.remove();
  rmSync(place, { recursive: true, force: true });
});

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function tilth(folder: string, ...words: string[]): Promise<Said> {
  const {
    MLFLOW_RUN_CONTEXT: _context,
    TILTH_RUN_ID: _run,
    MLFLOW_TRACKING_URI: _uri,
    ...rest
  } = process.env;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...words], {
      cwd: folder,
      env: { ...rest, TILTH_URL: server.address, OMP_NUM_THREADS: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
    child.on('close', (code) => resolve({ code, ...said }));
  });
}

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const response = await fetch(
    `${server.address}${path}`,
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  );
  const answer = (await response.json()) as T;
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

interface MlflowRun {
  readonly info: {
    readonly run_id: string;
    readonly run_name: string;
    readonly status: string;
    readonly experiment_id: string;
  };
  readonly data: {
    readonly params?: Pair[];
    readonly metrics?: { key: string; value: number }[];
    readonly tags: Pair[];
  };
  readonly inputs?: {
    readonly dataset_inputs?: { readonly dataset: { readonly name: string; readonly digest: string } }[];
  };
}
interface Pair {
  readonly key: string;
  readonly value: string;
}

async function runsOf(experiment: string): Promise<MlflowRun[]> {
  const { experiment: found } = await ask<{ experiment: { experiment_id: string } }>(
    `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${experiment}`,
  );
  const { runs = [] } = await ask<{ runs?: MlflowRun[] }>('/api/2.0/mlflow/runs/search', {
    experiment_ids: [found.experiment_id],
    order_by: ['attributes.start_time ASC'],
  });
  return runs;
}

function repository(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(place, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  execFileSync('git', ['init', '-q', folder]);
  initRepository(folder);
  return folder;
}

const tagsOf = (run: MlflowRun | undefined): Record<string, string> =>
  Object.fromEntries((run?.data.tags ?? []).map(({ key, value }) => [key, value]));

describe('a stage that runs', () => {
  test('is a run with its params, metrics, inputs and output, also when its command knows nothing of MLflow', async () => {
    const folder = repository('plain', {
      'tilth.yaml': 'project: plain\ndatasets: {raw: {path: data, owner: ada}}\n',
      'data/a': 'one',
      'params.yaml': 'lr: 0.5\ntrain: {depth: 3, seed: 7}\n',
      'requirements.txt': 'mlflow-skinny==1.2.3\n',
      'dvc.yaml': `stages:
  prepare: {cmd: cat data/a > mid; echo prepared; echo warned >&2, deps: [data], outs: [mid]}
  train:
    cmd: 'echo "{\\"auc\\": 0.75, \\"test\\": {\\"f1\\": 1}}" > m.json; cat mid > model; echo "$MLFLOW_RUN_CONTEXT" > context'
    deps: [mid]
    params: [lr, train]
    outs: [model, context]
    metrics: [m.json: {cache: false}]
`,
    });
    await tilth(folder, 'data', 'add', 'data');
    const said = await tilth(folder, 'pipeline', 'run');
    assert.equal(said.code, 0, said.err);
    const runs = await runsOf('plain');
    assert.deepEqual(
      runs.map(({ info }) => `${info.run_name} ${info.status}`),
      ['prepare FINISHED', 'train FINISHED'],
    );
    const [prepare, train] = runs;
    assert.deepEqual(Object.fromEntries((train?.data.params ?? []).map(({ key, value }) => [key, value])), {
      lr: '0.5',
      'train.depth': '3',
      'train.seed': '7',
    });
    assert.deepEqual(Object.fromEntries((train?.data.metrics ?? []).map(({ key, value }) => [key, value])), {
      auc: 0.75,
      'test.f1': 1,
    });
    const md5 = /md5: (\S+)/.exec(readFileSync(join(folder, 'data.dvc'), 'utf8'))?.[1] ?? '';
    assert.deepEqual(
      prepare?.inputs?.dataset_inputs?.map(({ dataset }) => `${dataset.name} ${dataset.digest}`),
      [`raw ${md5.replace('.dir', '')}`],
    );
    const tags = tagsOf(train);
    assert.deepEqual(
      [tags['tilth.dataset.raw'], tags['tilth.stage'], tags['tilth.pipeline']],
      [md5, 'train', 'plain'],
    );
    assert.match(tags['tilth.lock'] ?? '', /^requirements\.txt sha256:/);
    assert.ok(tags['tilth.cpu'] !== undefined);
    const context = JSON.parse(readFileSync(join(folder, 'context'), 'utf8')) as Record<string, string>;
    assert.equal(context['tilth.execution'], tags['tilth.execution']);

    const { executions } = await ask<ExecutionList>('/api/v1/pipelines/executions?project=plain');
    assert.deepEqual(
      executions.map(({ stage, state, needs, runId }) => [stage, state, needs, runId]),
      [
        ['train', 'succeeded', ['prepare'], train?.info.run_id],
        ['prepare', 'succeeded', [], prepare?.info.run_id],
      ],
    );
    const log = await ask<ExecutionLog>(`/api/v1/pipelines/executions/${executions[1]?.id ?? ''}/log`);
    assert.deepEqual(log.lines.map(({ stream, text }) => `${stream} ${text}`).sort(), [
      'err warned',
      'out prepared',
    ]);
    assert.ok(log.isOver);
    const graph = await ask<LineageGraph>(`/api/v1/lineage?kind=run&id=${train?.info.run_id ?? ''}`);
    assert.ok(graph.nodes.some(({ kind, id }) => kind === 'dataset-version' && id === `raw@${md5}`));

    const again = await tilth(folder, 'pipeline', 'run');
    assert.match(again.out, /up to date/);
    assert.equal((await runsOf('plain')).length, 2, 'what did not run is no run');
    const { pipelines } = await ask<PipelineList>('/api/v1/pipelines?project=plain');
    assert.deepEqual(
      pipelines[0]?.stages.map(({ name, status }) => `${name} ${status}`),
      ['prepare succeeded', 'train succeeded'],
    );
    assert.deepEqual(pipelines[0]?.edges, [{ from: 'prepare', to: 'train' }]);
    assert.equal(pipelines[0]?.isRunning, false);
  });

  test('that fails is a failed run that says why, and what needs it is left out', async () => {
    const folder = repository('broken', {
      'tilth.yaml': 'project: broken\n',
      in: 'x',
      'dvc.yaml':
        'stages:\n  a: {cmd: echo no way >&2; exit 3, deps: [in], outs: [a]}\n  b: {cmd: cat a > b, deps: [a], outs: [b]}\n  c: {cmd: cat in > c, deps: [in], outs: [c]}\n',
    });
    const said = await tilth(folder, 'pipeline', 'run', '--keep-going');
    assert.equal(said.code, 1, said.err);
    const runs = await runsOf('broken');
    assert.deepEqual(
      runs.map(({ info }) => `${info.run_name} ${info.status}`),
      ['a FAILED', 'c FINISHED'],
    );
    assert.match(tagsOf(runs[0])['tilth.error'] ?? '', /no way/);
    const { pipelines } = await ask<PipelineList>('/api/v1/pipelines?project=broken');
    assert.deepEqual(
      pipelines[0]?.stages.map(({ name, status }) => `${name} ${status}`),
      ['a failed', 'b skipped', 'c succeeded'],
    );
    assert.match(pipelines[0]?.stages[0]?.latest?.error ?? '', /ended with 3/);
  });

  test('and logs through MLflow is that run, and no second one', needsPython, async () => {
    const folder = repository('logging', {
      'tilth.yaml': 'project: logging\n',
      'params.yaml': 'lr: 0.5\n',
      'train.py':
        'import mlflow, json\nwith mlflow.start_run():\n    mlflow.log_param("lr", "0.5")\n    mlflow.log_metric("loss", 0.25)\njson.dump({"loss": 9, "auc": 0.5}, open("m.json", "w"))\n',
      'dvc.yaml': `stages:\n  train: {cmd: '"${python}" train.py', deps: [train.py], params: [lr], metrics: [m.json: {cache: false}]}\n`,
    });
    const said = await tilth(folder, 'pipeline', 'run');
    assert.equal(said.code, 0, said.err);
    const runs = await runsOf('logging');
    assert.equal(runs.length, 1);
    const [run] = runs;
    assert.equal(run?.info.status, 'FINISHED');
    assert.deepEqual(
      Object.fromEntries((run?.data.metrics ?? []).map(({ key, value }) => [key, value])),
      { loss: 0.25, auc: 0.5 },
      'what the script logged stays',
    );
    assert.deepEqual(run?.data.params, [{ key: 'lr', value: '0.5' }]);
    const tags = tagsOf(run);
    assert.equal(tags['tilth.stage'], 'train');
    assert.match(tags['tilth.python'] ?? '', /^3\./);
    const { executions } = await ask<ExecutionList>('/api/v1/pipelines/executions?project=logging');
    assert.equal(executions[0]?.runId, run?.info.run_id);

    const script = readFileSync(join(folder, 'train.py'), 'utf8');
    writeFileSync(
      join(folder, 'train.py'),
      script.replace('import mlflow, json', 'import mlflow, json\nmlflow.set_experiment("chosen")'),
    );
    assert.equal((await tilth(folder, 'pipeline', 'run')).code, 0);
    assert.equal((await runsOf('chosen')).length, 1, 'a script chooses the experiment of its run');
    assert.equal((await runsOf('logging')).length, 1);
  });
});
