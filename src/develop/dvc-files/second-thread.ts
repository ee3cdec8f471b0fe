import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { readBlocks } from './file-bytes.ts';
import { encodePath } from './python-text.ts';

/** From this many bytes on a second thread has paid for its start (ADR 0018). */
const secondThreadPays = 64 * 1024 * 1024;

const slotCount = 4;
const slotBytes = 4 * 1024 * 1024;
const answerMs = 60_000;
const startMs = 2000;

/** Where the second thread says that it has begun and, later, that it is done. */
const progressAt = slotCount;

/** Hashes what lies in the slots, in turn: a slot holds 0 when it is free, its length when it is full, -1 after the last. */
const hashing = `
  const { workerData: { state, slots, result } } = require('node:worker_threads');
  const digest = require('node:crypto').createHash('md5');
  const tell = (progress) => {
    Atomics.store(state, slots.length, progress);
    Atomics.notify(state, slots.length);
  };
  tell(1);
  for (let slot = 0; ; slot = (slot + 1) % slots.length) {
    Atomics.wait(state, slot, 0);
    const length = Atomics.load(state, slot);
    if (length < 0) break;
    digest.update(new Uint8Array(slots[slot], 0, length));
    Atomics.store(state, slot, 0);
    Atomics.notify(state, slot);
  }
  Buffer.from(result).set(digest.digest());
  tell(2);
`;

/**
 * The md5 of a file whose blocks are handed out on the way: of a large one a second thread takes the hash of each block
 * while this one writes it, so that both see the same bytes.
 *
 * @param take each block, good until it returns
 */
export function hashBlocks(path: string, size: number, take: (block: Uint8Array) => void): string {
  const besides =
    size >= secondThreadPays && availableParallelism() > 1 ? hashBesides(path, take) : undefined;
  if (besides !== undefined) return besides;
  const digest = createHash('md5');
  readBlocks(path, (block) => {
    digest.update(block);
    take(block);
  });
  return digest.digest('hex');
}

/** @returns undefined, with nothing handed out, when there is no second thread to be had */
function hashBesides(path: string, take: (block: Uint8Array) => void): string | undefined {
  const state = new Int32Array(new SharedArrayBuffer(4 * (progressAt + 1)));
  const slots = Array.from({ length: slotCount }, () => new SharedArrayBuffer(slotBytes));
  const result = new SharedArrayBuffer(16);
  const handle = openSync(encodePath(path), 'r');
  // with no flags of ours: what Node was told about the program does not hold for this
  // asked for here, since every command would wait for it
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const worker = new Worker(hashing, { eval: true, execArgv: [], workerData: { state, slots, result } });
  worker.unref();
  worker.on('error', () => undefined);
  try {
    if (Atomics.wait(state, progressAt, 0, startMs) === 'timed-out') return undefined;
    for (let slot = 0; ; slot = (slot + 1) % slotCount) {
      waitFor(state, slot, 0);
      const block = new Uint8Array(slots[slot] ?? result);
      const length = readSync(handle, block, 0, slotBytes, null);
      Atomics.store(state, slot, length === 0 ? -1 : length);
      Atomics.notify(state, slot);
      if (length === 0) break;
      take(block.subarray(0, length));
    }
    waitFor(state, progressAt, 2);
    return Buffer.from(result).toString('hex');
  } finally {
    closeSync(handle);
    void worker.terminate();
  }
}

function waitFor(state: Int32Array, at: number, wanted: number): void {
  for (let now = Atomics.load(state, at); now !== wanted; now = Atomics.load(state, at))
    if (Atomics.wait(state, at, now, answerMs) === 'timed-out')
      throw new Error('the second thread, which hashes, does not answer');
}
