import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readContract } from '../../../develop/contracts/contract.ts';
import { rowRulesOf } from '../../../develop/contracts/row-rules.ts';
import {
  endpointOf,
  late1,
  post,
  rowAt,
  splitOf,
  startControlPlane,
  startTestPlane,
} from '../test-control-plane.ts';

const contract = readContract(
  `
apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
schema:
- name: flights
  properties:
  - name: dep_delay
    logicalType: number
    quality: [{metric: nullValues, mustBeLessThan: 10, unit: percent}]
  - {name: distance, logicalType: number, required: true, logicalTypeOptions: {minimum: 1, maximum: 6000}}
  - name: carrier
    logicalType: string
    logicalTypeOptions: {pattern: '^[A-Z0-9]{2}$'}
    quality: [{id: known-carrier, metric: invalidValues, arguments: {validValues: [AA, UA, DL, B6, EV, MQ, US, WN, FL, VX, 9E, AS, F9, HA, OO, YV]}, mustBe: 0}]
  - {name: not_a_feature, logicalType: string, required: true}
`,
  'flights.odcs.yaml',
);

describe('a request', () => {
  it('is held to the contract of the training data, by the same rule ids, and an endpoint without one is not', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    const served = {
      ...late1,
      contract: { dataset: 'flights', contractHash: 'c', rules: rowRulesOf(contract) },
    };
    control.publish([endpointOf('late', 'late')], [served]);
    const { address } = await startTestPlane(context, control);
    const good = [rowAt(0), rowAt(1)];
    assert.equal((await post(`${address}/invocations`, splitOf(good))).status, 200);
    for (const [row, message] of [
      [
        [1, 7000, 'AA'],
        /"distance" breaks the rule distance\.maximum in row 2: distance must be at most 6000, and it holds 7000\./,
      ],
      [[1, 0, 'AA'], /distance\.minimum in row 2/],
      [[null, 100, 'ZZ'], /"carrier" breaks the rule known-carrier in row 2: .* and it holds "ZZ"/],
      [[1, 100, 'aa'], /"carrier" breaks the rule carrier\.pattern in row 2/],
    ] as const) {
      const answer = await post(`${address}/invocations`, splitOf([...good, [...row]]));
      assert.equal(answer.status, 400);
      assert.match(String(answer.body['message']), message);
    }
    const infer = await post(`${address}/v2/models/late/infer`, {
      inputs: [
        { name: 'dep_delay', datatype: 'FP32', shape: [1, 1], data: [1] },
        { name: 'distance', datatype: 'FP32', shape: [1, 1], data: [6001] },
        { name: 'carrier', datatype: 'BYTES', shape: [1, 1], data: ['AA'] },
      ],
    });
    assert.deepEqual(
      [infer.status, /distance\.maximum in row 0/.test(String(infer.body['error']))],
      [400, true],
    );
    control.publish([endpointOf('late', 'late')], [late1]);
    let status = 400;
    for (let tries = 0; status !== 200 && tries < 200; tries++) {
      status = (await post(`${address}/invocations`, splitOf([[1, 7000, 'AA']]))).status;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(status, 200);
  });
});
