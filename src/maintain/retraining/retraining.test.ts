import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { retrainingDeclaration } from '../../start/project/declaration.ts';
import { fillStep, planRetraining, retrainingRule } from './retraining.ts';

const policy = retrainingDeclaration.parse({ on: ['auc-fell'], lookback: '61d', shadow: '14d', cooldown: '28d', steps: ['x --from {from} --to {to}'] });
const july = Date.UTC(2013, 6, 1);
const day = 86_400_000;

describe('a retraining', () => {
  it('trains on the days before its moment and watches the candidate after it', () => {
    const plan = planRetraining(policy, july);
    assert.equal(fillStep(policy.steps[0] ?? '', plan), 'x --from 2013-05-01 --to 2013-07-01');
    assert.equal(plan.shadowUntil, july + 14 * day);
  });

  it('starts when a rule that it listens to fires', () => {
    assert.equal(retrainingRule(policy, { firingRules: ['auc-fell'], last: undefined, asOf: july }), 'auc-fell');
    assert.equal(retrainingRule(policy, { firingRules: ['late-rate-moved'], last: undefined, asOf: july }), undefined);
  });

  it('never starts while another one is under way', () => {
    const last = { state: 'shadow', decidedAsOf: null } as const;
    assert.equal(retrainingRule(policy, { firingRules: ['auc-fell'], last, asOf: july }), undefined);
  });

  it('leaves the cooldown after the last decision, however that was', () => {
    const last = { state: 'refused', decidedAsOf: july - 27 * day } as const;
    assert.equal(retrainingRule(policy, { firingRules: ['auc-fell'], last, asOf: july }), undefined);
    assert.equal(retrainingRule(policy, { firingRules: ['auc-fell'], last, asOf: july + day }), 'auc-fell');
  });
});
