import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { TilthError, messageOf } from '../../../platform/errors.ts';
import { unpackBundle } from '../../python/model-bundle.ts';
import { pythonFor } from '../../python/model-environment.ts';
import type { Engine, EngineSource } from './engine.ts';
import { PythonModel } from './python-model.ts';
import { PythonWorker, type WorkerHello } from './python-worker.ts';
import type { Rows } from './rows.ts';
import type { ServedPython, ServedVersion } from '../serving-api.ts';
import { modelLoading, modelUnloadable } from '../serving-errors.ts';

const startTimeoutMs = 120_000;
const longestCallMs = 60_000;
const callsPerWorker = 200_000;
const usualMemoryBytes = Math.min(4 * 2 ** 30, totalmem() / 2);

interface Loading {
  readonly engine: Promise<PythonModel>;
  /** what it is at, for those who wait */
  doing: string;
  failedAt: number | undefined;
}

/** by folder and digest: a load goes on when nobody waits for it, and is taken by who asks next */
const loadings = new Map<string, Loading>();
/** a load that failed is not tried again at once: it may have cost minutes and gigabytes */
const tryAgainMs = 30_000;
const unclaimedMs = 600_000;

/**
 * Unpacks a bundle, finds or makes its Python, starts its workers and asks them once.
 *
 * @throws SERVING_MODEL_UNLOADABLE, SERVING_ENVIRONMENT_UNAVAILABLE, SERVING_MODEL_LOADING after `patienceMs`
 */
export async function loadPythonModel(
  served: ServedVersion,
  bundle: string,
  source: EngineSource,
): Promise<Engine> {
  const key = `${source.folder}\n${served.digest}\n${served.schemaHash}`;
  let loading = loadings.get(key);
  if (loading?.failedAt !== undefined && performance.now() - loading.failedAt > tryAgainMs)
    loading = undefined;
  if (loading === undefined) {
    loading = begin(served, bundle, source);
    loadings.set(key, loading);
  }
  // only begun: who waits for it takes it
  if (source.patienceMs === 0) throw modelLoading(loading.doing);
  const { engine } = loading;
  const model = await Promise.race([engine, ...patience(source.patienceMs, loading)]);
  loadings.delete(key);
  return model;
}

function patience(ms: number | undefined, loading: Loading): Promise<never>[] {
  if (ms === undefined) return [];
  return [new Promise((_, reject) => void setTimeout(() => reject(modelLoading(loading.doing)), ms).unref())];
}

function begin(served: ServedVersion, bundle: string, source: EngineSource): Loading {
  const loading: Loading = {
    doing: 'unpacking',
    failedAt: undefined,
    engine: load(served, bundle, source, (doing) => (loading.doing = doing)),
  };
  loading.engine.then(
    (model) =>
      void setTimeout(() => {
        const [key] = [...loadings].find(([, one]) => one === loading) ?? [];
        if (key === undefined) return;
        loadings.delete(key);
        model.retire();
      }, unclaimedMs).unref(),
    () => (loading.failedAt = performance.now()),
  );
  return loading;
}

async function load(
  served: ServedVersion,
  bundle: string,
  source: EngineSource,
  say: (doing: string) => void,
): Promise<PythonModel> {
  const name = `${served.model}/${served.version}`;
  const { log, pythonWorkers = 1, pythonMemoryBytes = usualMemoryBytes } = source;
  const { python: wanted } = served;
  if (wanted === undefined) throw modelUnloadable('nothing is known of the Python that it wants');
  const modelFolder = await unpacked(bundle, served.digest, join(source.folder, 'python'));
  const python = await pythonFor(
    wanted,
    modelFolder,
    source.environments ?? join(source.folder, 'environments'),
    (line) => {
      log.info({ model: name }, line);
      say(line);
    },
  );
  say('starting its processes');
  const start = async (): Promise<PythonWorker> => {
    const { worker, hello } = await PythonWorker.start({
      python,
      modelFolder,
      takes: wanted.takes,
      log,
      memoryLimitBytes: pythonMemoryBytes,
      startTimeoutMs,
      longestCallMs,
    });
    const difference = differenceOf(hello, wanted);
    if (difference !== undefined) {
      worker.kill(difference);
      throw modelUnloadable(`its Python is not the one it was registered with: ${difference}`);
    }
    log.info({ model: name, pid: worker.pid }, 'a Python worker has loaded the model');
    return worker;
  };
  try {
    const first = await start();
    const { schema } = served;
    const model = new PythonModel(
      {
        name,
        schema,
        isRowWise: wanted.isRowWise,
        workerCount: served.workers ?? pythonWorkers,
        callsPerWorker,
        log,
        start,
      },
      first,
    );
    await model.score(exampleRows(model)).catch(() => undefined);
    return model;
  } catch (cause) {
    throw cause instanceof TilthError
      ? cause
      : modelUnloadable(`The model could not be loaded: ${messageOf(cause)}`, cause);
  }
}

const exampleRows = ({ layout }: Engine): Rows => {
  const example = { BOOL: false, INT32: 0, INT64: 0, FP32: 0, FP64: 0, BYTES: '' } as const;
  return { rowCount: 1, columns: layout.features.map((feature) => [example[feature.datatype]]) };
};

function differenceOf(hello: WorkerHello, wanted: ServedPython): string | undefined {
  const [name] =
    Object.entries(wanted.packages).find(([one, version]) => hello.packages[one] !== version) ?? [];
  return name === undefined
    ? undefined
    : `${name} is ${hello.packages[name] ?? 'missing'}, not ${wanted.packages[name]}`;
}

/** The unpacked model; what was unpacked of bundles that are gone goes with them. */
async function unpacked(bundle: string, digest: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    const isWanted =
      name.startsWith(digest) || existsSync(join(dirname(bundle), `${name.slice(0, 64)}.bundle`));
    if (!isWanted) await rm(join(folder, name), { recursive: true, force: true });
  }
  const place = join(folder, digest);
  if (!existsSync(place)) await unpackBundle(bundle, place);
  return place;
}
