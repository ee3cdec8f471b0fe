import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newHexId } from './ids.ts';

test('an id of a run is a UUID of version 7 without dashes: it begins with its time, and none comes twice', () => {
  const before = Date.now();
  const ids = Array.from({ length: 20_000 }, newHexId);
  const after = Date.now();
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    const at = Number.parseInt(id.slice(0, 12), 16);
    assert.ok(before <= at && at <= after);
  }
  assert.equal(new Set(ids.map((id) => id.slice(-15))).size, ids.length);
});
