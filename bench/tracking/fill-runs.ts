import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createHome, resolveHome } from '../../src/platform/home.ts';
import { fillRuns } from './many-runs.ts';

// Fills the database of a home with many runs, to try the page and the searches on it:
//   node bench/tracking/fill-runs.ts --home /tmp/many --runs 100000 --keys 1000 --points 1000000

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    runs: { type: 'string', default: '100000' },
    keys: { type: 'string', default: '1000' },
    points: { type: 'string', default: '1000000' },
  },
});
if (values.home === undefined) throw new Error('Say where: --home FOLDER');
const home = createHome(resolveHome(values.home));
const started = performance.now();
await fillRuns(home.database, {
  runCount: Number(values.runs),
  keyCount: Number(values.keys),
  pointCount: Number(values.points),
});
process.stdout.write(
  `${values.runs} runs and a curve of ${values.points} points in ${Math.round(performance.now() - started)} ms: ${home.database}\n`,
);
