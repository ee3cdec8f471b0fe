import { randomBytes, randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/** Text that was checked to be the id of one kind of thing, so that ids can't be mixed up. */
export type Branded<Name extends string> = string & { readonly __brand: Name };

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Of the system's random source, which is asked for many bytes at once: a call costs more than its bytes. */
function random(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return (pool[used++] as number) / 256;
}

// 32 letters divide 256 values evenly
const ulid = monotonicFactory(random);

/** Sortable by time, unique across processes: 26 characters. */
export const newUlid = (): string => ulid();

/** 32 hex characters, the form that MLflow's clients know for run and model ids. */
export const newHexId = (): string => randomBytes(16).toString('hex');
