import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explain, glossary, suggestions } from './glossary.ts';

// what the design document calls the common language
const designWords = [
  'project', 'experiment', 'run', 'param', 'metric', 'tag', 'artifact', 'logged model', 'dataset', 'dataset version', 'contract', 'owner',
  'pipeline', 'stage', 'dependency', 'output', 'lock', 'model version', 'alias', 'champion', 'challenger', 'gate', 'evidence', 'approval',
  'endpoint', 'route', 'prediction', 'ground truth', 'window', 'reference', 'performance record', 'drift record', 'alert rule', 'alert',
  'retraining', 'handover', 'event',
];

describe('the glossary', () => {
  it('has every word of the common language, once', () => {
    const words = glossary.map((each) => each.word);
    assert.deepEqual(designWords.filter((word) => !words.includes(word)), []);
    assert.equal(new Set(words).size, words.length);
  });

  it('never calls one thing by the word for another', () => {
    const words = new Set(glossary.map((each) => each.word));
    assert.deepEqual(glossary.flatMap((each) => each.alsoCalled.filter((name) => words.has(name))), []);
  });

  it('finds a word by its plural, in any case, and by the name that people bring along', () => {
    assert.equal(explain('Gates').word, 'gate');
    assert.equal(explain('model_version').word, 'model version');
    assert.equal(explain('Data Contract').word, 'contract');
  });

  it('says who may approve, from the table of rights', () => {
    const rights = explain('registered model').rights.find((right) => right.verb === 'model.approve');
    assert.deepEqual(rights?.roles, ['reviewer']);
  });

  it('suggests what an unknown word looks like', () => {
    assert.deepEqual(suggestions('aproval')[0], 'approval');
    assert.throws(() => explain('endpiont'), { code: 'WORD_NOT_KNOWN', hint: 'Did you mean "endpoint"?' });
    assert.throws(() => explain('xylophone'), { code: 'WORD_NOT_KNOWN', hint: 'See all words: tilth explain' });
  });
});
