import assert from 'node:assert/strict';
import { join } from 'node:path';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { pythonOf, runToEnd, temporaryFolder, tilth, versionsIn } from '../processes.ts';

const rowCount = 100_000;
/** Of what both compute from their formulas; sums in another order differ in the last digits. */
const relative = 1e-9;
const absolute = 1e-12;

interface OurColumn {
  readonly type: 'num' | 'cat';
  readonly default: { readonly method: string; readonly score: number } | null;
  readonly scores: Readonly<Record<string, { readonly value?: number; readonly pvalue?: number }>>;
}

interface PeerAnswer {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly scores: Readonly<Record<string, { readonly method: string; readonly score: number }>>;
}

/** Two tables compared column by column: `tilth monitor drift` and Evidently's preset. */
export async function measureDrift({ slowRounds }: Effort): Promise<Practice> {
  const folder = temporaryFolder('drift');
  const python = pythonOf('drift');
  const files = ['reference', 'current'].map((name) => join(folder, `${name}.parquet`));
  await runToEnd([python, join(import.meta.dirname, 'make_data.py'), folder, String(rowCount)]);
  const askPeer = async (...methods: string[]): Promise<{ answer: PeerAnswer; whole: Round }> => {
    const { stdout, seconds, cpuMs } = await runToEnd([
      python,
      join(import.meta.dirname, 'peer_drift.py'),
      ...files,
      ...methods,
    ]);
    return {
      answer: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as PeerAnswer,
      whole: { value: seconds, cpuMs },
    };
  };
  const askOurs = async (): Promise<{ columns: Record<string, OurColumn>; whole: Round }> => {
    const { stdout, seconds, cpuMs } = await runToEnd(tilth('monitor', 'drift', ...files, '--json'));
    return {
      ...(JSON.parse(stdout) as { columns: Record<string, OurColumn> }),
      whole: { value: seconds, cpuMs },
    };
  };

  const { columns } = await askOurs();
  const checked: string[] = [];
  const compare = (
    what: string,
    found: PeerAnswer,
    ofOurs: (column: OurColumn) => number | undefined,
  ): void => {
    assert.deepEqual(Object.keys(found.scores).sort(), Object.keys(columns).sort());
    let largest = 0;
    for (const [name, { method, score }] of Object.entries(found.scores)) {
      const mine = columns[name] === undefined ? undefined : ofOurs(columns[name]);
      assert.ok(mine !== undefined, `${name} has no ${method}`);
      const difference = Math.abs(mine - score);
      largest = Math.max(largest, difference);
      assert.ok(
        difference <= absolute + relative * Math.abs(score),
        `${name} by ${method}: ${mine} and ${score}`,
      );
    }
    checked.push(
      `${what}: ${Object.keys(columns).length} columns, largest difference of a score ${largest.toExponential(0)}`,
    );
  };
  compare(
    'the methods both choose by themselves (Wasserstein, Jensen-Shannon)',
    (await askPeer()).answer,
    (column) => column.default?.score,
  );
  compare(
    'population stability index',
    (await askPeer('psi', 'psi')).answer,
    (column) => column.scores['psi']?.value,
  );
  compare(
    'Jensen-Shannon of numbers, p of chi-square of categories',
    (await askPeer('jensenshannon', 'chisquare')).answer,
    (column) =>
      column.type === 'num' ? column.scores['jensenshannon']?.value : column.scores['chisquare']?.pvalue,
  );

  const compute = { ours: [] as Round[], peer: [] as Round[] };
  const whole = await inTurns(
    slowRounds,
    async () => {
      const { stdout } = await runToEnd([
        process.execPath,
        join(import.meta.dirname, 'compute.ts'),
        ...files,
      ]);
      const { seconds, cpuSeconds } = JSON.parse(stdout) as { seconds: number; cpuSeconds: number };
      compute.ours.push({ value: seconds, cpuMs: cpuSeconds * 1000 });
      return (await askOurs()).whole;
    },
    async () => {
      const { answer, whole: all } = await askPeer();
      compute.peer.push({ value: answer.seconds, cpuMs: answer.cpuSeconds * 1000 });
      return all;
    },
  );
  const figure = (what: string, found: { ours: Round[]; peer: Round[] }): Figure => ({
    what: `${what}, ${rowCount.toLocaleString('en')} rows x ${Object.keys(columns).length} columns`,
    unit: 's',
    better: 'less',
    ours: { name: 'tilth monitor drift', rounds: found.ours },
    peer: { name: 'Evidently DataDriftPreset', rounds: found.peer },
  });
  return {
    name: 'drift',
    peer: 'Evidently',
    versions: await versionsIn('drift', ['evidently', 'pandas', 'numpy', 'scipy', 'pyarrow']),
    checked,
    notEqual: [
      'Ours computes three or four statistics of each column, the peer one.',
      'The peer also prepares data for its plots, and counts drifted columns in a metric of its own.',
      'The comparison alone: ours reads the Parquet files in it, the peer has them in memory already.',
    ],
    figures: [figure('whole process', whole), figure('the comparison alone', compute)],
  };
}
