import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readExportJson } from '../../src/develop/traces/otlp-json.ts';
import { readExportRequest } from '../../src/develop/traces/otlp-message.ts';
import type { AnyValue, Attribute, SpanBatch } from '../../src/develop/traces/traces.ts';
import { TilthError } from '../../src/platform/errors.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;

type Json = Readonly<Record<string, unknown>>;
interface Sample {
  readonly wire: Uint8Array;
  /** protobuf's JSON of the same request */
  readonly json: Json;
}

/** a longer run takes more: TILTH_OTLP_SAMPLES=20000 */
const sampleCount = Number(process.env['TILTH_OTLP_SAMPLES'] ?? 300);

describe('OTLP requests that protobuf’s own encoder wrote', { skip }, () => {
  let samples: Sample[];

  before(async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    const script = fileURLToPath(new URL('otlp_samples.py', import.meta.url));
    const seed = process.env['TILTH_OTLP_SEED'] ?? '17';
    const { stdout } = await promisify(execFile)(python, [script, seed, String(sampleCount)], { maxBuffer: 2 ** 30 });
    samples = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { wire: string; json: Json })
      .map(({ wire, json }) => ({ wire: Buffer.from(wire, 'base64'), json }));
  });

  it('say to us what they say to it', () => {
    for (const { wire, json } of samples) assert.deepEqual(readExportRequest(wire), expected(json));
  });

  it('say the same in OTLP’s JSON', () => {
    for (const { json } of samples) {
      // JavaScript writes -0 as 0
      const text = JSON.stringify(json);
      assert.deepEqual(readExportJson(JSON.stringify(withHexIds(json))), expected(JSON.parse(text) as Json));
    }
  });

  it('are refused when damaged, or read as something else, and never break the reader', () => {
    const random = randomOf(5);
    let refusedCount = 0;
    for (const { wire } of samples) {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const damaged = Uint8Array.from(wire);
        const end = random() < 0.3 ? Math.floor(random() * wire.length) : wire.length;
        for (let hits = Math.floor(random() * 4); hits > 0; hits -= 1) damaged[Math.floor(random() * wire.length)] = Math.floor(random() * 256);
        try {
          readExportRequest(damaged.subarray(0, end));
        } catch (thrown) {
          assert.ok(thrown instanceof TilthError && thrown.code === 'OTLP_INVALID', String(thrown));
          refusedCount += 1;
        }
      }
    }
    assert.ok(refusedCount > samples.length, `${refusedCount}`);
  });
});

const list = (value: unknown): readonly Json[] => (value ?? []) as readonly Json[];
const hex = (base64: unknown): string => Buffer.from((base64 ?? '') as string, 'base64').toString('hex');
const statuses: Readonly<Record<string, 'OK' | 'ERROR'>> = { STATUS_CODE_OK: 'OK', STATUS_CODE_ERROR: 'ERROR' };

const expected = (request: Json): SpanBatch[] =>
  list(request['resourceSpans']).map((resourceSpans) => ({
    resource: attributes((resourceSpans['resource'] as Json | undefined)?.['attributes']),
    spans: list(resourceSpans['scopeSpans'])
      .flatMap((scope) => list(scope['spans']))
      .map((span) => ({
        traceId: hex(span['traceId']),
        id: hex(span['spanId']),
        parentId: span['parentSpanId'] === undefined ? null : hex(span['parentSpanId']),
        name: (span['name'] ?? '') as string,
        startNanos: (span['startTimeUnixNano'] ?? '0') as string,
        endNanos: (span['endTimeUnixNano'] ?? '0') as string,
        status: statuses[(span['status'] as Json | undefined)?.['code'] as string] ?? 'UNSET',
        statusMessage: ((span['status'] as Json | undefined)?.['message'] ?? '') as string,
        attributes: attributes(span['attributes']),
        events: list(span['events']).map((event) => ({
          name: (event['name'] ?? '') as string,
          atNanos: (event['timeUnixNano'] ?? '0') as string,
          attributes: attributes(event['attributes']),
        })),
        links: list(span['links']).map((link) => ({
          traceId: hex(link['traceId']),
          spanId: hex(link['spanId']),
          attributes: attributes(link['attributes']),
        })),
      })),
  }));

const attributes = (value: unknown): Attribute[] =>
  list(value).map((attribute) => ({ key: (attribute['key'] ?? '') as string, value: anyValue((attribute['value'] ?? {}) as Json) }));

function anyValue(value: Json): AnyValue {
  const [name] = Object.keys(value);
  if (name === undefined) return {};
  const inner = value[name] as Json;
  if (name === 'arrayValue') return { array_value: { values: list(inner['values']).map(anyValue) } };
  if (name === 'kvlistValue') return { kvlist_value: { values: attributes(inner['values']) } };
  return { [name.replace('Value', '_value')]: inner } as unknown as AnyValue;
}

/** OTLP's JSON has ids in hexadecimal digits, protobuf's in base64. */
const withHexIds = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withHexIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, /^(trace|span|parentSpan)Id$/.test(key) ? hex(item) : withHexIds(item)]));
};

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
