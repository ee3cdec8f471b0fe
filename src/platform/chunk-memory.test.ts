import assert from 'node:assert/strict';
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { freeMemory, sendFreeing } from './chunk-memory.ts';

describe('What is sent and freed', () => {
  const chunks = (): Buffer[] =>
    Array.from({ length: 5 }, (_, index) => Buffer.from(new Uint8Array(70_000).fill(index)));

  test('arrives whole, and its memory is gone', async () => {
    const parts = chunks();
    const taken: Buffer[] = [];
    const slow = new Writable({
      highWaterMark: 10,
      write(chunk: Buffer, _, done) {
        taken.push(Buffer.from(chunk));
        setTimeout(done, 1);
      },
    });
    await sendFreeing(Readable.from(parts), slow);
    assert.deepEqual(Buffer.concat(taken), Buffer.concat(chunks()));
    assert.deepEqual(
      parts.map((part) => part.length),
      [0, 0, 0, 0, 0],
    );
  });

  test('ends with what went wrong on either side, and leaves neither open', async () => {
    const broken = new Readable({ read: () => undefined });
    const sink = new PassThrough().resume();
    const sending = sendFreeing(broken, sink);
    broken.push(Buffer.alloc(10));
    setImmediate(() => broken.destroy(new Error('the disk is gone')));
    await assert.rejects(sending, /the disk is gone/);
    assert.ok(sink.destroyed);

    const endless = new Readable({ read: () => void endless.push(Buffer.alloc(70_000)) });
    const left = new PassThrough();
    const toNobody = sendFreeing(endless, left);
    setImmediate(() => left.destroy());
    await assert.rejects(toNobody);
    assert.ok(endless.destroyed);
  });

  test('leaves memory alone that others share', () => {
    const whole = Buffer.from(new Uint8Array(100).fill(7));
    freeMemory(whole.subarray(10, 20));
    assert.equal(whole[50], 7);
  });
});
