import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople } from './people.ts';

const files: Readonly<Record<string, string>> = {
  'one.yaml': '1.5',
  'all/a.json': '{"a": 1}',
  'all/deep/b.yaml': 'b: 2\n',
  'broken.json': '{"c": ',
  'used.yaml': 'group: {x: {e: 1}, y: {e: 2}}\naxes: [p, q]\nunused: 3\n',
  'dvc.yaml': `metrics:
- one.yaml
- all
- gone.json
- broken.json
vars:
- used.yaml
stages:
  each:
    foreach: \${group}
    do:
      cmd: echo \${item.e}
  grid:
    matrix:
      axis: \${axes}
    cmd: echo \${item.axis}
`,
};

const asked: readonly (readonly string[])[] = [
  ['metrics', 'show', '--json'],
  ['metrics', 'show', 'all', '--json'],
  ['metrics', 'show', 'all/a.json', 'nowhere.json', '--json'],
  ['metrics', 'diff', '--json'],
  ['metrics', 'diff', '--targets', 'plain.yaml', '--json'],
  ['params', 'diff', '--json'],
];

const printed: readonly (readonly string[])[] = [
  ['metrics', 'show'],
  ['metrics', 'show', 'one.yaml'],
  ['metrics', 'show', 'nowhere.json'],
  ['metrics', 'diff'],
];

describe('metrics and params in unusual forms', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth odd values '));
  const { ours, theirs, leave } = twoPeople(root);
  const folder = join(root, 'r');
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  before(async () => {
    for (const [path, text] of Object.entries(files)) write(path, text);
    write('plain.yaml', 'k: 1');
    await ours.git(folder, 'init', '-q');
    await theirs.does(folder, 'init', '-q');
  });
  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });
  const alike = async (words: readonly string[]): Promise<void> => {
    assert.deepEqual(
      withoutWords(await ours.asks(folder, ...words)),
      withoutWords(await theirs.asks(folder, ...words)),
    );
  };

  it('differ from nothing before the first commit', async () => {
    await alike(['metrics', 'diff', '--json']);
    await alike(['params', 'diff', '--json']);
  });

  for (const words of asked)
    it(`answer alike: dvc ${words.join(' ')}`, async () => {
      await committed();
      await alike(words);
    });

  for (const words of printed)
    it(`print alike: dvc ${words.join(' ')}`, async () => {
      await committed();
      const lines = (text: string): string[] => text.trimEnd().split('\n').toSorted();
      assert.deepEqual(
        lines(await ours.does(folder, ...words)),
        lines(await theirs.does(folder, ...words)),
      );
    });

  it('show a file where there is no repository', async () => {
    const outside = join(root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'm.yaml'), 'a: 1\nb: [1]\n');
    const words = ['metrics', 'show', 'm.yaml', '--json'];
    assert.deepEqual(await ours.asks(outside, ...words), await theirs.asks(outside, ...words));
  });

  let isCommitted = false;
  async function committed(): Promise<void> {
    if (isCommitted) return;
    isCommitted = true;
    await ours.git(folder, 'add', '-A');
    await ours.git(folder, 'commit', '-qm', 'first');
    write('one.yaml', '1.75');
    write('plain.yaml', 'k: 3');
    write('used.yaml', 'group: {x: {e: 1}, y: {e: 4}}\naxes: [p, q, r]\nunused: 5\n');
    rmSync(join(folder, 'all/a.json'));
  }
});

/** What a file's fault is called must be the same; how it is told is each tool's own. */
const withoutWords = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === 'msg' ? '' : value)));
