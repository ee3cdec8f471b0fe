import assert from 'node:assert/strict';
import { join } from 'node:path';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { pythonOf, runToEnd, temporaryFolder, tilth, versionsIn } from '../processes.ts';

/** Of what both compute from their formulas; sums in another order differ in the last digits. */
const relative = 1e-9;
const absolute = 1e-12;

interface OurColumn {
  readonly type: 'num' | 'cat';
  readonly default: { readonly method: string; readonly score: number } | null;
  readonly scores: Readonly<
    Record<string, { readonly value?: number; readonly statistic?: number; readonly pvalue?: number }>
  >;
}

type OurColumns = Record<string, OurColumn>;

interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

interface PeerAnswer extends Timed {
  readonly scores: Readonly<Record<string, { readonly method: string; readonly score: number }>>;
}

/** By method a distance, or a statistic and its p-value. */
type ScipyColumns = Record<string, Record<string, number | [number, number]>>;

/** Two tables compared column by column: `tilth monitor drift`, Evidently's preset, and scipy with nothing around it. */
export async function measureDrift({ slowRounds, isQuick }: Effort): Promise<Practice> {
  const checked: string[] = [];
  const figures: Figure[] = [];
  for (const [rowCount, rounds] of isQuick
    ? [[20_000, 1] as const]
    : [[100_000, slowRounds] as const, [1_000_000, 1] as const]) {
    const tables = await Tables.make(rowCount);
    checked.push(...(await tables.check()));
    figures.push(...(await tables.measure(rounds)));
  }
  return {
    name: 'drift',
    peer: 'Evidently',
    versions: await versionsIn('drift', ['evidently', 'pandas', 'numpy', 'scipy', 'pyarrow']),
    checked,
    notEqual: [
      'Ours computes four or five statistics of each column with their p-values, Evidently one.',
      'Evidently also prepares data for its plots, and counts drifted columns in a metric of its own.',
      'The comparison alone: ours reads the Parquet files in it, Evidently has them in memory already. Scipy reads them too, and computes what ours does.',
    ],
    figures,
  };
}

class Tables {
  readonly #rowCount: number;
  readonly #files: readonly string[];
  readonly #python = pythonOf('drift');

  private constructor(rowCount: number, files: readonly string[]) {
    this.#rowCount = rowCount;
    this.#files = files;
  }

  static async make(rowCount: number): Promise<Tables> {
    const folder = temporaryFolder(`drift-${rowCount}`);
    await runToEnd([pythonOf('drift'), join(import.meta.dirname, 'make_data.py'), folder, String(rowCount)]);
    return new Tables(
      rowCount,
      ['reference', 'current'].map((name) => join(folder, `${name}.parquet`)),
    );
  }

  async #ask<T>(program: string, ...more: string[]): Promise<{ answer: T; whole: Round }> {
    const { stdout, seconds, cpuMs } = await runToEnd([
      this.#python,
      join(import.meta.dirname, program),
      ...this.#files,
      ...more,
    ]);
    return {
      answer: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T,
      whole: { value: seconds, cpuMs },
    };
  }

  async #ours(): Promise<{ columns: OurColumns; whole: Round }> {
    const { stdout, seconds, cpuMs } = await runToEnd(tilth('monitor', 'drift', ...this.#files, '--json'));
    return { ...(JSON.parse(stdout) as { columns: OurColumns }), whole: { value: seconds, cpuMs } };
  }

  /** The same numbers as both, before anything is timed. */
  async check(): Promise<string[]> {
    const { columns } = await this.#ours();
    const { answer } = await this.#ask<PeerAnswer>('peer_drift.py');
    const scipy = await this.#ask<{ answers: ScipyColumns }>('plain_scipy.py');
    let [ofEvidently, ofScipy] = [0, 0];
    for (const [name, { method, score }] of Object.entries(answer.scores)) {
      ofEvidently = Math.max(
        ofEvidently,
        near(`${name} by Evidently's ${method}`, columns[name]?.default?.score, score),
      );
    }
    for (const [name, methods] of Object.entries(scipy.answer.answers)) {
      for (const [method, score] of Object.entries(methods)) {
        const mine = columns[name]?.scores[method];
        const pairs = Array.isArray(score)
          ? ([
              [mine?.statistic, score[0]],
              [mine?.pvalue, score[1]],
            ] as const)
          : ([[mine?.value, score]] as const);
        for (const [our, their] of pairs)
          ofScipy = Math.max(ofScipy, near(`${name} by ${method}`, our, their));
      }
    }
    assert.deepEqual(Object.keys(answer.scores).sort(), Object.keys(columns).sort());
    const size = `${this.#rowCount.toLocaleString('en')} rows x ${Object.keys(columns).length} columns`;
    return [
      `${size}: the methods that Evidently chooses (Wasserstein, Jensen-Shannon) differ by ${ofEvidently.toExponential(0)} at most`,
      `all statistics and p-values differ from scipy by ${ofScipy.toExponential(0)} at most`,
    ];
  }

  async measure(rounds: number): Promise<Figure[]> {
    const alone = { ours: [] as Round[], peer: [] as Round[] };
    const bare: Round[] = [];
    const inside = ({ seconds, cpuSeconds }: Timed): Round => ({ value: seconds, cpuMs: cpuSeconds * 1000 });
    const whole = await inTurns(
      rounds,
      async () => {
        const { stdout } = await runToEnd([
          process.execPath,
          join(import.meta.dirname, 'compute.ts'),
          ...this.#files,
        ]);
        alone.ours.push(inside(JSON.parse(stdout) as Timed));
        return (await this.#ours()).whole;
      },
      async () => {
        bare.push(inside((await this.#ask<Timed>('plain_scipy.py')).answer));
        const { answer, whole: all } = await this.#ask<PeerAnswer>('peer_drift.py');
        alone.peer.push(inside(answer));
        return all;
      },
    );
    const figure = (what: string, ours: Round[], peer: string, theirs: Round[]): Figure => ({
      what: `${what}, ${this.#rowCount.toLocaleString('en')} rows x 20 columns`,
      unit: 's',
      better: 'less',
      ours: { name: 'tilth monitor drift', rounds: ours },
      peer: { name: peer, rounds: theirs },
    });
    return [
      figure('whole process', whole.ours, 'Evidently DataDriftPreset', whole.peer),
      figure('the comparison alone', alone.ours, 'Evidently DataDriftPreset', alone.peer),
      figure('the comparison alone, beside scipy', alone.ours, 'scipy', bare),
    ];
  }
}

/** @returns by how much they differ */
function near(what: string, ours: number | undefined, theirs: number): number {
  assert.ok(ours !== undefined, `ours has no ${what}`);
  const difference = Math.abs(ours - theirs);
  assert.ok(difference <= absolute + relative * Math.abs(theirs), `${what}: ${ours} and ${theirs}`);
  return difference;
}
