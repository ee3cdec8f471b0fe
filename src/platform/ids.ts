import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/** Text that was checked to be the id of one kind of thing, so that ids can't be mixed up. */
export type Branded<Name extends string> = string & { readonly __brand: Name };

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Of the system's random source, which is asked for many bytes at once: a call costs more than its bytes. */
function randomByte(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++] as number;
}

// 32 letters divide 256 values evenly
const ulid = monotonicFactory(() => randomByte() / 256);

/** Sortable by time, unique across processes: 26 characters. */
export const newUlid = (): string => ulid();

/**
 * 32 hex characters, the form that MLflow's clients know for run and model ids: a UUID of version 7 (RFC 9562, section
 * 5.7) without its dashes. It begins with the time, so that what is made together lies together in every index of a
 * large database; its last 15 characters are what tells two ids of one moment apart.
 */
export function newHexId(): string {
  const at = Date.now().toString(16).padStart(12, '0');
  for (let index = 0; index < bits.length; index += 1) bits[index] = randomByte();
  bits[0] = 0x70 | ((bits[0] as number) & 0x0f);
  bits[2] = 0x80 | ((bits[2] as number) & 0x3f);
  return at + bits.toString('hex');
}

const bits = Buffer.alloc(10);
