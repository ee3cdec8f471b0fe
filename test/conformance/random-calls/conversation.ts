import { Agent, request } from 'node:http';
import type { Answer, Call } from './call.ts';

/**
 * Talks to one server, and keeps what it calls its things: ids and page tokens become the names that the calls give
 * them, and moments of this conversation `<now>`.
 */
export class Conversation {
  readonly #address: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #now: () => number;
  /** id by name, name by id */
  readonly #ids = new Map<string, string>();
  readonly #names = new Map<string, string>();
  readonly #startedAt: number;

  constructor(address: string, now: () => number = Date.now) {
    this.#address = address;
    this.#now = now;
    this.#startedAt = now();
  }

  async ask(call: Call): Promise<Answer> {
    const { status, text } = await this.#send(call);
    const raw = parsed(text);
    for (const [name, place] of Object.entries(call.names ?? {})) {
      const id = place.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], raw);
      if (typeof id === 'string' && id !== '') {
        this.#ids.set(name, id);
        this.#names.set(id, name);
      }
    }
    const body = this.#inSharedWords(raw, '', '');
    return { status, body: canonical(call, body) };
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(call: Call): Promise<{ status: number; text: string }> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(call.query ?? {})) {
      for (const each of typeof value === 'string' ? [value] : value) search.append(key, this.#filled(each));
    }
    const query = search.size === 0 ? '' : `?${search.toString()}`;
    const content = call.text ?? (call.body === undefined ? undefined : this.#filled(JSON.stringify(call.body)));
    const { hostname, port } = new URL(this.#address);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          hostname,
          port,
          agent: this.#agent,
          method: call.method,
          path: this.#filled(call.path) + query,
          headers: content === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
        },
      );
      // a server may close a connection that has waited, just as it is used again
      sent.on('error', (cause) => {
        if (sent.reusedSocket && 'code' in cause && cause.code === 'ECONNRESET') resolve(this.#send(call));
        else reject(cause);
      });
      sent.end(content);
    });
  }

  #filled(text: string): string {
    return text.replaceAll(/<(\w+)>/g, (all, name: string) => this.#ids.get(name) ?? (/^(run|model|exp|token)/.test(name) ? `no-${name}` : all));
  }

  #inSharedWords(value: unknown, key: string, parent: string): unknown {
    if (Array.isArray(value)) {
      const list = value.map((each) => this.#inSharedWords(each, key, parent));
      return isDictionary(key, parent) ? list.sort(byKey) : list;
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#inSharedWords(each, name, key)]));
    }
    if (typeof value === 'number') return value >= this.#startedAt - 600_000 && value <= this.#now() + 600_000 ? '<now>' : value;
    if (typeof value !== 'string') return value;
    if (key === 'next_page_token') return '<token>';
    return value.replaceAll(/m-[0-9a-f]{32}|[0-9a-f]{32}/g, (id) => `<${this.#names.get(id) ?? 'unknown'}>`).replaceAll(/\b[a-z]+-[a-z]+-\d+\b/g, '<random name>');
  }
}

/** Lists of pairs that clients read as dictionaries: their order says nothing. */
const isDictionary = (key: string, parent: string): boolean =>
  ['tags', 'params', 'aliases', 'latest_versions', 'dataset_inputs', 'model_inputs', 'model_outputs', 'dataset_summaries'].includes(key) || (key === 'metrics' && parent === 'data');

/** What MLflow's database orders as it likes, or by ids, which are random. */
function canonical({ path }: Call, body: unknown): unknown {
  if (path.endsWith('get-history-bulk')) return byRun(body);
  const { model_versions: versions } = (typeof body === 'object' && body !== null ? body : {}) as { model_versions?: readonly unknown[] };
  return path.endsWith('get-latest-versions') && versions !== undefined ? { model_versions: versions.toSorted(byKey) } : body;
}

/** By the names of the runs. */
const byRun = (body: unknown): unknown => {
  const { metrics } = body as { metrics?: readonly { readonly run_id: string }[] };
  return metrics === undefined ? body : { metrics: metrics.toSorted((a, b) => (a.run_id < b.run_id ? -1 : a.run_id > b.run_id ? 1 : 0)) };
};

const byKey = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

function parsed(text: string): unknown {
  try {
    // MLflow's answer to get-history-bulk has a NaN that is no JSON
    return JSON.parse(text.replaceAll(/"value":NaN\b/g, '"value":"NaN"'));
  } catch {
    return text;
  }
}
