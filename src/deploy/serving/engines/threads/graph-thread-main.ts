import { parentPort, type Transferable } from 'node:worker_threads';
import { Tensor } from 'onnxruntime-node';
import { messageOf } from '../../../../platform/errors.ts';
import { openGraph, type GraphSession } from '../onnx-session.ts';
import type { AskedOfGraphThread, SentTensor, ToldByGraphThread } from './graph-threads.ts';

/** By path of the file; opened at the first rows that come for it. */
const graphs = new Map<string, Promise<GraphSession>>();

const buffersOf = (tensors: readonly SentTensor[]): Transferable[] =>
  tensors.flatMap(({ data }) => (ArrayBuffer.isView(data) ? [data.buffer as ArrayBuffer] : []));

async function run(
  path: string,
  feeds: readonly SentTensor[],
): Promise<{ results: SentTensor[]; ms: number }> {
  let graph = graphs.get(path);
  if (graph === undefined) graphs.set(path, (graph = openGraph(path)));
  const session = await graph;
  const tensors = Object.fromEntries(
    feeds.map(({ name, type, data, dims }) => [
      name,
      new Tensor(type as 'float32', data as Float32Array, dims),
    ]),
  );
  const startedAt = performance.now();
  const given = await session.run(tensors);
  const ms = performance.now() - startedAt;
  const results = Object.entries(given).map(([name, { type, data, dims }]) => ({
    name,
    type,
    // what onnxruntime gives lies in its own memory, which can't be handed over
    data: (ArrayBuffer.isView(data) ? (data as Float32Array).slice() : data) as SentTensor['data'],
    dims,
  }));
  return { results, ms };
}

parentPort?.on('message', (asked: AskedOfGraphThread) => {
  if ('forget' in asked) {
    const graph = graphs.get(asked.forget);
    graphs.delete(asked.forget);
    void graph?.then((session) => session.release());
    return;
  }
  const { id, path, feeds } = asked;
  const tell = (told: ToldByGraphThread, transfer: Transferable[] = []): void =>
    parentPort?.postMessage(told, transfer);
  run(path, feeds).then(
    ({ results, ms }) => tell({ id, results, ms }, buffersOf(results)),
    (cause: unknown) => tell({ id, failure: messageOf(cause) }),
  );
});
