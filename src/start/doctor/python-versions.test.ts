import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asPep440, compareVersions, isWithin, lowestOf } from './python-versions.ts';

test("a constraint in Poetry's words means in PEP 440 what Poetry makes of it", () => {
  // right: str(parse_constraint(left)) of poetry-core 2.5, a bare version as ==
  const cases = {
    '^1.2.3': '>=1.2.3,<2.0.0',
    '^1.2': '>=1.2,<2.0',
    '^1': '>=1,<2',
    '^0.2.3': '>=0.2.3,<0.3.0',
    '^0.0.3': '>=0.0.3,<0.0.4',
    '^0.0': '>=0.0,<0.1',
    '^0': '>=0,<1',
    '~1.2.3': '>=1.2.3,<1.3.0',
    '~1.2': '>=1.2,<1.3',
    '~1': '>=1,<2',
    '1.2.*': '==1.2.*',
    '1.2.3': '==1.2.3',
    '=1.2.3': '==1.2.3',
    '>=1.2,<2': '>=1.2,<2',
    '>= 1.2, < 2.1': '>=1.2,<2.1',
    '>1 <2': '>1,<2',
    '!=1.3': '!=1.3',
    '^0.115.5': '>=0.115.5,<0.116.0',
    '*': '',
  };
  for (const [constraint, meaning] of Object.entries(cases))
    assert.equal(asPep440(constraint), meaning, constraint);
  for (const unsayable of ['^1.2 || ^2.0', '^1.2a1', 'latest', '1.*.2', '<1.*'])
    assert.equal(asPep440(unsayable), undefined, unsayable);
});

test('a version lies in a range or not, or nobody knows', () => {
  assert.equal(isWithin('3.11.7', '>=3.11.1,<3.12'), true);
  assert.equal(isWithin('3.12.0', '>=3.11.1,<3.12'), false);
  assert.equal(isWithin('3.11.99', '~3.11'), true);
  assert.equal(isWithin('1.5', '~=1.4.2'), false);
  assert.equal(isWithin('1.4.9', '~=1.4.2'), true);
  assert.equal(isWithin('3.9', '==3.9.*'), true);
  assert.equal(isWithin('3.9', '*'), true);
  assert.equal(isWithin('3.9', '^3.8 || ^4'), undefined);
});

test('versions are compared by number and not by letter', () => {
  assert.ok(compareVersions('0.10.0', '0.9.1') > 0);
  assert.equal(compareVersions('v2.0', '2'), 0);
  assert.equal(lowestOf('^2.10.0'), '2.10.0');
  assert.equal(lowestOf('<3'), undefined);
});
