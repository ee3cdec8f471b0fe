import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { approve, requestApproval } from '../../deploy/registry/approvals/approvals.ts';
import { evaluateGate } from '../../deploy/registry/gate/gate-evidence.ts';
import { registerVersion } from '../../deploy/registry/versions.ts';
import { updateVersionRow } from '../../deploy/registry/registry-store.ts';
import { newDatasetVersion } from '../../develop/data/data-api.ts';
import { addDatasetVersion } from '../../develop/data/data-store.ts';
import { createExperiment } from '../../develop/tracking/experiment-store.ts';
import { createRun, logBatch } from '../../develop/tracking/run-store.ts';
import { savePerformance } from '../../monitor/performance/performance-store.ts';
import { listProjects, registerProject } from '../../start/project/project-store.ts';
import { createTestRegistry, type TestRegistry } from '../../../test/registry-world.ts';
import type { ModelCard } from './card-api.ts';
import { partTitles, readWords } from './card-words.ts';
import { cardOf } from './cards.ts';

const md5 = '0123456789abcdef0123456789abcdef.dir';
const week = (day: string) => ({ start: Date.parse(day), end: Date.parse(day) + 7 * 86_400_000 });

let registry: TestRegistry;
let runId: string;
before(async () => {
  registry = await createTestRegistry({ gate: '[{ id: floor, kind: metric-floor, metric: auc, min: 0.6 }]' });
  const { world, ana, ben } = registry;
  const experimentId = await createExperiment(world, ana, { name: 'late', tags: [] });
  const run = await createRun(world, ana, { experimentId, name: 'boosting', tags: [{ key: 'tilth.dataset.flights', value: md5 }] });
  runId = run.id;
  await logBatch(world, runId, {
    params: [{ key: 'depth', value: '4' }],
    metrics: [{ key: 'auc', value: 0.70125, timestamp: 1_370_000_000_000, step: 0 }],
  });
  const version = newDatasetVersion.parse({ md5, project: 'flights', path: 'data/raw', size: 5_000_000, fileCount: 2, rowCount: 51_955, owner: 'ana', classification: 'public', licence: 'CC0-1.0', contractState: 'passed' });
  await addDatasetVersion(world, ana, 'flights', version);
  const { version: number } = await registerVersion(world, ana, { model: 'late', source: 's3://bucket/model', runId, createsModel: true });
  const digest = 'a'.repeat(64);
  const schema = JSON.stringify({ inputs: [{ name: 'hour', datatype: 'FP64', shape: [1], nullable: false }], outputs: [{ name: 'label', datatype: 'INT64', shape: [1], nullable: false }], classes: [0, 1] });
  await world.database.write((tx) => updateVersionRow(tx, 'late', number, { engine: 'onnx', reason: null, artifact_digest: digest, onnx_digest: digest, onnx_byte_count: 120_000, schema, schema_hash: 'h' }));
  await requestApproval(world, ana, { model: 'late', version: number });
  await approve(world, ben, { model: 'late', version: number });
});
after(() => registry.close());

const textOf = (card: ModelCard, title: string): string => (card.parts.find((part) => part.title === title)?.facts ?? []).map((fact) => fact.text).join('\n');

/** A window in which version 1 answered 2,000 times as champion. */
const answered = (day: string, auc: number | null): Promise<void> =>
  registry.world.database.write((tx) =>
    savePerformance(
      tx,
      'late',
      'week',
      week(day),
      [
        {
          version: 1,
          variant: 'champion',
          runId,
          rowCount: 2000,
          labelledCount: auc === null ? 300 : 1950,
          isPartial: false,
          state: auc === null ? 'not yet known' : 'known',
          measures: auc === null ? [] : [{ metric: 'auc', method: 'delong', estimate: { value: auc, low: auc - 0.02, high: auc + 0.02, standardError: 0.01 }, n: 1950 }],
          calibration: [],
        },
      ],
      week(day).end,
    ),
  );

describe('a model card', () => {
  it('has the nine parts of Model Cards, filled from the record', async () => {
    const card = await cardOf(registry.world, 'late', '1');
    assert.deepEqual(card.parts.map((part) => part.title), [...partTitles]);
    assert.match(textOf(card, 'Model details'), /Approved as champion by ben on .* UTC, asked for by ana\./);
    assert.match(textOf(card, 'Model details'), /Trained by run boosting with depth=4/);
    assert.match(textOf(card, 'Training data'), /flights, version 0123456789abcdef0123456789abcdef\.dir: 51955 rows/);
    assert.match(textOf(card, 'Training data'), /Licence CC0-1\.0, classification public, owner ana/);
    assert.match(textOf(card, 'Metrics'), /auc: 0\.7013, as its run logged it/);
    assert.match(textOf(card, 'Metrics'), /Gate "floor": auc at least 0\.6\. Found 0\.7013: passed/);
  });

  it('says of every number where it comes from', async () => {
    const card = await cardOf(registry.world, 'late', '1');
    const facts = card.parts.flatMap((part) => part.facts);
    const metric = facts.find((fact) => fact.text.startsWith('auc: '));
    assert.deepEqual([metric?.evidence?.kind, metric?.evidence?.id, metric?.evidence?.at], ['run', runId, 1_370_000_000_000]);
    const approval = facts.find((fact) => fact.text.startsWith('Approved as champion'));
    assert.deepEqual([approval?.evidence?.kind, approval?.evidence?.by], ['approval', 'ben']);
    for (const fact of facts) if (/\d\.\d{2}/.test(fact.text)) assert.ok(fact.evidence !== null, fact.text);
  });

  it('asks for what only a person can say, until it is in MODEL_CARD.md', async () => {
    const before = await cardOf(registry.world, 'late', '1');
    assert.ok(before.missing.some((each) => each.startsWith('Intended use: ')));
    const root = (await listProjects(registry.world.database.read))[0]?.root ?? '';
    writeFileSync(join(root, 'MODEL_CARD.md'), '# Model card: late\n\n- **Intended use**: plan the gates of the evening.\n- **Licence**: Apache-2.0\n');
    const said = await cardOf(registry.world, 'late', '1');
    assert.match(textOf(said, 'Intended use'), /plan the gates of the evening/);
    assert.ok(!said.missing.some((each) => each.includes('Intended use')));
    assert.match(said.markdown, /^---\nlicense: apache-2\.0\n/);

    // the card itself may take the place of the file
    writeFileSync(join(root, 'MODEL_CARD.md'), said.markdown);
    const again = await cardOf(registry.world, 'late', '1');
    assert.equal(again.digest, said.digest);
    assert.deepEqual(again.missing, said.missing);
  });

  it('has front matter that names licence, metrics and results', async () => {
    const { markdown, digest } = await cardOf(registry.world, 'late', '1');
    const front = parse(markdown.split('---\n')[1] ?? '') as Record<string, unknown>;
    assert.deepEqual(front['metrics'], ['roc_auc']);
    assert.deepEqual(front['tilth'], { model: 'late', version: 1, digest });
    const [index] = front['model-index'] as { name: string; results: { dataset: object; metrics: object[] }[] }[];
    assert.equal(index?.name, 'late');
    assert.deepEqual(index?.results[0]?.metrics, [{ type: 'roc_auc', name: 'auc', value: 0.70125 }]);
    assert.deepEqual(index?.results[0]?.dataset, { type: 'flights', name: 'flights (as run boosting measured)', revision: md5 });
  });

  it('is up to date while the newest window is known, and says so when it is not', async () => {
    const unserved = await cardOf(registry.world, 'late', '1');
    assert.equal(unserved.isStale, false);
    await answered('2013-03-04', 0.69);
    const known = await cardOf(registry.world, 'late', '1');
    assert.equal(known.isStale, false);
    assert.match(textOf(known, 'Quantitative analyses'), /2013-03-04 as champion: auc 0\.69 \(0\.67 to 0\.71\); 1950 of 2000 answers have their truth/);
    assert.notEqual(known.digest, unserved.digest);
    await answered('2013-03-11', null);
    const stale = await cardOf(registry.world, 'late', '1');
    assert.equal(stale.isStale, true);
    assert.match(stale.staleBecause ?? '', /end with the window of 2013-03-04; the version also answered in the window of 2013-03-11, where 15 %/);
    assert.match(stale.markdown, /\*\*Not up to date\.\*\*/);
  });

  it('has the same digest when somebody registers the project or looks at the gate again', async () => {
    const { world, ana } = registry;
    const before = await cardOf(world, 'late', '1');
    await registerProject(world, ana, (await listProjects(world.database.read))[0]?.root ?? '');
    await evaluateGate(world, ana, 'late', 1);
    assert.equal((await cardOf(world, 'late', '1')).digest, before.digest);
  });

  it('is of the champion when no version is named', async () => {
    assert.equal((await cardOf(registry.world, 'late', 'champion')).version, 1);
    await assert.rejects(cardOf(registry.world, 'late', '7'), { code: 'MODEL_VERSION_NOT_FOUND' });
    await assert.rejects(cardOf(registry.world, 'unknown', 'champion'), { code: 'MODEL_NOT_FOUND' });
  });
});

describe('what people wrote', () => {
  it('is read from a list and from sections, over several lines', () => {
    const words = readWords('# Model card: x\n\n- **Not for**: single passengers;\n  other airports.\n- **Owner**: ana\n\n## Known limits\n\nOne year\nof data.\n\n## Users\n\n- a generated fact\n');
    assert.deepEqual([...words], [['Not for', 'single passengers; other airports.'], ['Known limits', 'One year of data.']]);
  });

  it('is no answer while it says that nothing was said', () => {
    assert.equal(readWords('- **Users**: _not said yet: who acts on the answers_\n- **Groups**: TODO\n').size, 0);
  });
});
