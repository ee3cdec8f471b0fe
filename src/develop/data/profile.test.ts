import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { alignHistograms } from './histogram-align.ts';
import type { ColumnProfile, DataProfile } from './profile-api.ts';
import { classifyProfile, gridFor, histogramOf, type Grid } from './profile.ts';
import { commonName } from './profile-tables.ts';
import { profileFiles } from './profile-version.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set' : false;

describe('the profile of a data version', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-profile-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const profileOf = (names: readonly string[]): Promise<DataProfile> =>
    profileFiles(
      'md5',
      names.map((relpath) => ({
        relpath,
        path: join(folder, relpath),
        md5: relpath,
        size: statSync(join(folder, relpath)).size,
      })),
    );
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const columnOf = (profile: DataProfile, name: string): ColumnProfile => {
    const found = profile.tables.flatMap(({ columns }) => columns).find((column) => column.name === name);
    assert.ok(found, `no column ${name}`);
    return found;
  };

  it(
    'counts as pandas does, in Parquet with gaps, infinities, text, times and truth values',
    { skip, timeout: 120_000 },
    async () => {
      assert.ok(python, 'TILTH_TEST_PYTHON must be set');
      const program = `
import sys, json, numpy as np, pandas as pd
r = np.random.default_rng(7)
n = 20000
d = pd.DataFrame({
  'x': np.where(r.random(n) < .1, np.nan, r.lognormal(0, 2, n)),
  'k': r.integers(-5, 900, n),
  'city': r.choice(['Oslo', 'Łódź', "l'Aquila", None], n, p=[.5, .2, .2, .1]),
  'ok': pd.array(r.choice([True, False, None], n), dtype='boolean'),
  'at': pd.Timestamp('2020-01-01') + pd.to_timedelta(r.integers(0, 10**8, n), unit='s'),
})
d.to_parquet(sys.argv[1])
q = lambda c: [float(v) for v in d[c].quantile([.05, .25, .5, .75, .95])]
print(json.dumps({
  'nulls': {c: int(d[c].isna().sum()) for c in d},
  'distinct': {c: int(d[c].nunique()) for c in d},
  'mean': {'x': float(d.x.mean()), 'k': float(d.k.mean())},
  'deviation': {'x': float(d.x.std(ddof=0))},
  'quantiles': {'x': q('x'), 'k': q('k')},
  'city': {k: int(v) for k, v in d.city.value_counts().items()},
  'x': [float(v) for v in d.x.dropna()],
}))`;
      const { stdout } = await promisify(execFile)(python, ['-c', program, join(folder, 'rows.parquet')], {
        maxBuffer: 1 << 26,
      });
      const expected = JSON.parse(stdout) as {
        nulls: Record<string, number>;
        distinct: Record<string, number>;
        mean: Record<string, number>;
        deviation: Record<string, number>;
        quantiles: Record<string, number[]>;
        city: Record<string, number>;
        x: number[];
      };
      const profile = await profileOf(['rows.parquet']);
      assert.equal(profile.tables[0]?.rowCount, 20_000);
      for (const [name, count] of Object.entries(expected.nulls))
        assert.equal(columnOf(profile, name).nullCount, count, name);
      for (const [name, count] of Object.entries(expected.distinct)) {
        const found = columnOf(profile, name).distinctCount;
        assert.ok(Math.abs(found - count) <= (count <= 5000 ? 0 : count * 0.25), `${name}: ${found} for ${count}`);
      }
      const near = (found: number | null | undefined, wanted: number | undefined, share: number): void =>
        assert.ok(
          Math.abs((found ?? Number.NaN) - (wanted ?? 0)) <= share * Math.abs(wanted ?? 0) + 1e-12,
          `${found} for ${wanted}`,
        );
      for (const [name, mean] of Object.entries(expected.mean))
        near(columnOf(profile, name).mean, mean, 1e-9);
      near(columnOf(profile, 'x').standardDeviation, expected.deviation['x'], 1e-9);
      for (const [name, quantiles] of Object.entries(expected.quantiles)) {
        for (const [at, quantile] of quantiles.entries())
          near(columnOf(profile, name).quantiles?.[at], quantile, 0.05);
      }
      assert.deepEqual(
        new Map(columnOf(profile, 'city').frequent.map(({ value, count }) => [value, count])),
        new Map(Object.entries(expected.city)),
      );
      const { histogram } = columnOf(profile, 'x');
      assert.ok(histogram);
      for (const [bin, count] of histogram.counts.entries()) {
        const low: number = (histogram.first + bin) * histogram.step;
        const high: number = low + histogram.step;
        assert.equal(
          count,
          expected.x.filter((value) => value >= low && value < high).length,
          `bin ${low} … ${high}`,
        );
      }
      assert.equal(
        histogram.counts.reduce((sum, count) => sum + count, histogram.below + histogram.above),
        expected.x.length,
      );
      assert.deepEqual([columnOf(profile, 'ok').kind, columnOf(profile, 'at').kind], ['boolean', 'time']);
    },
  );

  it('takes text files with the same columns as one table, and widens a type that only the end of a file breaks', async () => {
    write(
      'part-2024-01.csv',
      `id,amount\n${Array.from({ length: 30_000 }, (_, at) => `${at},${at % 7}`).join('\n')}\nlast,x\n`,
    );
    write('part-2024-02.csv', 'id,amount\n1,5\n2,\n');
    write('events.jsonl', '{"name":"a","n":1}\n{"name":"b","n":null}\n');
    write('notes.txt', 'not a table');
    write('empty.csv', '');
    const profile = await profileOf([
      'part-2024-01.csv',
      'part-2024-02.csv',
      'events.jsonl',
      'notes.txt',
      'empty.csv',
    ]);
    assert.deepEqual(
      profile.tables.map(({ name, format, fileCount, rowCount }) => [name, format, fileCount, rowCount]),
      [
        ['events.jsonl', 'json', 1, 2],
        ['part-2024-*.csv', 'csv', 2, 30_003],
      ],
    );
    assert.equal(columnOf(profile, 'amount').type, 'VARCHAR');
    assert.equal(columnOf(profile, 'amount').nullCount, 1);
    assert.deepEqual(
      [profile.others.fileCount, profile.unreadable],
      [1, [{ file: 'empty.csv', reason: 'it is empty' }]],
    );
  });

  it('says of a damaged file which it is, and counts the others', async () => {
    write('bad.parquet', 'PAR1 but not really');
    write('good.csv', 'a\n1\n');
    const profile = await profileOf(['bad.parquet', 'good.csv']);
    assert.deepEqual(profile.unreadable, [{ file: 'bad.parquet', reason: 'it is no Parquet file' }]);
    assert.equal(profile.tables.length, 1);
  });

  it('counts a table without rows and one with 300 columns', async () => {
    write('none.csv', 'a,b\n');
    const names = Array.from({ length: 300 }, (_, at) => `c${at}`);
    write('wide.csv', `${names.join(',')}\n${names.map((_, at) => at).join(',')}\n`);
    const profile = await profileOf(['none.csv', 'wide.csv']);
    assert.deepEqual(
      profile.tables.map(({ rowCount, columns }) => [rowCount, columns.length]),
      [
        [0, 2],
        [1, 300],
      ],
    );
  });

  it('shows no value of a classified column, and how many there are', async () => {
    write('people.csv', 'name,age\nAda,36\nAda,37\nGrace,\n');
    const profile = classifyProfile(await profileOf(['people.csv']), new Map([['name', 'pii']]), 'internal');
    assert.ok(!JSON.stringify(profile).includes('Ada'));
    assert.deepEqual(columnOf(profile, 'name').frequent, [
      { value: '•••', count: 2 },
      { value: '•••', count: 1 },
    ]);
    assert.deepEqual(
      [columnOf(profile, 'name').isMasked, columnOf(profile, 'age').isMasked, columnOf(profile, 'age').max],
      [true, false, '37'],
    );
    const whole = classifyProfile(await profileOf(['people.csv']), new Map([['age', 'public']]), 'pii');
    assert.deepEqual([columnOf(whole, 'name').isMasked, columnOf(whole, 'age').isMasked], [true, false]);
  });
});

it('names a table by what the names of its files have in common', () => {
  assert.equal(
    commonName(['a/flights-2013-11.parquet', 'a/flights-2013-12.parquet']),
    'a/flights-2013-*.parquet',
  );
  assert.equal(commonName(['x.csv']), 'x.csv');
  assert.equal(commonName(['a.csv.gz', 'b.csv.gz']), '*.csv.gz');
});

/** As the query counts. */
function counted(values: readonly number[], grid: Grid): ReturnType<typeof histogramOf> {
  const bins = new Map<number, number>();
  for (const value of values) {
    const bin = Math.max(Math.min(Math.floor(value / grid.step), grid.last), grid.first - 1);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  return histogramOf(grid, bins);
}

it('puts histograms of two versions on common edges without moving a value to another bin', () => {
  const values = fc.array(
    fc.integer({ min: -1e9, max: 1e9 }).map((value) => value / 1000),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(values, values, (before, now) => {
      const [from, to] = [before, now].map((side) => {
        const sorted = side.toSorted((left, right) => left - right);
        const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
        const grid = gridFor(at(0), at(1), at(0.05), at(0.95), false);
        assert.ok(grid.last - grid.first <= 200, `${grid.last - grid.first} bins`);
        return counted(side, grid);
      });
      assert.ok(from && to);
      const aligned = alignHistograms(from, to, 12);
      const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
      assert.deepEqual([sum(aligned.from), sum(aligned.to)], [before.length, now.length]);
      // a bin between two edges holds exactly the values between them
      for (let bin = 1; bin < aligned.from.length - 1; bin++) {
        const [low = 0, high = 0] = [aligned.edges[bin - 1], aligned.edges[bin]];
        if (aligned.edges.length !== aligned.from.length - 1) continue;
        assert.equal(aligned.from[bin], before.filter((value) => value >= low && value < high).length);
        assert.equal(aligned.to[bin], now.filter((value) => value >= low && value < high).length);
      }
    }),
    { numRuns: 300 },
  );
});
