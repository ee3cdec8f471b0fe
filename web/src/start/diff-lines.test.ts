import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffLines, diffSize } from './diff-lines.ts';

const diff = `diff --git a/a.txt b/a.txt
index 1..2 100644
--- a/a.txt
+++ b/a.txt
@@ -1,3 +1,3 @@ def f():
 one
--- two
+++ zwei
 three
@@ -10 +10,2 @@
-ten
+zehn
+elf
\\ No newline at end of file
`;

describe('the lines of a diff', () => {
  it('carry their numbers on either side, and no repeated name', () => {
    assert.deepEqual(
      diffLines(diff).map((line) => [line.kind, line.before, line.after, line.text]),
      [
        ['hunk', null, null, 'def f():'],
        ['same', 1, 1, 'one'],
        ['removed', 2, null, '-- two'],
        ['added', null, 2, '++ zwei'],
        ['same', 3, 3, 'three'],
        ['hunk', null, null, ''],
        ['removed', 10, null, 'ten'],
        ['added', null, 10, 'zehn'],
        ['added', null, 11, 'elf'],
        ['note', null, null, 'No newline at end of file'],
      ],
    );
    assert.deepEqual(diffSize(diff), { added: 3, removed: 2 });
  });

  it('say what is not text, and that only the mode changed', () => {
    const binary = 'diff --git a/x b/x\nBinary files a/x and b/x differ\n';
    assert.deepEqual(
      diffLines(binary).map((line) => line.text),
      ['Binary files a/x and b/x differ'],
    );
    const mode = 'diff --git a/x b/x\nold mode 100644\nnew mode 100755\n';
    assert.deepEqual(
      diffLines(mode).map((line) => line.text),
      ['old mode 100644', 'new mode 100755'],
    );
    assert.deepEqual(diffLines(''), []);
  });
});
