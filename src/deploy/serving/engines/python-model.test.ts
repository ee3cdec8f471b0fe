import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ServedVersion } from '../serving-api.ts';
import {
  endpointOf,
  loggedIn,
  post,
  startControlPlane,
  startTestPlane,
  until,
} from '../test-control-plane.ts';
import { makePythonModels, needsTestPython, saidInPython, servePythonModel } from './test-python-models.ts';

const names = ['categorical', 'spline', 'function', 'forest', 'beside', 'moody'];

describe('models of their own Python', needsTestPython, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-python-models-'));
  const served = new Map<string, ServedVersion>();
  before(async () => {
    await makePythonModels(folder, names);
    for (const name of names) served.set(name, await servePythonModel(folder, name));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const publish = (control: Awaited<ReturnType<typeof startControlPlane>>, which: readonly string[]): void =>
    control.publish(
      which.map((name) => endpointOf(name, name)),
      which.map((name) => served.get(name) as ServedVersion),
    );

  for (const name of ['categorical', 'spline', 'function', 'forest']) {
    test(
      `${name}: /invocations and /v2 give what the model says in Python`,
      { timeout: 120_000 },
      async (context) => {
        const control = await startControlPlane();
        context.after(() => control.stop());
        publish(control, [name]);
        const plane = await startTestPlane(context, control);
        const said = saidInPython(folder, name);
        const { columns, data } = said;

        const whole = await post(`${plane.address}/endpoints/${name}/invocations`, {
          dataframe_split: { columns, data },
        });
        assertSame(whole.body['predictions'], said.predict);

        const single = await Promise.all(
          data.slice(0, 200).map((row) =>
            post(`${plane.address}/invocations`, {
              dataframe_records: [Object.fromEntries(columns.map((one, at) => [one, row[at]]))],
            }),
          ),
        );
        assertSame(
          single.map((one) => (one.body['predictions'] as unknown[])[0]),
          said.predict.slice(0, 200),
        );

        const inputs = (served.get(name) as ServedVersion).schema.inputs.map((input) => {
          const at = columns.indexOf(input.name);
          return {
            name: input.name,
            shape: [data.length, 1],
            datatype: input.datatype,
            data: data.map((row) => row[at]),
          };
        });
        const inferred = await post(`${plane.address}/v2/models/${name}/infer`, { inputs });
        const outputs = inferred.body['outputs'] as { name: string; data: unknown[] }[];
        assertSame(outputs[0]?.data, said.predict);
        if (said.predict_proba !== null) assertSame(outputs[1]?.data, said.predict_proba.flat());
        assert.equal(loggedIn(plane.home).length, 202);
      },
    );
  }

  test('requests share a call only where rows do not depend on their neighbours', async (context) => {
    assert.equal(served.get('beside')?.python?.isRowWise, false);
    assert.equal(served.get('forest')?.python?.isRowWise, true);
    const control = await startControlPlane();
    context.after(() => control.stop());
    publish(control, ['beside']);
    const plane = await startTestPlane(context, control);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        post(`${plane.address}/invocations`, { inputs: { dep_delay: [at, at + 2] } }),
      ),
    );
    for (const { body } of answers) assert.deepEqual(body, { predictions: [-1, 1] });
  });

  test('rows that end, break or displease the model fail alone, without a path in the answer', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    publish(control, ['moody', 'spline']);
    const plane = await startTestPlane(context, control);
    const ask = (delay: number) =>
      post(`${plane.address}/endpoints/moody/invocations`, { inputs: { dep_delay: [delay] } });
    const answers = await Promise.all([10, 1, 11, 2, 12, 3, 13].map(ask));
    assert.deepEqual(
      answers.map((one) => one.status),
      [200, 503, 200, 400, 200, 500, 200],
    );
    assert.deepEqual(
      [0, 2, 4, 6].map((at) => answers[at]?.body['predictions']),
      [[11], [12], [13], [14]],
    );
    assert.match(String(answers[3]?.body['message']), /ValueError: dep_delay 2 is not for me, says …/);
    for (const { body } of answers) assert.doesNotMatch(JSON.stringify(body), /secret|Traceback|\.py/);
    assert.equal(answers[1]?.headers.get('retry-after'), '1');
    // another model's processes are none of its business
    const { columns, data, predict } = saidInPython(folder, 'spline');
    const other = await post(`${plane.address}/endpoints/spline/invocations`, {
      dataframe_split: { columns, data: data.slice(0, 3) },
    });
    assertSame(other.body['predictions'], predict.slice(0, 3));
    await until(async () => (await ask(20)).status === 200);
  });
});

/** To the last bit but for sums: a matrix product adds in another order for another number of rows. */
function assertSame(actual: unknown, expected: readonly unknown[]): void {
  assert.ok(Array.isArray(actual) && actual.length === expected.length);
  for (const [at, value] of expected.entries()) {
    if (typeof value !== 'number') assert.equal(actual[at], value);
    else
      assert.ok(
        Math.abs((actual[at] as number) - value) <= 1e-12 * Math.max(1, Math.abs(value)),
        `${actual[at]} is not ${value}`,
      );
  }
}
