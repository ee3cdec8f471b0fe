import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One kept connection to a server of this machine. */
export class Connection {
  readonly #address: string;
  readonly #agent: Agent;

  /** @param socketCount requests that may be under way at once */
  constructor(address: string, socketCount = 1) {
    this.#address = address;
    this.#agent = new Agent({ keepAlive: true, maxSockets: socketCount });
  }

  /** @throws what the socket says when the other end goes away before the whole answer is here */
  send(method: string, path: string, body?: object | Buffer): Promise<Answer> {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const headers = {
      'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json',
      ...(bytes === undefined ? {} : { 'content-length': bytes.length }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(this.#address + path, { method, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      });
      sent.on('error', reject);
      sent.end(bytes);
    });
  }

  /** @throws when the answer is not 200 */
  async json<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await this.send(method, path, body);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
    return JSON.parse(answer.body.toString()) as T;
  }

  close(): void {
    this.#agent.destroy();
  }
}
