import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inAnyOrder } from './answers.ts';
import { damageOf, filesOf, sharedFilesOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Person } from './people.ts';
import { randomTree, type RandomTree } from './random-tree.ts';

/** The same trees each time, so that a change is to blame for what fails; a longer run begins elsewhere. */
const firstSeed = Number(process.env['TILTH_TEST_SEED'] ?? 127_662);

/** How many trees; a longer run asks for more. */
const count = Number(process.env['TILTH_TEST_TREES'] ?? 6);

/** A name beside the tree that must survive in a `.dvc` file and in `.gitignore`. */
const besides = [
  'plain.bin',
  "it's.bin",
  'a b.bin',
  'é😀.bin',
  '#hash.bin',
  '!bang.bin',
  '[x]*.bin',
  'a: b.bin',
];

describe(`random trees of hard names (TILTH_TEST_SEED=${firstSeed})`, needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth trees '));
  const { ours, theirs, leave } = twoPeople(root);

  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  for (let seed = firstSeed; seed < firstSeed + count; seed += 1)
    it(`tree ${seed}: added, changed, compared, brought back, pushed and pulled alike`, async () => {
      const tree = randomTree(seed);
      const beside = besides[seed % besides.length] as string;
      const here = await begin(ours, tree, beside, join(root, `${seed}`, 'ours', 'repository'));
      const there = await begin(theirs, tree, beside, join(root, `${seed}`, 'theirs', 'repository'));
      const both = async (...args: string[]): Promise<void> => {
        await theirs.does(there, ...args);
        await ours.does(here, ...args);
      };
      const same = (): void => assert.deepEqual(sharedFilesOf(here), sharedFilesOf(there));
      const answersAlike = async (...question: string[]): Promise<void> =>
        assert.deepEqual(
          inAnyOrder(await ours.asks(here, ...question)),
          inAnyOrder(await theirs.asks(there, ...question)),
          question.join(' '),
        );
      same();
      await answersAlike('status', '--json');
      await commit();

      for (const folder of [here, there]) tree.change(join(folder, 'tree'));
      await answersAlike('status', '--json');
      await answersAlike('data', 'status', '--json', '--granular');
      await answersAlike('data', 'status', '--json', '--unchanged', '--untracked-files');
      await answersAlike('diff', '--json', '--show-hash');
      await both('add', 'tree');
      same();
      await answersAlike('diff', '--json', 'HEAD');
      await answersAlike('data', 'status', '--json', '--granular');
      await commit();
      await answersAlike('diff', '--json', 'HEAD~1', 'HEAD');
      const listing = ['ls', '.', '-R', '--json', '--dvc-only', '--size'] as const;
      // dvc loses tabs and line breaks of folders' names here (see deviations.test.ts)
      const withoutBreaks = (answer: unknown): unknown =>
        JSON.parse(JSON.stringify(answer).replace(/\\[nrt]/g, ''));
      assert.deepEqual(
        inAnyOrder(withoutBreaks(await ours.asks(here, ...listing))),
        inAnyOrder(withoutBreaks(await theirs.asks(there, ...listing))),
      );

      for (const [person, folder] of [
        [ours, here],
        [theirs, there],
      ] as const)
        // prettier-ignore
        await person.git(folder, 'checkout', '-q', 'HEAD~1');
      await both('checkout');
      same();
      const remotes = [
        join(root, `${seed}`, 'remote', 'ours'),
        join(root, `${seed}`, 'remote', 'theirs'),
      ] as const;
      await ours.does(here, 'remote', 'add', '--local', '-d', 'store', remotes[0]);
      await theirs.does(there, 'remote', 'add', '--local', '-d', 'store', remotes[1]);
      await both('push');
      await answersAlike('data', 'status', '--json', '--not-in-remote');
      assert.deepEqual(filesOf(remotes[0]), filesOf(remotes[1]));
      assert.deepEqual(damageOf(remotes[0]), []);

      // each from the other's remote
      await ours.does(here, 'remote', 'modify', '--local', 'store', 'url', remotes[1]);
      await theirs.does(there, 'remote', 'modify', '--local', 'store', 'url', remotes[0]);
      for (const folder of [here, there])
        for (const path of ['tree', '.dvc/cache', beside]) rmSync(join(folder, path), { recursive: true });
      await both('pull');
      assert.deepEqual(withoutConfig(here), withoutConfig(there));
      await answersAlike('status', '--json');

      async function commit(): Promise<void> {
        for (const [person, folder] of [
          [ours, here],
          [theirs, there],
        ] as const) {
          // prettier-ignore
          await person.git(folder, 'add', '-A');
          await person.git(folder, 'commit', '-qm', 'step');
        }
      }
    });

  async function begin(person: Person, tree: RandomTree, beside: string, folder: string): Promise<string> {
    mkdirSync(folder, { recursive: true });
    await person.git(folder, 'init', '-q');
    await person.does(folder, 'init', '-q');
    // its sentences are each tool's own
    writeFileSync(join(folder, '.dvcignore'), '# nothing\n');
    tree.write(join(folder, 'tree'));
    writeFileSync(join(folder, beside), beside);
    await person.does(folder, 'add', 'tree', beside);
    return folder;
  }
});

/** Without the remotes, which lie in two places. */
const withoutConfig = (folder: string): Record<string, string> => {
  const { '.dvc/config.local': _, ...rest } = sharedFilesOf(folder);
  return rest;
};
