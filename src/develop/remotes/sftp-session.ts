import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

const kinds = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  openFolder: 11,
  readFolder: 12,
  remove: 13,
  makeFolder: 14,
  stat: 17,
  rename: 18,
  status: 101,
  handle: 102,
  data: 103,
  names: 104,
  attributes: 105,
  extended: 200,
} as const;

/** An answer that says no: `code` is the protocol's, 2 no such file, 3 no right, 4 failure. */
export class SftpRefusal extends Error {
  override readonly name = 'SftpRefusal';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const sftpCodes = { end: 1, noSuchFile: 2, noRight: 3, failure: 4 } as const;

interface Answer {
  readonly kind: number;
  readonly body: Buffer;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: Error) => void;
}

/** One conversation in SFTP, version 3; many questions may be on their way at once. @see draft-ietf-secsh-filexfer-02 */
export interface SftpSession {
  /** Bytes of a file from `offset`; empty at its end. */
  read(handle: Buffer, offset: number, length: number): Promise<Buffer>;
  write(handle: Buffer, offset: number, bytes: Buffer): Promise<void>;
  open(path: string, mode: 'read' | 'write-new'): Promise<Buffer>;
  close(handle: Buffer): Promise<void>;
  /** bytes; undefined when nothing is there */
  size(path: string): Promise<number | undefined>;
  /** undefined when the folder is not there */
  names(folder: string): Promise<{ name: string; isFolder: boolean }[] | undefined>;
  makeFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Also over a file that is there, where the server can. */
  rename(from: string, to: string): Promise<void>;
  end(): Promise<void>;
}

/** What the program said when the conversation could not begin or broke off. */
export class SftpEnded extends Error {
  override readonly name = 'SftpEnded';
}

/**
 * Starts `ssh` and speaks SFTP through it, so that the person's own settings, keys, agent and known hosts count.
 *
 * @throws SftpEnded with what the program wrote on its standard error
 */
export async function startSftp(program: string, args: readonly string[]): Promise<SftpSession> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const waiting = new Map<number, Waiting>();
  const ended = new Promise<string>((resolve) => {
    child.on('error', (reason) => resolve(reason.message));
    child.on('close', (status) =>
      resolve(Buffer.concat(said).toString().trim() || `${program} ended with status ${status ?? 'none'}`),
    );
  });
  let end: string | undefined;
  void ended.then((reason) => {
    end = reason;
    for (const one of waiting.values()) one.reject(new SftpEnded(reason));
    waiting.clear();
  });
  child.stdin.on('error', () => undefined);
  const hello = waitFor(waiting, 0);
  readPackets(child.stdout, (kind, id, body) => {
    const key = kind === kinds.version ? 0 : id;
    waiting.get(key)?.resolve({ kind, body });
    waiting.delete(key);
  });
  send(child.stdin, kinds.init, [number32(3)]);
  const { body } = await hello;
  const extensions = readStrings(body);
  const canReplace = extensions.includes('posix-rename@openssh.com');
  let last = 0;
  const ask = async (kind: number, parts: readonly Buffer[]): Promise<Answer> => {
    if (end !== undefined) throw new SftpEnded(end);
    last = (last % 0xffff_fffe) + 1;
    const answered = waitFor(waiting, last);
    send(child.stdin, kind, [number32(last), ...parts]);
    const answer = await answered;
    if (answer.kind !== kinds.status) return answer;
    const code = answer.body.readUInt32BE(0);
    if (code === 0) return answer;
    throw new SftpRefusal(code, readString(answer.body, 4)?.toString() || `SFTP status ${code}`);
  };
  const handleOf = (answer: Answer): Buffer => readString(answer.body, 0) ?? Buffer.alloc(0);
  const noAttributes = number32(0);
  const unless = async <T>(code: number, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (reason) {
      if (reason instanceof SftpRefusal && reason.code === code) return undefined;
      throw reason;
    }
  };
  return {
    async read(handle, offset, length) {
      const answer = await unless(
        sftpCodes.end,
        ask(kinds.read, [text(handle), number64(offset), number32(length)]),
      );
      return answer === undefined ? Buffer.alloc(0) : handleOf(answer);
    },
    async write(handle, offset, bytes) {
      await ask(kinds.write, [text(handle), number64(offset), text(bytes)]);
    },
    open: async (path, mode) =>
      handleOf(
        await ask(kinds.open, [
          text(path),
          number32(mode === 'read' ? 0x01 : 0x02 | 0x08 | 0x20),
          noAttributes,
        ]),
      ),
    async close(handle) {
      await ask(kinds.close, [text(handle)]);
    },
    async size(path) {
      const answer = await unless(sftpCodes.noSuchFile, ask(kinds.stat, [text(path)]));
      if (answer === undefined) return undefined;
      return (answer.body.readUInt32BE(0) & 1) === 1 ? Number(answer.body.readBigUInt64BE(4)) : 0;
    },
    async names(folder) {
      const opened = await unless(sftpCodes.noSuchFile, ask(kinds.openFolder, [text(folder)]));
      if (opened === undefined) return undefined;
      const handle = handleOf(opened);
      const found: { name: string; isFolder: boolean }[] = [];
      for (;;) {
        const answer = await unless(sftpCodes.end, ask(kinds.readFolder, [text(handle)]));
        if (answer === undefined) break;
        found.push(...readNames(answer.body));
      }
      await ask(kinds.close, [text(handle)]);
      return found.filter(({ name }) => name !== '.' && name !== '..');
    },
    async makeFolder(path) {
      await ask(kinds.makeFolder, [text(path), noAttributes]);
    },
    async remove(path) {
      await unless(sftpCodes.noSuchFile, ask(kinds.remove, [text(path)]));
    },
    async rename(from, to) {
      if (canReplace) await ask(kinds.extended, [text('posix-rename@openssh.com'), text(from), text(to)]);
      else await ask(kinds.rename, [text(from), text(to)]);
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}

const waitFor = (waiting: Map<number, Waiting>, id: number): Promise<Answer> =>
  new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));

function send(output: Writable, kind: number, parts: readonly Buffer[]): void {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length);
  head[4] = kind;
  output.write(Buffer.concat([head, ...parts]));
}

/** Cuts what comes in into packets; a version has no id, 0 stands in. */
function readPackets(input: Readable, take: (kind: number, id: number, body: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let length = 0;
  input.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    // joined only when a packet is whole: joining at each chunk would cost the square of its length
    const first = chunks[0] ?? chunk;
    if (first.length >= 4 && length < first.readUInt32BE(0) + 4) return;
    let rest = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    while (rest.length >= 4) {
      const end = rest.readUInt32BE(0) + 4;
      if (rest.length < end) break;
      const kind = rest[4] ?? 0;
      if (kind === kinds.version) take(kind, 0, rest.subarray(9, end));
      else take(kind, rest.readUInt32BE(5), rest.subarray(9, end));
      rest = rest.subarray(end);
    }
    chunks = rest.length === 0 ? [] : [rest];
    length = rest.length;
  });
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function text(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([number32(bytes.length), bytes]);
}

function readString(bytes: Buffer, at: number): Buffer | undefined {
  if (at + 4 > bytes.length) return undefined;
  const length = bytes.readUInt32BE(at);
  return bytes.subarray(at + 4, at + 4 + length);
}

function readStrings(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; ;) {
    const one = readString(bytes, at);
    if (one === undefined) return found;
    found.push(one.toString());
    at += 4 + one.length;
  }
}

function readNames(bytes: Buffer): { name: string; isFolder: boolean }[] {
  const names: { name: string; isFolder: boolean }[] = [];
  const count = bytes.readUInt32BE(0);
  for (let at = 4, index = 0; index < count; index++) {
    const name = readString(bytes, at) ?? Buffer.alloc(0);
    at += 4 + name.length;
    at += 4 + (readString(bytes, at)?.length ?? 0);
    const { end, mode } = skipAttributes(bytes, at);
    names.push({ name: name.toString(), isFolder: (mode & 0o170000) === 0o040000 });
    at = end;
  }
  return names;
}

function skipAttributes(bytes: Buffer, start: number): { end: number; mode: number } {
  const flags = bytes.readUInt32BE(start);
  let end = start + 4;
  let mode = 0;
  if ((flags & 1) !== 0) end += 8;
  if ((flags & 2) !== 0) end += 8;
  if ((flags & 4) !== 0) {
    mode = bytes.readUInt32BE(end);
    end += 4;
  }
  if ((flags & 8) !== 0) end += 8;
  if ((flags & 0x8000_0000) !== 0) {
    const count = bytes.readUInt32BE(end);
    end += 4;
    for (let index = 0; index < count * 2; index++) end += 4 + (readString(bytes, end)?.length ?? 0);
  }
  return { end, mode };
}
