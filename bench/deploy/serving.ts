import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, drive } from '../client.ts';
import { cpuOf, inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import {
  coldStart,
  pythonOf,
  runToEnd,
  startServer,
  temporaryFolder,
  tilth,
  versionsIn,
  type RunningServer,
} from '../processes.ts';
import { peerCommand, putInProduction, startControl, type ShownVersion } from './production.ts';

const model = 'bench';
const connectionCount = 16;
const roundSeconds = 2;
/** keeps the prediction log of a fast machine within bounds */
const maxCount = 60_000;

/** A pipeline that takes no time, and a forest that does. */
type Kind = 'small' | 'forest';

export const measureServing = (effort: Effort): Promise<Practice> => measureModel('small', effort);
export const measureServingForest = (effort: Effort): Promise<Practice> => measureModel('forest', effort);

/** One model, registered, converted, approved and routed as users do it, beside FastAPI with the same pickle. */
async function measureModel(kind: Kind, effort: Effort): Promise<Practice> {
  const home = temporaryFolder('serving');
  const python = pythonOf('serving');
  const control = await startControl(home, python);
  let parity: ShownVersion['parity'];
  try {
    await runToEnd([python, join(import.meta.dirname, 'make_model.py'), home, model, kind], {
      env: { MLFLOW_TRACKING_URI: control.address },
    });
    ({ parity } = await putInProduction(control.address, model, 'onnx'));
    if (parity === null) throw new Error('the model was not converted');
    return await measureBeside(kind, home, control, parity, effort);
  } finally {
    await control.stop();
  }
}

async function measureBeside(
  kind: Kind,
  home: string,
  control: RunningServer,
  parity: NonNullable<ShownVersion['parity']>,
  { rounds, slowRounds }: Effort,
): Promise<Practice> {
  const startOurs = (): Promise<RunningServer> =>
    startServer(
      (port) =>
        tilth(
          'serve',
          '--home',
          home,
          '--port',
          String(port),
          '--server',
          control.address,
          '--drain-delay-ms',
          '0',
        ),
      '/ping',
    );
  const startPeer = (): Promise<RunningServer> =>
    startServer((port) => peerCommand(pythonOf('serving'), port), '/ping', { env: { MODEL_FOLDER: home } });
  const figures: Figure[] = [];
  const add = (
    what: string,
    unit: string,
    better: 'more' | 'less',
    found: { ours: Round[]; peer: Round[] },
  ): void =>
    void figures.push({
      what,
      unit,
      better,
      ours: { name: 'tilth serve', rounds: found.ours },
      peer: { name: 'FastAPI + scikit-learn', rounds: found.peer },
    });

  // the first start fetches the graph; a restart finds it on disk, as the peer finds its pickle
  await coldStart(startOurs);
  add(
    'from nothing to the first answer',
    's',
    'less',
    await inTurns(
      slowRounds,
      () => coldStart(startOurs),
      () => coldStart(startPeer),
    ),
  );

  const [ours, peer] = [await startOurs(), await startPeer()];
  try {
    const idle = [ours, peer].map((server) => ({ value: server.memoryMiB(), cpuMs: null }));
    const { columns, data } = JSON.parse(readFileSync(join(home, 'rows.json'), 'utf8')) as {
      columns: string[];
      data: number[][];
    };
    const one = JSON.stringify({ dataframe_split: { columns, data: data.slice(0, 1) } });
    const thousand = JSON.stringify({ dataframe_split: { columns, data } });
    for (const body of [one, thousand]) {
      const [mine, theirs] = [await ask(ours, body), await ask(peer, body)];
      assert.deepEqual(mine, theirs);
    }
    let answeredRows = 1 + data.length;
    await untilQuiet(control);
    const controlBefore = control.cpuMs();
    const load = async (server: RunningServer, body: string, seconds = roundSeconds): Promise<Round> => {
      const cpuBefore = server.cpuMs();
      const carried = await drive({
        port: Number(new URL(server.address).port),
        path: '/invocations',
        body,
        connectionCount,
        maxSeconds: seconds,
        maxCount,
      });
      const cpuMs = (server.cpuMs() - cpuBefore) / carried.count;
      if (server === ours) {
        answeredRows += carried.count * (body === one ? 1 : data.length);
        await untilQuiet(control);
      }
      return { value: carried.count / carried.seconds, cpuMs, p99Ms: carried.p99Ms };
    };
    for (const [what, body] of [
      ['1 row a request', one],
      ['1,000 rows a request', thousand],
    ] as const) {
      for (const server of [ours, peer]) await load(server, body, 0.5);
      add(
        `${what}, ${connectionCount} connections`,
        'requests/s',
        'more',
        await inTurns(
          rounds,
          () => load(ours, body),
          () => load(peer, body),
        ),
      );
    }
    const controlCpuMs = (control.cpuMs() - controlBefore) / (answeredRows / 1000);
    const loaded = [ours, peer].map((server) => ({ value: server.memoryMiB(), cpuMs: null }));
    for (const [what, [mine, theirs]] of [
      ['memory at rest', idle],
      ['memory after this load', loaded],
    ] as const) {
      if (mine !== undefined && theirs !== undefined)
        add(what, 'MiB', 'less', { ours: [mine], peer: [theirs] });
    }
    const limits = figures
      .filter(({ what }) => what.includes('row'))
      .map(({ ours: mine }, index) => {
        const aloneMs = runtimeAloneMs(home, columns, index === 0 ? data.slice(0, 1) : data);
        return `${index === 0 ? 'one row' : `${data.length} rows`}: ${((100 * aloneMs) / (cpuOf(mine) ?? Number.NaN)).toFixed(0)} %`;
      });
    await ours.stop();
    assert.equal(await loggedRows(control), answeredRows);
    return {
      name: kind === 'small' ? 'serving' : 'serving a forest of 100 trees',
      peer: 'FastAPI with scikit-learn',
      versions: await versionsIn('serving', [
        'fastapi',
        'uvicorn',
        'pydantic',
        'scikit-learn',
        'numpy',
        'skl2onnx',
      ]),
      checked: [
        `both answer the same ${data.length} labels for the same ${data.length} rows of ${columns.length} columns`,
        `at registration: labels equal in ${(parity.labelsEqual * 100).toFixed(2)} % of ${parity.rowCount} rows, largest difference of a probability ${parity.maxError.toExponential(1)}`,
        `afterwards: ours answered ${answeredRows} rows, and its prediction log holds ${answeredRows}`,
      ],
      notEqual: [
        `Of the processor time of a request with ours, onnxruntime alone in a loop would take: ${limits.join(', ')}; the rest is HTTP, JSON, the check of the schema, and the log.`,
        'Ours writes each row with its answer into the prediction log, counts for /metrics and reports to its control plane; the peer does none of this.',
        `Meanwhile its control plane moves that log into Parquet, on the same cores: ${controlCpuMs.toFixed(0)} ms of processor time per 1,000 rows, which is in the ratios of requests and not in those of processor time.`,
        'Ours runs the model as ONNX with float32 numbers, the peer the pickle with float64.',
        'One process each. The client is one more process on the same cores: where ours is fast the client takes its share, so look at processor time too.',
      ],
      figures,
    };
  } finally {
    await Promise.all([ours.stop(), peer.stop()]);
  }
}

/** Processor time of one run of the graph and nothing else, ms: what no server could be faster than. */
function runtimeAloneMs(
  home: string,
  columns: readonly string[],
  data: readonly (readonly number[])[],
): number {
  const folder = join(home, 'serving', 'models');
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.onnx')) ?? '');
  const { stdout } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'runtime-alone.ts'), file, String(columns.length)],
    {
      input: JSON.stringify(data.flat()),
      encoding: 'utf8',
    },
  );
  return Number(stdout);
}

async function ask(server: RunningServer, body: string): Promise<unknown> {
  const client = new Client(server.address);
  const answer = await client.call('POST', '/invocations', JSON.parse(body));
  client.close();
  return answer;
}

/** Waits until the control plane has moved the log into Parquet, so that it takes nothing from the peer's round. */
export async function untilQuiet(server: RunningServer): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const before = server.cpuMs();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    if (server.cpuMs() - before <= 50) return;
  }
}

/** How many rows of the model the prediction log holds, each once. */
async function loggedRows(control: RunningServer): Promise<number> {
  const client = new Client(control.address);
  const { rowCount } = await client.call<{ rowCount: number }>(
    'GET',
    `/api/v1/models/${model}/predictions/summary`,
  );
  client.close();
  return rowCount;
}
