import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { git, project, reproductionIn, tilth, type Said } from './test-project.ts';
import type { Reproduction } from './reproduce-api.ts';

const place = mkdtempSync(join(tmpdir(), 'tilth reproduce verdicts '));
const home = temporaryHome();
let server: RunningServer;

before(async () => {
  server = await startServer({ home, port: 0 });
});
after(async () => {
  await server.close();
  home.remove();
  rmSync(place, { recursive: true, force: true });
});

/** Node instead of Python, which starts faster. */
const log = `
const { MLFLOW_TRACKING_URI, TILTH_RUN_ID } = process.env;
exports.metric = async (key, value) => {
  const body = JSON.stringify({ run_id: TILTH_RUN_ID, key, value, timestamp: 1, step: 0 });
  await fetch(MLFLOW_TRACKING_URI + '/api/2.0/mlflow/runs/log-metric', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
};
`;
const make = (name: string, script: string, files: Readonly<Record<string, string>> = {}): Promise<string> =>
  project(server.address, join(place, name), {
    'log.cjs': log,
    'train.cjs': `const { metric } = require('./log.cjs');\n${script}`,
    ...files,
  });
const ours = (folder: string, ...words: string[]): Promise<Said> => tilth(server.address, folder, words);
const run = async (folder: string, ...words: string[]): Promise<string> => {
  const said = await ours(folder, 'run', '--', process.execPath, 'train.cjs', ...words);
  assert.equal(said.code, 0, said.err);
  return said.runId;
};
const reproduce = async (folder: string, named: string, ...flags: string[]): Promise<Reproduction> =>
  reproductionIn(await ours(folder, 'reproduce', named, '--json', ...flags));
const post = async (path: string, body: unknown): Promise<unknown> => {
  const response = await fetch(`${server.address}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const text = await response.text();
  assert.ok(response.ok, `${path}: ${text}`);
  return JSON.parse(text);
};

describe('a verdict', { concurrency: 2 }, () => {
  test('of a command that fails names the step, its last words, and the file that nobody keeps', async () => {
    const script = `
const { readFileSync } = require('node:fs');
try { metric('length', readFileSync('raw.csv').length); }
catch (error) { console.error("FileNotFoundError: [Errno 2] No such file or directory: 'raw.csv'"); process.exit(1); }
`;
    const folder = await make('fails', script, { 'raw.csv': 'a,b\n', '.gitignore': 'raw.csv\n' });
    const id = await run(folder);
    const said = await ours(folder, 'reproduce', id, '--json');
    const { verdict, failure } = reproductionIn(said);
    assert.deepEqual([said.code, verdict, failure?.step], [1, 'failed', 'command'], said.err);
    assert.match(failure?.output ?? '', /No such file or directory: 'raw\.csv'/);
    assert.match(failure?.todo ?? '', /raw\.csv is not in the commit.*tilth data add raw\.csv/);
  });

  test('needs something to compare', async () => {
    const folder = await make('empty', 'console.log("trained")\n');
    const { verdict, failure } = await reproduce(folder, await run(folder));
    assert.equal(verdict, 'failed');
    assert.match(failure?.message ?? '', /nothing that could be compared/);
  });

  test('leaves out what it is asked to, and says so', async () => {
    const folder = await make(
      'seconds',
      'metric("auc", 0.75).then(() => metric("fit_seconds", performance.now()));\n',
    );
    const id = await run(folder);
    const differs = await reproduce(folder, id, '--no-experiments');
    assert.deepEqual([differs.verdict, differs.experiments], ['differs', []]);
    const made = await reproduce(folder, id, '--leave-out', '*_seconds');
    assert.deepEqual([made.verdict, made.leftOut], ['bit-identical', ['*_seconds']]);
    assert.match(made.summary, /the one output is equal; 1 left out as asked/);
    const nothing = await reproduce(folder, id, '--leave-out', '*');
    assert.equal(nothing.verdict, 'failed', 'everything left out is no proof');
  });

  test('asks other seeds where the command takes them, and says how many standard deviations so few of them see', async () => {
    const script = `
const seed = Number(process.argv[process.argv.indexOf('--seed') + 1]);
metric('auc', 0.7 + ((seed * 48271) % 1000) / 100000 + process.pid * 1e-12);
`;
    const folder = await make('seeds', script);
    const id = await run(folder, '--seed', '42');
    const { verdict, noise, findings } = await reproduce(folder, id, '--seeds', '4', '--confidence', '0.999');
    assert.equal(verdict, 'within-noise', JSON.stringify(noise));
    assert.deepEqual(
      [noise?.how, noise?.seedCount, noise?.method, findings],
      ['the argument --seed', 4, 't', []],
    );
    assert.equal(new Set(noise?.metrics[0]?.values).size, 4);
    const wrong = await ours(folder, 'reproduce', id, '--seeds', '2');
    assert.deepEqual([wrong.code, /give 3 or more/.test(wrong.err)], [2, true]);
  });

  test('of a model version is that of its run, and its gate can ask for it', async () => {
    const gate = '[{ id: again, kind: reproducible, maxAgeDays: 30 }]';
    const declared = `project: sums\ndatasets:\n  rows: { path: rows.csv, owner: ana@example.org }\nmodels:\n  late:\n    dataset: rows\n    task: binary-classification\n    target: late\n    owner: ana@example.org\n    experiment: Default\n    endpoint: late\n    gate: ${gate}\n`;
    const folder = await make('model', 'metric("auc", 0.75)\n', { 'tilth.yaml': declared });
    const id = await run(folder);
    await post('/api/v1/projects', { root: folder });
    await post('/api/2.0/mlflow/registered-models/create', { name: 'late' });
    const { run: info } = (await (
      await fetch(`${server.address}/api/2.0/mlflow/runs/get?run_id=${id}`)
    ).json()) as { run: { info: { artifact_uri: string } } };
    await post('/api/2.0/mlflow/model-versions/create', {
      name: 'late',
      source: `${info.info.artifact_uri}/model`,
      run_id: id,
    });
    await post('/api/2.0/mlflow/registered-models/alias', { name: 'late', alias: 'best', version: '1' });
    const gated = async () =>
      JSON.parse((await ours(folder, 'model', 'gate', 'late', '1', '--json')).out) as {
        passed: boolean;
        results: { note: string; measured: unknown; evidence: { comparedWith?: string } }[];
      };
    const before = await gated();
    assert.deepEqual([before.passed, before.results[0]?.measured], [false, null], JSON.stringify(before));
    assert.match(before.results[0]?.note ?? '', new RegExp(`tilth reproduce ${id}`));
    const made = [];
    for (const named of ['late/1', 'models:/late/1', 'late@best', 'models:/late@best'])
      made.push(await reproduce(folder, named));
    assert.deepEqual(
      made.map(({ verdict, runId }) => [verdict, runId]),
      made.map(() => ['bit-identical', id]),
    );
    const after = await gated();
    assert.deepEqual(
      [after.passed, after.results[0]?.measured, after.results[0]?.evidence.comparedWith],
      [true, 'bit-identical', made.at(-1)?.againId],
      JSON.stringify(after),
    );
    const shown = await ours(folder, 'run', 'show', id);
    assert.match(shown.out, /done again .*the newest of 4\nBit-identical: the one output is equal\./);
    const { err } = await ours(folder, 'reproduce', 'late@worst');
    assert.match(err, /no version with the alias worst.*\[MODEL_ALIAS_UNKNOWN\]/);
  });

  test('can not be claimed: the server compares, and only runs that were started to reproduce count', async () => {
    const folder = await make('claimed', 'metric("m", Math.random())\n');
    const [one, other] = [await run(folder), await run(folder)];
    const where = { folder: '', user: '', machine: '' };
    const claim = (body: object) =>
      fetch(`${server.address}/api/v1/runs/${one}/reproductions`, {
        method: 'POST',
        body: JSON.stringify({ place: where, ...body }),
        headers: { 'content-type': 'application/json' },
      });
    for (const againId of [one, other]) {
      const answer = await claim({ againId });
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), /REPRODUCTION_REFUSED/);
    }
    assert.equal((await claim({ againId: null })).status, 400);
    await post('/api/2.0/mlflow/runs/set-tag', { run_id: other, key: 'tilth.reproduces', value: one });
    const told = (await (await claim({ againId: other })).json()) as Reproduction;
    assert.equal(told.verdict, 'differs');
    const events = (await (
      await fetch(`${server.address}/api/v1/events?verb=run.reproduce&thing=${one}`)
    ).json()) as { data: { verdict: string } }[];
    assert.deepEqual(
      events.map(({ data }) => data.verdict),
      ['differs'],
    );
  });

  test('is not come to when it is stopped, and nothing stays behind', async () => {
    const script =
      "if (process.cwd().includes('tilth-reproduce-')) { console.error('asleep'); setInterval(() => {}, 1000); }\nmetric('m', 1);\n";
    const folder = await make('stopped', script);
    const id = await run(folder);
    const own = mkdtempSync(join(place, 'tmp '));
    const said = await tilth(server.address, folder, ['reproduce', id], {
      environment: { TMPDIR: own },
      stopOn: 'asleep',
    });
    assert.match(said.err, /\[REPRODUCTION_STOPPED\]/);
    assert.deepEqual(
      readdirSync(own).filter((name) => name.startsWith('tilth')),
      [],
    );
    assert.deepEqual(await (await fetch(`${server.address}/api/v1/runs/${id}/reproductions`)).json(), {
      runId: id,
      reproductions: [],
    });
    const dry = await ours(folder, 'reproduce', id, '--dry-run');
    assert.match(dry.out, /git worktree add --detach/);
    assert.equal((await git(folder, 'worktree', 'list')).trim().split('\n').length, 1);
  });
});
