import { spawn } from 'node:child_process';
import { gitFailed } from './update-errors.ts';

export interface TreeEntry {
  readonly name: string;
  readonly mode: string;
  readonly oid: string;
}

/** Reads many objects of a repository through one process of git. */
export interface ObjectReader {
  /** undefined where the repository doesn't have it */
  read(name: string): Promise<{ oid: string; kind: string; content: Buffer } | undefined>;
  tree(oid: string): Promise<readonly TreeEntry[]>;
  close(): void;
}

export function openObjects(repository: string): ObjectReader {
  const child = spawn('git', ['-C', repository, 'cat-file', '--batch'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const waiting: {
    done: (value: { oid: string; kind: string; content: Buffer } | undefined) => void;
    fail: (error: Error) => void;
  }[] = [];
  let parts: Buffer[] = [];
  let size = 0;
  let needed = 0;
  const fail = (reason: string): void => {
    for (const each of waiting.splice(0)) each.fail(gitFailed('cat-file', repository, reason));
  };
  child.on('error', (error) => fail(error.message));
  child.on('exit', () => fail('it ended early'));
  child.stdin.on('error', () => undefined);
  const take = (): void => {
    while (waiting.length > 0 && size >= needed && size > 0) {
      const all = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      const end = all.indexOf(10);
      if (end < 0) return void (parts = [all]);
      const [oid = '', kind = '', length = '0'] = all.toString('latin1', 0, end).split(' ');
      const isMissing = kind === 'missing' || kind === 'ambiguous';
      const total = isMissing ? end + 1 : end + 1 + Number(length) + 1;
      if (all.length < total) {
        parts = [all];
        needed = total;
        return;
      }
      const content = all.subarray(end + 1, total - 1);
      parts = all.length > total ? [all.subarray(total)] : [];
      size = all.length - total;
      needed = 0;
      waiting.shift()?.done(isMissing ? undefined : { oid, kind, content });
    }
  };
  child.stdout.on('data', (part: Buffer) => {
    parts.push(part);
    size += part.length;
    take();
  });
  const read: ObjectReader['read'] = (name) =>
    new Promise((done, fail) => {
      waiting.push({ done, fail });
      child.stdin.write(`${name}\n`);
    });
  const trees = new Map<string, readonly TreeEntry[]>();
  return {
    read,
    async tree(oid) {
      const known = trees.get(oid);
      if (known !== undefined) return known;
      const object = await read(oid);
      const entries = object === undefined ? [] : parseTree(object.content, oid.length / 2);
      trees.set(oid, entries);
      return entries;
    },
    close: () => {
      child.removeAllListeners('exit');
      child.stdin.end();
    },
  };
}

function parseTree(content: Buffer, hashLength: number): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(32, at);
    const end = content.indexOf(0, space);
    entries.push({
      mode: content.toString('latin1', at, space),
      name: content.toString('utf8', space + 1, end),
      oid: content.toString('hex', end + 1, end + 1 + hashLength),
    });
    at = end + 1 + hashLength;
  }
  return entries;
}
