import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ExecutionList } from '../pipelines/pipeline-api.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { git, needsPython, project, python, reproductionIn, tilth, write } from './test-project.ts';

const place = mkdtempSync(join(tmpdir(), 'tilth reproduce stage '));
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

const pipeline = `stages:
  prepare:
    cmd: ${python} prepare.py
    deps: [data.csv, prepare.py]
    outs: [prepared.csv]
  train:
    cmd: ${python} train.py
    deps: [prepared.csv, train.py]
    params: [seed]
    outs: [model.txt]
    metrics:
      - metrics.json:
          cache: false
`;
const prepare =
  'open("prepared.csv", "w").write("".join(line for line in open("data.csv") if not line.startswith("-")))\n';
const train = `import json, random
seed = int(open("params.yaml").read().split(":")[1])
random.seed(seed)
total = sum(float(line) for line in open("prepared.csv")) + random.random()
open("model.txt", "w").write(str(total))
json.dump({"total": total}, open("metrics.json", "w"))
`;

test(
  'an execution of a stage is done again by itself, or with everything it depends on',
  needsPython,
  async () => {
    const files = {
      'dvc.yaml': pipeline,
      'prepare.py': prepare,
      'train.py': train,
      'params.yaml': 'seed: 3\n',
    };
    const folder = await project(server.address, join(place, 'flights'), files, '1\n-2\n3\n');
    const said = await tilth(server.address, folder, ['pipeline', 'run']);
    assert.equal(said.code, 0, said.err);
    await git(folder, 'add', '--all');
    await git(folder, 'commit', '--quiet', '--message', 'ran');
    const { executions } = (await (
      await fetch(`${server.address}/api/v1/pipelines/executions`)
    ).json()) as ExecutionList;
    const runId = executions.find(({ stage }) => stage === 'train')?.runId ?? '';
    const reproduce = async (...flags: string[]) =>
      reproductionIn(await tilth(server.address, folder, ['reproduce', runId, '--json', ...flags]));
    // what comes later does not change what was
    write(folder, { 'prepared.csv': 'changed\n', 'train.py': 'raise SystemExit(1)\n' });

    const alone = await reproduce();
    assert.equal(alone.verdict, 'bit-identical', JSON.stringify(alone));
    const states = (made: typeof alone) =>
      made.likeness?.outputs.map(({ kind, name, state }) => `${kind} ${name} ${state}`);
    assert.deepEqual(
      states(alone)
        ?.filter((line) => /stage|metric/.test(line))
        .sort(),
      ['metric total equal', 'stage output metrics.json equal', 'stage output model.txt equal'],
    );
    const all = await reproduce('--all');
    assert.equal(all.verdict, 'bit-identical', JSON.stringify(all));
    assert.ok(states(all)?.includes('stage output prepared.csv equal'), String(states(all)));
    assert.match(readFileSync(join(folder, 'prepared.csv'), 'utf8'), /changed/);

    const other = await reproduce('--commit', 'HEAD', '--seeds', '3');
    assert.equal(other.verdict, 'bit-identical');

    const md5 =
      executions.find(({ stage }) => stage === 'train')?.inputs.find(({ path }) => path === 'prepared.csv')
        ?.md5 ?? '';
    const object = join(folder, '.dvc/cache/files/md5', md5.slice(0, 2), md5.slice(2));
    chmodSync(object, 0o644);
    writeFileSync(object, '100\n');
    const damaged = await reproduce();
    assert.deepEqual(
      [damaged.verdict, damaged.findings.map(({ cause }) => cause)],
      ['differs', ['data']],
      JSON.stringify(damaged),
    );
  },
);
