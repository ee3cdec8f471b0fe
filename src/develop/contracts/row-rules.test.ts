import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { checkContract } from './contract-check.ts';
import { readContract } from './contract.ts';
import { compileRows, rowRulesOf } from './row-rules.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth rows '));
after(() => rmSync(root, { recursive: true, force: true }));

const contract = `apiVersion: v3.1.0
kind: DataContract
id: x
version: 1.0.0
status: active
schema:
- name: t
  properties:
  - {name: n, logicalType: number, logicalTypeOptions: {minimum: -2, exclusiveMaximum: 3, multipleOf: 0.5}}
  - {name: i, logicalType: integer, required: true, quality: [{metric: invalidValues, arguments: {validValues: [0, 1, 2]}, mustBe: 0}]}
  - {name: s, logicalType: string, logicalTypeOptions: {minLength: 1, maxLength: 3, pattern: "^[a-z😀]*$"}, quality: [{metric: missingValues, arguments: {missingValues: [zz]}, mustBe: 0}]}
`;

const row = fc.record({
  n: fc.option(fc.constantFrom(-3, -2, 0, 0.25, 0.5, 2.5, 3, 4), { nil: null }),
  i: fc.option(fc.constantFrom(0, 1, 2, 3, 1.5), { nil: null }),
  s: fc.option(fc.constantFrom('a', 'abc', 'abcd', 'zz', 'A', '😀😀😀', '1'), { nil: null }),
});

describe('rules of single rows', () => {
  test('find in a request what the check of the data finds in a file, for any rows', async () => {
    writeFileSync(join(root, 'x.odcs.yaml'), contract);
    const rules = rowRulesOf(readContract(contract, 'x'));
    const check = compileRows(rules, ['n', 'i', 's']);
    assert.ok(check !== undefined);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
        const lines = rows.map(({ n, i, s }) => `${n ?? ''},${i ?? ''},${s ?? ''}`);
        writeFileSync(join(root, 'x.csv'), `n,i,s\n${lines.join('\n')}\n`);
        const dataset = { name: 'x', path: join(root, 'x.csv'), contract: join(root, 'x.odcs.yaml') };
        const report = await checkContract({ root }, dataset, String(round++));
        const inFile = report.violations
          .flatMap(({ rule, examples }) => examples.map((one) => `${one.row} ${rule}`))
          .sort();
        const inRequest = rows
          .flatMap((one, at) =>
            rules.flatMap((rule) => {
              const single = compileRows([rule], ['n', 'i', 's'])?.([[one.n], [one.i], [one.s]]);
              return single === undefined ? [] : [`${at + 1} ${rule.rule}`];
            }),
          )
          .sort();
        assert.deepEqual(inRequest, inFile);
        const first = check([rows.map(({ n }) => n), rows.map(({ i }) => i), rows.map(({ s }) => s)]);
        assert.equal(first === undefined, inFile.length === 0);
      }),
      { numRuns: 60 },
    );
  });

  test('allow a bound itself also in a column of 32 bits, and take not-a-number for no value', () => {
    const text = contract.replace('minimum: -2', 'minimum: 0.1').replace(', multipleOf: 0.5', '');
    const check = compileRows(rowRulesOf(readContract(text, 'x')), ['n']);
    assert.equal(check?.([new Float32Array([0.1, 2, Number.NaN])]), undefined);
    assert.deepEqual(check?.([new Float32Array([0.5, 0.05])])?.row, 1);
    assert.equal(compileRows(rowRulesOf(readContract(text, 'x')), ['other']), undefined);
  });
});
