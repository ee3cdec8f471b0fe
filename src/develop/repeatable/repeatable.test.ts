import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Run } from '../tracking/tracking.ts';
import { CommandOutput } from './command-output.ts';
import { findLock, pythonOfCommand, seedsOf } from './gather-environment.ts';
import { commandLine, isSecret, withoutPassword } from './gather-source.ts';
import { factsOf, isSeed, isSeedName, repeatability } from './repeatable.ts';

const bare: Run = {
  id: '0123456789abcdef0123456789abcdef',
  name: 'brisk-fig-1',
  experimentId: '1',
  userId: 'ana',
  status: 'FINISHED',
  startedAt: 0,
  endedAt: 1,
  artifactUri: 'mlflow-artifacts:/1/0123456789abcdef0123456789abcdef/artifacts',
  lifecycleStage: 'active',
  params: [],
  tags: [],
  metrics: [],
  datasets: [],
  modelInputs: [],
  modelOutputs: [],
};

const runWith = (tags: Readonly<Record<string, string>>, params: Readonly<Record<string, string>> = {}): Run => ({
  ...bare,
  tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  params: Object.entries(params).map(([key, value]) => ({ key, value })),
});

const complete = {
  'mlflow.source.git.commit': 'a'.repeat(40),
  'tilth.command.run': bare.id,
  'tilth.command': 'python train.py',
  'tilth.dirty': 'false',
  'tilth.folder': '.',
  'tilth.dataset.flights': 'b'.repeat(32),
  'tilth.lock': `poetry.lock sha256:${'c'.repeat(64)}`,
  'tilth.packages': 'd'.repeat(64),
  'tilth.packages.count': '12',
  'tilth.python': '3.11.7',
  'tilth.hash_seed': '0',
};

test('a run of which everything is known is repeatable, and the lines to do so are there', () => {
  const found = repeatability(factsOf(runWith(complete, { seed: '42' }), 'late flights'));
  assert.equal(found.verdict, 'repeatable');
  assert.ok(found.checks.every(({ state, todo }) => (state === 'known') === (todo === null)));
  assert.deepEqual(found.steps, [
    `git worktree add --detach ../repeat-01234567 ${'a'.repeat(40)}`,
    'cd ../repeat-01234567',
    'ln -s "$OLDPWD/.dvc/cache" .dvc/cache',
    'tilth data checkout',
    'poetry install',
    "PYTHONHASHSEED=0 tilth run --experiment 'late flights' -- python train.py",
  ]);
});

test('a run that only used the stock client is told how to get the rest', () => {
  const found = repeatability(factsOf(runWith({ 'mlflow.source.git.commit': 'a'.repeat(40), 'mlflow.source.name': 'train.py' })));
  assert.equal(found.verdict, 'not');
  assert.equal(found.summary, "Can't be repeated: code, command, data, environment and seed are not fully known.");
  assert.ok(found.checks.every(({ todo }) => todo !== null));
});

test('no fact that goes missing makes a run more repeatable', () => {
  const rank = { repeatable: 2, partly: 1, not: 0 } as const;
  fc.assert(
    fc.property(fc.subarray(Object.entries(complete)), fc.subarray(Object.entries(complete)), (some, others) => {
      const fewer = some.filter(([key]) => others.some(([other]) => other === key));
      const verdictOf = (tags: [string, string][]): number => rank[repeatability(factsOf(runWith(Object.fromEntries(tags), { seed: '1' }))).verdict];
      // that nothing was changed is no fact without the commit
      if (!fewer.some(([key]) => key === 'mlflow.source.git.commit') || some.length === fewer.length) return;
      assert.ok(verdictOf(fewer) <= verdictOf(some), JSON.stringify([some, fewer]));
    }),
  );
});

test('a seed has a number; None and other words are none', () => {
  for (const name of ['seed', 'random_state', 'train.seed', 'global_seed', 'model__random_state', 'SEED']) assert.ok(isSeedName(name), name);
  for (const name of ['seeds', 'seedling', 'proceed', 'random_states']) assert.ok(!isSeedName(name), name);
  assert.deepEqual([isSeed('42'), isSeed('None'), isSeed(''), isSeed('0')], [true, false, false, true]);
  assert.deepEqual(seedsOf(['python', 'train.py', '--seed', '1', 'data.random_state=2', '--other_seed=x']), {
    'tilth.seed.seed': '1',
    'tilth.seed.data.random_state': '2',
  });
});

test('a secret is not in the recorded command, and a shell reads the rest of it back as it was', () => {
  const { line, hiddenCount } = commandLine(['train', '--api-key', 'abc', '--token=abc', 'db.password=abc', 'postgres://ana:abc@host/db', '--max-tokens', '5']);
  assert.doesNotMatch(line, /abc/);
  assert.equal(hiddenCount, 4);
  assert.match(line, /--max-tokens 5$/);
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }).filter((word) => !/[\0=@]/.test(word) && !word.startsWith('-')), { minLength: 1, maxLength: 5 }), (words) => {
      const { line: written } = commandLine(['printf', '%s\\0', ...words]);
      assert.equal(execFileSync('sh', ['-c', written]).toString(), words.map((word) => `${Buffer.from(word).toString()}\0`).join(''));
    }),
    { numRuns: 30 },
  );
});

test('files whose names promise secrets are known by them', () => {
  for (const name of ['.env', 'a/.env.local', 'key.pem', 'prod.env', 'a/id_rsa', 'credentials.json', 'secrets.yaml', '.netrc']) assert.ok(isSecret(name), name);
  for (const name of ['environment.py', 'src/env.ts', 'keyboard.py', 'secretary.csv', 'tokens.txt']) assert.ok(!isSecret(name), name);
  assert.equal(withoutPassword('https://ana:pw@example.org/a.git'), 'https://example.org/a.git');
  assert.equal(withoutPassword('https://token@example.org/a.git'), 'https://example.org/a.git');
  assert.equal(withoutPassword('ssh://git:pw@example.org/a.git'), 'ssh://git@example.org/a.git');
  assert.equal(withoutPassword('git@example.org:a.git'), 'git@example.org:a.git');
});

test('the nearest lock counts, and open requirements are none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-lock-'));
  try {
    const sub = join(folder, 'sub');
    mkdirSync(sub);
    assert.equal(findLock(sub, folder), undefined);
    writeFileSync(join(sub, 'requirements.txt'), 'numpy>=2\npandas==2.2.0\n');
    writeFileSync(join(folder, 'poetry.lock'), '[[package]]\nname = "NumPy"\nversion = "2.1.0"\n\n[[package]]\nname = "torch"\nversion = "1"\n\n[[package]]\nname = "torch"\nversion = "2"\n');
    assert.deepEqual([findLock(sub, folder)?.name, [...(findLock(sub, folder)?.versions ?? [])]], ['poetry.lock', [['numpy', '2.1.0']]]);
    writeFileSync(join(sub, 'requirements.txt'), '# pinned\n--index-url https://example.org\nnumpy==2.0.1 \\\n  --hash=sha256:00\nScikit_Learn[all]==1.5 ; python_version > "3"\n');
    assert.deepEqual([...(findLock(sub, folder)?.versions ?? [])], [['numpy', '2.0.1'], ['scikit-learn', '1.5']]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the Python of a command is the one that it names, its wrapper’s, or the one on PATH', () => {
  assert.deepEqual(pythonOfCommand(['/opt/bin/python3.12', 'a.py']), ['/opt/bin/python3.12']);
  assert.deepEqual(pythonOfCommand(['poetry', 'run', 'train']), ['poetry', 'run', 'python']);
  assert.deepEqual(pythonOfCommand(['env', 'A=1', 'python3', 'a.py']), pythonOfCommand(['./no-such-file']));
  assert.match(pythonOfCommand(['./no-such-file'])[0] ?? '', /^python3?$/);
});

const small = { head: 300, tail: 600, line: 50 };

test('lines arrive whole however they are cut into chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 10 }).filter((text) => !['\r', '\n', '\u001b'].some((one) => text.includes(one))), { maxLength: 8 }), fc.array(fc.nat(40)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const output = new CommandOutput();
      const places = [...new Set(cuts)].sort((a, b) => a - b).filter((cut) => cut < bytes.length);
      for (const [at, from] of [0, ...places].entries()) output.add('out', bytes.subarray(from, places[at] ?? bytes.length), 0);
      output.end(0);
      assert.equal(output.text(), lines.map((line) => `1970-01-01T00:00:00.000Z out ${line}\n`).join(''));
    }),
  );
});

test('of very much, the first and the last lines stay, the number of the others is told, and the memory is bounded', () => {
  const output = new CommandOutput(small);
  for (let line = 0; line < 50_000; line += 1) output.add('out', Buffer.from(`line ${line}\n`), 0);
  const text = output.text();
  assert.ok(text.length < small.head + small.tail + 60, String(text.length));
  const lines = text.trimEnd().split('\n');
  assert.match(lines[0] ?? '', /line 0$/);
  assert.match(lines.at(-1) ?? '', /line 49999$/);
  const leftOut = Number(/… (\d+) lines/.exec(text)?.[1]);
  assert.equal(leftOut + lines.length - 1, 50_000);
});

test('a progress bar is one line, colours are gone, and a line without end is cut', () => {
  const output = new CommandOutput(small);
  for (let percent = 0; percent <= 100; percent += 1) output.add('err', Buffer.from(`\r${percent}%`), 0);
  output.add('err', Buffer.from('\n\u001b[31mred\u001b[0m\r\n'), 0);
  output.add('out', Buffer.from('x'.repeat(100_000)), 0);
  output.end(0);
  const lines = output.text().trimEnd().split('\n').map((line) => line.slice(25));
  assert.deepEqual(lines.slice(0, 2), ['err 100%', 'err red']);
  assert.equal(lines[2], `out ${'x'.repeat(50)}…`);
  assert.equal(output.lastLines(5), '100%\nred');
});
