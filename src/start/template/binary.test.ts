import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isBinary } from './binary.ts';

const python = process.env['TILTH_TEST_PYTHON'];

test('text is text, formats are known by their endings and first bytes', () => {
  const is = (name: string, content: string | Buffer): boolean => isBinary(name, Buffer.from(content));
  assert.equal(is('a.py', 'print("é")\n'), false);
  assert.equal(is('empty', ''), false);
  assert.equal(is('model.pkl.GZ', 'text'), true);
  assert.equal(is('.png', 'a file without an ending'), false);
  assert.equal(is('page.txt', '%PDF-1.7\n'), true);
  assert.equal(is('page.txt', '%PDF is a format\n'), false);
  assert.equal(
    is('list.txt', 'a short text with a zero \0 in it, and more than enough letters around it\n'),
    false,
  );
});

/** Bytes that lie on both sides of every question: encodings of text, noise, controls, zeros, and mixtures. */
const samples = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 512 }),
  fc
    .array(fc.constantFrom(0, 0, 1, 9, 10, 13, 65, 66, 97, 200, 0xa4, 0xd4, 255, 254), {
      minLength: 1,
      maxLength: 120,
    })
    .map((bytes) => Uint8Array.from(bytes)),
  fc
    .tuple(
      fc.constantFrom('utf8', 'utf16le', 'latin1'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
    )
    .map(([encoding, text]) => new Uint8Array(Buffer.from(text, encoding as BufferEncoding).subarray(0, 512)))
    .filter((bytes) => bytes.length > 0),
  fc
    .array(fc.tuple(fc.integer({ min: 0xa1, max: 0xfe }), fc.integer({ min: 0x40, max: 0xfe })), {
      minLength: 5,
      maxLength: 40,
    })
    .map((pairs) => Uint8Array.from(pairs.flat())),
);

test(
  'other bytes are what binaryornot takes them for',
  { skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false },
  () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with cookiecutter');
    const some = fc.sample(samples, { numRuns: 3000, seed: 7 }).map((bytes) => Buffer.from(bytes));
    const { status, stdout, stderr } = spawnSync(
      python,
      [
        '-c',
        'import sys\nfrom binaryornot.helpers import is_binary_string\nfor line in sys.stdin:\n    print(is_binary_string(bytes.fromhex(line)))',
      ],
      { input: some.map((each) => each.toString('hex')).join('\n'), encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    const theirs = stdout.trim().split('\n');
    assert.equal(theirs.length, some.length);
    const wrong = some.filter((each, index) => String(isBinary('x', each)) !== theirs[index]?.toLowerCase());
    assert.deepEqual(
      wrong.map((each) => each.toString('hex')),
      [],
    );
    assert.ok(theirs.includes('True') && theirs.includes('False'));
  },
);
