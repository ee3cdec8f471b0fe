import { text } from 'node:stream/consumers';
import { Tensor } from 'onnxruntime-node';
import { openGraph } from '../../src/deploy/serving/engines/onnx-session.ts';

/** Runs a graph on the rows of its input again and again: `node runtime-alone.ts FILE COLUMN_COUNT < numbers.json` */
const [file = '', columnCount = '1'] = process.argv.slice(2);
const numbers = Float32Array.from(JSON.parse(await text(process.stdin)) as number[]);
const graph = await openGraph(file);
const feeds = {
  [graph.inputs[0]?.name ?? '']: new Tensor('float32', numbers, [
    numbers.length / Number(columnCount),
    Number(columnCount),
  ]),
};
const run = async (ms: number): Promise<number> => {
  let count = 0;
  for (const end = performance.now() + ms; performance.now() < end; count++) await graph.run(feeds);
  return count;
};
await run(200);
const before = process.cpuUsage();
const count = await run(1_000);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1000 / count);
