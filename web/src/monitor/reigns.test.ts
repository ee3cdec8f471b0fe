import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { reignsOf, storyOf } from './reigns.ts';

const day = 86_400_000;
const start = Date.UTC(2013, 1, 25);
const promotion = (seq: number, eventAt: number | null, version: number) => ({
  at: 0,
  seq,
  eventAt,
  version,
  kind: 'promotion' as const,
  text: '',
});

describe('the champions of a model in time', () => {
  it('reigns from one promotion to the next, the first from the beginning', () => {
    const marks = [promotion(1, null, 1), promotion(2, start + 7 * day, 3)];
    assert.deepEqual(reignsOf(marks, [start, start + 21 * day]), [
      { version: 1, from: start, to: start + 7 * day },
      { version: 3, from: start + 7 * day, to: start + 21 * day },
    ]);
  });

  it('counts only the last of several changes at one moment', () => {
    const at = start + 7 * day;
    const marks = [promotion(1, null, 1), promotion(2, at, 6), promotion(3, at, 1), promotion(4, at, 6)];
    assert.deepEqual(
      reignsOf(marks, [start, start + 14 * day]).map((reign) => reign.version),
      [1, 6],
    );
  });

  it('says who is champion, and that nothing happened where nothing did', () => {
    const reigns = [{ version: 1, from: start, to: start + 7 * day }];
    assert.equal(
      storyOf(reigns, [], []),
      'Version 1 is champion since 25 Feb 2013; no alert fired; never retrained.',
    );
  });
});
