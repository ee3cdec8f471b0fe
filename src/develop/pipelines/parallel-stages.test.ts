import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { initRepository } from '../dvc-files/repository.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'tilth parallel '));
after(() => rmSync(place, { recursive: true, force: true }));

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Started {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Said>;
}

function start(folder: string, ...words: string[]): Started {
  const child = spawn(process.execPath, [main, ...words], {
    cwd: folder,
    env: { ...process.env, TILTH_URL: 'http://127.0.0.1:9' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  return {
    kill: (signal) => child.kill(signal),
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, ...said }))),
  };
}

const tilth = (folder: string, ...words: string[]): Promise<Said> => start(folder, ...words).ended;

function repository(name: string, stages: string, files: Readonly<Record<string, string>> = {}): string {
  const folder = join(place, name, 'r');
  mkdirSync(folder, { recursive: true });
  initRepository(folder, false);
  for (const [path, text] of Object.entries({
    'in.txt': 'in\n',
    'dvc.yaml': `stages:\n${stages}`,
    ...files,
  })) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !what(); await sleep(20))
    assert.ok(Date.now() < end, 'it did not come');
}

const names = (folder: string): string[] =>
  readFileSync(join(folder, '..', 'log'), 'utf8')
    .trim()
    .split('\n');
/** Waits until the other one has begun: it ends only where both run at once. */
const meet = (own: string, other: string): string =>
  `touch ../${own}.here; for i in $(seq 400); do test -e ../${other}.here && break; sleep 0.05; done; test -e ../${other}.here && echo ${own} says hello && echo ${own} > ${own}`;

describe('stages that have nothing to do with each other', () => {
  test('run at once with -j, each line with its stage before it, and what needs both waits', async () => {
    const folder = repository(
      'at-once',
      `  a: {cmd: '${meet('a', 'b')}', deps: [in.txt], outs: [a]}\n  b: {cmd: '${meet('b', 'a')}', deps: [in.txt], outs: [b]}\n  c: {cmd: cat a b > c, deps: [a, b], outs: [c]}\n`,
    );
    const said = await tilth(folder, 'pipeline', 'run', '-j', '4');
    assert.equal(said.code, 0, said.err);
    assert.equal(readFileSync(join(folder, 'c'), 'utf8'), 'a\nb\n');
    assert.match(said.err, /^a \| a says hello$/m);
    assert.match(said.err, /^b \| b says hello$/m);
    assert.match((await tilth(folder, 'pipeline', 'run', '-j', '4')).out, /up to date/);
  });

  test('run as the plan asks: upstream, downstream, one alone, whole pipelines, patterns, forced, dry', async () => {
    const stage = (name: string, dep: string): string =>
      `  ${name}: {cmd: 'cat ${dep} > ${name}; echo ${name} >> ../log', deps: [${dep}], outs: [${name}]}\n`;
    const folder = repository(
      'choices',
      `${stage('a', 'in.txt')}${stage('b', 'a')}${stage('c', 'b')}${stage('x', 'in.txt')}`,
      {
        'sub/dvc.yaml': 'stages:\n  s: {cmd: cp ../c s; echo s >> ../../log, deps: [../c], outs: [s]}\n',
      },
    );
    const ran = async (...words: string[]): Promise<string> => {
      rmSync(join(folder, '..', 'log'), { force: true });
      const said = await tilth(folder, 'dvc', 'repro', ...words);
      assert.equal(said.code, 0, said.err);
      return existsSync(join(folder, '..', 'log')) ? names(folder).join(' ') : '';
    };
    assert.equal(await ran('--dry'), '');
    assert.equal(await ran('b'), 'a b');
    assert.equal(await ran('sub/dvc.yaml:s'), 'c s');
    assert.equal(await ran(), 'x');
    assert.equal(await ran('-f', 'b'), 'a b');
    assert.equal(await ran('-s', '-f', 'b'), 'b');
    assert.equal(await ran('-f', '--downstream', 'b'), 'b c s');
    assert.equal(await ran('-f', '-p', 'a'), 'a b c s');
    assert.equal(await ran('-f', '-P'), 'a b c x s');
    assert.equal(await ran('-f', '--glob', '-s', '[ax]'), 'a x');
    writeFileSync(join(folder, 'in.txt'), 'new\n');
    assert.equal(await ran('-s', 'a'), 'a');
    writeFileSync(join(folder, 'in.txt'), 'in\n');
    assert.equal(await ran(), '', 'these runs are in the run cache');
    assert.equal(readFileSync(join(folder, 'c'), 'utf8'), 'in\n');
    writeFileSync(join(folder, 'in.txt'), 'new\n');
    assert.equal(await ran('--no-run-cache', 'a'), 'a');
    writeFileSync(
      join(folder, 'dvc.yaml'),
      readFileSync(join(folder, 'dvc.yaml'), 'utf8').replace('cat in.txt > a;', 'cat in.txt > a; true;'),
    );
    assert.equal(await ran('--force-downstream', 'c'), 'a b c');
  });

  test('are brought from the remote instead of made, with --pull, and their runs too', async () => {
    const stage = (name: string, dep: string): string =>
      `  ${name}: {cmd: 'cat ${dep} > ${name}; echo ${name} >> ../log', deps: [${dep}], outs: [${name}]}\n`;
    const folder = repository('pulled', `${stage('a', 'in.txt')}${stage('b', 'a')}`);
    for (const words of ['dvc repro', 'dvc remote add -d store ../store', 'dvc push --run-cache']) {
      const said = await tilth(folder, ...words.split(' '));
      assert.equal(said.code, 0, said.err);
    }
    const forget = (...paths: string[]): void =>
      ['.dvc/cache', '../log', 'a', 'b', ...paths].forEach((path) =>
        rmSync(join(folder, path), { recursive: true, force: true }),
      );
    forget();
    const brought = await tilth(folder, 'dvc', 'repro', '--pull');
    assert.equal(brought.code, 0, brought.err);
    assert.equal(readFileSync(join(folder, 'b'), 'utf8'), 'in\n');
    assert.equal(existsSync(join(folder, '..', 'log')), false, 'nothing ran');
    forget('dvc.lock');
    const again = await tilth(folder, 'dvc', 'repro', '--pull');
    assert.equal(again.code, 0, again.err);
    assert.deepEqual(names(folder), ['a'], 'what b made holds what a made, and its run is known');
  });

  test('go on after a failure as they are told, and end with an error', async () => {
    const folder = repository(
      'failing',
      '  a: {cmd: "false", deps: [in.txt], outs: [a]}\n  b: {cmd: cat a > b, deps: [a], outs: [b]}\n  c: {cmd: cat in.txt > c, deps: [in.txt], outs: [c]}\n',
    );
    const said = await tilth(folder, 'dvc', 'repro');
    assert.equal(said.code, 255);
    assert.equal(existsSync(join(folder, 'c')), false);
    assert.equal((await tilth(folder, 'dvc', 'repro', '--keep-going')).code, 255);
    assert.equal(readFileSync(join(folder, 'c'), 'utf8'), 'in\n');
    assert.equal((await tilth(folder, 'dvc', 'repro', '--ignore-errors')).code, 0);
  });
});

describe('a run that is stopped', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    test(`by ${signal} takes all that it started with it, and goes on where it stopped`, async () => {
      const folder = repository(
        signal,
        '  a: {cmd: echo a > a; echo a >> ../log, deps: [in.txt], outs: [a]}\n  b: {cmd: "(while test ! -e ../go; do sleep 0.05; echo x >> ../ticks; done) ; echo b > b", deps: [a], outs: [b]}\n',
      );
      const ticks = join(folder, '..', 'ticks');
      const run = start(folder, 'pipeline', 'run');
      await until(() => existsSync(ticks));
      run.kill(signal);
      const said = await run.ended;
      assert.notEqual(said.code, 0);
      const length = readFileSync(ticks, 'utf8').length;
      await sleep(300);
      assert.equal(readFileSync(ticks, 'utf8').length, length, 'nothing of it runs any more');
      assert.match(readFileSync(join(folder, 'dvc.lock'), 'utf8'), /^ {2}a:/m);
      writeFileSync(join(folder, '..', 'go'), '');
      const again = await tilth(folder, 'pipeline', 'run');
      assert.equal(again.code, 0, again.err);
      assert.deepEqual(names(folder), ['a'], 'what had finished did not run again');
      assert.equal(existsSync(join(folder, '.dvc/tmp/rwlock')), false, 'and no path is held');
    });
});

describe('a pipeline that can not be', () => {
  test('is refused by name: a circle, two stages with one output, an output inside another', async () => {
    const circle = repository(
      'circle',
      '  a: {cmd: x, deps: [c], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n  c: {cmd: x, deps: [b], outs: [c]}\n',
    );
    assert.match((await tilth(circle, 'pipeline', 'run')).err, /a → c → b → a/);
    const twice = repository('twice', '  a: {cmd: x, outs: [o]}\n  b: {cmd: x, outs: [o]}\n');
    assert.match((await tilth(twice, 'pipeline', 'run')).err, /Two stages make o: a and b/);
    const inside = repository('inside', '  a: {cmd: x, outs: [o]}\n  b: {cmd: x, outs: [o/p]}\n');
    assert.match((await tilth(inside, 'pipeline', 'run')).err, /o\/p of b lies inside o, which a makes/);
  });
});
