import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** One client with one connection that stays open; a call waits for the one before. */
export class Client {
  readonly #address: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(address: string) {
    this.#address = address;
  }

  /** @throws when the answer is not 2xx */
  async call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const text = await new Promise<string>((resolve, reject) => {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      const headers =
        sent === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
      const asked = request(
        `${this.#address}${path}`,
        { method, agent: this.#agent, headers, timeout: 60_000 },
        (answer) => {
          let received = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
          answer.once('end', () => {
            const { statusCode = 0 } = answer;
            if (statusCode >= 200 && statusCode < 300) resolve(received);
            else reject(new Error(`${method} ${path} answered ${statusCode}: ${received.slice(0, 500)}`));
          });
        },
      );
      asked.once('timeout', () =>
        asked.destroy(new Error(`${method} ${path} did not answer within a minute`)),
      );
      asked.once('error', reject);
      asked.end(sent);
    });
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  close(): void {
    this.#agent.destroy();
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
 * Reads no more of an answer than where it ends, so that the client takes little of the machine.
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
        onAnswers(socket, reject, () => {
          latencies.push(performance.now() - sentAt);
          ask();
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

function onAnswers(socket: Socket, refuse: (reason: Error) => void, onAnswer: () => void): void {
  let head = '';
  let missing = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (missing === 0) {
        const before = head.length;
        head += rest.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const length = /^content-length: *(\d+)/im.exec(head)?.[1];
        if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
          refuse(new Error(`not an answer to measure:\n${head.slice(0, 500)}`));
          return;
        }
        missing = Number(length);
        rest = rest.subarray(end + 4 - before);
        head = '';
      }
      const taken = Math.min(missing, rest.length);
      missing -= taken;
      rest = rest.subarray(taken);
      if (missing === 0) onAnswer();
    }
  });
}
