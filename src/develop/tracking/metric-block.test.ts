import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBlock, encodeBlock } from './metric-block.ts';
import { columnsOf, comparePoints, lengthOf, mergeColumns, withoutPoints, type MetricColumns } from './metric-columns.ts';

const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, -(2 ** 53)),
);
const anyInteger = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(2 ** 53, -(2 ** 53), 2 ** 53 - 1, 2 ** 51, 2 ** 52, -(2 ** 52) - 1),
);
const single = fc.float();
const even = fc.tuple(fc.maxSafeInteger(), fc.integer({ min: -1000, max: 1000 }), fc.nat(300)).map(([from, by, count]) => Array.from({ length: count }, (_, index) => from + by * index));

/** Columns of any numbers of one length, not in any order: what a block keeps does not depend on it. */
const anyColumns = fc.tuple(...[0, 1, 2].map(() => fc.oneof(fc.array(anyNumber), fc.array(anyInteger), fc.array(single), even))).map((columns): MetricColumns => {
  const count = Math.min(...columns.map((column) => column?.length ?? 0));
  const [timestamps, steps, values] = columns.map((column) => Float64Array.from((column ?? []).slice(0, count)));
  return { timestamps, steps, values } as MetricColumns;
});

test('a block gives back every number as it was, to the last bit', () => {
  fc.assert(
    fc.property(anyColumns, (columns) => {
      const back = decodeBlock(encodeBlock(columns));
      for (const name of ['timestamps', 'steps', 'values'] as const) {
        assert.equal(back[name].length, columns[name].length);
        columns[name].forEach((number, index) => assert.ok(Object.is(back[name][index], number), `${name}[${index}]: ${back[name][index]} for ${number}`));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('an even step and clock take no room, and values that fit half the bytes take half', () => {
  const byteCount = (value: (step: number) => number): number =>
    encodeBlock(columnsOf(Array.from({ length: 4096 }, (_, step) => ({ timestamp: 1_790_000_000_000 + 5 * step, step, value: value(step) })))).length;
  const room = 40;
  assert.ok(byteCount(() => 1) < room);
  assert.ok(byteCount((step) => Math.fround(Math.sin(step))) < 4 * 4096 + room);
  assert.ok(byteCount((step) => Math.sin(step)) < 8 * 4096 + room);
});

test('a block of which one byte changed, or some are missing, is refused', () => {
  const bytes = encodeBlock(columnsOf(Array.from({ length: 50 }, (_, step) => ({ timestamp: 7 * step, step, value: Math.sin(step) }))));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      assert.throws(() => decodeBlock(damaged), { code: 'METRIC_BLOCK_DAMAGED' });
      assert.throws(() => decodeBlock(bytes.subarray(0, at)), { code: 'METRIC_BLOCK_DAMAGED' });
    }),
  );
});

const point = fc.record({
  timestamp: fc.nat(3),
  step: fc.integer({ min: -2, max: 2 }),
  value: fc.constantFrom(-1, 0, -0, 1, Number.NaN, Infinity, -Infinity),
});
const points = fc.array(point, { maxLength: 40 });
const idOf = ({ timestamp, step, value }: { timestamp: number; step: number; value: number }): string => `${timestamp}/${step}/${value + 0}`;
const idsOf = (columns: MetricColumns): string[] =>
  Array.from(columns.values, (value, index) => idOf({ timestamp: columns.timestamps[index] ?? 0, step: columns.steps[index] ?? 0, value }));

test('columns are in one order with each point once, whatever came', () => {
  fc.assert(
    fc.property(points, points, (some, others) => {
      const [a, b] = [columnsOf(some), columnsOf(others)];
      for (const columns of [a, b, mergeColumns(a, b), withoutPoints(a, b)]) {
        for (let index = 1; index < lengthOf(columns); index += 1) assert.ok(comparePoints(columns, index - 1, columns, index) < 0);
      }
      assert.deepEqual(new Set(idsOf(a)), new Set(some.map(idOf)));
      assert.deepEqual(idsOf(mergeColumns(a, b)), idsOf(columnsOf([...some, ...others])));
      const known = new Set(others.map(idOf));
      assert.deepEqual(idsOf(withoutPoints(a, b)), idsOf(a).filter((id) => !known.has(id)));
    }),
  );
});
