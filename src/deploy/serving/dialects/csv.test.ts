import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCsv } from './csv.ts';

describe('csv', () => {
  it('reads back what was written with quotes, whatever the cells hold', () => {
    const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(fc.array(fc.array(fc.string(), { minLength: 2, maxLength: 4 })), (lines) => {
        assert.deepEqual(parseCsv(lines.map((line) => line.map(quoted).join(',')).join('\r\n')), lines);
      }),
    );
  });

  it('keeps empty cells at the ends of a line and skips empty lines', () => {
    assert.deepEqual(parseCsv('a,b\n,1\n\n2,\n,\n3,'), [
      ['a', 'b'],
      ['', '1'],
      ['2', ''],
      ['', ''],
      ['3', ''],
    ]);
  });

  it('refuses a quote that is not closed', () => {
    assert.throws(() => parseCsv('a\n"b'), /not closed/);
  });
});
