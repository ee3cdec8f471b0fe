import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { noiseOf, predictionInterval } from './noise.ts';
import { studentBelow, studentQuantile } from '../../platform/statistics/student.ts';
import { needsPython, python } from './test-project.ts';

test("Student's t is what scipy has", needsPython, () => {
  const cases = [0.6, 0.9, 0.975, 0.995, 0.99995].flatMap((share) =>
    [1, 2, 3, 4, 9, 29, 200].map((freedom) => [share, freedom] as const),
  );
  const script = `import json\nfrom scipy.stats import t\nprint(json.dumps([t.ppf(*each) for each in ${JSON.stringify(cases)}]))`;
  const wanted = JSON.parse(execFileSync(python, ['-c', script], { encoding: 'utf8' })) as number[];
  for (const [at, [share, freedom]] of cases.entries()) {
    const found = studentQuantile(share, freedom);
    assert.ok(
      Math.abs(found / (wanted[at] ?? 0) - 1) < 1e-9,
      `${share} ${freedom}: ${found}, scipy ${wanted[at]}`,
    );
    assert.ok(Math.abs(studentBelow(found, freedom) - share) < 1e-12);
  }
});

test('three values reach far: 4.97 standard deviations to each side', () => {
  const { low, high, method } = predictionInterval([-1, 0, 1], 0.95);
  assert.equal(method, 't');
  assert.ok(Math.abs(high - 4.9683) < 1e-3 && Math.abs(low + 4.9683) < 1e-3, `${low} ${high}`);
});

test('with 39 values the smallest and the largest are the interval, with 38 they are not', () => {
  const values = Array.from({ length: 39 }, (_, at) => at ** 3);
  assert.deepEqual(predictionInterval(values, 0.95), { low: 0, high: 38 ** 3, method: 'order statistics' });
  assert.equal(predictionInterval(values.slice(1), 0.95).method, 't');
});

test('a further value lies in the interval about as often as it says', () => {
  let state = 1;
  const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  for (const count of [3, 5, 40]) {
    let inside = 0;
    for (let trial = 0; trial < 4_000; trial += 1) {
      const { low, high } = predictionInterval(Array.from({ length: count }, normal), 0.9);
      const next = normal();
      if (next >= low && next <= high) inside += 1;
    }
    const share = inside / 4_000;
    // order statistics have at least the confidence
    assert.ok(share > 0.88 && share < (count === 40 ? 0.97 : 0.92), `${count}: ${share}`);
  }
});

test('a shift and a scale of all values change nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 3, maxLength: 8 }),
      fc.integer({ min: -50, max: 50 }),
      fc.integer({ min: 1, max: 9 }),
      (values, shift, scale) => {
        const one = predictionInterval(values, 0.95);
        const other = predictionInterval(
          values.map((value) => value * scale + shift),
          0.95,
        );
        assert.ok(
          Math.abs(other.low - (one.low * scale + shift)) < 1e-6 &&
            Math.abs(other.high - (one.high * scale + shift)) < 1e-6,
        );
      },
    ),
  );
});

test('a metric that no seed changes has to be equal, and one that is missing is outside', () => {
  const metrics = (m: number): ReadonlyMap<string, number> => new Map([['m', m]]);
  const seeds = { runs: [metrics(1), metrics(1), metrics(1)], runIds: [], how: '', confidence: 0.95 };
  assert.equal(noiseOf(metrics(1), metrics(1), seeds).isWithin, true);
  const off = noiseOf(metrics(1), metrics(1.0000001), seeds);
  assert.deepEqual(
    [off.isWithin, off.caveat],
    [false, 'Another seed changed no metric: there is no noise to be within.'],
  );
  assert.equal(noiseOf(metrics(1), new Map(), seeds).isWithin, false);
  assert.equal(noiseOf(metrics(1), metrics(1), { ...seeds, runs: seeds.runs.slice(1) }).isWithin, false);
  assert.equal(noiseOf(new Map(), new Map(), seeds).isWithin, false);
});
