import { join } from 'node:path';
import { table } from '../src/platform/terminal.ts';
import { underCircumstances } from './circumstances.ts';
import { measureBatch } from './deploy/batch.ts';
import { measurePythonWorker } from './deploy/python-worker.ts';
import { measureServing, measureServingForest } from './deploy/serving.ts';
import { measureContracts } from './develop/contracts.ts';
import { measureData } from './develop/data.ts';
import type { Effort, Practice } from './measure.ts';
import { measureDrift } from './monitor/drift.ts';
import { latestFile, saveResults, tableHead, tableRow, writeReadme, type Measured } from './report.ts';
import { measureStart } from './start/start.ts';
import { measureTracking } from './tracking/tracking.ts';

const practices: Record<string, (effort: Effort) => Promise<Practice>> = {
  start: measureStart,
  tracking: measureTracking,
  data: measureData,
  contracts: measureContracts,
  serving: measureServing,
  forest: measureServingForest,
  'python-worker': measurePythonWorker,
  batch: measureBatch,
  drift: measureDrift,
};

const words = process.argv.slice(2);
const isQuick = words.includes('--quick');
const effort: Effort = isQuick
  ? { rounds: 2, slowRounds: 1, isQuick }
  : { rounds: 7, slowRounds: 3, isQuick };
const wanted = words.filter((word) => !word.startsWith('-'));

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const measured: Measured[] = [];
for (const name of wanted.length > 0 ? wanted : Object.keys(practices)) {
  const measure = practices[name];
  if (measure === undefined) throw new Error(`${name} is no practice that is measured`);
  console.error(`· ${name}`);
  measured.push(await underCircumstances(() => withNode(measure)));
  const last = measured.at(-1);
  if (last === undefined) continue;
  console.log(`\n${last.name}, beside ${last.peer}\n${table([...tableHead], last.figures.map(tableRow))}`);
}
const file = isQuick ? join(import.meta.dirname, 'results', 'tmp', 'latest.json') : latestFile;
const results = saveResults(file, measured, Object.keys(practices));
if (!isQuick) writeReadme(results);
console.log('\nA ratio above 1 is ours; processor time is that of the programs, per piece of work.');
console.log(
  isQuick
    ? `A quick look, too short to compare; its rounds are in ${file}`
    : `Every round is in ${file}, the ratios in bench/README.md`,
);

async function withNode(measure: (effort: Effort) => Promise<Practice>): Promise<Practice> {
  const found = await measure(effort);
  return { ...found, versions: { node: process.versions.node, ...found.versions } };
}
