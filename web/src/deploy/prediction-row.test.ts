import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServedSchema } from '../../../src/deploy/serving/serving-api.ts';
import { cellOf, exampleRow, fieldsOf, inferBody, pythonRow, readAnswer } from './prediction-row.ts';

const schema: ServedSchema = {
  inputs: [
    { name: 'delay', datatype: 'FP32', shape: [1], nullable: true },
    { name: 'carrier', datatype: 'BYTES', shape: [1], nullable: false },
    { name: 'stops', datatype: 'INT64', shape: [1], nullable: false },
    { name: 'isNight', datatype: 'BOOL', shape: [1], nullable: false },
    { name: 'X', datatype: 'FP64', shape: [2], nullable: false },
  ],
  outputs: [
    { name: 'label', datatype: 'BYTES', shape: [1], nullable: false },
    { name: 'probabilities', datatype: 'FP32', shape: [2], nullable: false },
  ],
  classes: ['late', 'in time'],
};

describe('a row to try', () => {
  it('has a field for each input and each column of a block, as the data plane names them', () => {
    const fields = fieldsOf(schema).map(({ name, kind }) => `${name}: ${kind}`);
    assert.deepEqual(fields, [
      'delay: number',
      'carrier: text',
      'stops: whole',
      'isNight: yes-no',
      'X_0: number',
      'X_1: number',
    ]);
  });

  it('begins with what was asked before where its type fits; a masked value does not', () => {
    const known = { delay: 23.954505920410156, carrier: 'UA', stops: '•••', isNight: true, X_0: 1 };
    assert.deepEqual(exampleRow(fieldsOf(schema), known), {
      delay: 23.95451,
      carrier: 'UA',
      stops: 0,
      isNight: true,
      X_0: 1,
      X_1: 0,
    });
  });

  it('takes what is typed as the type of its field, or not at all', () => {
    const [delay, carrier, stops, isNight] = fieldsOf(schema);
    assert.ok(delay && carrier && stops && isNight);
    assert.deepEqual(
      [
        cellOf(delay, ''),
        cellOf(delay, '1e3'),
        cellOf(delay, 'far'),
        cellOf(stops, '1.5'),
        cellOf(stops, ''),
      ],
      [null, 1000, undefined, undefined, undefined],
    );
    assert.deepEqual(
      [cellOf(carrier, ''), cellOf(carrier, '7'), cellOf(isNight, 'false'), cellOf(isNight, '1')],
      ['', '7', false, undefined],
    );
  });

  it('is asked as tensors of one row, and the answer read by its classes', () => {
    const row = { delay: null, carrier: 'UA', stops: 2, isNight: false, X_0: 0.5, X_1: -1 };
    assert.deepEqual(
      inferBody(schema, row).inputs.map(({ shape, data }) => [shape, data]),
      [
        [[1, 1], [null]],
        [[1, 1], ['UA']],
        [[1, 1], [2]],
        [[1, 1], [false]],
        [
          [1, 2],
          [0.5, -1],
        ],
      ],
    );
    const outputs = [
      { name: 'label', data: ['late'] },
      { name: 'probabilities', data: [0.75, 0.25] },
    ];
    assert.deepEqual(readAnswer(schema, { outputs }), {
      label: 'late',
      probabilities: [
        { label: 'late', value: 0.75 },
        { label: 'in time', value: 0.25 },
      ],
    });
    assert.equal(
      pythonRow(row),
      '{"delay": None, "carrier": "UA", "stops": 2, "isNight": False, "X_0": 0.5, "X_1": -1}',
    );
  });
});
