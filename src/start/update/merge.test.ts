import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openProject, readTree } from './git.ts';
import {
  commit,
  createBench,
  git,
  inProject,
  start,
  update,
  type Bench,
  type FileSpecs,
} from './test-template.ts';
import { mergeTrees } from './three-way-merge.ts';

let bench: Bench;
before(() => (bench = createBench()));
after(() => bench.close());

type Files = Readonly<Record<string, readonly string[]>>;

const names = ['a.txt', 'b.txt', 'd/c.txt', 'd/e.txt', 'f.txt'] as const;
const newNames = [...names, 'd/new.txt', 'n/a.txt'] as const;

const startFiles = fc
  .dictionary(fc.constantFrom(...names), fc.integer({ min: 4, max: 9 }), { minKeys: 1, maxKeys: 4 })
  .map((counts): Files =>
    Object.fromEntries(
      Object.entries(counts).map(([name, count]) => [
        name,
        Array.from({ length: count }, (_none, at) => `${name} line ${at}`),
      ]),
    ),
  );

const edit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('replace' as const), file: fc.nat(9), line: fc.nat(9) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('insert' as const), file: fc.nat(9), line: fc.nat(9) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('remove' as const), file: fc.nat(9), line: fc.nat(9) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('delete' as const), file: fc.nat(9), line: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), file: fc.nat(9), line: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), file: fc.nat(9), line: fc.nat(9) }) },
);

function edited(
  files: Files,
  edits: readonly { do: string; file: number; line: number }[],
  who: string,
): Files {
  const next = new Map(Object.entries(files).map(([name, text]) => [name, [...text]]));
  for (const [at, step] of edits.entries()) {
    const there = [...next.keys()];
    const name = there[step.file % Math.max(there.length, 1)];
    const other = newNames[step.line % newNames.length] ?? 'a.txt';
    if (step.do === 'add') {
      if (!next.has(other)) next.set(other, [`${who} ${at}`]);
      continue;
    }
    const text = name === undefined ? undefined : next.get(name);
    if (name === undefined || text === undefined) continue;
    if (step.do === 'delete') next.delete(name);
    else if (step.do === 'move') {
      if (next.has(other)) continue;
      next.delete(name);
      next.set(other, text);
    } else
      text.splice(
        step.line % (text.length + 1),
        step.do === 'insert' ? 0 : 1,
        ...(step.do === 'remove' ? [] : [`${who} ${at}`]),
      );
  }
  return Object.fromEntries(next);
}

const specs = (from: Files, to: Files): FileSpecs =>
  Object.fromEntries([
    ...Object.keys(from).map((name) => [name, null] as const),
    ...Object.entries(to).map(([name, text]) => [name, text.map((line) => `${line}\n`).join('')] as const),
  ]);

/** Paths, modes and stages of the index, without the names that git gives to the sides. */
const staged = (folder: string): string[] =>
  git(folder, 'ls-files', '--stage')
    .split('\n')
    .map((line) => plain(line.replace(/^(\d+) [\da-f]+ (\d)\t/, '$1 $2 ')))
    .filter((line) => !line.endsWith('.cruft.json'))
    .sort();

const plain = (text: string): string =>
  text
    .replaceAll(/([<>]{7}) (?:HEAD|project|theirs|template [\da-f]{9})/g, '$1 side')
    .replaceAll(/~(?:HEAD|project)\b/g, '~ours')
    .replaceAll(/~(?:theirs|template-[\da-f]{9})\b/g, '~theirs');

const workTree = (folder: string): Record<string, string> =>
  Object.fromEntries(
    git(folder, 'ls-files', '--cached', '--others')
      .split('\n')
      .filter((name) => name !== '' && name !== '.cruft.json' && existsSync(join(folder, name)))
      .map((name) => [plain(name), plain(readFileSync(join(folder, name), 'utf8'))]),
  );

let count = 0;

/**
 * The conflicts by path, with what is on either side: where one side renamed a file that the other deleted, the older
 * strategy of git does not tell what was before.
 */
const sidesOf = (conflicts: Iterable<[string, object]>): Map<string, object> =>
  new Map([...conflicts].map(([path, stages]) => [path, { ...stages, 1: undefined }]));

/** What git before 2.38 is asked to do comes to the same. */
async function isSameWithOldGit(oracle: string): Promise<void> {
  const project = await openProject(oracle);
  try {
    const sides = {
      base: await readTree(project, 'theirs~1'),
      ours: await readTree(project, 'HEAD'),
      theirs: await readTree(project, 'theirs'),
    };
    const labels = { base: 'base', ours: 'ours', theirs: 'theirs' };
    const best = await mergeTrees(project, sides, labels);
    const old = await mergeTrees(project, sides, labels, 'old');
    assert.deepEqual(new Map(old.tree), new Map(best.tree));
    assert.deepEqual(sidesOf(old.conflicts), sidesOf(best.conflicts));
  } finally {
    project.close();
  }
}

test("an update is what git merge makes of the same three versions, and no line of the user's is lost without a conflict", async () => {
  await fc.assert(
    fc.asyncProperty(
      startFiles,
      fc.array(edit, { maxLength: 5 }),
      fc.array(edit, { maxLength: 5 }),
      async (base, mine, theirs) => {
        count += 1;
        const slug = `p${count}`;
        const ours = edited(base, mine, 'mine');
        const next = edited(base, theirs, 'theirs');
        git(bench.template, 'rm', '-rq', '--cached', '--ignore-unmatch', '.');
        git(bench.template, 'clean', '-xdfq');
        commit(bench.template, {
          'cookiecutter.json': '{"slug": "p"}',
          ...inProject({ 'keep.txt': 'k\n', ...specs({}, base) }),
        });
        const project = await start(bench, { slug });
        commit(project, specs(base, ours));
        commit(bench.template, inProject(specs(base, next)));

        const oracle = join(bench.folder, `oracle ${slug}`);
        git(bench.folder, 'clone', '--quiet', project, oracle);
        git(oracle, 'checkout', '--quiet', '-b', 'theirs', 'HEAD~1');
        commit(oracle, specs(base, next));
        git(oracle, 'checkout', '--quiet', 'main');
        try {
          git(
            oracle,
            '-c',
            'merge.directoryRenames=true',
            'merge',
            '--quiet',
            '--no-commit',
            '--no-ff',
            'theirs',
          );
        } catch {
          // in conflict, as the index tells
        }
        if (count <= 3 || process.env['TILTH_PROPERTY_RUNS'] !== undefined) await isSameWithOldGit(oracle);
        const result = await update(bench, project);
        assert.deepEqual(staged(project), staged(oracle));
        assert.deepEqual(workTree(project), workTree(oracle));
        assert.equal(result.outcome === 'conflicts', git(oracle, 'ls-files', '--unmerged') !== '');
        if (result.outcome !== 'conflicts') {
          const after = new Set(Object.values(workTree(project)).join('').split('\n'));
          for (const line of Object.values(ours).flat())
            if (line.startsWith('mine')) assert.ok(after.has(line), line);
        }
      },
    ),
    { numRuns: Number(process.env['TILTH_PROPERTY_RUNS'] ?? 8), endOnFailure: true },
  );
});
