import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loggedIn } from '../../src/deploy/serving/test-control-plane.ts';
import { needsServingPython, runClients, startThreeModels } from './serving-session.ts';

describe('gRPC clients of the data plane', () => {
  it(
    'tritonclient gets the answers of scikit-learn, and the right status where it asks wrongly',
    needsServingPython,
    async (context) => {
      const plane = await startThreeModels(context, { grpcPort: 0, limits: { bodyBytes: 1_000_000 } });
      const checks = await runClients('serving_grpc.py', plane.grpcAddress ?? '');
      assert.equal(checks.length, 52);
      await plane.close();
      const records = loggedIn(plane.home);
      assert.equal(records.find((record) => record.requestId === 'call-7')?.keys?.[199], '199');
      assert.equal(records.find((record) => record.caller === 'a test')?.endpoint, 'minutes');
    },
  );
});
