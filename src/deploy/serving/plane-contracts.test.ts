import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  columns,
  endpointOf,
  expected,
  late1,
  loggedIn,
  post,
  rowAt,
  splitOf,
  startControlPlane,
  startTestPlane,
  weather1,
  type TestControlPlane,
} from './test-control-plane.ts';

describe('contracts of others', () => {
  let control: TestControlPlane;
  before(async () => {
    control = await startControlPlane();
    control.publish([endpointOf('late', 'late'), endpointOf('weather', 'weather')], [late1, weather1]);
  });
  after(() => control.stop());

  it('a Parquet file is a data frame, with its columns in any order', async (context) => {
    const { address } = await startTestPlane(context, control);
    const folder = mkdtempSync(join(tmpdir(), 'tilth-parquet-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const quoted = (value: number | string | null): string =>
      value === null ? 'NULL' : typeof value === 'string' ? `'${value}'` : String(value);
    const rows = Array.from({ length: 200 }, (_, index) => `(${rowAt(index).map(quoted).join(', ')})`).join(
      ', ',
    );
    const file = join(folder, 'rows.parquet');
    await connection.run(
      `COPY (SELECT carrier, CAST(dep_delay AS DOUBLE) AS dep_delay, 1 AS extra, CAST(distance AS BIGINT) AS distance FROM (VALUES ${rows}) AS rows(${columns.join(', ')})) TO '${file}'`,
    );
    const answer = await fetch(`${address}/endpoints/late/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.apache.parquet' },
      body: readFileSync(file),
    });
    assert.deepEqual(await answer.json(), { predictions: expected['late-1'].label });
  });

  it('what SageMaker says in headers counts: inference id, variant, attributes', async (context) => {
    const { address, home, close } = await startTestPlane(context, control);
    const url = `${address}/endpoints/late/invocations`;
    const answer = await post(url, splitOf([rowAt(0)]), {
      'x-amzn-sagemaker-inference-id': 'flight-7',
      'x-amzn-sagemaker-target-variant': 'champion',
      'x-amzn-sagemaker-custom-attributes': 'c=1',
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-amzn-invoked-production-variant'), 'champion');
    assert.equal(
      answer.headers.get('x-amzn-sagemaker-custom-attributes'),
      'tilth-version=1;tilth-request-id=flight-7',
    );
    const unknown = await post(url, splitOf([rowAt(0)]), { 'x-amzn-sagemaker-target-variant': 'blue' });
    assert.equal(unknown.status, 404);
    await close();
    assert.equal(loggedIn(home)[0]?.requestId, 'flight-7');
  });

  it('the description of each endpoint has an example that is answered as it is', async (context) => {
    const { address } = await startTestPlane(context, control);
    const openapi = (await (await fetch(`${address}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, { post?: { requestBody: { content: Record<string, { example?: unknown }> } } }>;
    };
    assert.equal(openapi.openapi, '3.1.0');
    const operations = Object.entries(openapi.paths).flatMap(([path, { post: operation }]) =>
      operation === undefined ? [] : [{ path, operation }],
    );
    assert.equal(operations.length, 4);
    for (const { path, operation } of operations) {
      const answer = await post(
        `${address}${path}`,
        operation.requestBody.content['application/json']?.example,
      );
      assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`);
    }
  });
});
