import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { causesOf } from './causes.ts';
import { likenessOf } from './likeness.ts';
import {
  ingredientSubjects,
  type Experiment,
  type Finding,
  type Ingredient,
  type IngredientSubject,
} from './reproduce-api.ts';

const ingredient = (subject: IngredientSubject, state: Ingredient['state'] = 'differs'): Ingredient => ({
  subject,
  name: subject,
  state,
  recorded: 'a',
  found: 'b',
});
const experiment = (
  kind: Experiment['kind'],
  outcome: Experiment['outcome'],
  subject: Experiment['subject'] = null,
): Experiment => ({ kind, subject, runIds: [], outcome, said: `${kind} ${outcome}.` });
const repeats = experiment('repeat', 'equal');
const found = (ingredients: readonly Ingredient[], ...experiments: Experiment[]): string[] =>
  causesOf(likenessOf([], ingredients), experiments).map(
    ({ cause, certainty }: Finding) => `${cause} ${certainty}`,
  );

describe('the cause of a difference', () => {
  test('is the only ingredient that differs, likely where the reproduction repeats itself', () => {
    for (const subject of ingredientSubjects) {
      assert.deepEqual(found([ingredient(subject)], repeats), [`${subject} likely`]);
      assert.deepEqual(
        found([ingredient(subject)]),
        [`${subject} possible`],
        'without an experiment it could be chance',
      );
      assert.deepEqual(found([ingredient(subject, 'not found')], repeats), [`${subject} likely`]);
    }
  });

  test('may be each of several that differ, until one is put back', () => {
    const both = [ingredient('code'), ingredient('data')];
    assert.deepEqual(found(both, repeats), ['code possible', 'data possible']);
    assert.deepEqual(found(both, repeats, experiment('swap', 'as recorded', 'data')), ['data shown']);
    assert.deepEqual(found(both, repeats, experiment('swap', 'as reproduced', 'code')), ['data likely']);
    assert.deepEqual(
      found(
        both,
        repeats,
        experiment('swap', 'as neither', 'code'),
        experiment('swap', 'as neither', 'data'),
      ),
      ['code shown', 'data shown'],
    );
    assert.deepEqual(found(both, repeats, experiment('swap', 'not possible', 'code')), [
      'code possible',
      'data possible',
    ]);
  });

  test('is chance where it differs from itself: a missing seed, or something that no seed reaches', () => {
    const itself = experiment('repeat', 'differs');
    assert.deepEqual(found([], itself, experiment('fixed generators', 'equal')), ['seed shown']);
    assert.deepEqual(found([], itself, experiment('fixed generators', 'differs')), ['nondeterminism shown']);
    assert.deepEqual(found([], itself), ['nondeterminism likely']);
    // what differs beside it may have a part too
    assert.deepEqual(found([ingredient('data')], itself, experiment('fixed generators', 'equal')), [
      'seed shown',
      'data possible',
    ]);
  });

  test('is unknown where nothing that was recorded differs, and what was not recorded is named', () => {
    const [finding] = causesOf(
      likenessOf([], [{ ...ingredient('data', 'not recorded'), name: 'rows.csv' }]),
      [repeats],
    );
    assert.equal(finding?.cause, 'unknown');
    assert.match(finding?.because ?? '', /rows\.csv/);
  });

  test('is always told, never twice, and never an ingredient that is equal', () => {
    const states = fc.constantFrom<Ingredient['state']>('equal', 'differs', 'not recorded', 'not found');
    const some = fc.array(
      fc
        .tuple(fc.constantFrom(...ingredientSubjects), states)
        .map(([subject, state]) => ingredient(subject, state)),
    );
    fc.assert(
      fc.property(
        some,
        fc.subarray([
          repeats,
          experiment('swap', 'as recorded', 'code'),
          experiment('swap', 'as reproduced', 'data'),
        ]),
        (ingredients, experiments) => {
          const findings = causesOf(likenessOf([], ingredients), experiments);
          assert.ok(findings.length > 0);
          assert.equal(new Set(findings.map(({ cause }) => cause)).size, findings.length);
          for (const { cause } of findings) {
            assert.ok(
              cause === 'unknown' ||
                ingredients.some(
                  ({ subject, state }) => subject === cause && (state === 'differs' || state === 'not found'),
                ),
            );
          }
        },
      ),
    );
  });
});
