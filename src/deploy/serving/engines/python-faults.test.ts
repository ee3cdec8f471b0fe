import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDataPlane } from '../data-plane.ts';
import { PythonModel } from './python-model.ts';
import { PythonWorker } from './python-worker.ts';
import type { ServedVersion } from '../serving-api.ts';
import {
  endpointOf,
  post,
  quietLog,
  startControlPlane,
  startTestPlane,
  temporaryHome,
  until,
} from '../test-control-plane.ts';
import {
  makePythonModels,
  needsTestPython,
  saidInPython,
  servePythonModel,
  testPython,
} from './test-python-models.ts';

describe('a model that can not be loaded', needsTestPython, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-python-faults-'));
  let hungry: ServedVersion;
  let spline: ServedVersion;
  before(async () => {
    await makePythonModels(folder, ['hungry', 'spline']);
    [hungry, spline] = [await servePythonModel(folder, 'hungry'), await servePythonModel(folder, 'spline')];
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [how, problem] of [
    ['memory', /hungry: version 1 .*it took \d+ MB of memory, and 400 MB are allowed/],
    ['abort', /hungry: version 1 .*it was ended by SIGABRT/],
  ] as const) {
    test(`${how}: is a problem of its version only`, { timeout: 120_000 }, async (context) => {
      process.env['HUNGRY'] = how;
      context.after(() => delete process.env['HUNGRY']);
      const control = await startControlPlane();
      context.after(() => control.stop());
      control.publish([endpointOf('hungry', 'hungry'), endpointOf('spline', 'spline')], [hungry, spline]);
      const plane = await startTestPlane(context, control, { pythonMemoryBytes: 400 * 2 ** 20 });
      await until(
        () => control.reports.some((report) => report.problems?.some((one) => problem.test(one)) === true),
        60_000,
      );
      const { columns, data, predict } = saidInPython(folder, 'spline');
      const answer = await post(`${plane.address}/endpoints/spline/invocations`, {
        dataframe_split: { columns, data: data.slice(0, 1) },
      });
      const [value = Number.NaN] = answer.body['predictions'] as number[];
      assert.ok(Math.abs(value - (predict[0] as number)) < 1e-9);
      const refused = await post(`${plane.address}/endpoints/hungry/invocations`, {
        inputs: { dep_delay: [1] },
      });
      assert.equal(refused.status, 404);
    });
  }

  test('one with other packages than it was registered with is not served by them', async (context) => {
    const python = {
      takes: 'array',
      isRowWise: true,
      path: process.execPath,
      version: '9.9',
      packages: { numpy: '0.0.1' },
    } as const;
    const changed = { ...spline, schemaHash: 'changed', python };
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('spline', 'spline')], [changed]);
    const home = temporaryHome(context);
    const plane = await startDataPlane({ port: 0, server: control.address, log: quietLog, home });
    context.after(() => plane.close());
    await until(
      () =>
        control.reports.some((report) => report.problems?.some((one) => /no Python 9\.9/.test(one)) === true),
      30_000,
    );
  });

  test(
    'a process is replaced after so many calls, and no request notices',
    { timeout: 120_000 },
    async () => {
      const options = {
        python: testPython,
        modelFolder: join(folder, 'spline'),
        takes: 'array',
        log: quietLog,
      } as const;
      const limits = { memoryLimitBytes: 2 ** 31, startTimeoutMs: 60_000, longestCallMs: 10_000 };
      let startCount = 0;
      const start = async (): Promise<PythonWorker> => {
        startCount++;
        return (await PythonWorker.start({ ...options, ...limits })).worker;
      };
      const { schema } = spline;
      const model = new PythonModel(
        {
          name: 'spline/1',
          schema,
          isRowWise: true,
          workerCount: 1,
          callsPerWorker: 30,
          log: quietLog,
          start,
        },
        await start(),
      );
      const { data, predict } = saidInPython(folder, 'spline');
      const [first] = model.pids;
      for (let call = 0; call < 100 || model.pids[0] === first; call++) {
        const row = data[call % data.length] ?? [];
        const { labels } = await model.score({ rowCount: 1, columns: row.map((cell) => [cell]) });
        assert.ok(Math.abs((labels[0] as number) - (predict[call % data.length] as number)) < 1e-9);
      }
      assert.ok(startCount >= 2);
      assert.equal(model.state, 'ready');
      model.retire();
      await until(() => model.pids.every((pid) => !existsSync(`/proc/${pid}`)));
    },
  );
});
