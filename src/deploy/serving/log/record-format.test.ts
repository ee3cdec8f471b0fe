import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NewRecord, PredictionRecord, RecordValues } from './prediction-record.ts';
import { RecordWriter, decodeRecord, frameHeaderLength, plainRecord } from './record-format.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 50 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const columnOf = (rowCount: number): fc.Arbitrary<RecordValues> => {
  const list = <Value>(of: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> =>
    fc.array(of, { minLength: rowCount, maxLength: rowCount });
  const orNull = <Value>(of: fc.Arbitrary<Value>): fc.Arbitrary<(Value | null)[]> => list(fc.option(of));
  return fc.oneof(
    orNull(fc.double()),
    orNull(fc.integer()),
    orNull(fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constant(-0))),
    orNull(int64),
    orNull(text),
    orNull(fc.constantFrom('UA', 'ü', '')),
    orNull(fc.boolean()),
    list(fc.constant(null)),
    list(fc.double()).map((values) => Float64Array.from(values)),
    list(fc.float()).map((values) => Float32Array.from(values)),
    list(fc.integer()).map((values) => Int32Array.from(values)),
    list(int64).map((values) => BigInt64Array.from(values)),
  );
};

const record: fc.Arbitrary<NewRecord> = fc.integer({ min: 0, max: 70 }).chain((rowCount) =>
  fc.record<NewRecord>({
    requestId: text,
    at: fc.maxSafeNat(),
    eventAt: fc.option(
      fc.array(fc.option(fc.double({ noNaN: true })), { minLength: rowCount, maxLength: rowCount }),
    ),
    keys: fc.option(fc.array(text, { minLength: rowCount, maxLength: rowCount })),
    endpoint: text,
    model: text,
    version: fc.nat(),
    runId: fc.option(text),
    variant: fc.constantFrom('champion', 'canary', 'shadow'),
    schemaHash: text,
    rowCount: fc.constant(rowCount),
    features: fc.dictionary(text, columnOf(rowCount), { maxKeys: 6, noNullPrototype: true }),
    prediction: columnOf(rowCount),
    probabilities: fc.dictionary(text, columnOf(rowCount), { maxKeys: 3, noNullPrototype: true }),
    latencyUs: fc.nat(),
    status: fc.constantFrom('ok', 'error'),
    error: fc.option(text),
    caller: fc.option(text),
    traceId: fc.option(text),
  }),
);

/** As lists, NaN as null: what a record is expected to be when it is read. */
function listed(given: NewRecord): PredictionRecord {
  const list = (values: RecordValues) =>
    Array.from(values as ArrayLike<unknown>, (value) => (Number.isNaN(value) ? null : value));
  const lists = (columns: Record<string, RecordValues>) =>
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, list(values)]));
  return {
    ...given,
    eventAt: given.eventAt === null ? null : list(given.eventAt),
    features: lists(given.features),
    prediction: list(given.prediction),
    probabilities: lists(given.probabilities),
  } as PredictionRecord;
}

function payloadsOf(written: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at < written.length;) {
    const end = at + frameHeaderLength + written.readUInt32LE(at);
    payloads.push(written.subarray(at + frameHeaderLength, end));
    at = end;
  }
  return payloads;
}

test('any record is read as it was written', () => {
  const writer = new RecordWriter();
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 0, max: 7 }),
      (records, shift) => {
        writer.clear();
        for (const each of records) writer.add(each);
        // wherever the bytes lie in memory
        const moved = Buffer.alloc(writer.written.length + shift);
        writer.written.copy(moved, shift);
        const read = payloadsOf(moved.subarray(shift)).map((payload) => plainRecord(decodeRecord(payload)));
        assert.deepEqual(read, records.map(listed));
      },
    ),
    { numRuns: 300 },
  );
});

test('a record whose columns differ in length is refused, and those before it stay', () => {
  const writer = new RecordWriter();
  const [good] = fc.sample(record, { numRuns: 1, seed: 7 }) as [NewRecord];
  writer.add(good);
  const { length } = writer.written;
  assert.throws(
    () => writer.add({ ...good, prediction: Array.from({ length: good.rowCount + 1 }, () => 1) }),
    RangeError,
  );
  assert.equal(writer.written.length, length);
});

test('a record larger than the buffer is written whole', () => {
  const rowCount = 400_000;
  const rows = Array.from({ length: rowCount }, (_, row) => row);
  const [small] = fc.sample(record, { numRuns: 1, seed: 7 }) as [NewRecord];
  const large = {
    ...small,
    rowCount,
    eventAt: null,
    keys: rows.map((row) => `flight ${row} ✈`),
    features: { a: Float64Array.from(rows) },
    prediction: rows,
    probabilities: {},
  };
  const writer = new RecordWriter();
  writer.add(large);
  const [payload] = payloadsOf(writer.written) as [Buffer];
  assert.deepEqual(plainRecord(decodeRecord(payload)), listed(large));
});

test('columns of numbers in one list are the same bytes as one by one', () => {
  const block = fc.integer({ min: 1, max: 40 }).chain((rowCount) =>
    fc.record({
      rowCount: fc.constant(rowCount),
      names: fc.uniqueArray(text, { minLength: 1, maxLength: 5 }),
      values: fc.array(fc.double({ noNaN: true }), { minLength: rowCount * 5, maxLength: rowCount * 5 }),
      keys: fc.option(fc.array(text, { minLength: rowCount, maxLength: rowCount })),
    }),
  );
  const writer = new RecordWriter();
  fc.assert(
    fc.property(record, block, (one, { rowCount, names, values, keys }) => {
      const shared = {
        ...one,
        rowCount,
        keys,
        eventAt: null,
        prediction: Float64Array.from(values.slice(0, rowCount)),
        probabilities: {},
      };
      const all = Float64Array.from(values.slice(0, rowCount * names.length));
      // the letter: names of whole numbers would come first in an object
      const features = Object.fromEntries(
        names.map((name, index) => [`f${name}`, all.subarray(index * rowCount, (index + 1) * rowCount)]),
      );
      writer.clear();
      writer.add({ ...shared, features });
      const apart = Buffer.from(writer.written);
      for (let time = 0; time < 2; time++) {
        writer.clear();
        writer.add({
          ...shared,
          features: {},
          block: { names: names.map((name) => `f${name}`), values: all },
        });
        if (!writer.written.equals(apart)) throw new Error('the bytes differ');
      }
    }),
  );
});
