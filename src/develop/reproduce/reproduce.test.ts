import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { after, before, describe, test } from 'node:test';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import type { RunDetail } from '../tracking/tracking-api.ts';
import type { Cause, Reproduction, Reproductions } from './reproduce-api.ts';
import {
  git,
  needsPython,
  project,
  python,
  reproductionIn,
  rows,
  tilth,
  write,
  type Said,
  makeWheel,
  wheelOf,
} from './test-project.ts';

const place = mkdtempSync(join(tmpdir(), 'tilth reproduce '));
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

const make = (name: string, files: Readonly<Record<string, string>>, data?: string): Promise<string> =>
  project(server.address, join(place, name), files, data);
const run = (folder: string, ...words: string[]): Promise<Said> =>
  tilth(server.address, folder, ['run', '--', ...words]);
const reproduce = async (folder: string, named: string, ...flags: string[]): Promise<Reproduction> =>
  reproductionIn(await tilth(server.address, folder, ['reproduce', named, '--json', ...flags]));
const get = async <T>(path: string): Promise<T> =>
  (await fetch(`${server.address}${path}`)).json() as Promise<T>;
const causesOf = ({ findings }: Reproduction): Cause[] => findings.map(({ cause }) => cause);

/** Name, size, time and content of everything below a folder. */
function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const stat = statSync(path);
      return `${path} ${stat.mtimeMs} ${entry.isFile() ? readFileSync(path).toString('base64') : ''}`;
    })
    .sort();
}

const train = `
import sys, zipfile, mlflow, numpy
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
table = numpy.loadtxt("data.csv", delimiter=",", skiprows=1)
X, y = table[:, :2], table[:, 2]
seed = int(sys.argv[sys.argv.index("--seed") + 1])
with mlflow.start_run():
    model = RandomForestClassifier(10, random_state=seed, max_depth=4).fit(X[:150], y[:150])
    mlflow.log_param("seed", seed)
    for step in range(3):
        mlflow.log_metric("loss", log_loss(y[150:], model.predict_proba(X[150:])) + step, step=step)
    mlflow.log_metric("accuracy", model.score(X[150:], y[150:]))
    numpy.savez("importances.npz", importances=model.feature_importances_)
    with zipfile.ZipFile("notes.zip", "w") as notes:
        notes.writestr("notes.txt", "grown")
    mlflow.log_artifact("importances.npz")
    mlflow.log_artifact("notes.zip")
    mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
`;

describe('tilth reproduce', needsPython, () => {
  test('does a training again in another folder, bit by bit, and touches nothing of the person', async () => {
    const folder = await make('clean', { 'train.py': 'print("not yet written")\n' }, rows(200));
    write(folder, { 'train.py': train });
    const first = await run(folder, python, 'train.py', '--seed', '3');
    assert.equal(first.code, 0, first.err);
    // what comes later does not change what was
    write(folder, { 'train.py': 'raise SystemExit("changed since")\n', 'data.csv': 'changed since\n' });
    const before = snapshot(folder);
    const said = await tilth(server.address, folder, ['reproduce', first.runId, '--json']);
    const made = reproductionIn(said);
    assert.equal(made.verdict, 'bit-identical', said.err + JSON.stringify(made, null, 1).slice(0, 6000));
    assert.equal(said.code, 0);
    const states = new Map(made.likeness?.outputs.map(({ name, state, rule }) => [name, rule ?? state]));
    assert.deepEqual(
      [states.get('loss'), states.get('accuracy'), states.get('importances.npz')],
      ['equal', 'equal', 'equal'],
    );
    assert.equal(states.get('notes.zip'), 'times of zip entries');
    assert.equal(states.get('model/MLmodel'), 'MLmodel ids and time');
    assert.ok(
      [...states].some(([name, state]) => /^model\/model\.(pkl|skops)$/.test(name) && state === 'equal'),
      JSON.stringify([...states]),
    );
    assert.ok(
      made.likeness?.ingredients.every(({ state }) => state === 'equal'),
      JSON.stringify(made.likeness?.ingredients),
    );
    assert.deepEqual(snapshot(folder), before);
    assert.ok(!made.place.folder.startsWith(place));

    const detail = await get<RunDetail>(`/api/v1/runs/${first.runId}`);
    assert.deepEqual(
      [detail.tags['tilth.reproduction'], detail.tags['tilth.reproduction.run']],
      ['bit-identical', made.againId],
    );
    assert.deepEqual(await get(`/api/v1/runs/${first.runId}/artifact?path=reproduction.json`), made);
    const { reproductions } = await get<Reproductions>(`/api/v1/runs/${first.runId}/reproductions`);
    assert.deepEqual(reproductions, [made]);
    // once more: what the first one left with the run is no output of it
    assert.equal((await reproduce(folder, first.runId)).verdict, 'bit-identical');
  });
});

const isRoot = process.getuid?.() === 0;

/** Not Python, which the other user may not be allowed to start here. */
const count = `
const { readFileSync } = require('node:fs');
const value = readFileSync('data.csv', 'utf8').split('\\n').reduce((sum, line) => sum + Math.sin(Number(line.split(',')[0]) || 0), 0);
const { MLFLOW_TRACKING_URI, TILTH_RUN_ID } = process.env;
const body = JSON.stringify({ run_id: TILTH_RUN_ID, key: 'sum', value, timestamp: 1, step: 0 });
fetch(MLFLOW_TRACKING_URI + '/api/2.0/mlflow/runs/log-metric', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
`;

test(
  'another user of the machine gets the same bits, with no more than the right to read',
  { skip: isRoot ? false : 'only root can become another user' },
  async () => {
    const folder = await make('user', { 'count.cjs': count }, rows(200));
    const first = await run(folder, process.execPath, 'count.cjs');
    assert.equal(first.code, 0, first.err);
    chmodSync(place, 0o755);
    const own = mkdtempSync(join(tmpdir(), 'tilth-nobody-'));
    try {
      chownSync(own, 65_534, 65_534);
      const before = snapshot(folder);
      const said = await tilth(server.address, folder, ['reproduce', first.runId, '--json'], {
        through: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
        environment: { HOME: own, TMPDIR: own, USER: 'nobody', LOGNAME: 'nobody' },
      });
      const made = reproductionIn(said);
      assert.equal(made.verdict, 'bit-identical', said.err + JSON.stringify(made));
      assert.equal(made.place.user, 'nobody');
      assert.deepEqual(snapshot(folder), before);
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  },
);

/** Logs without MLflow, which takes longer to load than these take to run. */
const log = `
import json, os, urllib.request
def metric(key, value):
    body = {"run_id": os.environ["TILTH_RUN_ID"], "key": key, "value": value, "timestamp": 1, "step": 0}
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric",
        json.dumps(body).encode(), {"content-type": "application/json"})
    urllib.request.urlopen(request).read()
`;

const sums =
  'from log import metric\nmetric("sum", sum(float(line) for line in open("data.csv").read().split()))\n';

/** The one object of `data.csv` in the cache. */
function cachedObject(folder: string): string {
  const md5 = /md5: ([0-9a-f]{32})/.exec(readFileSync(join(folder, 'data.csv.dvc'), 'utf8'))?.[1] ?? '';
  return join(folder, '.dvc/cache/files/md5', md5.slice(0, 2), md5.slice(2));
}

function overwrite(path: string, text: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, text);
}

/** A project whose lock has version 1.0 of a package, and whose environment 2.0; where pip finds both without a network. */
async function withTinynumber(
  name: string,
): Promise<{ folder: string; at: { environment: NodeJS.ProcessEnv } }> {
  const wheels = join(place, `${name} wheels`);
  const folder = await make(name, {
    'train.py': 'import tinynumber\nfrom log import metric\nmetric("m", tinynumber.value)\n',
    'log.py': log,
    'requirements.txt': 'tinynumber==1.0\n',
    '.gitignore': '.venv\n',
  });
  const start = promisify(execFile);
  for (const version of ['1.0', '2.0']) await makeWheel(wheels, version);
  await start(python, ['-m', 'venv', '--without-pip', join(folder, '.venv')]);
  const [site = ''] = readdirSync(join(folder, '.venv/lib')).map((each) =>
    join(folder, '.venv/lib', each, 'site-packages'),
  );
  await start(python, ['-m', 'zipfile', '-e', wheelOf(wheels, '2.0'), site]);
  return { folder, at: { environment: { PIP_NO_INDEX: '1', PIP_FIND_LINKS: pathToFileURL(wheels).href } } };
}

describe('a change that was planted is named', { ...needsPython, concurrency: 2 }, () => {
  test('data: what lies in the cache is not what it was', async () => {
    const folder = await make('data', { 'train.py': sums, 'log.py': log }, '1\n2\n3\n');
    const first = await run(folder, python, 'train.py');
    assert.equal((await reproduce(folder, first.runId)).verdict, 'bit-identical', first.err);
    overwrite(cachedObject(folder), '1\n2\n4\n');
    const made = await reproduce(folder, first.runId);
    assert.deepEqual(
      [made.verdict, causesOf(made), made.findings[0]?.certainty],
      ['differs', ['data'], 'likely'],
      JSON.stringify(made),
    );
    assert.match(
      made.findings[0]?.because ?? '',
      /^data\.csv: [0-9a-f]{8} was recorded, [0-9a-f]{8} was found/,
    );
    assert.match(made.notes.join(), /does not hold what its name .* says/);
  });

  test('data: a whole copy in the remote is better than a damaged one here, and a changed one there is named', async () => {
    const folder = await make('remote', { 'train.py': sums, 'log.py': log }, '1\n2\n3\n');
    const store = join(place, 'store');
    const object = cachedObject(folder);
    const key = object.slice(object.indexOf('files/md5'));
    write(store, { [key]: '1\n2\n3\n' });
    writeFileSync(
      join(folder, '.dvc/config'),
      `[core]\n    remote = store\n['remote "store"']\n    url = ${store}\n`,
    );
    await git(folder, 'commit', '--quiet', '--all', '--message', 'remote');
    const first = await run(folder, python, 'train.py');
    overwrite(object, 'broken\n');
    const whole = await reproduce(folder, first.runId);
    assert.equal(whole.verdict, 'bit-identical', JSON.stringify(whole));
    assert.match(whole.notes.join(), /data\.csv came from the remote instead/);
    rmSync(object);
    assert.equal((await reproduce(folder, first.runId)).verdict, 'bit-identical');
    writeFileSync(join(store, key), '1\n2\n5\n');
    const changed = await reproduce(folder, first.runId);
    assert.deepEqual([changed.verdict, causesOf(changed)], ['differs', ['data']], JSON.stringify(changed));
    rmSync(join(store, key));
    const gone = await reproduce(folder, first.runId);
    assert.deepEqual([gone.verdict, gone.failure?.step], ['failed', 'data']);
    assert.match(gone.failure?.message ?? '', /Neither the cache nor the remote has data\.csv/);
  });

  test('code: a rewritten history with the same files is the same; with others it has to be asked for', async () => {
    const folder = await make('code', {
      'train.py': 'from log import metric\nmetric("m", 1)\n',
      'log.py': log,
    });
    const first = await run(folder, python, 'train.py');
    const forget = async (): Promise<void> => {
      await git(folder, 'reflog', 'expire', '--expire=now', '--all');
      await git(folder, 'gc', '--quiet', '--prune=now');
    };
    await git(folder, 'commit', '--quiet', '--amend', '--message', 'another message');
    await forget();
    const renamed = await reproduce(folder, first.runId);
    assert.equal(renamed.verdict, 'bit-identical', JSON.stringify(renamed));
    assert.match(renamed.notes.join(), /History was rewritten/);
    write(folder, { 'train.py': 'from log import metric\nmetric("m", 2)\n' });
    await git(folder, 'commit', '--quiet', '--all', '--amend', '--message', 'another code');
    await forget();
    const gone = await reproduce(folder, first.runId);
    assert.deepEqual([gone.verdict, gone.failure?.step], ['failed', 'code']);
    assert.match(gone.failure?.todo ?? '', /tilth reproduce RUN --commit HEAD/);
    const made = await reproduce(folder, first.runId, '--commit', 'HEAD', '--explain');
    assert.deepEqual(
      [made.verdict, causesOf(made), made.findings[0]?.certainty],
      ['differs', ['code'], 'likely'],
      JSON.stringify(made),
    );
    assert.ok(made.experiments.some(({ kind, outcome }) => kind === 'swap' && outcome === 'not possible'));
  });

  test('code: put back, the recorded commit shows that it was the code', async () => {
    const folder = await make('swap', {
      'train.py': 'from log import metric\nmetric("m", 1)\n',
      'log.py': log,
    });
    const first = await run(folder, python, 'train.py');
    write(folder, { 'train.py': 'from log import metric\nmetric("m", 2)\n' });
    await git(folder, 'commit', '--quiet', '--all', '--message', 'second');
    const made = await reproduce(folder, first.runId, '--commit', 'HEAD', '--explain');
    assert.deepEqual(
      [made.verdict, causesOf(made), made.findings[0]?.certainty],
      ['differs', ['code'], 'shown'],
      JSON.stringify(made),
    );
  });

  test('environment: a package was installed in another version than its lock says', async () => {
    const { folder, at } = await withTinynumber('environment');
    const first = await run(folder, '.venv/bin/python', 'train.py');
    assert.equal(first.code, 0, first.err);
    const said = await tilth(server.address, folder, ['reproduce', first.runId, '--json'], at);
    const made = reproductionIn(said);
    assert.deepEqual(
      [made.verdict, causesOf(made)],
      ['differs', ['environment']],
      said.err + said.out.slice(0, 4000),
    );
    assert.match(made.findings[0]?.because ?? '', /tinynumber: 2\.0 was recorded, 1\.0 was found/);
    const reused = await reproduce(folder, first.runId, '--reuse-environment');
    assert.equal(reused.verdict, 'bit-identical', JSON.stringify(reused));
  });

  test('environment: the list of packages that was recorded can be built too', async () => {
    const { folder, at } = await withTinynumber('packages');
    const first = await run(folder, '.venv/bin/python', 'train.py');
    const made = reproductionIn(
      await tilth(
        server.address,
        folder,
        ['reproduce', first.runId, '--json', '--environment', 'packages'],
        at,
      ),
    );
    assert.equal(made.verdict, 'bit-identical', JSON.stringify(made));
    assert.equal(
      made.likeness?.ingredients.find(({ name }) => name === 'tinynumber')?.state ?? 'equal',
      'equal',
    );
  });

  test('seed: generators that nobody seeded', async () => {
    const script =
      'import random, numpy\nfrom log import metric\nmetric("a", random.random())\nmetric("b", numpy.random.default_rng().random())\nmetric("c", 3)\n';
    const folder = await make('seed', { 'train.py': script, 'log.py': log });
    const first = await run(folder, python, 'train.py');
    const made = await reproduce(folder, first.runId);
    assert.deepEqual(
      [made.verdict, causesOf(made), made.findings[0]?.certainty],
      ['differs', ['seed'], 'shown'],
      JSON.stringify(made),
    );
    assert.match(made.findings[0]?.because ?? '', /No seed is recorded/);
    const states = new Map(made.likeness?.outputs.map(({ name, state }) => [name, state]));
    assert.deepEqual([states.get('a'), states.get('b'), states.get('c')], ['differs', 'differs', 'equal']);
  });

  for (const [name, value] of [
    ['urandom', 'int.from_bytes(os.urandom(4), "big")'],
    ['time', 'random.Random(time.time_ns()).random()'],
    ['threads', 'race()'],
  ] as const) {
    test(`nondeterminism: ${name}`, async () => {
      const race = `def race():
    order = []
    def work(number):
        time.sleep((os.getpid() * (number + 7) * 2654435761 % 97) / 2000)
        order.append(number)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for each in threads: each.start()
    for each in threads: each.join()
    return sum(number * 13 ** at for at, number in enumerate(order))
`;
      const folder = await make(name, {
        'train.py': `import os, random, threading, time\nfrom log import metric\n${race}metric("m", ${value})\n`,
        'log.py': log,
      });
      const first = await run(folder, python, 'train.py', '--seed', '4');
      const made = await reproduce(folder, first.runId);
      assert.deepEqual(
        [made.verdict, causesOf(made), made.findings[0]?.certainty],
        ['differs', ['nondeterminism'], 'shown'],
        JSON.stringify(made),
      );
    });
  }

  const canPin = availableParallelism() > 1 && existsSync('/usr/bin/taskset');
  test(
    'hardware: it had fewer processors',
    { skip: canPin ? false : 'needs two processors and taskset' },
    async () => {
      const folder = await make('pinned', {
        'train.py': 'import os\nfrom log import metric\nmetric("m", len(os.sched_getaffinity(0)))\n',
        'log.py': log,
      });
      const through = ['taskset', '-c', '0'];
      const first = await tilth(server.address, folder, ['run', '--', python, 'train.py'], { through });
      const made = await reproduce(folder, first.runId, '--explain');
      assert.deepEqual([made.verdict, causesOf(made)], ['differs', ['hardware']], JSON.stringify(made));
      assert.match(made.findings[0]?.because ?? '', /threads: 1 cores was recorded, \d+ cores was found/);
    },
  );

  test('hardware: the processor that was recorded is another one', async () => {
    const outside = join(place, 'outside.txt');
    writeFileSync(outside, '1');
    const folder = await make('hardware', {
      'train.py': `from log import metric\nmetric("m", float(open(${JSON.stringify(outside)}).read()))\n`,
      'log.py': log,
    });
    const [first, second] = [await run(folder, python, 'train.py'), await run(folder, python, 'train.py')];
    writeFileSync(outside, '1.0000000001');
    // nothing that is recorded tells of the file: that is said, and nothing is blamed
    const unknown = await reproduce(folder, second.runId);
    assert.deepEqual(
      [unknown.verdict, causesOf(unknown), unknown.findings[0]?.certainty],
      ['differs', ['unknown'], 'possible'],
      JSON.stringify(unknown),
    );
    const body = JSON.stringify({
      run_id: first.runId,
      key: 'tilth.cpu',
      value: 'A processor of another kind',
    });
    await fetch(`${server.address}/api/2.0/mlflow/runs/set-tag`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const made = await reproduce(folder, first.runId);
    assert.deepEqual([made.verdict, causesOf(made)], ['differs', ['hardware']], JSON.stringify(made));
    assert.match(made.findings[0]?.because ?? '', /processor: A processor of another kind was recorded/);
  });
});

describe('the noise of other seeds', needsPython, () => {
  test('bounds a run that has no seed, and not one of other data', async () => {
    const script =
      'import random\nfrom log import metric\nmetric("m", sum(float(line) for line in open("data.csv")) + random.gauss(0, 1))\n';
    const folder = await make('noise', { 'train.py': script, 'log.py': log }, '100\n');
    const first = await run(folder, python, 'train.py');
    const made = await reproduce(
      folder,
      first.runId,
      '--seeds',
      '5',
      '--no-experiments',
      '--confidence',
      '0.9999',
    );
    assert.equal(made.verdict, 'within-noise', JSON.stringify(made));
    assert.equal(made.noise?.metrics[0]?.values.length, 5);
    assert.match(made.noise?.caveat ?? '', /^With 5 seeds the interval reaches/);
    overwrite(cachedObject(folder), '1000000\n');
    const other = await reproduce(
      folder,
      first.runId,
      '--seeds',
      '5',
      '--no-experiments',
      '--confidence',
      '0.9999',
    );
    assert.deepEqual([other.verdict, other.noise?.isWithin], ['differs', false], JSON.stringify(other));
  });
});
