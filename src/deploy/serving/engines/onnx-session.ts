import { createRequire } from 'node:module';
import { InferenceSession, type Tensor } from 'onnxruntime-node';

export interface GraphValue {
  readonly name: string;
  readonly isTensor: boolean;
  /** as onnxruntime's JavaScript names it: float32, int64, string … */
  readonly type: string;
}

export type GraphResults = Readonly<Record<string, Tensor>>;

/** A graph that onnxruntime has loaded. */
export interface GraphSession {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  /** Answers at once where it can: a promise costs a turn of the event loop. @throws what onnxruntime does not like */
  run(feeds: Readonly<Record<string, Tensor>>): GraphResults | Promise<GraphResults>;
  release(): Promise<void>;
}

/** One thread: requests share the processor among themselves better than the parts of one request do. */
export const sessionOptions: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};

/**
 * Loads a graph. The native part is called directly where it is as we know it; that saves a turn of the event loop and
 * the checks of each call (bench/deploy). It is no public interface: everything that relies on it is in this file, and
 * where it is not as expected, the public one is used.
 */
export async function openGraph(path: string): Promise<GraphSession> {
  return openDirect(path) ?? openPublic(path);
}

async function openPublic(path: string): Promise<GraphSession> {
  const session = await InferenceSession.create(path, sessionOptions);
  const values = (metadata: readonly InferenceSession.ValueMetadata[]): GraphValue[] =>
    metadata.map((one) => ({ name: one.name, isTensor: one.isTensor, type: one.isTensor ? one.type : '' }));
  return {
    inputs: values(session.inputMetadata),
    outputs: values(session.outputMetadata),
    run: (feeds) => session.run(feeds) as Promise<GraphResults>,
    release: () => session.release(),
  };
}

/** ONNX' numbers of element types (onnx.proto, TensorProto.DataType), as far as served models use them. */
const typeNames: Record<number, string> = {
  1: 'float32',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  11: 'float64',
};

interface NativeSession {
  loadModel(path: string, options: InferenceSession.SessionOptions): void;
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: Readonly<Record<string, null>>,
    options: object,
  ): GraphResults;
  dispose(): void;
  readonly inputMetadata: readonly {
    readonly name: string;
    readonly isTensor: boolean;
    readonly type: number;
  }[];
  readonly outputMetadata: NativeSession['inputMetadata'];
}

interface NativeBinding {
  readonly binding: { readonly InferenceSession: new () => NativeSession };
  readonly initOrt: () => void;
}

function openDirect(path: string): GraphSession | undefined {
  const native = nativeSession(path);
  if (native === undefined) return undefined;
  const values = (metadata: NativeSession['inputMetadata']): GraphValue[] =>
    metadata.map(({ name, isTensor, type }) => ({ name, isTensor, type: typeNames[type] ?? '' }));
  const outputs = values(native.outputMetadata);
  // all but what JavaScript has no form for, as maps
  const fetches = Object.fromEntries(
    outputs.filter(({ isTensor }) => isTensor).map(({ name }) => [name, null]),
  );
  return {
    inputs: values(native.inputMetadata),
    outputs,
    run: (feeds) => native.run(feeds, fetches, {}),
    release: async () => native.dispose(),
  };
}

/** undefined when the native part is not as we know it; a graph that can't be loaded is left to the public way to say so. */
function nativeSession(path: string): NativeSession | undefined {
  try {
    const { binding, initOrt } = createRequire(import.meta.url)(
      'onnxruntime-node/dist/binding.js',
    ) as NativeBinding;
    initOrt();
    const native = new binding.InferenceSession();
    native.loadModel(path, sessionOptions);
    const isKnown = typeof native.run === 'function' && typeof native.dispose === 'function';
    return isKnown && Array.isArray(native.inputMetadata) && Array.isArray(native.outputMetadata)
      ? native
      : undefined;
  } catch {
    return undefined;
  }
}
