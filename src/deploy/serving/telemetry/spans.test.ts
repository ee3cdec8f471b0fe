import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import {
  endpointOf,
  late1,
  post,
  quietLog,
  rowAt,
  splitOf,
  startControlPlane,
  startTestPlane,
  until,
} from '../test-control-plane.ts';
import { exportRequest, spanTarget } from './span-exporter.ts';

interface SentSpan {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, string> }[];
}

describe('spans', () => {
  it('of predictions go to the collector with the trace of the caller, and a collector that is away changes no answer', async (context) => {
    const spans: SentSpan[] = [];
    const collector = createServer((request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        const sent = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: SentSpan[] }[] }[] };
        spans.push(...sent.resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)));
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    context.after(() => collector.close());
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late')], [late1]);
    const target = spanTarget({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`,
    });
    assert.ok(target !== undefined);
    const { address, close } = await startTestPlane(context, control, { spans: target });
    const trace = (flags: string) => ({
      traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`,
    });
    const url = `${address}/endpoints/late/invocations`;
    assert.equal(
      (await post(url, splitOf([rowAt(0)]), { ...trace('01'), 'x-tilth-request-id': 'r1' })).status,
      200,
    );
    assert.equal((await post(url, splitOf([rowAt(0)]), trace('00'))).status, 200);
    assert.equal((await post(url, '{')).status, 400);
    await close();
    await until(() => spans.length === 2);
    const [first, second] = spans;
    assert.equal(first?.traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.equal(first?.parentSpanId, 'b7ad6b7169203331');
    const attributes = Object.fromEntries(
      (first?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
    );
    assert.partialDeepStrictEqual(attributes, {
      'tilth.version': '1',
      'tilth.request_id': 'r1',
      'http.response.status_code': '200',
    });
    assert.equal(second?.parentSpanId, undefined);

    const nowhere = await startTestPlane(context, control, {
      spans: { url: 'http://127.0.0.1:9/v1/traces', headers: {}, serviceName: 's' },
      log: quietLog,
    });
    assert.equal((await post(`${nowhere.address}/invocations`, splitOf([rowAt(0)]))).status, 200);
    await nowhere.close();
  });

  it('have the form of OpenTelemetry: its own classes read them', (context) => {
    const python = process.env['TILTH_TEST_PYTHON'];
    if (python === undefined) {
      assert.equal(process.env['CI'], undefined, 'TILTH_TEST_PYTHON is missing');
      context.skip('TILTH_TEST_PYTHON names no Python');
      return;
    }
    const span = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentSpanId: 'c'.repeat(16),
      name: 'POST /invocations',
      startedAt: 1_700_000_000_000.25,
      endedAt: 1_700_000_000_001,
      attributes: { a: 'x', b: 200 },
      isError: true,
    };
    const source =
      'import sys\nfrom google.protobuf.json_format import Parse\nfrom opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as R\n' +
      's=Parse(sys.stdin.read(), R()).resource_spans[0].scope_spans[0].spans[0]\nprint(s.start_time_unix_nano, s.end_time_unix_nano, s.kind, s.status.code, s.attributes[1].value.int_value)';
    const { stdout, stderr } = spawnSync(python, ['-c', source], {
      input: JSON.stringify(exportRequest('s', [span])),
      encoding: 'utf8',
    });
    assert.equal(stdout.trim(), '1700000000000250000 1700000000001000000 2 2 200', stderr);
  });
});
