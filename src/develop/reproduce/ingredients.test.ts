import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '../tracking/tracking.ts';
import { compareIngredients, differingSubjects } from './ingredients.ts';

const bare: Run = {
  id: '0'.repeat(32),
  name: 'brisk-fig-1',
  experimentId: '1',
  userId: 'ana',
  status: 'FINISHED',
  startedAt: 0,
  endedAt: 1,
  artifactUri: '',
  lifecycleStage: 'active',
  params: [],
  tags: [],
  metrics: [],
  datasets: [],
  modelInputs: [],
  modelOutputs: [],
};
const tags = {
  'tilth.version': '1',
  'mlflow.source.git.commit': 'a'.repeat(40),
  'tilth.code.tree': 'b'.repeat(40),
  'tilth.dirty': 'false',
  'tilth.top': '/home/ana/flights',
  'tilth.command': '/home/ana/flights/.venv/bin/python /home/ana/flights/train.py',
  'tilth.data.rows.csv': 'c'.repeat(32),
  'tilth.python': '3.11.7',
  'tilth.python.path': '/home/ana/flights/.venv/bin/python',
  'tilth.environment': 'PYTHONPATH=/home/ana/flights/src\nOMP_NUM_THREADS=1',
  'tilth.hash_seed': '0',
  'tilth.cpu': 'EPYC',
  'tilth.os': 'Linux 6.1.0 x64',
};
const packages = 'numpy==2.1.0\nscikit_learn==1.5.0\n';
const circumstances = (change: Record<string, string | undefined> = {}, list = packages) => ({
  run: {
    ...bare,
    tags: Object.entries({ ...tags, ...change }).flatMap(([key, value]) =>
      value === undefined ? [] : [{ key, value }],
    ),
  },
  packages: list,
});
const told = (change: Record<string, string | undefined>, list = packages): string[] =>
  compareIngredients(circumstances(), circumstances(change, list))
    .filter(({ state }) => state !== 'equal')
    .map(
      ({ subject, name, state, recorded, found }) =>
        `${subject} ${name} ${state} ${recorded ?? '-'} ${found ?? '-'}`,
    );

test('another folder, another name of the same commit and another kernel are no other ingredients', () => {
  const elsewhere = {
    'mlflow.source.git.commit': 'f'.repeat(40),
    'tilth.top': '/tmp/x',
    'tilth.command': '/tmp/x/.venv/bin/python /tmp/x/train.py',
    'tilth.python.path': '/tmp/x/.venv/bin/python',
    'tilth.environment': 'PYTHONPATH=/tmp/x/src\nOMP_NUM_THREADS=1',
    'tilth.os': 'Linux 6.9.1 x64',
  };
  assert.deepEqual(told(elsewhere), []);
});

test('each ingredient that differs is told by its name, with both values', () => {
  assert.deepEqual(told({ 'tilth.code.tree': 'x', 'mlflow.source.git.commit': 'y' }), [
    `code commit differs ${'a'.repeat(40)} y`,
  ]);
  assert.deepEqual(told({ 'tilth.dirty': 'true', 'tilth.changes.sha256': 'd' }), [
    'code changes since the commit differs none d',
  ]);
  assert.deepEqual(told({ 'tilth.found_data.rows.csv': 'damaged' }), [
    `data rows.csv differs ${'c'.repeat(32)} damaged`,
  ]);
  assert.deepEqual(told({ 'tilth.data.rows.csv': undefined }), [
    `data rows.csv not found ${'c'.repeat(32)} -`,
  ]);
  assert.deepEqual(told({}, 'numpy==2.2.0\nscikit-learn==1.5.0\nextra==1\n'), [
    'environment extra differs not installed 1',
    'environment numpy differs 2.1.0 2.2.0',
  ]);
  assert.deepEqual(told({ 'tilth.python': '3.12.1' }), ['environment Python differs 3.11.7 3.12.1']);
  assert.deepEqual(told({ 'tilth.hash_seed': 'random' }), ['seed PYTHONHASHSEED differs 0 random']);
  assert.deepEqual(told({ 'tilth.cpu': 'Xeon' }), ['hardware processor differs EPYC Xeon']);
  assert.deepEqual(told({ 'tilth.environment': 'PYTHONPATH=/home/ana/flights/src' }), [
    'hardware OMP_NUM_THREADS differs 1 not set',
  ]);
});

test('what was never recorded is no difference', () => {
  const all = compareIngredients({ run: bare, packages: undefined }, circumstances());
  assert.deepEqual(differingSubjects(all), []);
  assert.ok(all.every(({ state }) => state === 'not recorded'));
});
