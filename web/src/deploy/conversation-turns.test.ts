import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ApprovalConversation } from '../../../src/deploy/registry/registry-api.ts';
import { turnsOf } from './conversation-turns.ts';

const request: ApprovalConversation = {
  id: '1',
  model: 'late',
  version: 2,
  alias: 'champion',
  requestedBy: 'ana',
  requestedAt: 10,
  message: 'please',
  bundleHash: 'a',
  ingredients: {
    artifactDigest: null,
    onnxDigest: null,
    workerDigest: null,
    dataVersion: null,
    gateHash: '',
    cardHash: null,
  },
  state: 'waiting',
  by: null,
  at: null,
  reason: null,
  isSingleEye: false,
  changed: [],
  voidedAt: null,
  expiresAt: null,
  gate: { model: 'late', version: 2, passed: true, hash: '', evaluatedAt: 9, results: [], note: null },
  comments: [
    { id: 'x', by: 'ben', at: 20, text: 'why?' },
    { id: 'y', by: 'ana', at: 50, text: 'pity' },
  ],
};

const said = (change: Partial<ApprovalConversation>): string[] =>
  turnsOf({ ...request, ...change }).map((turn) => [turn.by, turn.did].filter(Boolean).join(' '));

it('a request is told in the order in which it happened; what became void was granted before', () => {
  assert.deepEqual(said({}), ['ana asked for approval', 'ben commented', 'ana commented']);
  assert.deepEqual(said({ state: 'refused', by: 'ben', at: 30 }), [
    'ana asked for approval',
    'ben commented',
    'ben rejected',
    'ana commented',
  ]);
  const change = { state: 'void', by: 'ben', at: 30, voidedAt: 40, changed: ['the card'] } as const;
  assert.deepEqual(said({ ...change, changed: [...change.changed] }).slice(2), [
    'ben approved',
    'It became void: the card changed',
    'ana commented',
  ]);
  assert.deepEqual(said({ state: 'withdrawn', by: 'ana', at: 60 }).at(-1), 'ana took the request back');
  assert.deepEqual(said({ state: 'expired', expiresAt: 70 }).at(-1), 'It expired');
});
