import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.ts';

/**
 * A secret of this home, 32 random bytes: made when it is first asked for, readable by its owner alone, the same ever after.
 *
 * @param name what it is for, so that no two uses share one
 */
export function homeKey(home: Pick<Home, 'root'>, name: string): Buffer {
  const folder = join(home.root, 'keys');
  const file = join(folder, `${name}.key`);
  const known = read(file);
  if (known !== undefined) return known;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // linked when it is whole: two processes that start together get the one that came first
  const temporary = join(folder, `.${randomUUID()}`);
  try {
    writeFileSync(temporary, randomBytes(32), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, file);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
  } finally {
    rmSync(temporary, { force: true });
  }
  const made = read(file);
  if (made === undefined) throw new Error(`${file} is not a key: it must have 32 bytes.`);
  return made;
}

function read(file: string): Buffer | undefined {
  try {
    const key = readFileSync(file);
    return key.length === 32 ? key : undefined;
  } catch {
    return undefined;
  }
}
