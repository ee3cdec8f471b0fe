import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, drive } from '../client.ts';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import {
  pythonOf,
  runToEnd,
  startServer,
  temporaryFolder,
  tilth,
  versionsIn,
  type RunningServer,
} from '../processes.ts';
import { peerCommand, putInProduction, startControl } from './production.ts';
import { untilQuiet } from './serving.ts';

const models = ['spline', 'forest'] as const;
const connectionCount = 16;
const roundSeconds = 2;

/** Models without a graph, in a worker of their own Python, beside FastAPI with the same pickle. */
export async function measurePythonWorker(effort: Effort): Promise<Practice> {
  const home = temporaryFolder('python-worker');
  const python = pythonOf('serving');
  const control = await startControl(home, python);
  const servers: RunningServer[] = [control];
  try {
    await runToEnd([python, join(import.meta.dirname, 'make_python_models.py'), home, ...models], {
      env: { MLFLOW_TRACKING_URI: control.address },
    });
    for (const model of models) await putInProduction(control.address, model, 'python');
    const ours = await startServer(
      (port) => tilth('serve', '--home', home, '--port', String(port), '--server', control.address),
      '/ping',
    );
    servers.push(ours);
    const figures: Figure[] = [];
    for (const model of models) {
      const peer = await startServer((port) => peerCommand(python, port), '/ping', {
        env: { MODEL_FOLDER: join(home, model) },
      });
      servers.push(peer);
      figures.push(...(await measureBeside(model, join(home, model), control, ours, peer, effort)));
      await peer.stop();
    }
    return {
      name: 'python-worker',
      peer: 'FastAPI with scikit-learn',
      versions: await versionsIn('serving', ['fastapi', 'uvicorn', 'pydantic', 'scikit-learn', 'numpy']),
      checked: [
        'both answer the same labels for the same 1,000 rows of 30 columns, with the very same pickle',
      ],
      notEqual: [
        'Ours asks the model for its probabilities too, writes each row with its answer into the prediction log, counts for /metrics and reports to its control plane; the peer does none of this.',
        'Ours is two processes, the data plane and one worker, the peer is one; processor time counts both.',
      ],
      figures,
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function measureBeside(
  model: string,
  folder: string,
  control: RunningServer,
  ours: RunningServer,
  peer: RunningServer,
  { rounds }: Effort,
): Promise<Figure[]> {
  const { columns, data } = JSON.parse(readFileSync(join(folder, 'rows.json'), 'utf8')) as {
    columns: string[];
    data: number[][];
  };
  const bodyOf = (count: number): string =>
    JSON.stringify({ dataframe_split: { columns, data: data.slice(0, count) } });
  const path = (server: RunningServer): string =>
    server === ours ? `/endpoints/${model}/invocations` : '/invocations';
  const ask = async (server: RunningServer): Promise<unknown> => {
    const client = new Client(server.address);
    const answer = await client.call('POST', path(server), JSON.parse(bodyOf(data.length)));
    client.close();
    return answer;
  };
  assert.deepEqual(await ask(ours), await ask(peer));
  const load = async (server: RunningServer, body: string, seconds = roundSeconds): Promise<Round> => {
    const cpuBefore = server.cpuMs();
    const carried = await drive({
      port: Number(new URL(server.address).port),
      path: path(server),
      body,
      connectionCount,
      maxSeconds: seconds,
      maxCount: 60_000,
    });
    const cpuMs = (server.cpuMs() - cpuBefore) / carried.count;
    // what moves the log into Parquet must take nothing from the peer's round
    if (server === ours) await untilQuiet(control);
    return { value: carried.count / carried.seconds, cpuMs, p99Ms: carried.p99Ms };
  };
  const figures: Figure[] = [];
  for (const count of [1, data.length]) {
    const body = bodyOf(count);
    for (const server of [ours, peer]) await load(server, body, 0.5);
    const found = await inTurns(
      rounds,
      () => load(ours, body),
      () => load(peer, body),
    );
    figures.push({
      what: `${model}, ${count === 1 ? '1 row' : '1,000 rows'} a request, ${connectionCount} connections`,
      unit: 'requests/s',
      better: 'more',
      ours: { name: 'tilth serve, one worker', rounds: found.ours },
      peer: { name: 'FastAPI + scikit-learn', rounds: found.peer },
    });
  }
  return figures;
}
