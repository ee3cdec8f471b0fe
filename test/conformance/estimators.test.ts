import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { measureEstimators, type Outcome } from './estimators/measure.ts';
import { enginesOnPage, pageFile } from './estimators/page.ts';

const python = process.env['TILTH_TEST_ESTIMATORS_PYTHON'] ?? '';
const isMissing = python === '' && process.env['CI'] === undefined;

describe(
  'what people train',
  { skip: isMissing ? 'TILTH_TEST_ESTIMATORS_PYTHON is not set: npm test sets it up' : false },
  () => {
    let outcomes: Outcome[] = [];
    let folder = '';
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'tilth-estimators-'));
      outcomes = await measureEstimators(python, folder);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const engineOf = (name: string): string | undefined => outcomes.find((one) => one.name === name)?.engine;

    it('is tried with many estimators, most of which are served as graphs', () => {
      assert.ok(outcomes.length >= 80, String(outcomes.length));
      assert.ok(outcomes.filter((one) => one.engine === 'onnx').length >= 55);
    });

    it('answers fresh rows as Python does wherever a graph serves it', () => {
      const wrong = outcomes.filter((one) => one.fresh !== null && !one.fresh.isFaithful);
      assert.deepEqual(wrong, []);
    });

    it('is served by Python where a graph would be silently wrong', () => {
      for (const name of [
        'HistGradientBoostingClassifier with categorical_features',
        'HistGradientBoostingRegressor on large magnitudes',
        'XGBClassifier with categories',
        'LGBMClassifier with categories',
        'KNNImputer',
      ])
        assert.equal(engineOf(name), 'python', name);
    });

    it('says in a sentence why Python serves it, and never that the converter has a fault of ours', () => {
      for (const one of outcomes) {
        if (one.engine === 'python') assert.match(one.reason, /\S+ \S+/, one.name);
        assert.doesNotMatch(one.reason, /^(ValueError|TypeError|KeyError|AttributeError): /, one.name);
      }
    });

    it('has the engine that the reference names', () => {
      const onPage = enginesOnPage(readFileSync(pageFile, 'utf8'));
      assert.deepEqual(
        Object.fromEntries(outcomes.map((one) => [one.name, one.engine])),
        Object.fromEntries(onPage),
      );
    });
  },
);
