import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { writeDvcFile } from '../dvc-files/dvc-file.ts';
import { ignoreInGit, initRepository, openRepository } from '../dvc-files/repository.ts';
import { dvc, needsPython } from '../dvc-files/test-python.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { pipelineStatus } from './pipeline-status.ts';
import { reproduce, type ReproductionOptions, type StageOutcome, type Watcher } from './reproduction.ts';

const flock = execFileSync('sh', ['-c', 'command -v flock'], { encoding: 'utf8' }).trim();
const folders: string[] = [];
let root = '';
beforeEach(() => {
  const outer = mkdtempSync(join(tmpdir(), 'tilth pipeline '));
  folders.push(outer);
  root = join(outer, 'ours');
  mkdirSync(root);
  execFileSync('git', ['init', '-q', root]);
});
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const write = (name: string, text: string): void => {
  mkdirSync(join(root, name, '..'), { recursive: true });
  writeFileSync(join(root, name), text);
};
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

function addData(folder: string, name: string): void {
  const workspace = new Workspace(openRepository(folder));
  writeDvcFile(join(folder, name), workspace.add(join(folder, name)));
  ignoreInGit(join(folder, name));
  workspace.close();
}

interface RunChoice extends Partial<ReproductionOptions> {
  readonly watcher?: Watcher;
}

async function run({ watcher, ...options }: RunChoice = {}): Promise<StageOutcome[]> {
  return reproduce(
    openRepository(root),
    {
      targets: [],
      folder: root,
      isForced: false,
      usesRunCache: true,
      allowsMissing: false,
      changedData: 'refuse',
      onError: 'fail',
      isStored: true,
      jobs: 1,
      environment: process.env,
      signal: new AbortController().signal,
      ...options,
    },
    watcher === undefined ? [] : [watcher],
  );
}
const statusHere = (folder = root): ReturnType<typeof pipelineStatus> =>
  pipelineStatus(openRepository(folder), { targets: [], folder });
const short = (outcomes: readonly StageOutcome[]): string =>
  outcomes.map(({ stage, outcome }) => `${stage} ${outcome}`).join(', ');

const twoStages = `stages:
  second: {cmd: cat middle > end; echo ran >> ../log, deps: [middle], outs: [end]}
  first: {cmd: cat in.txt > middle, deps: [in.txt], params: [lr], outs: [middle]}
`;

describe('a pipeline', () => {
  beforeEach(() => {
    initRepository(root);
    write('in.txt', 'in');
    write('params.yaml', 'lr: 1e-5\n');
    write('dvc.yaml', twoStages);
  });

  test('runs in the order of its needs, and only what changed', async () => {
    assert.equal(short(await run()), 'first ran, second ran');
    assert.equal(short(await run()), 'first unchanged, second unchanged');
    write('params.yaml', 'lr: 0.00001\n');
    assert.equal(short(await run()), 'first unchanged, second unchanged');
    write('params.yaml', 'lr: 2\n');
    assert.equal(short(await run()), 'first ran, second unchanged');
    write('in.txt', 'new');
    assert.deepEqual(statusHere(), { first: [{ 'changed deps': { 'in.txt': 'modified' } }] });
    assert.equal(short(await run()), 'first ran, second ran');
  });

  test('takes its turn with other writers once, however many stages did not change', async () => {
    const names = Array.from({ length: 8 }, (_, at) => `s${at}`);
    write(
      'dvc.yaml',
      `stages:\n${names.map((name) => `  ${name}: {cmd: echo ${name} > ${name}, params: [lr], outs: [${name}]}\n`).join('')}`,
    );
    await run();
    const counter = join(root, '..', 'bin');
    mkdirSync(counter);
    writeFileSync(
      join(counter, 'flock'),
      `#!/bin/sh\necho taken >> '${counter}/log'\nexec '${flock}' "$@"\n`,
      { mode: 0o755 },
    );
    const path = process.env['PATH'];
    process.env['PATH'] = `${counter}:${path}`;
    try {
      assert.equal(short(await run()), names.map((name) => `${name} unchanged`).join(', '));
    } finally {
      process.env['PATH'] = path;
    }
    assert.equal(readFileSync(join(counter, 'log'), 'utf8'), 'taken\n');
  });

  test('goes on where it was broken off', async () => {
    write('dvc.yaml', twoStages.replace('cat middle > end', 'test -f allowed || exit 1; cat middle > end'));
    await assert.rejects(run(), { code: 'STAGE_FAILED' });
    assert.match(read('dvc.lock'), /first/);
    assert.doesNotMatch(read('dvc.lock'), /second/);
    write('allowed', '');
    assert.equal(short(await run()), 'first unchanged, second ran');
  });

  test('brings back outputs from the cache instead of making them again', async () => {
    await run();
    rmSync(join(root, 'end'));
    assert.equal(short(await run()), 'first unchanged, second restored');
    assert.equal(read('end'), 'in');
    assert.equal(read('../log'), 'ran\n');
  });

  test('does not read versioned data that changed since it was added', async () => {
    write('data/a', 'one');
    write('dvc.yaml', 'stages:\n  one: {cmd: cat data/a > out, deps: [data], outs: [out]}\n');
    addData(root, 'data');
    assert.equal(short(await run()), 'data.dvc unchanged, one ran');
    write('data/a', 'two');
    await assert.rejects(run(), { code: 'PIPELINE_DATA_CHANGED' });
  });

  test('refuses stages in a circle, an unknown stage and a missing parameter by name', async () => {
    await assert.rejects(run({ targets: ['third'] }), { code: 'DATA_TARGET_UNKNOWN' });
    write('params.yaml', 'other: 1\n');
    await assert.rejects(run(), { code: 'STAGE_PARAM_MISSING' });
    write('dvc.yaml', 'stages:\n  a: {cmd: x, deps: [b], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n');
    await assert.rejects(run(), { code: 'PIPELINE_CIRCULAR', message: /a → b → a/ });
  });
});

const corpus: Readonly<Record<string, string>> = {
  'src/s.py': '1\n',
  'data/a.txt': 'hello\n',
  'data/é😀.txt': '',
  'data/～.txt': 'x',
  'data/q"\\.txt': 'y',
  'data/a/x': 'z',
  'data/new\nline': 'n',
  'params.yaml': `lr: 1e-5
big: 12345678901234567890
one: 1.0
huge: 1e16
inf: .inf
flag: yes
nothing: null
oct: 0o14
text: "a: b #c"
empty: ''
multi: |
  two
  lines
train: {epochs: 10, opt: {name: adam, betas: [0.9, 0.999], flagged: true}}
langs: [en, "é", 3]
models: {a: {x: 1}, b: {x: 2.50}}
grid: [0.1, 1e-7]
`,
  'other.json': '{"k": 1, "z": {"y": 2.0}}',
  'v.yaml': 'shared: {name: world}\n',
  'sub/keep': '',
  'dvc.yaml': `vars:
- v.yaml
- local: {n: 3}
stages:
  prepare:
    cmd: cat data/a.txt > prepared.txt
    deps: [data, src/s.py]
    params: [lr, big, one, huge, inf, flag, nothing, oct, text, empty, multi, train.epochs, train.opt, langs]
    outs: [prepared.txt]
  whole:
    cmd: "echo \${shared.name} \${local.n} \${train.opt.betas[1]} \${lr} \${one} \${flag} \${nothing} > whole.txt"
    params:
    - other.json:
    - v.yaml: [shared.name]
    outs: [whole.txt]
  long:
    cmd: echo --some-very-long-option=value --another-very-long-option=value2 --third some/path/to/a/file --fourth "quoted value here" --fifth && mkdir -p model && echo done > model/a && echo two > model/é.txt && echo "{}" > m.json
    deps: [prepared.txt]
    outs: [model]
    metrics:
    - m.json: {cache: false}
  multi:
    cmd: |
      echo "one: it's"
      echo two > multi.txt
    outs: [multi.txt]
  list:
    cmd:
    - echo 'a'
    - echo lr=\${lr} e=\${train.epochs} > list.txt
    params: [train]
    outs: [list.txt]
  indir:
    wdir: sub
    cmd: cp ../prepared.txt p.txt
    deps: [../prepared.txt]
    outs: [p.txt]
  each:
    foreach: \${langs}
    do: {cmd: "echo \${item} > each-\${item}.txt", outs: ["each-\${item}.txt"]}
  map:
    foreach: \${models}
    do: {cmd: "echo \${key} \${item.x} > map-\${key}.txt", outs: ["map-\${key}.txt"]}
  gridded:
    matrix: {g: "\${grid}", m: [x, y]}
    cmd: echo \${item.g} \${item.m} > g-\${key}.txt
    outs: ["g-\${key}.txt"]
  flags:
    cmd: "echo \${train.opt} > /dev/null"
    deps: [src]
`,
};

describe('beside the real dvc', () => {
  test('the same files come out of both, and each calls the other up to date', needsPython, async () => {
    for (const [name, text] of Object.entries(corpus)) write(name, text);
    const theirs = join(root, '..', 'theirs');
    cpSync(root, theirs, { recursive: true });

    initRepository(root);
    addData(root, 'data');
    await run();
    dvc(theirs, 'init', '-q');
    dvc(theirs, 'add', '-q', 'data');
    dvc(theirs, 'repro', '-q');

    for (const name of [
      'dvc.lock',
      'data.dvc',
      '.gitignore',
      'sub/.gitignore',
      '.dvc/.gitignore',
      '.dvc/config',
    ]) {
      assert.equal(read(name), readFileSync(join(theirs, name), 'utf8'), name);
    }
    const listing = /md5: (\S+)/.exec(read('data.dvc'))?.[1] ?? '';
    const object = join('.dvc/cache/files/md5', listing.slice(0, 2), listing.slice(2));
    assert.equal(read(object), readFileSync(join(theirs, object), 'utf8'));

    assert.equal(dvc(root, 'status', '--json').trim(), '{}');
    assert.match(dvc(root, 'repro'), /Data and pipelines are up to date/);
    assert.deepEqual(statusHere(theirs), {});
  });

  test('a repository without git is written as by dvc, which reads it', needsPython, () => {
    const [ours, theirs, plain] = ['no-scm', 'no-scm-theirs', 'plain'].map((name) =>
      join(root, '..', name),
    ) as [string, string, string];
    for (const folder of [ours, theirs, plain]) mkdirSync(folder);
    initRepository(ours, false);
    initRepository(plain);
    dvc(theirs, 'init', '-q', '--no-scm');
    for (const folder of [ours, plain]) {
      assert.equal(
        readFileSync(join(folder, '.dvc/config'), 'utf8'),
        readFileSync(join(theirs, '.dvc/config'), 'utf8'),
      );
      assert.deepEqual(
        readdirSync(join(folder, '.dvc')).toSorted(),
        readdirSync(join(theirs, '.dvc')).toSorted(),
      );
      assert.match(dvc(folder, 'status'), /no data or pipelines/);
    }
  });

  test('what we add, dvc calls clean and adds again without a difference', needsPython, () => {
    for (const [name, text] of Object.entries(corpus)) if (name.startsWith('data/')) write(name, text);
    initRepository(root);
    addData(root, 'data');
    execFileSync('git', ['-C', root, 'add', '-A']);
    execFileSync('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'x']);
    assert.match(dvc(root, 'status'), /up to date/);
    assert.equal(dvc(root, 'data', 'status', '--json').trim(), '{}');
    dvc(root, 'add', '-q', 'data');
    assert.equal(execFileSync('git', ['-C', root, 'status', '--porcelain'], { encoding: 'utf8' }), '');
    assert.ok(existsSync(join(root, 'data.dvc')));
  });
});
