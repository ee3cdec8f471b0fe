import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger } from '../../../src/platform/log.ts';
import { startServer } from '../../../src/server/server.ts';
import { temporaryHome } from '../../../src/server/test-world.ts';
import { callWords } from './call.ts';
import { compare, differences } from './compare.ts';
import { Conversation } from './conversation.ts';
import { deviations } from './deviations.ts';
import { randomCalls } from './random-calls.ts';
import { readRecording } from './recording.ts';

describe('random calls', () => {
  it('are answered as MLflow’s server answered them when they were recorded, but for what is meant', async () => {
    const { calls } = readRecording(new URL('recorded.json.gz', import.meta.url));
    assert.ok(calls.length >= 1_000, `${calls.length} calls`);
    const home = temporaryHome();
    // after the moment at which the database begins
    let at = Date.now() + 60_000;
    const server = await startServer({ home, port: 0, clock: { now: () => at }, log: createLogger('random calls', 'silent') });
    const ours = new Conversation(server.address, () => at);
    const told: string[] = [];
    try {
      for (const { call, answer } of calls) {
        // MLflow needs some milliseconds for a call: what comes later is later
        at += 5;
        const said = await ours.ask(call);
        if (call.isTidying === true) continue;
        const verdict = compare(call, answer, said);
        if (verdict.kind === 'differs') told.push(`${callWords(call)}\n  ${differences(verdict.theirs, verdict.ours).join('\n  ')}`);
      }
    } finally {
      ours.close();
      await server.close();
      home.remove();
    }
    assert.deepEqual(told, []);
  });

  it('are the same for the same seed, and others for another', () => {
    const first = (seed: number): string => JSON.stringify(randomCalls(seed).take(200).toArray());
    assert.equal(first(1), first(1));
    assert.notEqual(first(1), first(2));
  });

  it('have a reason for each difference that is meant', () => {
    assert.equal(new Set(deviations.map(({ name }) => name)).size, deviations.length);
    for (const { name, reason, leavesOut, explains } of deviations) {
      assert.ok(reason.length > 30, name);
      assert.ok(leavesOut !== undefined || explains !== undefined, name);
    }
  });
});
