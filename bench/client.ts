import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** A server closes a connection that was idle for 5 s, MLflow's and ours; a new one in time meets no such moment. */
const idleLimitMs = 2_000;
const answerLimitMs = 120_000;

/**
 * One client with one connection that stays open; a call waits for the one before. It writes bytes that were made
 * before and looks for the end of an answer, and no more, so that it takes little of the machine that it shares.
 */
export class Client {
  readonly #port: number;
  #socket: Socket | undefined;
  #usedAt = 0;
  #isBusy = false;
  #settle: ((outcome: number | Error) => void) | undefined;
  #keep: ((part: Buffer) => void) | undefined;

  constructor(address: string) {
    this.#port = Number(new URL(address).port);
  }

  /** A request as it goes over the wire; make it before the time is taken. */
  prepare(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: string | Buffer,
    type = 'application/json',
  ): Buffer {
    const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\n`;
    if (body === undefined) return Buffer.from(`${head}\r\n`);
    const bytes = Buffer.from(body);
    return Buffer.concat([
      Buffer.from(`${head}content-type: ${type}\r\ncontent-length: ${bytes.length}\r\n\r\n`),
      bytes,
    ]);
  }

  /** @throws when the answer is not 2xx */
  async ask(request: Buffer): Promise<Buffer> {
    const parts: Buffer[] = [];
    const status = await this.#exchange(request, (part) => void parts.push(part));
    const body = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    if (status >= 200 && status < 300) return body;
    const asked = request.subarray(0, request.indexOf('\r\n')).toString();
    throw new Error(`${asked} was answered ${status}: ${body.toString('utf8', 0, 500)}`);
  }

  /** Lets a body pass by. @returns how many bytes it has. @throws when the answer is not 2xx */
  async count(request: Buffer): Promise<number> {
    let count = 0;
    const status = await this.#exchange(request, (part) => void (count += part.length));
    if (status < 200 || status >= 300) throw new Error(`a download was answered ${status}`);
    return count;
  }

  /** @throws when the answer is not 2xx */
  async call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const answer = await this.ask(
      this.prepare(method, path, body === undefined ? undefined : JSON.stringify(body)),
    );
    return (answer.length === 0 ? undefined : JSON.parse(answer.toString())) as T;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #exchange(request: Buffer, keep: (part: Buffer) => void): Promise<number> {
    if (this.#isBusy) throw new Error('a client has one call at a time');
    this.#isBusy = true;
    return new Promise<number>((resolve, reject) => {
      this.#keep = keep;
      this.#settle = (outcome) => {
        this.#settle = undefined;
        this.#isBusy = false;
        this.#usedAt = performance.now();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      this.#connected().write(request);
    });
  }

  #connected(): Socket {
    if (
      this.#socket !== undefined &&
      !this.#socket.destroyed &&
      performance.now() - this.#usedAt < idleLimitMs
    )
      return this.#socket;
    this.#socket?.destroy();
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    const fail = (reason: Error): void => {
      if (this.#socket === socket) this.#settle?.(reason);
      socket.destroy();
    };
    const reader = new AnswerReader(
      (part) => this.#keep?.(part),
      (status) => this.#settle?.(status),
    );
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.read(chunk);
      } catch (thrown) {
        fail(thrown as Error);
      }
    });
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the server closed the connection before it answered')));
    socket.setTimeout(answerLimitMs, () => fail(new Error(`no answer within ${answerLimitMs / 1000} s`)));
    this.#socket = socket;
    return socket;
  }
}

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly connectionCount: number;
  readonly maxSeconds: number;
  readonly maxCount: number;
}

export interface Carried {
  readonly count: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Asks the same over several connections until time or count is up, each as soon as it has its answer.
 * Looks only for the end of an answer, as `Client` does.
 *
 * @throws at the first answer that is not 200
 */
export async function drive(load: Load): Promise<Carried> {
  const bytes = Buffer.from(
    `POST ${load.path} HTTP/1.1\r\nhost: 127.0.0.1:${load.port}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(load.body)}\r\n\r\n${load.body}`,
  );
  const latencies: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + load.maxSeconds * 1000;
  let asked = 0;
  const talk = async (): Promise<void> => {
    const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
    try {
      await new Promise<void>((resolve, reject) => {
        let sentAt = 0;
        const ask = (): void => {
          if (asked >= load.maxCount || performance.now() >= endsAt) {
            resolve();
            return;
          }
          asked++;
          sentAt = performance.now();
          socket.write(bytes);
        };
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('the server closed a connection under load')));
        const reader = new AnswerReader(
          () => {},
          (status) => {
            if (status !== 200) reject(new Error(`${load.path} was answered ${status}`));
            latencies.push(performance.now() - sentAt);
            ask();
          },
        );
        socket.on('data', (chunk: Buffer) => {
          try {
            reader.read(chunk);
          } catch (thrown) {
            reject(thrown as Error);
          }
        });
        socket.once('connect', ask);
      });
    } finally {
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: load.connectionCount }, talk));
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return { count: latencies.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const endOfHead = '\r\n\r\n';
const endOfLine = '\r\n';
const nothing = Buffer.alloc(0);

/** Tells where answers begin and end on a connection, by their length or by their chunks (RFC 9112, 6 and 7.1). */
class AnswerReader {
  readonly #onBody: (part: Buffer) => void;
  readonly #onEnd: (status: number) => void;
  #state: 'head' | 'body' | 'chunk size' | 'chunk' = 'head';
  #carried: Buffer = nothing;
  #status = 0;
  /** bytes of the body or of the chunk, with the end of the chunk's line, that are still to come */
  #missing = 0;
  #isLastChunk = false;

  constructor(onBody: (part: Buffer) => void, onEnd: (status: number) => void) {
    this.#onBody = onBody;
    this.#onEnd = onEnd;
  }

  /** @throws when what arrives is no answer that can be measured */
  read(arrived: Buffer): void {
    let rest = arrived;
    while (rest.length > 0) {
      if (this.#state === 'head' || this.#state === 'chunk size') {
        const mark = this.#state === 'head' ? endOfHead : endOfLine;
        const all = this.#carried.length === 0 ? rest : Buffer.concat([this.#carried, rest]);
        const end = all.indexOf(mark);
        this.#carried = end === -1 ? all : nothing;
        if (end === -1) return;
        rest = all.subarray(end + mark.length);
        if (this.#state === 'head') this.#beginBody(all.toString('latin1', 0, end));
        else this.#beginChunk(all.toString('latin1', 0, end));
      } else {
        const taken = Math.min(this.#missing, rest.length);
        const ofBody =
          this.#state === 'body' ? taken : Math.min(taken, Math.max(0, this.#missing - endOfLine.length));
        if (ofBody > 0) this.#onBody(rest.subarray(0, ofBody));
        this.#missing -= taken;
        rest = rest.subarray(taken);
      }
      if (this.#missing > 0 || this.#state === 'chunk size') continue;
      if (this.#state === 'chunk' && !this.#isLastChunk) {
        this.#state = 'chunk size';
        continue;
      }
      this.#state = 'head';
      this.#onEnd(this.#status);
    }
  }

  #beginBody(head: string): void {
    this.#status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? Number.NaN);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const isChunked = /^transfer-encoding: *chunked/im.test(head);
    if (Number.isNaN(this.#status) || (length === undefined && !isChunked && this.#status !== 204))
      throw new Error(`not an answer to measure:\n${head.slice(0, 500)}`);
    this.#state = isChunked ? 'chunk size' : 'body';
    this.#missing = isChunked ? 0 : Number(length ?? 0);
  }

  #beginChunk(line: string): void {
    const size = Number.parseInt(line, 16);
    if (Number.isNaN(size)) throw new Error(`not the size of a chunk: ${line.slice(0, 100)}`);
    this.#state = 'chunk';
    this.#missing = size + endOfLine.length;
    this.#isLastChunk = size === 0;
  }
}
