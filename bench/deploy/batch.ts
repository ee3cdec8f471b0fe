import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { pythonOf, runToEnd, temporaryFolder, tilth, versionsIn, type Ended } from '../processes.ts';
import { approveFirst, startControl } from './production.ts';

const model = 'linear';

/** A file of rows scored by `tilth batch`, beside pyarrow with the same pickle. */
export async function measureBatch(effort: Effort): Promise<Practice> {
  const rowCount = effort.isQuick ? 100_000 : 1_000_000;
  const home = temporaryFolder('batch');
  const python = pythonOf('batch');
  const control = await startControl(home, python);
  try {
    await runToEnd([python, script('make_batch.py'), home, model, String(rowCount)], {
      env: { MLFLOW_TRACKING_URI: control.address },
    });
    await approveFirst(control.address, model, 'onnx');
    const output = join(home, 'scores');
    const peerOutput = join(home, 'peer.parquet');
    const ours = async (rows: string): Promise<Ended> => {
      rmSync(output, { recursive: true, force: true });
      mkdirSync(output);
      const batch = tilth('batch', `${model}/1`, '--input', rows, '--output', output, '--no-log');
      return runToEnd([...batch, '--home', home, '--server', control.address]);
    };
    const peer = (rows: string): Promise<Ended> =>
      runToEnd([python, script('peer_batch.py'), join(home, 'model.pkl'), rows, peerOutput]);
    const most = await compare(ours, peer, home, rowCount);
    const figures: Figure[] = [];
    for (const [what, file] of [
      [`${rowCount.toLocaleString('en')} rows of 5 numbers, from the start of the program`, 'rows.parquet'],
      ['10 rows: the start of the program', 'few.parquet'],
    ] as const) {
      const path = join(home, file);
      const found = await inTurns(
        effort.rounds,
        async () => roundOf(await ours(path)),
        async () => roundOf(await peer(path)),
      );
      figures.push({
        what,
        unit: 's',
        better: 'less',
        ours: { name: 'tilth batch', rounds: found.ours },
        peer: { name: 'pyarrow + scikit-learn', rounds: found.peer },
      });
    }
    return {
      name: 'batch',
      peer: 'pyarrow with scikit-learn',
      versions: await versionsIn('batch', ['pyarrow', 'scikit-learn', 'numpy']),
      checked: [
        `both answer the same label for each of the ${rowCount.toLocaleString('en')} rows; probabilities are ${most.toExponential(1)} apart at most`,
      ],
      notEqual: [
        'Ours asks the server whether the version may score, checks each value, writes 16 parts that are each whole or not there, each row with the file that it is from, and a manifest of them; the peer writes one file.',
        'Ours writes no prediction log here.',
        "Much of the peer's time is its start (its imports): for the rows alone, which is the first figure less the second, the peer needs less processor time than ours.",
        'Ours computes in 32 bits, the peer in 64.',
        'Ours reads, scores and writes beside each other; the peer does one after the other, pyarrow reads columns in threads of its own, its numeric libraries have one.',
      ],
      figures,
    };
  } finally {
    await control.stop();
  }
}

const script = (name: string): string => join(import.meta.dirname, name);

const roundOf = ({ seconds, cpuMs }: Ended): Round => ({ value: seconds, cpuMs });

/** Makes a file of few rows too. @returns the largest difference of probabilities */
async function compare(
  ours: (rows: string) => Promise<unknown>,
  peer: (rows: string) => Promise<unknown>,
  home: string,
  rowCount: number,
): Promise<number> {
  await ours(join(home, 'rows.parquet'));
  await peer(join(home, 'rows.parquet'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const read = await connection.runAndReadAll(
    `SELECT count(*)::INT, count(*) FILTER (ours.prediction != peer.prediction)::INT, max(abs(ours.probability_1 - peer.probability_1))
     FROM read_parquet('${home}/scores/part-*.parquet') ours JOIN read_parquet('${home}/peer.parquet') peer USING (row)`,
  );
  const [count, different, most] = read.getRowsJS()[0] ?? [];
  assert.deepEqual([count, different], [rowCount, 0]);
  await connection.run(
    `COPY (FROM read_parquet('${home}/rows.parquet') LIMIT 10) TO '${home}/few.parquet' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  return Number(most);
}
