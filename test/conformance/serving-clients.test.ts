import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsServingPython, runClients, startThreeModels } from './serving-session.ts';

describe('clients of the data plane, as they are published, against models that scikit-learn was asked about', () => {
  it('kserve: V1, V2 and gRPC', needsServingPython, async (context) => {
    const plane = await startThreeModels(context, { grpcPort: 0 });
    assert.equal((await runClients('serving_kserve.py', plane.address, plane.grpcAddress ?? '')).length, 29);
  });

  it(
    'tritonclient: every datatype, the codecs of MLServer, and what breaks the protocol',
    needsServingPython,
    async (context) => {
      const plane = await startThreeModels(context);
      assert.equal((await runClients('serving_datatypes.py', plane.address)).length, 63);
    },
  );

  it('boto3: sagemaker-runtime', needsServingPython, async (context) => {
    const plane = await startThreeModels(context);
    assert.equal((await runClients('serving_sagemaker.py', plane.address)).length, 11);
  });

  it('mlflow.deployments', needsServingPython, async (context) => {
    const plane = await startThreeModels(context);
    assert.equal((await runClients('serving_deployments.py', plane.address)).length, 7);
  });
});
