import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Migrations } from '../../platform/database/database.ts';
import { openDatabase } from '../../platform/database/open-database.ts';
import { features } from '../../server/features.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { insertRuns } from './test-runs.ts';
import type { RunGroups, RunPage } from './tracking-api.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const home = temporaryHome();
let server: RunningServer;

before(async () => {
  const migrations: Migrations = Object.assign({}, ...features.map((each) => each.migrations ?? {}));
  const database = await openDatabase(home.database, migrations);
  const models = ['tree', 'linear', 'tree, deep'];
  await insertRuns(
    database,
    Array.from({ length: 1_500 }, (_, index) => ({
      id: `run${String(index).padStart(4, '0')}`,
      name: `run ${index}`,
      experiment: 1,
      status: 'FINISHED',
      startedAt: 1_700_000_000_000 + index,
      endedAt: 1_700_000_000_000 + 2 * index,
      metrics: { auc: index / 1_500, ...(index % 2 === 0 ? { 'val loss': Number.NaN } : {}) },
      params: { model: models[index % 3] as string },
      tags: {},
      datasets: [],
    })),
  );
  await database.close();
  server = await startServer({ home, port: 0 });
});
after(async () => {
  await server.close();
  home.remove();
});

interface Said {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

const list = (...words: string[]): Promise<Said> =>
  new Promise((resolve) => {
    const environment = { ...process.env, TILTH_URL: server.address, NO_COLOR: '1' };
    const child = execFile(process.execPath, [main, 'run', 'list', ...words], { env: environment, maxBuffer: 1e8 }, (_, out, err) =>
      resolve({ out, err, code: child.exitCode ?? -1 }),
    );
  });

describe('tilth run list', () => {
  test('filters, orders and shows the columns asked for', async () => {
    const { out } = await list(
      '--filter',
      "params.model = 'linear' AND (metrics.auc > 0.99 OR metrics.auc < 0.002)",
      '--order-by',
      'metrics.auc DESC',
      '--columns',
      'run_name, metrics.auc, metrics.`val loss`',
    );
    const rows = out.trimEnd().split('\n').map((line) => line.split(/ {2,}/));
    assert.deepEqual(rows, [
      ['run', 'run_name', 'metrics.auc', 'metrics.`val loss`'],
      ['run1498', 'run 1498', '0.99867', '–'],
      ['run1495', 'run 1495', '0.99667', '–'],
      ['run1492', 'run 1492', '0.99467', '–'],
      ['run1489', 'run 1489', '0.99267', '–'],
      ['run1486', 'run 1486', '0.99067', '–'],
      ['run0001', 'run 1', '0.00066667', '–'],
    ]);
  });

  test('writes comma-separated values of as many runs as wanted, with every digit', async () => {
    const { out } = await list('--csv', '--limit', '1200', '--order-by', 'start_time');
    const lines = out.trimEnd().split('\r\n');
    assert.equal(lines.length, 1_201);
    assert.equal(lines[0], 'run_id,run_name,experiment_id,status,start_time,end_time,params.model,metrics.auc,metrics.val loss');
    assert.equal(lines[2], `run0001,run 1,1,FINISHED,2023-11-14T22:13:20.001Z,2023-11-14T22:13:20.002Z,linear,${1 / 1_500},`);
    assert.match(lines[3] ?? '', /,"tree, deep",/);
    assert.match(lines[3] ?? '', /,NaN$/);
  });

  test('prints the answer of the server with --json, all pages as one', async () => {
    const { out } = await list('--json', '--limit', '1100', '--filter', 'metrics.`val loss` IS NULL OR metrics.auc > 0.2');
    const { runs, nextCursor } = JSON.parse(out) as RunPage;
    assert.equal(runs.length, 1_100);
    assert.equal(typeof nextCursor, 'string');
    assert.equal(new Set(runs.map((run) => run.id)).size, 1_100);
  });

  test('groups, with figures and the first runs of each group', async () => {
    const words = ['--group-by', 'params.model', '--agg', 'max(metrics.auc), count(metrics.`val loss`)', '--order-by', 'max(metrics.auc) DESC'];
    const { out } = await list(...words, '--top', '1', '--top-by', 'metrics.auc DESC');
    assert.deepEqual(out.trimEnd().split('\n').map((line) => line.trimEnd()), [
      'params.model  runs  max(metrics.auc)  count(metrics.`val loss`)',
      'tree, deep    500   0.99933           0',
      '  run1499  run 1499',
      'linear        500   0.99867           0',
      '  run1498  run 1498',
      'tree          500   0.998             0',
      '  run1497  run 1497',
    ]);
    const { groups } = JSON.parse((await list(...words, '--json')).out) as RunGroups;
    assert.deepEqual(groups.map((group) => group.keys), [['tree, deep'], ['linear'], ['tree']]);
    assert.match((await list(...words, '--csv')).out, /^params\.model,runs,max\(metrics\.auc\),.*\r\n"tree, deep",500,/);
  });

  test('points at the part of a filter that does not fit, and says what would', async () => {
    const { out, err, code } = await list('--filter', "metrics.auc > 0.7 AND params.model > 'a'");
    assert.equal(out, '');
    assert.equal(code, 1);
    assert.match(err, /^ {2}metrics\.auc > 0\.7 AND params\.model > 'a'\n {37}\^\n/);
    assert.match(err, /Invalid comparator '>' for param 'model' at character 36/);
    assert.match(err, /number\(params\.model\) > 3/);
    assert.equal((await list('--limit', 'many')).code, 2);
    assert.equal((await list('--columns', 'metrics.auc', '--group-by', 'status')).code, 2);
  });
});
