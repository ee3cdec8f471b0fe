import type { Socket } from 'node:net';
import { headText } from './answer-text.ts';
import type { Exchanges, ListenerLimits, PlaneAnswer, PlaneRequest, RequestHead } from './exchange.ts';
import { readPlainPost, type PlainPost } from './request-head.ts';

/** What a connection needs of the listener that it came in by. */
export interface ConnectionHost {
  readonly exchanges: Exchanges;
  readonly limits: ListenerLimits;
  /** the next answer of each connection is its last */
  readonly isClosing: boolean;
  /** `performance.now()` at which what is read now may have come at the earliest */
  arrivedAt(): number;
  /** @throws SERVING_BODY_TOO_LARGE, SERVING_BUSY when the bodies of all requests would take too much; it counts in any case */
  begun(bodyBytes: number): void;
  ended(bodyBytes: number): void;
  /** The connection goes on with node:http; `unread` comes first. */
  handOver(connection: Connection, socket: Socket, unread: Buffer): void;
  gone(connection: Connection): void;
}

const endOfHead = Buffer.from('\r\n\r\n');
const tooSlow = 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
const nothing = Buffer.alloc(0);
const post = 'POST ';
/** A refused body up to this length is read past, so that the connection can stay. */
const worthSkippingBytes = 1024 * 1024;
/** What may come while a request is answered; beyond it the caller has to wait. */
const aheadBytes = 64 * 1024;
/** How long a caller may take to see the last answer and close. */
const lingerMs = 2_000;

/**
 * One caller's connection as long as it sends nothing but plain requests for predictions, one after the other.
 * With the first other request the whole connection goes over to node:http.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  #unread: Buffer = nothing;
  /** parts of a body that comes in several reads */
  #parts: Buffer[] = [];
  #missing = 0;
  /** of the request under way */
  #bodyBytes = 0;
  #skipped = 0;
  #head: PlainPost | undefined;
  #request: RequestHead | undefined;
  #lastHeadText = '';
  #lastHead: PlainPost | undefined;
  #isAnswering = false;
  #isEnding = false;
  #hasCallerEnded = false;
  /** `performance.now()` after which the connection is cut */
  #cutAt: number;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    // as node:http has it: a caller that connects and says nothing is slow
    this.#cutAt = performance.now() + host.limits.headMs;
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('close', this.#onClose)
      .on('error', this.#onError)
      .on('drain', this.#onDrain);
  }

  /** Cuts it when its time is over. @param now `performance.now()` */
  sweep(now: number): void {
    if (now <= this.#cutAt) return;
    const isHalfRead = this.#head !== undefined || this.#unread.length > 0;
    if (isHalfRead && !this.#isEnding && !this.#isAnswering) this.#socket.write(tooSlow);
    this.#socket.destroySoon();
    // a caller that does not take even this is not waited for
    if (this.#isEnding) this.#socket.destroy();
    this.#isEnding = true;
    this.#cutAt = now;
  }

  /** Nothing of a request has come, and no answer is under way. */
  get isIdle(): boolean {
    return this.#head === undefined && this.#unread.length === 0 && !this.#isAnswering;
  }

  end(): void {
    this.#isEnding = true;
    this.#cutAt = Math.min(this.#cutAt, performance.now() + lingerMs);
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isEnding) return;
    if (this.#skipped > 0 || this.#head !== undefined) return this.#continueBody(chunk);
    if (this.#isAnswering) {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      if (this.#unread.length > aheadBytes) this.#socket.pause();
      return;
    }
    if (this.#unread.length === 0) this.#cutAt = performance.now() + this.#host.limits.headMs;
    this.#read(this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]));
  };

  /** @param bytes begin with a request */
  #read(bytes: Buffer): void {
    this.#unread = nothing;
    if (bytes.length === 0) return;
    const begin = bytes.toString('latin1', 0, Math.min(post.length, bytes.length));
    const end = post.startsWith(begin) ? bytes.indexOf(endOfHead) : -2;
    if (end === -1 && bytes.length <= this.#host.limits.headBytes) {
      this.#unread = bytes;
      return;
    }
    const head =
      end < 0 || end > this.#host.limits.headBytes
        ? undefined
        : this.#headOf(bytes.toString('latin1', 0, end));
    if (head === undefined) return this.#handOver(bytes);
    this.#begin(head, bytes.subarray(end + endOfHead.length));
  }

  /** A connection mostly sends the same head again: only its length may differ. */
  #headOf(text: string): PlainPost | undefined {
    if (text === this.#lastHeadText) return this.#lastHead;
    const head = readPlainPost(text);
    if (head !== undefined) {
      this.#lastHeadText = text;
      this.#lastHead = head;
    }
    return head;
  }

  #begin(head: PlainPost, rest: Buffer): void {
    const { headers, path, bodyBytes } = head;
    const request: RequestHead = {
      method: 'POST',
      path,
      bodyBytes,
      arrivedAt: this.#host.arrivedAt(),
      header: (name) => headers.get(name),
    };
    this.#head = head;
    this.#request = request;
    this.#bodyBytes = bodyBytes;
    try {
      this.#host.begun(bodyBytes);
      this.#host.exchanges.admit(request);
    } catch (thrown) {
      this.#skip(bodyBytes, rest, this.#host.exchanges.fail(request, thrown));
      return;
    }
    this.#missing = bodyBytes;
    this.#cutAt = performance.now() + this.#host.limits.requestMs;
    this.#continueBody(rest);
  }

  #skip(bodyBytes: number, rest: Buffer, answer: PlaneAnswer): void {
    if (bodyBytes > worthSkippingBytes) {
      this.#send(answer, true);
      return;
    }
    this.#skipped = bodyBytes;
    this.#send(answer, false);
    this.#continueBody(rest);
  }

  #continueBody(chunk: Buffer): void {
    if (this.#isEnding) return;
    if (this.#skipped > 0) {
      const past = Math.min(this.#skipped, chunk.length);
      this.#skipped -= past;
      if (this.#skipped === 0) this.#read(chunk.subarray(past));
      return;
    }
    if (this.#head === undefined) return this.#read(chunk);
    if (chunk.length < this.#missing) {
      this.#missing -= chunk.length;
      this.#parts.push(chunk);
      return;
    }
    const last = chunk.subarray(0, this.#missing);
    const body = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#unread = chunk.subarray(this.#missing);
    this.#missing = 0;
    const { isLast } = this.#head;
    this.#head = undefined;
    this.#isAnswering = true;
    this.#cutAt = Number.POSITIVE_INFINITY;
    void this.#answer({ ...(this.#request as RequestHead), body } as PlaneRequest, isLast);
  }

  async #answer(request: PlaneRequest, isLast: boolean): Promise<void> {
    let answer: PlaneAnswer;
    try {
      answer = await this.#host.exchanges.answer(request);
    } catch (thrown) {
      answer = this.#host.exchanges.fail(request, thrown);
    }
    this.#send(answer, isLast);
  }

  #send(answer: PlaneAnswer, isLast: boolean): void {
    this.#head = undefined;
    this.#host.ended(this.#bodyBytes);
    if (this.#socket.destroyed) return;
    const { body } = answer;
    const { limits } = this.#host;
    const isEnding = isLast || this.#host.isClosing;
    let isTaken: boolean;
    if (typeof body === 'string') {
      const length = Buffer.byteLength(body);
      // text of ASCII only, as numbers are, needs no encoder
      isTaken = this.#socket.write(
        headText(answer, length, isEnding) + body,
        length === body.length ? 'latin1' : 'utf8',
      );
    } else {
      this.#socket.cork();
      this.#socket.write(headText(answer, body.length, isEnding), 'latin1');
      isTaken = this.#socket.write(body);
      this.#socket.uncork();
    }
    if (isEnding) return this.end();
    if (isTaken) {
      this.#cutAt = performance.now() + limits.idleMs;
      this.#next();
    } else {
      this.#isAnswering = true;
      // it begins anew whenever the caller takes some
      this.#cutAt = Number.POSITIVE_INFINITY;
      this.#socket.setTimeout(limits.answerMs, () => this.#socket.destroy());
    }
  }

  /** The caller has taken the answer: it may ask again. */
  #next(): void {
    this.#isAnswering = false;
    if (this.#hasCallerEnded && this.#unread.length === 0) return this.end();
    if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#unread.length > 0) this.#read(this.#unread);
  }

  readonly #onDrain = (): void => {
    if (this.#isEnding || this.#head !== undefined || !this.#isAnswering) return;
    this.#socket.setTimeout(0);
    this.#cutAt = performance.now() + this.#host.limits.idleMs;
    this.#next();
  };

  readonly #onEnd = (): void => {
    this.#hasCallerEnded = true;
    if (!this.#isAnswering) this.end();
  };

  readonly #onClose = (): void => {
    if (this.#head !== undefined) this.#host.ended(this.#bodyBytes);
    this.#head = undefined;
    this.#host.gone(this);
  };

  readonly #onError = (): void => void this.#socket.destroy();

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('close', this.#onClose)
      .off('error', this.#onError)
      .off('drain', this.#onDrain);
    this.#host.handOver(this, socket, bytes);
  }
}
