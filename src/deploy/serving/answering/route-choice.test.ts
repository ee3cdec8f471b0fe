import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chooseTarget, shareOf } from './route-choice.ts';
import type { RouteTarget } from '../serving-api.ts';

const split = (canary: number): RouteTarget[] => [
  { version: 1, variant: 'champion', weight: 1 - canary },
  { version: 2, variant: 'canary', weight: canary },
  { version: 3, variant: 'shadow', weight: 0 },
];

const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const weight = fc.double({ min: 0, max: 1, noNaN: true });

describe('the choice of a target', () => {
  it('follows the weights and never takes a shadow', () => {
    fc.assert(
      fc.property(draw, weight, (share, canary) => {
        assert.equal(chooseTarget(split(canary), share)?.version, share < canary ? 2 : 1);
      }),
    );
  });

  it('a growing canary keeps every key that it had', () => {
    fc.assert(
      fc.property(fc.string(), weight, weight, (key, one, other) => {
        const share = shareOf('late', 2, key);
        const before = chooseTarget(split(Math.min(one, other)), share);
        if (before?.version === 2) assert.equal(chooseTarget(split(Math.max(one, other)), share)?.version, 2);
      }),
    );
  });

  it('spreads keys evenly, at two endpoints and for two canaries independently of one another', () => {
    const cells = new Map<string, number>();
    const count = 20_000;
    for (let index = 0; index < count; index++) {
      const key = `user-${index}`;
      const fifth = (share: number): number => Math.floor(share * 5);
      for (const [name, other] of [
        ['endpoint', shareOf('tele', 2, key)],
        ['canary', shareOf('late', 3, key)],
      ] as const) {
        const cell = `${name} ${fifth(shareOf('late', 2, key))} ${fifth(other)}`;
        cells.set(cell, (cells.get(cell) ?? 0) + 1);
      }
    }
    for (const name of ['endpoint', 'canary']) {
      const found = [...cells].filter(([cell]) => cell.startsWith(name)).map(([, found]) => found);
      assert.equal(found.length, 25);
      const chiSquare = found.reduce((sum, each) => sum + (each - count / 25) ** 2 / (count / 25), 0);
      // 24 degrees of freedom: above 51.2 in one of a thousand tries (scipy.stats.chi2.isf(0.001, 24))
      assert.ok(chiSquare < 51.2, `${name}: ${chiSquare}`);
    }
  });

  it('gives nothing when only shadows are there', () => {
    assert.equal(chooseTarget(split(0).slice(2), 0.5), undefined);
  });
});
