import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLater, keyFault, latestByKey, makeName, type Metric } from './tracking.ts';

const point = fc.record({ value: fc.double({ noNaN: true }), timestamp: fc.nat(50), step: fc.nat(50) });

test('of two different points exactly one is later', () => {
  fc.assert(
    fc.property(point, point, (a, b) => {
      const isSame = a.step === b.step && a.timestamp === b.timestamp && a.value === b.value;
      assert.equal(Number(isLater(a, b)) + Number(isLater(b, a)), isSame ? 0 : 1);
    }),
  );
});

test('the latest point does not depend on the order of arrival', () => {
  fc.assert(
    fc.property(fc.array(point, { minLength: 1 }), (points) => {
      const metrics = points.map((each): Metric => ({ key: 'm', ...each }));
      assert.deepEqual(latestByKey(metrics).get('m'), latestByKey(metrics.toReversed()).get('m'));
    }),
  );
});

test('a key may look like a file in a folder, but not like one outside it', () => {
  for (const key of ['auc', 'val/auc', 'a b', 'a:b', 'größe']) assert.equal(keyFault(key), undefined, key);
  for (const key of ['', '.', '..', '../a', 'a/../b', '/a', 'a//b', 'a/', './a', 'a$', 'a\\b', 'x'.repeat(251)]) {
    assert.notEqual(keyFault(key), undefined, key);
  }
});

test('a name that nobody gave has three parts', () => {
  assert.match(makeName(() => 0.5), /^[a-z]+-[a-z]+-\d+$/);
});
