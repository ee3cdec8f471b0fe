import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagePath } from '../../../src/platform/package-root.ts';
import { runtimeName } from '../../../src/deploy/conversion/prove.ts';
import { freshRows, measureEstimators, type Outcome } from './measure.ts';

export const pageFile = packagePath('docs', 'reference', 'estimators.md');

/** The page that says what becomes of which estimator; written by `node test/conformance/estimators/page.ts`. */
export function estimatorsPage(outcomes: readonly Outcome[]): string {
  const graphs = outcomes.filter((one) => one.engine === 'onnx');
  const others = outcomes.filter((one) => one.engine === 'python');
  return `# Which estimators are served as a graph

Written by \`test/conformance/estimators/page.ts\`; a test holds it against the models. Each estimator was logged with mlflow,
converted, and proven with ${runtimeName} on its training rows and on rows made to break a careless conversion (missing
values, categories and texts that training never saw, huge and tiny numbers, five rows around each threshold of its trees).
A graph that is served was then asked ${freshRows.toLocaleString('en')} fresh rows through the engine that serves: labels are equal and errors within
bounds in at least 99.99 % of them. Rows with an error beyond the bounds
are counted in the last column. What is not proven is served by its own Python, so nothing is lost but speed. Versions: \`test/requirements-estimators.txt\`.

torch and keras models go through their own exporters where the environment of the model has them (\`torch.onnx\` with
onnxscript, \`model.export\`), and are proven in the same way; they are not in this table, because our tests do not install them.

## As a graph (${graphs.length})

| estimator | numbers as | rows at registration | labels equal | largest error | fresh: labels equal | fresh: largest error | fresh: rows beyond |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
${graphs.map(graphLine).join('\n')}

An error is the largest difference of a probability, or of a prediction, relative where that is above 1.

## By their own Python (${others.length})

| estimator | why |
| --- | --- |
${others.map((one) => `| ${one.name} | ${inCell(one.reason)} |`).join('\n')}
`;
}

const graphLine = ({ name, precision, proven, fresh }: Outcome): string =>
  `| ${[
    name,
    precision || 'text',
    proven?.rowCount,
    share(proven?.labelsEqual),
    proven?.maxError.toExponential(0),
    share(fresh?.labelsEqual),
    fresh?.maxError.toExponential(0),
    fresh?.beyondCount,
  ].join(' | ')} |`;

const share = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : `${Number((value * 100).toFixed(3))} %`;

const inCell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replace(/\/\S*\.cc:\d+\s*/g, '')
    .slice(0, 200);

/** Name → engine, as the page says it. */
export function enginesOnPage(page: string): Map<string, Outcome['engine']> {
  const [, graphs = '', others = ''] = page.split(/^## .*$/m);
  const names = (part: string): string[] =>
    [...part.matchAll(/^\| (?!estimator |---)(.*?) \|/gm)].map((match) => match[1] ?? '');
  return new Map([
    ...names(graphs).map((name) => [name, 'onnx'] as const),
    ...names(others).map((name) => [name, 'python'] as const),
  ]);
}

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-estimators-'));
  const python = process.env['TILTH_TEST_ESTIMATORS_PYTHON'];
  if (python === undefined) throw new Error('TILTH_TEST_ESTIMATORS_PYTHON names the Python to measure in');
  const outcomes = await measureEstimators(python, folder);
  writeFileSync(pageFile, estimatorsPage(outcomes));
  for (const one of outcomes)
    process.stdout.write(
      `${one.engine}  ${one.name}  ${one.reason.slice(0, 100)} ${JSON.stringify(one.fresh)}\n`,
    );
  rmSync(folder, { recursive: true, force: true });
}
