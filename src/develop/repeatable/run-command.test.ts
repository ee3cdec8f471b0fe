import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import type { RunDetail, RunPage } from '../tracking/tracking-api.ts';
import type { RunRepeatability } from './repeatable-api.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const needsPython = { skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON, a Python with mlflow-skinny and scikit-learn' : false };
const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'tilth run '));
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

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly runId: string;
}

interface Options {
  readonly folder?: string;
  readonly input?: string;
  readonly address?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** once the command has printed this */
  readonly on?: { readonly text: string; act(pid: number): void };
}

const tilthRun = (words: readonly string[], options?: Options): Promise<Said> => tilth(['run', ...words], options);

/** A command of ours, in a process of its own. */
function tilth(words: readonly string[], { folder = place, input = '', address, environment, on }: Options = {}): Promise<Said> {
  const { MLFLOW_RUN_CONTEXT: _context, TILTH_RUN_ID: _run, ...rest } = process.env;
  const env = { ...rest, TILTH_URL: address ?? server.address, NO_COLOR: '1', OMP_NUM_THREADS: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...environment };
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...words], { cwd: folder, env });
    let out = '';
    let err = '';
    let acted = false;
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (on !== undefined && !acted && out.includes(on.text)) {
        acted = true;
        on.act(child.pid ?? 0);
      }
    });
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('close', (code) => resolve({ code, out, err, runId: /\/runs\/([0-9a-f]{32})/.exec(err)?.[1] ?? '' }));
    child.stdin.end(input);
  });
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${server.address}${path}`);
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return (response.headers.get('content-type')?.includes('json') === true ? response.json() : response.text()) as Promise<T>;
}
const getRun = (id: string): Promise<RunDetail> => get(`/api/v1/runs/${id}`);
const getFile = (id: string, path: string): Promise<string> => get(`/api/v1/runs/${id}/artifact?path=${path}`);
const getRepeatability = (id: string): Promise<RunRepeatability> => get(`/api/v1/runs/${id}/repeatability`);
const runsOf = async (id: string): Promise<RunPage['runs']> =>
  (await get<RunPage>(`/api/v1/runs?filter=${encodeURIComponent(`tags."tilth.command.run" = '${id}'`)}&orderBy=start_time`)).runs;
const stateOf = ({ checks }: RunRepeatability): Record<string, string> => Object.fromEntries(checks.map(({ subject, state }) => [subject, state]));

const git = (folder: string, ...words: string[]): Promise<{ stdout: string }> =>
  promisify(execFile)('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.org', ...words], { cwd: folder });

/** A repository with a script in its first commit. */
async function repository(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(place, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  await git(folder, 'remote', 'add', 'origin', 'https://ana:hunter2@example.org/flights.git');
  await git(folder, 'add', '--all');
  await git(folder, 'commit', '--quiet', '--message', 'first');
  return folder;
}

const nodeScript = (text: string): string[] => ['--', process.execPath, '-e', text];

describe('a command without MLflow', { concurrency: 3 }, () => {
  test('has a run with its output, its exit code and its circumstances, outside git too', async () => {
    const said = await tilthRun(['--name', 'by hand', ...nodeScript('process.stdin.pipe(process.stdout); console.error("on err")')], { input: 'from stdin\n' });
    assert.deepEqual([said.code, said.out], [0, 'from stdin\n'], said.err);
    const run = await getRun(said.runId);
    assert.deepEqual([run.status, run.name, run.experimentName], ['FINISHED', 'by hand', 'Default']);
    assert.equal(run.tags['tilth.exit_code'], '0');
    assert.match(run.tags['tilth.command'] ?? '', /-e 'process\.stdin/);
    assert.equal(run.tags['mlflow.source.git.commit'], undefined);
    const output = await getFile(said.runId, 'logs/output.txt');
    assert.match(output, /^\d{4}-\d\d-\d\dT[\d:.]+Z out from stdin$/m);
    assert.match(output, /^\S+Z err on err$/m);
    const found = await getRepeatability(said.runId);
    assert.equal(found.verdict, 'not');
    assert.deepEqual([stateOf(found)['code'], stateOf(found)['command'], stateOf(found)['hardware']], ['missing', 'known', 'known']);
    assert.equal(found.outputPath, 'logs/output.txt');
  });

  test('that fails passes its code on, and its last lines are with the run', async () => {
    const said = await tilthRun(nodeScript('console.log("fine"); console.error("no such file: flights.csv"); process.exit(7)'));
    assert.equal(said.code, 7);
    const run = await getRun(said.runId);
    assert.deepEqual([run.status, run.tags['tilth.exit_code'], run.tags['tilth.error']], ['FAILED', '7', 'no such file: flights.csv']);
  });

  test('that does not exist is told, and its run has failed', async () => {
    const said = await tilthRun(['--', 'no-such-program-here']);
    assert.equal(said.code, 1);
    assert.match(said.err, /no-such-program-here can't be started.*\[COMMAND_NOT_STARTED\]/);
    assert.equal((await getRun(said.runId)).status, 'FAILED');
  });

  test('that is stopped gets the signal, and its run is killed', async () => {
    const script = 'process.on("SIGINT", () => { console.log("tidied up"); process.exit(3) }); setInterval(() => {}, 1000); console.log("ready")';
    const said = await tilthRun(nodeScript(script), { on: { text: 'ready', act: (pid) => process.kill(pid, 'SIGINT') } });
    assert.deepEqual([said.code, said.out], [3, 'ready\ntidied up\n']);
    assert.equal((await getRun(said.runId)).status, 'KILLED');
    const ended = await tilthRun(nodeScript('setInterval(() => {}, 1000); console.log("ready")'), {
      on: { text: 'ready', act: (pid) => process.kill(pid, 'SIGTERM') },
    });
    assert.equal(ended.code, 128 + 15);
    const run = await getRun(ended.runId);
    assert.deepEqual([run.status, run.tags['tilth.signal']], ['KILLED', 'SIGTERM']);
  });

  test('is not started when no server answers', async () => {
    const said = await tilthRun(nodeScript('console.log("started")'), { address: 'http://127.0.0.1:9' });
    assert.deepEqual([said.code, said.out], [3, '']);
    assert.match(said.err, /tilth up/);
  });

  test('that leaves something running in the background ends when it ends itself', async () => {
    const startedAt = performance.now();
    const said = await tilthRun(['--', 'sh', '-c', 'sleep 60 & echo $!; echo done']);
    process.kill(Number(said.out.split('\n')[0]));
    assert.equal((await getRun(said.runId)).status, 'FINISHED');
    assert.ok(performance.now() - startedAt < 30_000);
  });

  test('outlives a restart of the server, and nothing is lost', async () => {
    const own = temporaryHome();
    let other = await startServer({ home: own, port: 0 });
    const port = Number(new URL(other.address).port);
    const script = 'console.log("before"); setTimeout(() => console.log("while away"), 300); setTimeout(() => console.log("after"), 1500)';
    const said = await tilthRun(nodeScript(script), {
      address: other.address,
      on: {
        text: 'before',
        act: () => {
          void (async () => {
            await other.close();
            await new Promise((done) => setTimeout(done, 2_500));
            other = await startServer({ home: own, port });
          })();
        },
      },
    });
    try {
      assert.equal(said.code, 0, said.err);
      const read = async (path: string): Promise<string> => (await fetch(`${other.address}/api/v1/runs/${said.runId}${path}`)).text();
      assert.match(await read(''), /"status":"FINISHED"/);
      assert.match(await read('/artifact?path=logs/output.txt'), /out before\n.*out while away\n.*out after\n$/);
    } finally {
      await other.close();
      own.remove();
    }
  });

  test('shows what it prints while it runs', async () => {
    let seen = '';
    const script = 'console.log("epoch 1"); setInterval(() => {}, 1000)';
    const said = await tilthRun(['--name', 'live', ...nodeScript(script)], {
      on: {
        text: 'epoch 1',
        act: (pid) => {
          void (async () => {
            const deadline = Date.now() + 8_000;
            while (!seen.includes('epoch 1') && Date.now() < deadline) {
              await new Promise((done) => setTimeout(done, 100));
              const { runs } = await get<RunPage>("/api/v1/runs?filter=status = 'RUNNING' AND attributes.run_name = 'live'");
              const path = runs[0] === undefined ? '' : `${server.address}/api/v1/runs/${runs[0].id}/artifact?path=logs/output.txt`;
              const answer = path === '' ? undefined : await fetch(path);
              if (answer?.status === 200) seen = await answer.text();
            }
            process.kill(pid, 'SIGTERM');
          })();
        },
      },
    });
    assert.match(seen, /out epoch 1/, said.err);
  });
});

describe('what differs from the commit', () => {
  test('is kept with the run, without secrets, and what git ignores is left out', async () => {
    const folder = await repository('dirty', { 'train.js': 'console.log(1)\n', '.gitignore': 'ignored\n', 'sub/deep.txt': 'x\n' });
    writeFileSync(join(folder, 'train.js'), 'console.log(2)\n');
    writeFileSync(join(folder, 'new file.js'), 'console.log(3)\n');
    writeFileSync(join(folder, '.env'), 'TOKEN=geheim\n');
    writeFileSync(join(folder, 'ignored'), 'x\n');
    const said = await tilthRun(['--', process.execPath, '../train.js', '--api-key', 'geheim', '--seed=7'], { folder: join(folder, 'sub') });
    assert.equal(said.out, '2\n', said.err);
    const { tags } = await getRun(said.runId);
    assert.equal(tags['tilth.folder'], 'sub');
    assert.equal(tags['mlflow.source.git.branch'], 'main');
    assert.equal(tags['mlflow.source.git.repoURL'], 'https://example.org/flights.git');
    assert.equal(tags['tilth.dirty'], 'true');
    assert.deepEqual([tags['tilth.changes.kept'], tags['tilth.changes.lost']], ['2', '.env']);
    assert.equal(tags['tilth.seed.seed'], '7');
    const diff = await getFile(said.runId, 'tilth/changes.diff');
    assert.match(diff, /\+console\.log\(2\)/);
    assert.match(diff, /\+console\.log\(3\)/);
    const everything = JSON.stringify(tags) + diff + (await getFile(said.runId, 'tilth/untracked.sha256'));
    assert.doesNotMatch(everything, /geheim|hunter2/);
    assert.match(everything, /^[0-9a-f]{64} {2}new file\.js$/m);
    const found = await getRepeatability(said.runId);
    assert.deepEqual([stateOf(found)['code'], stateOf(found)['command'], stateOf(found)['seed']], ['partly', 'partly', 'known']);

    // the patch makes the same tree of the commit again
    const again = join(place, 'again');
    await git(folder, 'worktree', 'add', '--quiet', '--detach', again, tags['mlflow.source.git.commit'] ?? '');
    writeFileSync(join(place, 'changes.diff'), diff);
    await git(again, 'apply', join(place, 'changes.diff'));
    const differing = await promisify(execFile)('diff', ['-r', '-x', '.git', '-x', '.env', '-x', 'ignored', folder, again]);
    assert.equal(differing.stdout, '');
    assert.match((await git(folder, 'status', '--porcelain')).stdout, /^\?\? "new file\.js"$/m, 'the index of the person is as it was');
  });
});

test('the versions of data that dvc files record are with the run, and what was changed since is named', async () => {
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const dvcFile = (text: string, name: string): string => `outs:\n- md5: ${md5(text)}\n  size: ${text.length}\n  hash: md5\n  path: ${name}\n`;
  const folder = await repository('data', {
    '.dvc/config': '',
    '.dvc/.gitignore': '/tmp\n/cache\n',
    'raw/flights.csv.dvc': dvcFile('a,b\n1,2\n', 'flights.csv'),
    'raw/weather.csv.dvc': dvcFile('as it was\n', 'weather.csv'),
    'raw/absent.csv.dvc': dvcFile('x', 'absent.csv'),
    'raw/.gitignore': '/*.csv\n',
  });
  writeFileSync(join(folder, 'raw/flights.csv'), 'a,b\n1,2\n');
  writeFileSync(join(folder, 'raw/weather.csv'), 'as it is now\n');
  const said = await tilthRun(nodeScript(''), { folder });
  const { tags } = await getRun(said.runId);
  assert.deepEqual(
    Object.entries(tags).filter(([key]) => key.startsWith('tilth.data.') || key === 'tilth.changed_data'),
    [
      ['tilth.changed_data', 'raw/weather.csv'],
      ['tilth.data.raw/flights.csv', md5('a,b\n1,2\n')],
      ['tilth.data.raw/weather.csv', md5('as it was\n')],
    ],
  );
  assert.equal(tags['tilth.dirty'], 'false');
  assert.equal(stateOf(await getRepeatability(said.runId))['data'], 'partly');
});

const oneRun = `
import sys, mlflow
mlflow.set_experiment(sys.argv[1])
with mlflow.start_run():
    mlflow.log_param("random_state", 42)
    mlflow.log_metric("auc", 0.75)
    print("trained")
`;

describe('a script with the stock MLflow client', { ...needsPython, concurrency: 3 }, () => {
  const runPython = (folder: string, script: string, ...words: string[]): string[] => {
    writeFileSync(join(folder, 'script.py'), script);
    return ['--', python ?? '', 'script.py', ...words];
  };

  test('gets the run that waits for it, in the experiment that it chooses', async () => {
    const folder = await repository('stock', { 'script.py': oneRun, 'requirements.txt': 'mlflow-skinny==0.0.1\n' });
    const said = await tilthRun(['--', python ?? '', 'script.py', 'chosen'], { folder });
    assert.equal(said.code, 0, said.err);
    const runs = await runsOf(said.runId);
    assert.deepEqual(runs.map(({ id, status }) => [id, status]), [[said.runId, 'FINISHED']]);
    const run = await getRun(said.runId);
    assert.deepEqual([run.experimentName, run.params['random_state'], run.metrics['auc']?.value], ['chosen', '42', 0.75]);
    assert.equal(run.tags['tilth.dirty'], 'false');
    assert.match(run.tags['tilth.python'] ?? '', /^3\.\d+\.\d+/);
    assert.match(run.tags['tilth.lock'] ?? '', /^requirements\.txt sha256:[0-9a-f]{64}$/);
    assert.match(run.tags['tilth.lock.differs'] ?? '', /^mlflow-skinny \S+ \(locked 0\.0\.1\)$/);
    assert.equal(run.tags['tilth.hash_seed'], '0');
    assert.match(await getFile(said.runId, 'tilth/packages.txt'), /^mlflow-skinny==\d/m);
    assert.match(await getFile(said.runId, 'logs/output.txt'), /out trained$/m);
    const found = await getRepeatability(said.runId);
    assert.deepEqual(stateOf(found), { code: 'known', command: 'known', data: 'missing', environment: 'partly', seed: 'known', hardware: 'known' });
    assert.equal(found.verdict, 'partly');
    assert.match(found.steps.join('\n'), /git worktree add .*\n.*\n.*pip install -r requirements\.txt\nPYTHONHASHSEED=0 tilth run --experiment chosen -- /);
    const shown = await promisify(execFile)(process.execPath, [main, 'run', 'show', said.runId], { env: { ...process.env, TILTH_URL: server.address, NO_COLOR: '1' } });
    assert.match(shown.stdout, /✓ code +Commit [0-9a-f]{10}, nothing changed since\./);
  });

  test('with several runs, nested ones and child processes: each has the facts', async () => {
    const folder = await repository('several', { 'README.md': 'x\n' });
    const script = `
import os, subprocess, sys, mlflow
with mlflow.start_run(run_name="parent"):
    with mlflow.start_run(run_name="child", nested=True):
        mlflow.log_metric("m", 1)
with mlflow.start_run(run_name="second"):
    pass
subprocess.run([sys.executable, "-c", "import mlflow; mlflow.start_run(run_name='of a child process'); mlflow.end_run()"], check=True)
`;
    const said = await tilthRun(['--name', 'unused', '--experiment', 'several', ...runPython(folder, script)], { folder });
    assert.equal(said.code, 0, said.err);
    const runs = await runsOf(said.runId);
    assert.deepEqual(runs.map(({ name }) => name).sort(), ['child', 'of a child process', 'parent', 'second']);
    assert.equal(runs.find(({ id }) => id === said.runId)?.name, 'parent');
    assert.equal(runs.find(({ name }) => name === 'child')?.tags['mlflow.parentRunId'], said.runId);
    const commit = (await git(folder, 'rev-parse', 'HEAD')).stdout.trim();
    for (const { tags, status, name } of runs) {
      assert.deepEqual(
        [status, tags['mlflow.source.git.commit'], tags['tilth.dirty'], tags['tilth.packages']?.length, tags['tilth.cores'] !== undefined],
        ['FINISHED', commit, 'true', 64, true],
        name,
      );
    }
  });

  test('that only autologs has its params, its model and its seed', async () => {
    const script = `
import mlflow
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
mlflow.autolog(log_models=False, silent=True)
X, y = make_classification(60, random_state=0)
LogisticRegression(random_state=13).fit(X, y)
`;
    const folder = await repository('autolog', { 'train.py': script });
    const said = await tilthRun(['--', python ?? '', 'train.py'], { folder });
    assert.equal(said.code, 0, said.err);
    const run = await getRun(said.runId);
    assert.deepEqual([run.status, run.params['random_state']], ['FINISHED', '13'], said.err);
    const { checks } = await getRepeatability(said.runId);
    assert.equal(checks.find(({ subject }) => subject === 'seed')?.found, 'random_state = 13.');
    assert.match(checks.find(({ subject }) => subject === 'data')?.found ?? '', /^Logged, but not versioned: dataset/);
  });

  test('that crashes without a with-block has failed, and one that is stopped is killed', async () => {
    const folder = await repository('crash', { 'README.md': 'x\n' });
    const crash = 'import mlflow\nmlflow.start_run()\nmlflow.log_metric("m", 1)\nraise ValueError("bad split")\n';
    const said = await tilthRun(runPython(folder, crash), { folder });
    assert.equal(said.code, 1);
    const run = await getRun(said.runId);
    assert.equal(run.status, 'FAILED');
    assert.match(run.tags['tilth.error'] ?? '', /ValueError: bad split$/);
    const sleeps = 'import time, mlflow\nwith mlflow.start_run():\n    print("ready")\n    time.sleep(60)\n';
    const stopped = await tilthRun(runPython(folder, sleeps), { folder, on: { text: 'ready', act: (pid) => process.kill(pid, 'SIGINT') } });
    assert.notEqual(stopped.code, 0);
    assert.equal((await getRun(stopped.runId)).status, 'KILLED');
  });
});
