import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Analytics } from '../windows/analytics.ts';
import { compareFiles } from './drift-files.ts';

test('two files are compared by what both hold: numbers, categories, and whole numbers with few values', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth drift '));
  const analytics = new Analytics();
  context.after(async () => {
    await analytics.close();
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, line: (row: number) => string): string => {
    const path = join(folder, name);
    writeFileSync(path, ['id,wind,carrier,stops', ...Array.from({ length: 1500 }, (_, row) => line(row))].join('\n'));
    return path;
  };
  const march = write('march.csv', (row) => `f${row},${(row % 97) / 10},${['UA', 'AA', 'DL'][row % 3]},${row % 4}`);
  const april = write('april.csv', (row) => `g${row},${(row % 97) / 10 + 5},${['UA', 'AA', 'WN'][row % 3]},${row % 4}`);
  const report = await compareFiles(analytics, march, april);
  assert.deepEqual(
    Object.entries(report.columns).map(([name, column]) => [name, column.type, column.default?.method, column.default?.drifted]),
    [
      ['wind', 'num', 'wasserstein', true],
      ['carrier', 'cat', 'jensenshannon', true],
      ['stops', 'cat', 'jensenshannon', false],
    ],
    'an id that hardly repeats is no category',
  );
  assert.equal(report.columns['carrier']?.unseen, 1 / 3);
  assert.deepEqual(report.dataset, { columns: 3, drifted: 2, share: 2 / 3, drift_share: 0.5, dataset_drift: true });
  assert.equal((await compareFiles(analytics, march, march)).dataset.drifted, 0);
  await assert.rejects(compareFiles(analytics, march, join(folder, 'may.parquet')), { code: 'DRIFT_FILE_UNREADABLE' });
});
