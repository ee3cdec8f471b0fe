import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AliasStay } from '../../../src/deploy/registry/registry-api.ts';
import { holderAt, placedStays } from './alias-stays.ts';

const stay = (alias: string, version: number, fromAt: number, toAt: number | null): AliasStay => ({
  model: 'late',
  alias,
  version,
  fromAt,
  toAt,
  by: 'ben',
  reason: null,
  approval: null,
});

const stays = [
  stay('champion', 2, 200, null),
  stay('champion', 1, 100, 150),
  stay('challenger', 2, 120, 200),
];

describe('the stays of aliases', () => {
  it('lie on one axis from the first until now, each alias in its own row', () => {
    const { from, rows } = placedStays(stays, 300);
    assert.equal(from, 100);
    assert.deepEqual(
      rows.map(({ alias, stays: placed }) => [
        alias,
        ...placed.map(({ stay: each, start, width }) => [each.version, start, width]),
      ]),
      [
        ['champion', [1, 0, 0.25], [2, 0.5, 0.5]],
        ['challenger', [2, 0.1, 0.4]],
      ],
    );
  });

  it('say who held an alias at a moment, or that nobody did', () => {
    const at = (moment: number) => holderAt(stays, 'champion', moment)?.version;
    assert.deepEqual(
      [at(99), at(100), at(149), at(150), at(199), at(200), at(1e12)],
      [undefined, 1, 1, undefined, undefined, 2, 2],
    );
  });
});
