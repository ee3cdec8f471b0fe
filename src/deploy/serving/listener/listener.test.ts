import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { TilthError } from '../../../platform/errors.ts';
import type { Exchanges, ListenerLimits, PlaneAnswer, PlaneRequest } from './exchange.ts';
import { Listener } from './listener.ts';

/** Answers each body with its length and its text; remembers what it was asked. */
class Echo implements Exchanges {
  readonly asked: PlaneRequest[] = [];
  isBusy = false;
  answerBytes = 0;
  delayMs = 0;

  admit(): void {
    if (this.isBusy) throw new TilthError('SERVING_BUSY', 503, 'busy');
  }

  async answer(request: PlaneRequest): Promise<PlaneAnswer> {
    this.asked.push(request);
    if (this.delayMs > 0) await sleep(this.delayMs);
    const body =
      this.answerBytes > 0
        ? Buffer.alloc(this.answerBytes)
        : `${request.method} ${request.path} ${request.body.toString()}`;
    return { status: 200, type: 'text/plain', body };
  }

  fail(_: unknown, thrown: unknown): PlaneAnswer {
    const { status, code } = thrown as TilthError;
    return { status, type: 'application/json', body: code };
  }
}

async function startEcho(
  context: TestContext,
  limits: Partial<ListenerLimits> = {},
): Promise<{ echo: Echo; listener: Listener; port: number }> {
  const echo = new Echo();
  const listener = new Listener({ host: '127.0.0.1', port: 0, exchanges: echo, limits });
  const { port } = await listener.listen();
  context.after(() => {
    void listener.stopAccepting();
    listener.destroyAll();
  });
  return { echo, listener, port };
}

interface Talk {
  readonly socket: Socket;
  /** all that came until the server closed, or `ms` passed */
  until(ms: number): Promise<string>;
  /** all that came once it has that many answers */
  answers(count: number): Promise<string>;
}

function talkTo(port: number, context: TestContext): Talk {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  context.after(() => socket.destroy());
  let text = '';
  let isClosed = false;
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  socket.on('error', () => {}).on('close', () => (isClosed = true));
  const until = async (isEnough: () => boolean, ms: number): Promise<string> => {
    for (const end = Date.now() + ms; !isClosed && !isEnough() && Date.now() < end;) await sleep(5);
    return isClosed ? `${text}<closed>` : text;
  };
  return {
    socket,
    until: (ms) => until(() => false, ms),
    answers: (count) =>
      until(() => text.split('HTTP/1.1 200').length > count && !text.endsWith('\r\n'), 3000),
  };
}

const post = (body: string, extra = ''): string =>
  `POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${extra}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('a connection', () => {
  it('is answered request after request, whether they come at once or byte by byte', async (context) => {
    const { port, echo } = await startEcho(context);
    const pipelined = talkTo(port, context);
    pipelined.socket.write(post('a') + post('bb') + post('ccc'));
    assert.match(await pipelined.answers(3), /invocations a.*invocations bb.*invocations ccc$/s);
    const dripping = talkTo(port, context);
    for (const byte of post('one') + post('two')) {
      dripping.socket.write(byte);
      await sleep(0);
    }
    assert.match(await dripping.answers(2), /invocations one.*invocations two$/s);
    assert.equal(echo.asked.length, 5);
  });

  it('may send anything that HTTP/1.1 allows, before and after plain requests', async (context) => {
    const { port } = await startEcho(context);
    const talk = talkTo(port, context);
    talk.socket.write(
      post('plain') +
        'POST /invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;note=1\r\ndefg\r\n0\r\n\r\n' +
        'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' +
        post('again'),
    );
    const text = await talk.answers(4);
    assert.match(text, /invocations plain.*invocations abcdefg.*GET \/health .*invocations again$/s);
  });

  it('that waits for 100 Continue gets it, and is refused without it when the plane is busy or the body too large', async (context) => {
    const { port, echo } = await startEcho(context, { bodyBytes: 100 });
    const expecting = post('hello', 'expect: 100-continue\r\n');
    const head = expecting.slice(0, -5);
    const talk = talkTo(port, context);
    talk.socket.write(head);
    await sleep(50);
    talk.socket.write('hello');
    assert.match(
      await talk.answers(1),
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 .*invocations hello$/s,
    );
    echo.isBusy = true;
    const refused = talkTo(port, context);
    refused.socket.write(head);
    assert.match(await refused.until(1000), /^HTTP\/1\.1 503 .*SERVING_BUSY/s);
    echo.isBusy = false;
    const large = talkTo(port, context);
    large.socket.write(
      'POST /invocations HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n',
    );
    assert.match(await large.until(1000), /^HTTP\/1\.1 413 /);
  });

  it('that is refused before its body was read stays usable, and its body is not taken for a request', async (context) => {
    const { port, echo } = await startEcho(context);
    const talk = talkTo(port, context);
    echo.isBusy = true;
    talk.socket.write(post(post('inner')).slice(0, -10));
    await sleep(50);
    echo.isBusy = false;
    talk.socket.write(post(post('inner')).slice(-10) + post('after'));
    const text = await talk.answers(1);
    assert.match(text, /^HTTP\/1\.1 503 .*HTTP\/1\.1 200 .*invocations after$/s);
    assert.equal(echo.asked.length, 1);
  });

  it('cannot smuggle a request: what two readers could take differently is refused and the connection closed', async (context) => {
    const { port, echo } = await startEcho(context);
    const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const line = 'POST /invocations HTTP/1.1\r\nhost: localhost\r\n';
    const attempts: Record<string, string> = {
      'a length beside chunks': `${line}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      'chunks beside a length': `${line}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
      'two lengths': `${line}content-length: 0\r\ncontent-length: 44\r\n\r\n${smuggled}`,
      'two lengths in one line': `${line}content-length: 0, 44\r\n\r\n${smuggled}`,
      'a signed length': `${line}content-length: +0\r\n\r\n${smuggled}`,
      'a length in hexadecimal': `${line}content-length: 0x0\r\n\r\n${smuggled}`,
      'bare line feeds': `POST /invocations HTTP/1.1\nhost: localhost\ncontent-length: 0\n\n${smuggled}`,
      'one bare line feed': `${line}x: 1\ncontent-length: 0\r\n\r\n${smuggled}`,
      'a bare carriage return': `${line}x: 1\rcontent-length: 44\r\ncontent-length: 0\r\n\r\n${smuggled}`,
      'a folded line': `${line}x: 1\r\n content-length: 44\r\ncontent-length: 0\r\n\r\n${smuggled}`,
      'a space before the colon': `${line}content-length : 0\r\n\r\n${smuggled}`,
      'a folded transfer encoding': `${line}transfer-encoding:\r\n chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
      'an unknown transfer encoding': `${line}transfer-encoding: xchunked\r\ncontent-length: 0\r\n\r\n${smuggled}`,
      'chunked not last': `${line}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
      'a zero byte': `${line}x: \0\r\ncontent-length: 0\r\n\r\n${smuggled}`,
      'a chunk size that is none': `${line}transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n${smuggled}`,
    };
    for (const [name, bytes] of Object.entries(attempts)) {
      const talk = talkTo(port, context);
      talk.socket.write(bytes, 'latin1');
      const text = await talk.until(2000);
      assert.match(text, /^HTTP\/1\.1 400 .*<closed>$/s, name);
      assert.doesNotMatch(text, /smuggled/, name);
    }
    assert.ok(echo.asked.every((request) => request.path !== '/smuggled'));
  });

  it('gives the same answers for any way its bytes are cut', async (context) => {
    const { port } = await startEcho(context);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
        async (bodies, cuts) => {
          const socket = connect({ port, host: '127.0.0.1', noDelay: true });
          const parts: Buffer[] = [];
          const ended = new Promise((resolve) => socket.on('close', resolve));
          socket.on('data', (part: Buffer) => parts.push(part));
          const bytes = Buffer.from(
            bodies
              .map((body, index) => post(body, index === bodies.length - 1 ? 'connection: close\r\n' : ''))
              .join(''),
          );
          for (let at = 0, cut = 0; at < bytes.length; cut++) {
            const length = cuts[cut % cuts.length] as number;
            socket.write(bytes.subarray(at, at + length));
            at += length;
            await new Promise((resolve) => void setImmediate(resolve));
          }
          await ended;
          const text = Buffer.concat(parts).toString();
          assert.deepEqual(
            text.split(/HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\n/).slice(1),
            bodies.map((body) => `POST /invocations ${body}`),
          );
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('a slow caller', () => {
  it('is cut off when its head, its body, or the reading of its answer takes too long', async (context) => {
    const { port, echo } = await startEcho(context, {
      headMs: 200,
      requestMs: 400,
      answerMs: 300,
      idleMs: 5_000,
    });
    const silent = talkTo(port, context);
    const head = talkTo(port, context);
    const body = talkTo(port, context);
    const chunks = talkTo(port, context);
    head.socket.write('POST /invocations HT');
    body.socket.write(post('0123456789').slice(0, -3));
    chunks.socket.write(
      'POST /invocations HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab',
    );
    for (const [name, talk] of Object.entries({ silent, head, body, chunks })) {
      assert.match(await talk.until(3000), /^(HTTP\/1\.1 408 .*)?<closed>$/s, name);
    }
    assert.equal(echo.asked.length, 0);
    echo.answerBytes = 20_000_000;
    for (const start of [post('plain'), 'GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n']) {
      const reader = connect({ port, host: '127.0.0.1' });
      context.after(() => reader.destroy());
      let received = 0;
      const closed = new Promise((resolve) => reader.on('error', () => {}).on('close', resolve));
      reader.write(start);
      reader.pause();
      await sleep(1_500);
      reader.on('data', (part: Buffer) => (received += part.length)).resume();
      await closed;
      assert.ok(received < echo.answerBytes, `${received} bytes`);
    }
  });

  it('who reads slowly but steadily gets the whole answer', async (context) => {
    const { port, echo } = await startEcho(context, { answerMs: 400 });
    echo.answerBytes = 12_000_000;
    const reader = connect({ port, host: '127.0.0.1' });
    context.after(() => reader.destroy());
    reader.write(post('plain', 'connection: close\r\n'));
    let received = 0;
    reader.on('data', (part: Buffer) => {
      received += part.length;
      reader.pause();
      setTimeout(() => reader.resume(), 4);
    });
    await new Promise((resolve) => reader.on('end', resolve));
    assert.ok(received > echo.answerBytes, `${received} bytes`);
  });
});

describe('large bodies', () => {
  it('of many callers at once take no more memory than they may together', async (context) => {
    const { port, echo } = await startEcho(context, { bodyBytes: 1_000_000, allBodiesBytes: 2_500_000 });
    const half = post('x'.repeat(900_000)).slice(0, 1_000);
    const waiting = [talkTo(port, context), talkTo(port, context)];
    for (const talk of waiting) talk.socket.write(half);
    await sleep(50);
    const third = talkTo(port, context);
    third.socket.write(post('x'.repeat(900_000)));
    assert.match(await third.until(300), /^HTTP\/1\.1 503 /);
    const small = talkTo(port, context);
    small.socket.write(post('small'));
    assert.match(await small.answers(1), /small$/);
    waiting[0]?.socket.destroy();
    await sleep(50);
    const fourth = talkTo(port, context);
    fourth.socket.write(post('x'.repeat(900_000), 'connection: close\r\n'));
    assert.match(await fourth.until(2_000), /^HTTP\/1\.1 200 /);
    assert.equal(echo.asked.length, 2);
  });
});

describe('idle connections', () => {
  it('by the thousand neither end nor keep others waiting', async (context) => {
    const { port, listener } = await startEcho(context);
    const sockets: Socket[] = [];
    context.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    // 10,000 and more in bench/deploy/idle-connections.ts: here both ends share one limit of open files
    for (let batch = 0; batch < 12; batch++) {
      await Promise.all(
        Array.from({ length: 250 }, async () => {
          const socket = connect({ port, host: '127.0.0.1' });
          sockets.push(socket);
          await new Promise((resolve) => socket.once('connect', resolve));
          socket.write(post('once'));
          await new Promise((resolve) => socket.once('data', resolve));
        }),
      );
    }
    await sleep(1_200);
    assert.equal(await listener.connectionCount, 3_000);
    const askedAt = performance.now();
    const talk = talkTo(port, context);
    talk.socket.write(post('among them'));
    assert.match(await talk.answers(1), /among them$/);
    assert.ok(performance.now() - askedAt < 500);
    assert.ok(sockets.every((socket) => !socket.destroyed && !socket.readableEnded));
  });
});

describe('draining', () => {
  it('ends idle connections, answers what is under way and what is already on its way, with connection: close', async (context) => {
    const { port, echo, listener } = await startEcho(context);
    const idle = talkTo(port, context);
    const working = talkTo(port, context);
    const late = talkTo(port, context);
    idle.socket.write(post('idle'));
    late.socket.write(post('first'));
    await Promise.all([idle.answers(1), late.answers(1)]);
    echo.delayMs = 200;
    working.socket.write(post('working'));
    await sleep(50);
    const closed = listener.stopAccepting();
    late.socket.write(post('second'));
    await sleep(20);
    await listener.quiet();
    listener.endIdle();
    await closed;
    assert.match(await working.until(1000), /connection: close\r\n\r\nPOST \/invocations working<closed>$/);
    assert.match(await late.until(1000), /connection: close\r\n\r\nPOST \/invocations second<closed>$/);
    assert.match(await idle.until(1000), /idle<closed>$/);
  });
});

describe('the whole of HTTP', () => {
  it('is there for clients of Node, with connections that stay', async (context) => {
    const { port } = await startEcho(context);
    const ask = (method: string, path: string, body?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const request = httpRequest({ port, host: '127.0.0.1', method, path }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () => resolve(`${response.statusCode} ${text}`));
        });
        request.on('error', reject).end(body);
      });
    assert.equal(await ask('POST', '/invocations', 'x'), '200 POST /invocations x');
    assert.equal(await ask('GET', '/health'), '200 GET /health ');
    assert.equal(
      await ask('POST', '/endpoints/a%20b/invocations', 'y'),
      '200 POST /endpoints/a%20b/invocations y',
    );
  });
});
