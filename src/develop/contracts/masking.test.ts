import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Actor } from '../../platform/actor.ts';
import { localActor } from '../../team/can.ts';
import type { ContractReport, Violation } from './contract-api.ts';
import { hiddenColumns, mask, maskColumns, maskReport, maskValues } from './masking.ts';

const viewer: Actor = { id: 'vera', kind: 'person', name: 'Vera', roles: ['viewer', 'maintainer'] };
const cleared: Actor = { ...viewer, roles: ['viewer', 'pii'] };
const columns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'e-mail', type: 'VARCHAR', classification: 'pii' },
  { name: 'price', type: 'DOUBLE', classification: 'confidential' },
  { name: 'city', type: 'VARCHAR', classification: 'public' },
];

describe('masking', () => {
  test('hides classified columns from all who lack the right, maintainers included', () => {
    assert.deepEqual([...hiddenColumns(viewer, columns, null)], ['e-mail', 'price']);
    assert.equal(hiddenColumns(cleared, columns, null).size, 0);
    assert.equal(hiddenColumns(localActor, columns, null).size, 0);
  });

  test('gives a column without a class that of its dataset', () => {
    assert.deepEqual([...hiddenColumns(viewer, columns, 'special-category')], ['id', 'e-mail', 'price']);
  });

  test('leaves what is not classified, and the places without a value', () => {
    const hidden = hiddenColumns(viewer, columns, null);
    const rows = [
      { id: 1, 'e-mail': 'a@b.org', price: 2, city: 'Oslo' },
      { id: 2, 'e-mail': null, price: 0, city: 'Bonn' },
    ];
    assert.deepEqual(maskColumns(rows, hidden), [
      { id: 1, 'e-mail': mask, price: mask, city: 'Oslo' },
      { id: 2, 'e-mail': null, price: mask, city: 'Bonn' },
    ]);
    assert.deepEqual(maskValues('city', ['Oslo', 'Bonn'], hidden), ['Oslo', 'Bonn']);
    assert.deepEqual(maskValues('price', [1, null], hidden), [mask, null]);
  });

  test('keeps the place of a bad value and hides the value, also of a whole line or a key of several columns', () => {
    const example = (column: string | null, value: string) => ({ file: 'a.csv', row: 3, column, value });
    const violation: Violation = {
      rule: 'r',
      column: null,
      description: '',
      outcome: '',
      passed: false,
      severity: 'error',
      examples: [
        example('e-mail', 'a@b'),
        example('id, e-mail', '1, a@b'),
        example(null, '1,a@b,2,Oslo'),
        example('id', '1'),
      ],
    };
    const report = { violations: [violation], warnings: [] } as unknown as ContractReport;
    const [shown] = maskReport(report, hiddenColumns(viewer, columns, null)).violations;
    assert.deepEqual(
      shown?.examples.map(({ value }) => value),
      [mask, mask, mask, '1'],
    );
    assert.deepEqual(
      shown?.examples.map(({ row }) => row),
      [3, 3, 3, 3],
    );
  });
});
