import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readKnownSplit, rememberSplit } from './known-splits.ts';
import { readInvocation } from '../dialects/mlflow-dialect.ts';
import { layoutOf, type Layout } from './rows.ts';
import { weatherSchema } from '../test-control-plane.ts';

const layout = layoutOf(weatherSchema);
const names = [...layout.names];

/** The rows, or what is said against them. */
function outcome(body: string, wanted: Layout): unknown {
  try {
    const { columns, rowCount } = readInvocation(Buffer.from(body), 'application/json', undefined).rowsFor(
      wanted,
    );
    return { rowCount, columns: columns.map((column) => Array.from(column)) };
  } catch (thrown) {
    return String(thrown);
  }
}

describe('a body that begins as one before', () => {
  it('means the same as if it were read in full, for any columns, numbers, spaces and endings', () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.constant(null),
    );
    const columns = fc.oneof(
      fc.shuffledSubarray(names, { minLength: 8 }),
      fc.shuffledSubarray([...names, 'x', 'a'], { minLength: 6 }),
    );
    const body = columns.chain((given) =>
      fc.record({
        given: fc.constant(given),
        rows: fc.array(
          fc.array(number, { minLength: given.length - (given.length > 8 ? 1 : 0), maxLength: given.length }),
          { maxLength: 5 },
        ),
        space: fc.constantFrom('', ' ', '\n\t'),
        end: fc.constantFrom(
          '}}',
          '} }',
          '}',
          '}}}',
          '}, "params": {"tilth_keys": null}}',
          ', "index": [0]}}',
          '}} x',
        ),
        index: fc.constantFrom('', '"index": [0],'),
      }),
    );
    fc.assert(
      fc.property(body, ({ given, rows, space, end, index }) => {
        const beginning = `{"dataframe_split":${space}{"columns":${JSON.stringify(given)},${index}"data":${space}`;
        const text = `${beginning}${JSON.stringify(rows)}${end}`;
        // in full: nothing begins like it
        const whole = outcome(
          `{"dataframe_split": {"columns":${JSON.stringify(given)},${index}"data" :  ${JSON.stringify(rows)}${end}`,
          layout,
        );
        rememberSplit(Buffer.from(`${beginning}[]}}`));
        assert.deepEqual(outcome(text, layout), whole);
      }),
      { numRuns: 300 },
    );
  });

  it('is known by its bytes alone: another name for a column is another beginning', () => {
    const body = (last: string): Buffer =>
      Buffer.from(`{"dataframe_split":{"columns":["a","${last}"],"data":[[1,2]]}}`);
    rememberSplit(body('b'));
    assert.deepEqual(readKnownSplit(body('b'))?.columns, ['a', 'b']);
    assert.equal(readKnownSplit(body('c')), undefined);
  });
});
