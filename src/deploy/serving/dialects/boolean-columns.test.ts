import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { convertModel } from '../../conversion/conversion.ts';
import { defaultCriteria } from '../../conversion/criteria.ts';
import type { Cell } from '../engines/rows.ts';
import type { ServedVersion } from '../serving-api.ts';
import {
  addBlob,
  endpointOf,
  post,
  startControlPlane,
  startTestPlane,
  until,
} from '../test-control-plane.ts';
import {
  makePythonModels,
  needsTestPython,
  saidInPython,
  servePythonModel,
  testPython,
} from '../engines/test-python-models.ts';

const run = promisify(execFile);

/** The graph of a model, as its registration makes it. */
async function serveGraph(folder: string, model: string): Promise<ServedVersion> {
  const { columns, data } = saidInPython(folder, model);
  const rowsFile = join(folder, `${model}.graph-rows.json`);
  writeFileSync(rowsFile, JSON.stringify({ columns, data }));
  const job = {
    signal: new AbortController().signal,
    progress: async () => undefined,
    run: async (command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv } = {}) =>
      (await run(command, [...args], { env: options.env ?? process.env })).stdout,
  };
  const converted = await convertModel(
    {
      modelFolder: join(folder, model),
      outFolder: join(folder, `${model}.out`),
      rowsFile,
      python: testPython,
      criteria: defaultCriteria,
    },
    job,
  );
  if (converted.engine === 'python') throw new Error(`${model} has no graph: ${converted.reason}`);
  const bytes = readFileSync(converted.onnxFile);
  const digest = addBlob(bytes);
  return {
    model,
    version: 1,
    runId: null,
    engine: 'onnx',
    digest,
    byteCount: bytes.length,
    schema: converted.schema,
    schemaHash: digest,
  };
}

const columnOf = (data: readonly (readonly Cell[])[], place: number): Cell[] =>
  data.map((row) => row[place] as Cell);

/** Each way to ask the same: the rows as they are, or with 1 and 0 for true and false. */
function bodiesOf(columns: readonly string[], data: readonly (readonly Cell[])[]): Record<string, unknown> {
  const records = data.map((row) => Object.fromEntries(columns.map((name, place) => [name, row[place]])));
  return {
    split: { dataframe_split: { columns, data } },
    records: { dataframe_records: records },
    instances: { instances: records },
    inputs: { inputs: Object.fromEntries(columns.map((name, place) => [name, columnOf(data, place)])) },
  };
}

const datatypeOf = (value: unknown): string =>
  typeof value === 'boolean' ? 'BOOL' : typeof value === 'string' ? 'BYTES' : 'FP64';

test(
  'a column of true and false takes true, false, 1 and 0 in every form of a request, and the answer is Python’s',
  needsTestPython,
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-truths-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const names = ['truths', 'truths_by_name'];
    await makePythonModels(folder, names);
    const graphs = [];
    for (const name of names) graphs.push(await serveGraph(folder, name));
    const python = await servePythonModel(folder, 'truths', 2);
    const control = await startControlPlane();
    context.after(() => control.stop());
    const byPython = endpointOf('by-python', 'truths', [{ version: 2, variant: 'champion', weight: 1 }]);
    control.publish([...names.map((name) => endpointOf(name, name)), byPython], [...graphs, python]);
    const { address } = await startTestPlane(context, control);
    await until(
      async () =>
        ((await (await fetch(`${address}/health`)).json()) as { endpoints: string[] }).endpoints.length === 3,
      60_000,
    );

    for (const [endpoint, model] of [
      ['truths', 'truths'],
      ['truths_by_name', 'truths_by_name'],
      ['by-python', 'truths'],
    ] as const) {
      const { columns, data, predict } = saidInPython(folder, model);
      const place = columns.indexOf('is_weekend');
      const asNumbers = data.map((row) => row.with(place, Number(row[place])));
      for (const rows of [data, asNumbers]) {
        for (const [form, body] of Object.entries(bodiesOf(columns, rows))) {
          const { status, body: answer } = await post(`${address}/endpoints/${endpoint}/invocations`, body);
          assert.equal(status, 200, `${endpoint}, ${form}: ${JSON.stringify(answer)}`);
          assert.deepEqual(answer['predictions'], predict, `${endpoint}, ${form}`);
        }
        const csv = [
          columns.join(','),
          ...rows.map((row) =>
            row.map((cell) => (cell === true ? 'True' : cell === false ? 'False' : String(cell))).join(','),
          ),
        ];
        const fromCsv = await post(`${address}/endpoints/${endpoint}/invocations`, csv.join('\n'), {
          'content-type': 'text/csv',
        });
        assert.deepEqual(
          fromCsv.body['predictions'],
          predict,
          `${endpoint}, csv: ${JSON.stringify(fromCsv.body)}`,
        );
        for (const said of ['own', 'BOOL', 'INT64'] as const) {
          const inputs = columns.map((name, at) => ({
            name,
            shape: [rows.length, 1],
            datatype: at === place && said !== 'own' ? said : datatypeOf(rows[0]?.[at]),
            data: columnOf(rows, at),
          }));
          if (said === 'INT64' && rows === data) continue;
          const { status, body: answer } = await post(`${address}/v2/models/${endpoint}/infer`, { inputs });
          assert.equal(status, 200, `${endpoint}, V2 ${said}: ${JSON.stringify(answer)}`);
          assert.deepEqual(
            (answer['outputs'] as [{ data: unknown[] }])[0].data,
            predict,
            `${endpoint}, V2 ${said}`,
          );
        }
      }
      for (const odd of [2, 0.5, 'yes', null]) {
        const rows = [data[0]?.with(place, odd) ?? []];
        for (const [form, body] of Object.entries(bodiesOf(columns, rows))) {
          const { status, body: answer } = await post(`${address}/endpoints/${endpoint}/invocations`, body);
          assert.equal(status, 400, `${endpoint}, ${form}, ${odd}: ${JSON.stringify(answer)}`);
        }
      }
      const elsewhere = [data[0]?.with(columns.indexOf('dep_delay'), true) ?? []];
      assert.equal(
        (await post(`${address}/endpoints/${endpoint}/invocations`, bodiesOf(columns, elsewhere)['split']))
          .status,
        400,
        'true is no delay',
      );
    }
  },
);
