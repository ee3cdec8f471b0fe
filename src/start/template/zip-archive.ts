import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { inflateRawSync } from 'node:zlib';

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;

/**
 * Unpacks a zip file.
 *
 * @returns the names in it, in its order
 * @throws Error for an archive that is broken, encrypted or leads out of `folder`
 */
export function unzip(file: string, folder: string): string[] {
  const data = readFileSync(file);
  let end = data.length - 22;
  while (end >= 0 && data.readUInt32LE(end) !== endOfDirectory) end -= 1;
  if (end < 0) throw new Error('it is not a zip archive');
  const count = data.readUInt16LE(end + 10);
  let at = data.readUInt32LE(end + 16);
  const names: string[] = [];
  for (let index = 0; index < count; index += 1) {
    if (data.readUInt32LE(at) !== directoryEntry) throw new Error('its directory is broken');
    const flags = data.readUInt16LE(at + 8);
    const method = data.readUInt16LE(at + 10);
    const packedSize = data.readUInt32LE(at + 20);
    const size = data.readUInt32LE(at + 24);
    const nameLength = data.readUInt16LE(at + 28);
    const local = data.readUInt32LE(at + 42);
    const name = data.toString('utf8', at + 46, at + 46 + nameLength);
    at += 46 + nameLength + data.readUInt16LE(at + 30) + data.readUInt16LE(at + 32);
    if ((flags & 1) !== 0) throw new Error('it is protected by a password');
    const target = resolve(join(folder, name));
    if (target !== resolve(folder) && !target.startsWith(resolve(folder) + sep))
      throw new Error(`${name} leads out of it`);
    names.push(name);
    if (name.endsWith('/')) {
      mkdirSync(target, { recursive: true });
      continue;
    }
    const from = local + 30 + data.readUInt16LE(local + 26) + data.readUInt16LE(local + 28);
    const packed = data.subarray(from, from + packedSize);
    if (method !== 0 && method !== 8) throw new Error(`${name} is packed by method ${method}`);
    mkdirSync(dirname(target), { recursive: true });
    // the stated size bounds what a crafted archive can make of us
    writeFileSync(
      target,
      method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) }),
    );
  }
  return names;
}
