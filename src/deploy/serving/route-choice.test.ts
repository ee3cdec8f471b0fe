import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chooseTarget, shareOf } from './route-choice.ts';
import type { RouteTarget } from './serving-api.ts';

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
        const share = shareOf('late', key);
        const before = chooseTarget(split(Math.min(one, other)), share);
        if (before?.version === 2) assert.equal(chooseTarget(split(Math.max(one, other)), share)?.version, 2);
      }),
    );
  });

  it('gives nothing when only shadows are there', () => {
    assert.equal(chooseTarget(split(0).slice(2), 0.5), undefined);
  });
});
