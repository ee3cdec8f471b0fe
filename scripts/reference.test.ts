import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findErrors } from './reference/errors.ts';
import { faults, pages, storedPage } from './reference.ts';

describe('the reference', () => {
  for (const [path, make] of Object.entries(pages)) {
    it(`${path} says what the code says (else: npm run reference)`, async () => {
      assert.equal(storedPage(path), await make());
    });
  }

  it('knows every variable of the environment, every route of the data plane and every command of the glossary', async () => {
    assert.deepEqual(await faults(), []);
  });

  it('has a section for every code that is written in the source', () => {
    const page = storedPage('docs/reference/errors.md');
    const codes = [...new Set(findErrors().map((use) => use.code))];
    assert.ok(codes.length > 50);
    assert.deepEqual(codes.filter((each) => !page.includes(`\n## ${each}\n`)), []);
  });

  it('finds the code of an error that a helper makes', () => {
    const codes = new Set(findErrors().map((use) => use.code));
    // by a helper in the same file, by one of another file, with a choice of two codes
    for (const each of ['HOST_REFUSED', 'RUN_NOT_FOUND', 'USAGE', 'NOT_ALLOWED']) assert.ok(codes.has(each), each);
  });
});
