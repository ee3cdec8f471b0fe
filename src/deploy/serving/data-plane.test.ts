import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  columns,
  endpointOf,
  expected,
  late1,
  late2,
  loggedIn,
  post,
  rowAt,
  splitOf,
  startControlPlane,
  startTestPlane,
  temporaryHome,
  until,
  weather1,
  type TestControlPlane,
} from './test-control-plane.ts';

const all = Array.from({ length: 200 }, (_, index) => rowAt(index));

describe('the data plane', () => {
  let control: TestControlPlane;
  before(async () => {
    control = await startControlPlane();
    control.publish([endpointOf('late', 'late')], [late1, late2, weather1]);
  });
  after(() => control.stop());

  it('answers every MLflow form with the labels of scikit-learn', async (context) => {
    const { address } = await startTestPlane(context, control);
    const records = all.map(([dep_delay, distance, carrier]) => ({ carrier, extra: 1, distance, dep_delay }));
    const csv = ['carrier,dep_delay,distance', ...all.map(([delay, distance, carrier]) => `"${carrier}",${delay ?? ''},${distance}`)].join('\n');
    for (const body of [splitOf(all), { dataframe_records: records }, { instances: records }, { inputs: expected.rows }]) {
      const answer = await post(`${address}/invocations`, body);
      assert.deepEqual(answer.body, { predictions: expected['late-1'].label }, Object.keys(body)[0]);
      assert.equal(answer.headers.get('x-tilth-version'), '1');
    }
    assert.deepEqual((await post(`${address}/invocations`, csv, { 'content-type': 'text/csv; charset=utf-8' })).body, {
      predictions: expected['late-1'].label,
    });
  });

  it('gives a request the time that its endpoint declares, unless its caller names another', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([{ ...endpointOf('late', 'late'), deadlineMs: 0.001 }], [late1]);
    const { address } = await startTestPlane(context, control);
    const status = async (headers: Record<string, string>) => (await post(`${address}/invocations`, splitOf([rowAt(0)]), headers)).status;
    assert.equal(await status({}), 504);
    assert.equal(await status({ 'x-tilth-deadline-ms': '9000' }), 200);
  });

  it('says by which approval the version may answer, where the configuration tells', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late'), endpointOf('weather', 'weather')], [{ ...late1, approval: '01JDAPPROVED' }, weather1]);
    const { address } = await startTestPlane(context, control);
    const ask = async (endpoint: string, body: unknown) => (await post(`${address}/endpoints/${endpoint}/invocations`, body)).headers.get('x-tilth-approval');
    assert.equal(await ask('late', splitOf([rowAt(0)])), '01JDAPPROVED');
    assert.equal(await ask('weather', { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]] }), null);
  });

  it('batches requests of one turn without mixing their rows', async (context) => {
    const { address } = await startTestPlane(context, control);
    const answers = await Promise.all(all.map((row) => post(`${address}/endpoints/late/invocations`, splitOf([row]))));
    assert.deepEqual(
      answers.map((answer) => (answer.body['predictions'] as number[])[0]),
      expected['late-1'].label,
    );
  });

  it('refuses what the schema does not allow, and names the column', async (context) => {
    const { address } = await startTestPlane(context, control);
    const refusals: [unknown, string, RegExp][] = [
      [{ dataframe_split: { columns: ['dep_delay', 'carrier'], data: [[1, 'AA']] } }, 'INVALID_PARAMETER_VALUE', /"distance" is missing/],
      [splitOf([['soon', 100, 'AA']]), 'BAD_REQUEST', /"dep_delay" takes numbers \(FP32\), and row 0 holds "soon"/],
      [splitOf([[1, null, 'AA']]), 'BAD_REQUEST', /"distance" lacks a value in row 0/],
      [splitOf([[1, 100, 7]]), 'BAD_REQUEST', /"carrier" takes text/],
      [splitOf([[1, 100]]), 'INVALID_PARAMETER_VALUE', /2 values for 3 columns/],
      [{ instances: [[1, 100, 'AA']] }, 'INVALID_PARAMETER_VALUE', /by name/],
      [{ inputs: {}, instances: [] }, 'BAD_REQUEST', /instances and inputs/],
      ['[1]', 'BAD_REQUEST', /JSON object/],
      ['{', 'BAD_REQUEST', /not valid JSON/],
      [{ ...splitOf([[1, 100, 'AA']]), params: { tilth_keys: [] } }, 'INVALID_PARAMETER_VALUE', /tilth_keys has 0 values for 1 rows/],
    ];
    for (const [body, code, message] of refusals) {
      const answer = await post(`${address}/invocations`, body);
      assert.equal(answer.status, 400);
      assert.equal(answer.body['error_code'], code);
      assert.match(String(answer.body['message']), message);
      assert.doesNotMatch(JSON.stringify(answer.body), /\.ts|node_modules/);
    }
    assert.equal((await post(`${address}/invocations`, 'x', { 'content-type': 'application/x-parquet' })).status, 415);
    assert.equal((await post(`${address}/endpoints/none/invocations`, splitOf(all))).status, 404);
  });

  it('refuses bodies over its limit and pages of other origins', async (context) => {
    const { address } = await startTestPlane(context, control, { limits: { bodyBytes: 1000 } });
    assert.equal((await post(`${address}/invocations`, splitOf(all))).status, 413);
    assert.equal((await post(`${address}/invocations`, splitOf([rowAt(0)]), { origin: 'https://elsewhere.example' })).status, 403);
    assert.equal((await post(`${address}/invocations`, splitOf([rowAt(0)]))).status, 200);
  });

  it('logs each answered row with features, probabilities, key and time of the event', async (context) => {
    const { address, home, close } = await startTestPlane(context, control);
    await post(
      `${address}/invocations`,
      { ...splitOf([rowAt(0), rowAt(3)]), params: { tilth_keys: ['UA1', 'AA2'], tilth_event_at: [1_357_034_400_000, null] } },
      { 'x-tilth-request-id': 'first', 'x-tilth-caller': 'gate-12', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    );
    await close();
    const [record, ...others] = loggedIn(home);
    assert.equal(others.length, 0);
    assert.partialDeepStrictEqual(record, {
      requestId: 'first',
      keys: ['UA1', 'AA2'],
      eventAt: [1_357_034_400_000, null],
      endpoint: 'late',
      model: 'late',
      version: 1,
      variant: 'champion',
      schemaHash: late1.schemaHash,
      rowCount: 2,
      features: { dep_delay: [8, null], carrier: [rowAt(0)[2], rowAt(3)[2]] },
      prediction: [expected['late-1'].label[0], expected['late-1'].label[3]] as number[],
      caller: 'gate-12',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      status: 'ok',
    });
    const given = expected['late-1'].probabilities[0]?.[1] ?? 0;
    assert.ok(Math.abs((record?.probabilities['1']?.[0] ?? 0) - given) < 1e-6);
  });

  it('answers a repeated request again and logs it once', async (context) => {
    const { address, home, close } = await startTestPlane(context, control);
    for (const logged of [null, 'repeat']) {
      const answer = await post(`${address}/invocations`, splitOf([rowAt(1)]), { 'x-tilth-request-id': 'again' });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('x-tilth-logged'), logged);
    }
    await close();
    assert.equal(loggedIn(home).length, 1);
  });

  it('gives no answer that it could not log', async (context) => {
    const { address, home } = await startTestPlane(context, control, { plane: 'full-disk' });
    const { chmodSync, rmSync } = await import('node:fs');
    const folder = join(home.predictions, 'segments');
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    chmodSync(folder, 0o400);
    const answer = await post(`${address}/invocations`, splitOf([rowAt(1)]), { 'x-tilth-request-id': 'lost' });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('retry-after'), '1');
    assert.match(String(answer.body['message']), /could not be written to the log/);
    rmSync(folder);
    assert.equal((await post(`${address}/invocations`, splitOf([rowAt(1)]), { 'x-tilth-request-id': 'lost' })).status, 200);
    assert.equal(loggedIn(home).length, 1);
    assert.match(await (await fetch(`${address}/metrics`)).text(), /tilth_prediction_log_failures_total 1/);
  });

  it('tells the control plane each second how it goes', async (context) => {
    const { address } = await startTestPlane(context, control, { plane: 'teller' });
    await post(`${address}/invocations`, splitOf(all));
    const mine = () => control.reports.filter((report) => report.plane === 'teller').at(-1);
    await until(() => mine()?.endpoints[0]?.rowCount === 200);
    assert.partialDeepStrictEqual(mine(), { address, endpoints: [{ name: 'late', requestCount: 1, failedCount: 0 }] });
    const metrics = await (await fetch(`${address}/metrics`)).text();
    assert.match(metrics, /tilth_inference_requests_total\{endpoint="late",model="late",version="1",status="ok"\} 1/);
    assert.match(metrics, /nv_inference_count\{model="late",version="1"\} 200/);
  });
});

describe('routes', () => {
  it('a shadow sees every request, is logged, and never answers', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish(
      [
        endpointOf('late', 'late', [
          { version: 1, variant: 'champion', weight: 1 },
          { version: 2, variant: 'shadow', weight: 0 },
        ]),
      ],
      [late1, late2],
    );
    const { address, home, close } = await startTestPlane(context, control);
    const answers = await Promise.all(all.map((row) => post(`${address}/invocations`, splitOf([row]))));
    assert.deepEqual(answers.map((answer) => (answer.body['predictions'] as number[])[0]), expected['late-1'].label);
    const named = await fetch(`${address}/v2/models/late/versions/2/infer`, { method: 'POST', body: '{"inputs":[]}' });
    assert.equal(named.status, 404, 'a shadow that a caller names');
    await close();
    const byVariant = Map.groupBy(loggedIn(home), (record) => record.variant);
    assert.equal(byVariant.get('champion')?.length, 200);
    assert.equal(byVariant.get('shadow')?.length, 200);
    assert.deepEqual(
      new Set(byVariant.get('shadow')?.map((record) => record.requestId)),
      new Set(byVariant.get('champion')?.map((record) => record.requestId)),
    );
    const rowOf = new Map(all.map((row, index) => [JSON.stringify(row), index]));
    for (const record of byVariant.get('shadow') ?? []) {
      const row = columns.map((name) => record.features[name]?.[0]);
      assert.equal(record.prediction[0], expected['late-2'].label[rowOf.get(JSON.stringify(row)) ?? -1]);
    }
  });

  it('a key meets the same version each time, and the canary gets its share of keys', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish(
      [
        endpointOf('late', 'late', [
          { version: 1, variant: 'champion', weight: 0.8 },
          { version: 2, variant: 'canary', weight: 0.2 },
        ]),
      ],
      [late1, late2],
    );
    const { address } = await startTestPlane(context, control);
    const versionOf = async (key: string) =>
      (await post(`${address}/invocations`, splitOf([rowAt(0)]), { 'x-tilth-key': key })).headers.get('x-tilth-version');
    const keys = Array.from({ length: 300 }, (_, index) => `N${index}`);
    const first = await Promise.all(keys.map(versionOf));
    assert.deepEqual(await Promise.all(keys.map(versionOf)), first);
    const share = first.filter((version) => version === '2').length / keys.length;
    assert.ok(share > 0.12 && share < 0.28, `canary met by ${share}`);
  });

  it('a swap of versions under load fails no request', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    const serve = (version: number) =>
      control.publish([endpointOf('late', 'late', [{ version, variant: 'champion', weight: 1 }])], version === 1 ? [late1] : [late2]);
    serve(1);
    const { address, home, close } = await startTestPlane(context, control);
    const met = new Map<string, number>();
    let isOver = false;
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const index = Math.floor(Math.random() * 200);
        const answer = await post(`${address}/invocations`, splitOf([all[index]]));
        assert.equal(answer.status, 200);
        const version = answer.headers.get('x-tilth-version') ?? '';
        assert.equal((answer.body['predictions'] as number[])[0], expected[`late-${version}` as 'late-1'].label[index]);
        met.set(version, (met.get(version) ?? 0) + 1);
      }
    });
    for (let swap = 0; swap < 10; swap++) {
      serve(swap % 2 === 0 ? 2 : 1);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    isOver = true;
    await Promise.all(load);
    await close();
    const answered = (met.get('1') ?? 0) + (met.get('2') ?? 0);
    assert.ok((met.get('1') ?? 0) > 0 && (met.get('2') ?? 0) > 0);
    assert.equal(loggedIn(home).length, answered);
  });

  it('a version that cannot be loaded leaves the one before in place, and is told', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late')], [late1]);
    const { address } = await startTestPlane(context, control, { plane: 'careful' });
    control.publish(
      [endpointOf('late', 'late', [{ version: 3, variant: 'champion', weight: 1 }])],
      [{ ...late2, version: 3, digest: 'f'.repeat(64) }],
    );
    await until(() => (control.reports.at(-1)?.problems?.[0] ?? '').includes('version 3'));
    const answer = await post(`${address}/invocations`, splitOf([rowAt(0)]));
    assert.equal(answer.headers.get('x-tilth-version'), '1');
  });

  it('several endpoints are told apart by their path', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late'), endpointOf('weather', 'weather')], [late1, weather1]);
    const { address } = await startTestPlane(context, control);
    const { rows, label } = expected.weather;
    assert.deepEqual((await post(`${address}/endpoints/weather/invocations`, { instances: rows })).body, { predictions: label });
    const split = { dataframe_split: { columns: ['h', 'g', 'f', 'e', 'd', 'c', 'b', 'a'], data: rows.map((row) => row.toReversed()) } };
    assert.deepEqual((await post(`${address}/endpoints/weather/invocations`, split)).body, { predictions: label });
    const ambiguous = await post(`${address}/invocations`, split);
    assert.equal(ambiguous.status, 400);
    assert.match(String(ambiguous.body['message']), /\/endpoints\/weather\/invocations/);
  });
});

describe('without the control plane', () => {
  it('serving goes on, survives a restart, and follows again when it is back', async (context) => {
    const control = await startControlPlane();
    control.publish([endpointOf('late', 'late')], [late1]);
    const home = temporaryHome(context);
    const first = await startTestPlane(context, control, { home });
    const port = Number(new URL(control.address).port);
    await control.stop();
    assert.equal((await post(`${first.address}/invocations`, splitOf([rowAt(0)]))).status, 200);
    await first.close();
    const second = await startTestPlane(context, control, { home });
    assert.deepEqual((await post(`${second.address}/invocations`, splitOf(all))).body, { predictions: expected['late-1'].label });
    // a control plane that starts anew counts its revisions from the beginning
    const back = await startControlPlane(port);
    context.after(() => back.stop());
    back.publish([endpointOf('late', 'late', [{ version: 2, variant: 'champion', weight: 1 }])], [late1, late2]);
    await until(async () => (await post(`${second.address}/invocations`, splitOf([rowAt(0)]))).headers.get('x-tilth-version') === '2');
    assert.ok(readFileSync(join(home.serving, 'config.json'), 'utf8').includes(late2.digest));
  });

  it('a plane that is still loading tells nobody that an endpoint does not exist', async (context) => {
    const control = await startControlPlane();
    control.publish([endpointOf('late', 'late')], [late1]);
    const home = temporaryHome(context);
    const first = await startTestPlane(context, control, { home });
    const port = Number(new URL(first.address).port);
    await first.close();
    await control.stop();
    const statuses = new Set<number>();
    const asking = (async () => {
      while (!statuses.has(200)) {
        // a port that nobody listens on yet is no answer
        const answer = await post(`${first.address}/endpoints/late/invocations`, splitOf([rowAt(0)])).catch(() => undefined);
        if (answer !== undefined) statuses.add(answer.status);
      }
    })();
    await startTestPlane(context, control, { home, port });
    await asking;
    statuses.delete(503);
    assert.deepEqual([...statuses], [200]);
  });

  it('a plane without any configuration is not ready and says why', async (context) => {
    const control = await startControlPlane();
    await control.stop();
    const { startDataPlane } = await import('./data-plane.ts');
    const { quietLog } = await import('./test-control-plane.ts');
    const plane = await startDataPlane({ port: 0, server: control.address, home: temporaryHome(context), log: quietLog });
    context.after(() => plane.close());
    const health = await fetch(`${plane.address}/health`);
    assert.equal(health.status, 503);
    assert.match(await health.text(), /waiting for its first configuration/);
    assert.equal((await fetch(`${plane.address}/ping`)).status, 404);
    assert.equal((await fetch(`${plane.address}/v2/health/ready`)).status, 503);
    assert.equal((await fetch(`${plane.address}/v2/health/live`)).status, 200);
    assert.equal((await post(`${plane.address}/endpoints/late/invocations`, splitOf([rowAt(0)]))).status, 503);
  });
});
