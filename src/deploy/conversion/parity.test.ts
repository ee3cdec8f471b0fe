import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareAnswers, type Answers } from './parity.ts';

const classifier = (labels: Answers['labels'], probabilities: number[][] | null): Answers => ({
  labels,
  probabilities,
});
const given = (to: number) => [{ kind: 'given', from: 0, to, neighbours: 1 }];

describe('parity of a graph with its original', () => {
  it('is perfect for equal answers', () => {
    const answers = classifier(
      [0, 1],
      [
        [0.9, 0.1],
        [0.2, 0.8],
      ],
    );
    const compared = compareAnswers(answers, answers, { isClassifier: true, parts: given(2) });
    assert.deepEqual([compared.labelsEqual, compared.maxError, compared.rowCount], [1, 0, 2]);
  });

  it('counts labels, measures the largest difference of a probability, and names the row', () => {
    const original = classifier(
      [0, 1, 1, 0],
      [
        [0.9, 0.1],
        [0.2, 0.8],
        [0.45, 0.55],
        [0.7, 0.3],
      ],
    );
    const served = classifier(
      [0, 1, 0, 0],
      [
        [0.9, 0.1],
        [0.2001, 0.7999],
        [0.51, 0.49],
        [0.7, 0.3],
      ],
    );
    const compared = compareAnswers(original, served, {
      isClassifier: true,
      parts: [...given(2), { kind: 'zero', from: 2, to: 4, neighbours: 1 }],
    });
    assert.equal(compared.labelsEqual, 0.75);
    assert.ok(Math.abs(compared.maxError - 0.06) < 1e-12);
    assert.equal(compared.worst?.index, 2);
    assert.deepEqual(
      compared.parts.map((part) => [part.kind, part.labelsEqual]),
      [
        ['given', 1],
        ['zero', 0.5],
      ],
    );
  });

  it('takes a missing or infinite answer as wholly wrong', () => {
    const original = classifier([1], [[0.1, 0.9]]);
    const served = classifier([1], [[Number.NaN, 0.9]]);
    assert.equal(
      compareAnswers(original, served, { isClassifier: true, parts: given(1) }).maxError,
      Number.MAX_VALUE,
    );
  });

  it('compares predictions of a regression relative to their size', () => {
    const compared = compareAnswers(
      { labels: [1000, 0.5], probabilities: null },
      { labels: [1001, 0.501], probabilities: null },
      { isClassifier: false, parts: given(2) },
    );
    assert.equal(compared.labelsEqual, null);
    assert.ok(Math.abs(compared.maxError - 0.001) < 1e-9);
  });

  it('lets a graph answer as either side of a jump, and as nothing else', () => {
    const original = classifier(
      [0, 1],
      [
        [0.8, 0.2],
        [0.3, 0.7],
      ],
    );
    const parts = [{ kind: 'jump', from: 0, to: 2, neighbours: 2 }];
    const early = compareAnswers(
      original,
      classifier(
        [1, 1],
        [
          [0.3, 0.7],
          [0.3, 0.7],
        ],
      ),
      { isClassifier: true, parts },
    );
    assert.deepEqual([early.labelsEqual, early.maxError, early.parts[0]?.flippedCount], [1, 0, 1]);
    const third = compareAnswers(
      original,
      classifier(
        [1, 1],
        [
          [0.5, 0.5],
          [0.3, 0.7],
        ],
      ),
      { isClassifier: true, parts },
    );
    assert.ok(third.maxError > 0.19);
  });

  it('refuses answers to other rows or classes', () => {
    const original = classifier([1], [[0.1, 0.9]]);
    assert.throws(
      () => compareAnswers(original, classifier([1, 1], null), { isClassifier: true, parts: [] }),
      /answered 1 rows and the graph 2/,
    );
    assert.throws(
      () => compareAnswers(original, classifier([1], [[1]]), { isClassifier: true, parts: [] }),
      /2 classes/,
    );
  });
});
