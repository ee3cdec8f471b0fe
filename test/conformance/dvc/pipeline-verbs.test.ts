import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople } from './people.ts';

const trainer = [
  'set -e',
  'lr=$(grep ^lr params.yaml | cut -d" " -f2)',
  'echo "{\\"auc\\": $lr, \\"n\\": {\\"a\\": 1, \\"b\\": [1], \\"t\\": true, \\"z\\": null, \\"w\\": \\"x\\"}}" > m.json',
  'mkdir -p sub && printf "f: 1.0\\ni: 12345678901\\nlr: $lr\\n" > sub/n.yaml',
  'echo "[{\\"e\\": 0, \\"loss\\": $lr}, {\\"e\\": 1, \\"loss\\": 0.25}]" > q.json',
  'printf "step,loss,acc\\n0,$lr,1\\n1,0.5,2\\n" > p.csv',
  'echo model $lr > model',
].join('\n');

const files: Readonly<Record<string, string>> = {
  'train.sh': `${trainer}\n`,
  'params.yaml': 'lr: 0.125\ntrain: {e: 1, l: [1, two, 2.5]}\nunused: 3\n',
  'other.json': '{"a": 1, "b": {"c": 1.5}}',
  'top.yaml': 'tt: 1\n',
  'extra.json': '{"k": 2}',
  'dvc.yaml': `params:
- top.yaml
metrics:
- extra.json
plots:
- p.csv:
    x: step
    y: loss
    title: T
- multi:
    x: step
    y:
      p.csv:
      - loss
      - acc
stages:
  train:
    cmd: sh train.sh
    deps:
    - train.sh
    params:
    - lr
    - train
    - other.json:
      - b.c
    outs:
    - model
    metrics:
    - m.json:
        cache: false
    - sub/n.yaml
    plots:
    - q.json:
        x: e
        cache: false
`,
};

const asked: readonly (readonly string[])[] = [
  ['metrics', 'show', '--json'],
  ['metrics', 'show', 'm.json', '--json'],
  ['metrics', 'show', '-a', '--json'],
  ['metrics', 'show', '-T', '--json'],
  ['metrics', 'diff', '--json'],
  ['metrics', 'diff', '--all', '--json'],
  ['metrics', 'diff', 'first', 'main', '--json'],
  ['params', 'diff', '--json'],
  ['params', 'diff', '--all', '--json'],
  ['params', 'diff', '--deps', '--json'],
  ['params', 'diff', 'first', '--targets', 'other.json', '--json'],
  ['status', '--json'],
];

const printed: readonly (readonly string[])[] = [
  ['metrics', 'show'],
  ['metrics', 'show', '--md'],
  ['metrics', 'diff'],
  ['metrics', 'diff', '--md', '--no-path'],
  ['metrics', 'diff', '--precision', '2'],
  ['params', 'diff'],
  ['params', 'diff', '--md'],
  ['stage', 'list'],
  ['stage', 'list', '--name-only'],
  ['dag', '--dot'],
  ['dag', '--md', '--outs'],
  ['status'],
];

/** One after the other, on both sides; what `dvc.yaml` says after each must be the same. */
const written: readonly (readonly string[])[] = [
  ['stage', 'add', '-n', 'x', '-d', 'train.sh', '-d', 'model', '-o', 'o1', '-O', 'o2', '-p', 'lr,train.e', '-p', 'other.json:a', '-m', 'mm.json', '-M', 'mn.json', '--plots', 'pl.csv', '--plots-no-cache', 'pn.csv', '--outs-persist', 'op', '--desc', 'about it', '--always-changed', "python x.py --a 'b c'"],
  ['stage', 'add', '-n', 'y', '-o', 'yy', 'echo', 'a b', 'c'],
  ['stage', 'add', '-f', '-n', 'y', '-o', 'yy', 'echo hi > yy'],
  ['freeze', 'y'],
  ['freeze', 'train'],
  ['unfreeze', 'y'],
  ['repro', 'y'],
  ['stage', 'add', '-n', 'w', '-w', 'sub', '-d', 'n.yaml', '-o', 'ww', '--run', 'cp n.yaml ww'],
]; // prettier-ignore

describe('verbs about pipelines', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth verbs '));
  const { ours, theirs, leave } = twoPeople(root);
  const folder = { ours: join(root, 'a', 'r'), theirs: join(root, 'b', 'r') };
  before(async () => {
    for (const [person, at] of [
      [ours, folder.ours],
      [theirs, folder.theirs],
    ] as const) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(at, path)), { recursive: true });
        writeFileSync(join(at, path), text);
      }
      await person.git(at, 'init', '-q');
      await person.does(at, 'init', '-q');
      await person.does(at, 'repro', '-q');
      await person.git(at, 'add', '-A');
      await person.git(at, 'commit', '-qm', 'first');
      await person.git(at, 'tag', 'first');
      writeFileSync(join(at, 'params.yaml'), 'lr: 0.5\ntrain: {e: 2, l: [1, two, 2.75]}\nnew: [yes]\n');
      writeFileSync(join(at, 'other.json'), '{"a": 2, "b": {"c": 1.25}}');
      await person.does(at, 'repro', '-q');
    }
  });
  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  for (const words of asked)
    it(`answer alike: dvc ${words.join(' ')}`, async () => {
      assert.deepEqual(await ours.asks(folder.ours, ...words), await theirs.asks(folder.theirs, ...words));
    });

  for (const words of printed)
    it(`print alike: dvc ${words.join(' ')}`, async () => {
      const [one, other] = await Promise.all([
        ours.does(folder.ours, ...words),
        theirs.does(folder.theirs, ...words),
      ]);
      // dvc takes the files of a difference in an order that is another one each time
      const lines = (text: string): string[] =>
        words[1] === 'diff' ? text.trimEnd().split('\n').toSorted() : text.trimEnd().split('\n');
      assert.deepEqual(lines(one), lines(other));
    });

  for (const words of [
    ['plots', 'show', '--json'],
    ['plots', 'diff', '--json'],
    ['plots', 'diff', 'first', 'HEAD', '--json'],
  ])
    it(`have the same points: dvc ${words.join(' ')}`, async () => {
      assert.deepEqual(
        pointsOf(await ours.asks(folder.ours, ...words)),
        pointsOf(await theirs.asks(folder.theirs, ...words)),
      );
    });

  for (const words of written)
    it(`write alike: dvc ${words.slice(0, 4).join(' ')}`, async () => {
      await ours.does(folder.ours, ...words);
      await theirs.does(folder.theirs, ...words);
      for (const name of ['dvc.yaml', 'dvc.lock', '.gitignore'])
        assert.equal(
          readFileSync(join(folder.ours, name), 'utf8'),
          readFileSync(join(folder.theirs, name), 'utf8'),
          name,
        );
    });
});

interface Shown {
  readonly data: Readonly<
    Record<
      string,
      readonly {
        readonly type: string;
        readonly revisions: readonly string[];
        readonly content?: { readonly data: { readonly values: readonly unknown[] } };
      }[]
    >
  >;
}

/** How a plot looks is each tool's own; which points it has is not. */
function pointsOf(answer: unknown): unknown {
  const sorted = (values: readonly unknown[] = []): string[] =>
    values
      .map((value) =>
        JSON.stringify(Object.entries(value as object).toSorted(([one], [other]) => (one < other ? -1 : 1))),
      )
      .toSorted();
  return Object.fromEntries(
    Object.entries((answer as Shown).data).map(([id, plots]) => [
      id,
      plots.map(({ type, revisions, content }) => ({
        type,
        revisions: revisions.toSorted(),
        points: sorted(content?.data.values),
      })),
    ]),
  );
}
