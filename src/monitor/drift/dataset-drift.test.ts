import { after, before, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataProfile } from '../../develop/data/profile-api.ts';
import { classifyProfile } from '../../develop/data/profile.ts';
import { profileFiles } from '../../develop/data/profile-version.ts';
import { createLogger } from '../../platform/log.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import type { DatasetColumnDrift, DatasetDrift } from './dataset-drift-api.ts';
import { driftBetween } from './dataset-drift.ts';
import { categoricalColumn, numericColumn } from './column.ts';
import { compareColumns } from './drift.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth-drift-'));
const home = temporaryHome();
let server: RunningServer;
before(async () => {
  server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
});
after(async () => {
  await server.close();
  home.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The same numbers on every machine. */
function* uniform(seed: number): Generator<number, never> {
  // mulberry32
  for (let state = seed; ;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}

interface Row {
  readonly id: number;
  readonly fee: number;
  readonly city: string;
}

function rows(seed: number, count: number, shift: number): Row[] {
  const next = uniform(seed);
  const draw = (): number => next.next().value;
  return Array.from({ length: count }, (_, id) => ({
    id,
    fee: Number((Math.exp((draw() + draw() + draw() - 1.5) * 2) * 100 * (1 + 3 * shift)).toFixed(2)),
    city: draw() < 0.5 - shift / 2 ? 'Oslo' : draw() < 0.6 ? 'Rome' : 'Łódź',
  }));
}

async function profileOf(name: string, list: readonly Row[]): Promise<DataProfile> {
  const path = join(folder, name);
  writeFileSync(
    path,
    ['id,fee,city', ...list.map(({ id, fee, city }) => `${id},${fee},${city}`), ''].join('\n'),
  );
  return profileFiles(name, [{ relpath: 'visits.csv', path, md5: name, size: statSync(path).size }]);
}

const kept = (profile: DataProfile) => ({
  dataset: 'visits',
  profile,
  files: [],
  filesLeftOut: 0,
  contract: null,
  createdAt: 0,
});

it('two profiles tell of drift what all the rows tell', async () => {
  const sides = [rows(1, 20_000, 0), rows(2, 30_000, 0.3), rows(3, 20_000, 0)];
  const [base, moved, same] = await Promise.all(sides.map((side, at) => profileOf(`v${at}`, side)));
  assert.ok(base && moved && same);
  const cases: readonly (readonly [DataProfile, readonly Row[], boolean])[] = [
    [moved, sides[1] ?? [], true],
    [same, sides[2] ?? [], false],
  ];
  for (const [other, list, isMoved] of cases) {
    const table: DatasetDrift['tables'][number] | undefined = driftBetween(kept(base), kept(other)).tables[0];
    const fee: DatasetColumnDrift | undefined = table?.columns.find(({ name }) => name === 'fee');
    const city: DatasetColumnDrift | undefined = table?.columns.find(({ name }) => name === 'city');
    const whole = compareColumns(
      numericColumn((sides[0] ?? []).map((row) => row.fee)),
      numericColumn(list.map((row) => row.fee)),
    );
    const values = compareColumns(
      categoricalColumn((sides[0] ?? []).map((row) => row.city)),
      categoricalColumn(list.map((row) => row.city)),
    );
    const exact = (scores: typeof whole.scores, method: 'psi' | 'jensenshannon'): number => {
      const score = scores[method];
      return score !== undefined && score !== null && 'value' in score ? score.value : Number.NaN;
    };
    // the same categories and counts: the same figures
    assert.ok(Math.abs((city?.psi ?? 9) - exact(values.scores, 'psi')) < 1e-12);
    assert.ok(Math.abs((city?.jensenShannon ?? 9) - exact(values.scores, 'jensenshannon')) < 1e-12);
    // other bins than those over the pooled range: near, and the same verdict
    assert.ok(Math.abs((fee?.jensenShannon ?? 9) - exact(whole.scores, 'jensenshannon')) < 0.05);
    assert.equal(fee?.drifted, isMoved);
    assert.equal(city?.drifted, isMoved);
    assert.deepEqual(table?.notCompared, [{ name: 'id', reason: 'each row has its own' }]);
  }
});

it('a version compared with itself has not drifted, also with few rows', async () => {
  const base = await profileOf('few', rows(4, 150, 0));
  const [table] = driftBetween(kept(base), kept(base)).tables;
  assert.deepEqual(
    table?.columns.map(({ name, drifted, method }) => [name, drifted, method]),
    [
      ['fee', false, 'wasserstein'],
      ['city', false, 'jensenshannon'],
    ],
  );
});

it('the server keeps profiles with their versions, compares them and says what is missing', async () => {
  const ask = async <T>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; answer: T }> => {
    const response = await fetch(`${server.address}/api/v1/datasets/visits${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, answer: (await response.json()) as T };
  };
  const code = async (method: string, path: string, body?: unknown): Promise<string> =>
    (await ask<{ error: { code: string } }>(method, path, body)).answer.error.code;
  const [first, second] = ['a'.repeat(32), 'b'.repeat(32)];
  const version = {
    project: 'clinic',
    path: 'visits.csv',
    size: 1,
    fileCount: 1,
    classification: 'internal',
  };
  assert.equal((await ask('POST', '/versions', { ...version, md5: first })).status, 200);
  assert.equal(await code('GET', '/difference'), 'DATASET_HAS_ONE_VERSION');
  assert.equal(await code('GET', `/versions/${first}/profile`), 'DATASET_PROFILE_NOT_FOUND');
  assert.equal((await ask('POST', '/versions', { ...version, md5: second })).status, 200);
  const base = classifyProfile(
    await profileOf('one', rows(6, 3000, 0)),
    new Map([['city', 'pii']]),
    'internal',
  );
  const next = classifyProfile(
    await profileOf('two', rows(7, 4000, 0.3)),
    new Map([['city', 'pii']]),
    'internal',
  );
  assert.equal(
    await code('PUT', `/versions/${'c'.repeat(32)}/profile`, { profile: base }),
    'DATASET_VERSION_NOT_FOUND',
  );
  const files = [['visits.csv', first, 1]];
  assert.equal((await ask('PUT', `/versions/${first}/profile`, { profile: base, files })).status, 200);
  assert.equal(
    (await ask('PUT', `/versions/${second.slice(0, 8)}/profile`, { profile: next, files: [] })).status,
    200,
  );
  const { answer: drift } = await ask<DatasetDrift>('GET', `/drift?from=${first}&to=${second}`);
  assert.deepEqual(
    drift.tables[0]?.columns.map(({ name, drifted }) => [name, drifted]),
    [['fee', true]],
  );
  assert.ok(
    drift.tables[0]?.notCompared.some(({ name, reason }) => name === 'city' && /classified/.test(reason)),
  );
  const { answer: difference } = await ask<{ rowCount: unknown; files: unknown }>(
    'GET',
    `/difference?from=${first}&to=${second}`,
  );
  assert.deepEqual(difference.rowCount, { from: 3000, to: 4000 });
  assert.deepEqual(difference.files, { added: [], removed: ['visits.csv'], changed: [], unchangedCount: 0 });
  const { answer: dataset } = await ask<{ versions: { md5: string; rowCount: number }[] }>('GET', '');
  assert.deepEqual(
    new Map(dataset.versions.map(({ md5, rowCount }) => [md5, rowCount])),
    new Map([
      [first, 3000],
      [second, 4000],
    ]),
  );
});
