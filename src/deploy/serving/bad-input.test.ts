import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  endpointOf,
  late1,
  post,
  quietLog,
  rowAt,
  splitOf,
  startControlPlane,
  temporaryHome,
  until,
  weather1,
  type TestControlPlane,
} from './test-control-plane.ts';
import { startDataPlane, type DataPlane } from './data-plane.ts';

const lateTensors = (values: readonly unknown[] = [1, 100, 'AA']) => [
  { name: 'dep_delay', shape: [1, 1], datatype: 'FP32', data: [values[0]] },
  { name: 'distance', shape: [1, 1], datatype: 'FP32', data: [values[1]] },
  { name: 'carrier', shape: [1, 1], datatype: 'BYTES', data: [values[2]] },
];
const weatherRow = [1, 2, 3, 4, 5, 6, 7, 8];

/** Valid requests of each form, which are then broken. */
const valid: readonly (readonly [string, unknown])[] = [
  ['/endpoints/late/invocations', splitOf([rowAt(0)])],
  ['/endpoints/late/invocations', { dataframe_records: [{ dep_delay: 1, distance: 2, carrier: 'AA' }] }],
  [
    '/endpoints/late/invocations',
    { instances: [{ dep_delay: 1, distance: 2, carrier: 'AA' }], params: { tilth_keys: ['k'] } },
  ],
  [
    '/endpoints/late/invocations',
    { inputs: { dep_delay: [1], distance: [2], carrier: ['AA'] }, params: { tilth_event_at: [5] } },
  ],
  [
    '/endpoints/weather/invocations',
    { dataframe_split: { columns: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], data: [weatherRow] } },
  ],
  ['/endpoints/weather/invocations', { inputs: [weatherRow] }],
  ['/v2/models/late/infer', { id: 'x', inputs: lateTensors(), outputs: [{ name: 'label' }] }],
  [
    '/v2/models/weather/infer',
    {
      parameters: { timeout: 1e6 },
      inputs: [{ name: 'X', shape: [1, 8], datatype: 'FP32', data: weatherRow }],
    },
  ],
];

/** What may stand in the place of any value. */
const strange = fc.oneof(
  fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown),
  fc.constantFrom<unknown>(
    null,
    true,
    [],
    {},
    '',
    '\ud800',
    -1,
    1.5,
    1e308,
    2 ** 53,
    '__proto__',
    [[[[[]]]]],
    { __proto__: null, constructor: 1 },
  ),
);

/** Replaces, drops or doubles one part of a document, anywhere in it. */
function broken(document: unknown, path: readonly number[], how: number, by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof document !== 'object' || document === null) return by;
  const keys = Object.keys(document);
  const key = keys[step % Math.max(keys.length, 1)];
  if (key === undefined) return by;
  const part = (document as Record<string, unknown>)[key];
  if (Array.isArray(document)) {
    if (rest.length > 0 || how === 0) return document.with(Number(key), broken(part, rest, how, by));
    return how === 1 ? document.toSpliced(Number(key), 1) : [...document, part];
  }
  if (rest.length > 0 || how === 0) return { ...document, [key]: broken(part, rest, how, by) };
  const { [key]: _, ...others } = document as Record<string, unknown>;
  return how === 1 ? others : { ...document, [`${key}2`]: part };
}

describe('bad input', () => {
  let control: TestControlPlane;
  let plane: DataPlane;
  before(async () => {
    control = await startControlPlane();
    control.publish([endpointOf('late', 'late'), endpointOf('weather', 'weather')], [late1, weather1]);
    const context = { after: (close: () => void) => void closing.push(close) };
    plane = await startDataPlane({
      port: 0,
      server: control.address,
      home: temporaryHome(context as never),
      log: quietLog,
      limits: { bodyBytes: 1_000_000 },
    });
    await until(async () => (await fetch(`${plane.address}/ping`)).ok);
  });
  const closing: (() => void)[] = [];
  after(async () => {
    await plane.close();
    await control.stop();
    for (const close of closing) close();
  });

  async function askedWith(
    path: string,
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> {
    const response = await fetch(`${plane.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: body as string,
    });
    const text = await response.text();
    // a timeout of a microsecond is a wish that can be read
    assert.ok(
      response.status < 500 || response.status === 504,
      `${response.status} for ${path}: ${text} ${body.toString().slice(0, 300)}`,
    );
    if (response.status >= 400) {
      assert.doesNotMatch(
        text,
        /\.ts\b|\.js\b|node_modules|    at |\/home\/|\/tmp\/|onnxruntime/i,
        body.toString().slice(0, 300),
      );
      const told = path.startsWith('/v2') ? 'error' : 'message';
      if (response.status !== 415)
        assert.equal(typeof (JSON.parse(text) as Record<string, unknown>)[told], 'string', text);
    }
    return { status: response.status, text };
  }

  it('is never the fault of the plane, in any dialect, whichever part of a request is wrong', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...valid),
        fc.array(fc.nat(8), { maxLength: 5 }),
        fc.nat(2),
        strange,
        async ([path, document], at, how, by) => {
          await askedWith(path, JSON.stringify(broken(document, at, how, by)));
        },
      ),
      { numRuns: 700 },
    );
  });

  it('is never the fault of the plane when bytes are cut, changed or doubled', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...valid),
        fc.nat(),
        fc.nat(),
        fc.uint8Array({ maxLength: 4 }),
        async ([path, document], from, length, by) => {
          const bytes = Buffer.from(JSON.stringify(document));
          const at = from % (bytes.length + 1);
          const body = Buffer.concat([
            bytes.subarray(0, at),
            by,
            bytes.subarray(Math.min(bytes.length, at + (length % 12))),
          ]);
          await askedWith(path, body);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('in binary tensors is refused: cut short, too long, with lengths that lie', async () => {
    const floats = Buffer.from(Float32Array.from(weatherRow).buffer);
    const binary = (
      size: unknown,
      shape: unknown,
      tail: Buffer,
      datatype = 'FP32',
      name = 'X',
    ): [Buffer, string] => {
      const head = Buffer.from(
        JSON.stringify({ inputs: [{ name, shape, datatype, parameters: { binary_data_size: size } }] }),
      );
      return [Buffer.concat([head, tail]), String(head.length)];
    };
    const [good, length] = binary(32, [1, 8], floats);
    assert.equal(
      (await askedWith('/v2/models/weather/infer', good, { 'inference-header-content-length': length }))
        .status,
      200,
    );
    const bad: [Buffer, string][] = [
      binary(32, [1, 8], floats.subarray(0, 31)),
      binary(31, [1, 8], floats.subarray(0, 31)),
      binary(-32, [1, 8], floats),
      binary(1.5, [1, 8], floats),
      binary(2 ** 40, [1, 8], floats),
      binary(32, [1, 7], floats),
      binary(32, [2 ** 31, 2 ** 31], floats),
      binary(32, [-1, 8], floats),
      binary(32, [1, 8], Buffer.concat([floats, floats])),
      binary(32, [1, 8], floats, 'FP8'),
      binary(32, [1, 8], floats, '__proto__'),
      binary(32, [1, 8], floats, 'toString'),
      binary(8, [1, 1], Buffer.from([255, 255, 255, 255, 1, 2, 3, 4]), 'BYTES', 'carrier'),
      [good, '99999'],
      [good, '-1'],
      [good, 'x'],
      [good, '3'],
    ];
    for (const [body, header] of bad) {
      const { status, text } = await askedWith('/v2/models/weather/infer', body, {
        'inference-header-content-length': header,
      });
      assert.equal(status, 400, text);
    }
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: -1, max: 300 }),
        async (noise, header) => {
          await askedWith('/v2/models/late/infer', Buffer.from(noise), {
            'inference-header-content-length': String(header),
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of the known kinds gets its status, and the column is named', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const cases: [string, string, Record<string, string>, number, RegExp][] = [
      ['/endpoints/late/invocations', '{"dataframe_split":', {}, 400, /not valid JSON/],
      [
        '/endpoints/late/invocations',
        `{"dataframe_split": {"columns": ["dep_delay","distance","carrier"], "data": ${deep}}}`,
        {},
        400,
        /./,
      ],
      ['/endpoints/late/invocations', deep, {}, 400, /./],
      ['/v2/models/late/infer', `{"inputs": ${deep}}`, {}, 400, /./],
      [
        '/v2/models/weather/infer',
        JSON.stringify({ inputs: [{ name: 'X', shape: [1, 8], datatype: 'FP32', data: 'x' }] }).replace(
          '"x"',
          deep,
        ),
        {},
        400,
        /X/,
      ],
      [
        '/endpoints/late/invocations',
        '{"dataframe_split":{"columns":["dep_delay","distance","carrier"],"data":[[1,2,"\\ud800"]]}}',
        {},
        200,
        /predictions/,
      ],
      [
        '/endpoints/late/invocations',
        '{"inputs": 1, "inputs": {"dep_delay":[1],"distance":[2],"carrier":["AA"]}}',
        {},
        200,
        /predictions/,
      ],
      ['/endpoints/weather/invocations', '{"inputs": [[1,2,3,4,5,6,7,NaN]]}', {}, 400, /\\"h\\"/],
      ['/endpoints/weather/invocations', '{"inputs": [[1,2,3,4,5,6,7]]}', {}, 400, /7 values/],
      [
        '/endpoints/weather/invocations',
        '{"inputs": [[1,2,3,4,5,6,7,"8"]]}',
        {},
        400,
        /\\"h\\" takes numbers/,
      ],
      [
        '/endpoints/late/invocations',
        'dep_delay,distance\n1,2',
        { 'content-type': 'text/csv' },
        400,
        /\\"carrier\\" is missing/,
      ],
      [
        '/endpoints/late/invocations',
        'dep_delay,distance,carrier\n1,"2,AA',
        { 'content-type': 'text/csv' },
        400,
        /quote/,
      ],
      ['/endpoints/late/invocations', 'x', { 'content-type': 'text/plain' }, 415, /does not read/],
      [
        '/endpoints/late/invocations',
        'PAR1 no parquet PAR1',
        { 'content-type': 'application/vnd.apache.parquet' },
        400,
        /Parquet/,
      ],
      ['/endpoints/late/invocations', 'x'.repeat(1_000_001), {}, 413, /1000000 bytes/],
      ['/endpoints/late/invocations', 'x', { 'content-encoding': 'gzip' }, 400, /gzip/],
      ['/endpoints/late/invocations', 'x', { 'content-encoding': 'br' }, 400, /br/],
      ['/endpoints/%E0%A4%A/invocations', '{}', {}, 400, /./],
      ['/endpoints/__proto__/invocations', '{}', {}, 404, /no endpoint/],
      ['/v2/models/late/versions/99/infer', JSON.stringify({ inputs: lateTensors() }), {}, 404, /version 99/],
    ];
    for (const [path, body, headers, status, message] of cases) {
      const answer = await askedWith(path, body, headers);
      assert.equal(answer.status, status, `${path} ${body.slice(0, 100)}: ${answer.text}`);
      assert.match(answer.text, message);
    }
  });

  it('leaves others served', async () => {
    assert.equal(
      (await post(`${plane.address}/endpoints/late/invocations`, splitOf([rowAt(0)]))).status,
      200,
    );
    assert.equal(
      (await post(`${plane.address}/endpoints/weather/invocations`, { inputs: [weatherRow] })).status,
      200,
    );
  });
});
