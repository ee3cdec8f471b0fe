import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareCodePoints, decodeName, encodePath } from './python-text.ts';
import { treeEntries, treeText } from './tree.ts';

test('the .dir object is the JSON that Python writes, sorted by code point', () => {
  const md5 = 'b1946ac92492d2347c6235b4d2611184';
  const text = treeText(['é.txt', 'Z.txt', '😀', '～', 'a/x', 'a.txt', 'a-b', 'q"\\'].map((relpath) => ({ md5, relpath })));
  const names = (JSON.parse(text) as { relpath: string }[]).map(({ relpath }) => relpath);
  assert.deepEqual(names, ['Z.txt', 'a-b', 'a.txt', 'a/x', 'q"\\', 'é.txt', '～', '😀']);
  assert.match(text, /^\[\{"md5": "b194\w+", "relpath": "Z\.txt"\}, /);
  assert.match(text, /"\\ud83d\\ude00"\}\]$/);
  assert.match(text, /"\\u00e9\.txt"/);
});

test('a listing that leaves its folder is refused', () => {
  assert.throws(() => treeEntries('[{"md5": "x", "relpath": "../../etc/passwd"}]', 'x'), { code: 'DVC_FILE_UNREADABLE' });
});

test('strings are ordered as their code points are', () => {
  const points = (text: string): number[] => Array.from(text, (one) => one.codePointAt(0) ?? 0);
  const expected = (left: string, right: string): number => {
    const [a, b] = [points(left), points(right)];
    const at = a.findIndex((one, index) => one !== b[index]);
    if (at === -1) return a.length - b.length;
    return (a[at] ?? 0) - (b[at] ?? -1);
  };
  const unit = fc.constantFrom('a', 'é', '～', '😀', '\ud800', '\udc80', '\ue000', '😁', '\ud83d');
  const text = fc.array(unit, { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(fc.property(text, text, (left, right) => Math.sign(compareCodePoints(left, right)) === Math.sign(expected(left, right))));
});

test('a file name that is not UTF-8 survives the way to text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const path = encodePath(decodeName(Buffer.from(bytes)));
      return Buffer.from(path).equals(Buffer.from(bytes));
    }),
  );
});
