import { runToEnd, startServer, tilth, type RunningServer } from '../processes.ts';

export interface ShownVersion {
  readonly engine: string;
  readonly reason: string | null;
  readonly parity: {
    readonly rowCount: number;
    readonly labelsEqual: number;
    readonly maxError: number;
  } | null;
}

/** The control plane of a bench; models are converted in the environment that made them. */
export const startControl = (home: string, python: string): Promise<RunningServer> =>
  startServer((port) => tilth('server', '--home', home, '--port', String(port)), '/health', {
    env: { TILTH_PYTHON: python },
  });

/** One command of a person, as JSON. */
const say = async (server: string, ...args: string[]): Promise<string> =>
  (await runToEnd(tilth(...args, '--server', server, '--json'))).stdout;

/** The commands of a person: wait for the conversion, gate, ask, approve. @returns version 1 @throws when it has another engine */
export async function approveFirst(
  server: string,
  model: string,
  engine: 'onnx' | 'python',
): Promise<ShownVersion> {
  const version = JSON.parse(await say(server, 'model', 'show', model, '1', '--wait')) as ShownVersion;
  if (version.engine !== engine) throw new Error(`the engine is ${version.engine}: ${version.reason ?? ''}`);
  await say(server, 'model', 'gate', model, '1');
  await say(server, 'model', 'request', model, '1');
  await say(server, 'model', 'approve', model, '1', '--reason', 'a bench has one person');
  return version;
}

/** The same, and an address for it, of the model's name. */
export async function putInProduction(
  server: string,
  model: string,
  engine: 'onnx' | 'python',
): Promise<ShownVersion> {
  const version = await approveFirst(server, model, engine);
  await say(server, 'endpoint', 'create', model, '--model', model);
  return version;
}

const quietly = ['--no-access-log', '--log-level', 'warning'];

/** FastAPI with the pickle that `MODEL_FOLDER` names. */
export const peerCommand = (python: string, port: number): string[] =>
  [python, '-m', 'uvicorn', 'peer_app:app', '--app-dir', import.meta.dirname, '--port', String(port)].concat(
    quietly,
  );
