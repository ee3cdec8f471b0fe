import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { days, fixed, isoWeek, many, plain, readable, spoken, tick } from './format.ts';

describe('what a person reads on the page', () => {
  it('names ISO weeks as the standard does at the turn of a year', () => {
    assert.equal(isoWeek(Date.UTC(2013, 11, 30)), '2014-W01');
    assert.equal(isoWeek(Date.UTC(2013, 0, 1)), '2013-W01');
    assert.equal(isoWeek(Date.UTC(2010, 0, 3, 23)), '2009-W53');
    assert.equal(isoWeek(Date.UTC(2012, 11, 31)), '2013-W01');
  });

  it('says the year once where it is the same', () => {
    assert.equal(days(Date.UTC(2013, 8, 11), Date.UTC(2013, 10, 11)), '11 Sept – 11 Nov 2013');
    assert.equal(days(Date.UTC(2013, 11, 23), Date.UTC(2014, 0, 6)), '23 Dec 2013 – 6 Jan 2014');
  });

  it('shortens what only machines read whole, and leaves words alone', () => {
    assert.equal(readable('approval 01M8491XH9C1S60GAT0EH2E1T0'), 'approval …H2E1T0');
    assert.equal(
      readable('version 4268d0b82cf3c6c1aee2a2a896eca0f5.dir: 3 files'),
      'version 4268d0b8: 3 files',
    );
    assert.equal(readable('watched until 2013-05-06T00:00:00.000Z'), 'watched until 2013-05-06');
    assert.equal(readable('at 2013-05-06T12:30:00.000Z'), 'at 2013-05-06T12:30:00.000Z');
  });

  it('shows no JSON for the data of an event', () => {
    assert.equal(plain({ kind: 'alert', id: 'auc-fell' }), 'kind alert, id auc-fell');
    assert.equal(plain([]), 'none');
    assert.equal(spoken('decidedAsOf'), 'decided as of');
  });

  it('gives ticks of an axis as many decimals as tell them apart', () => {
    assert.deepEqual([0.25, 0.275, 0.3, 1].map(tick), ['0.25', '0.275', '0.30', '1.00']);
  });

  it('counts one thing as one', () => {
    assert.deepEqual([many(1, 'token'), many(2, 'token')], ['1 token', '2 tokens']);
    assert.equal(fixed(-0.5, 2), '−0.50');
  });
});
