import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

export interface OpenLoad {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  /** how many requests begin each second, whatever became of those before; at random times (Poisson) */
  readonly perSecond: number;
  readonly seconds: number;
  readonly deadlineMs: number;
  /** as many callers at most; who finds none free has lost */
  readonly connectionCount: number;
}

export interface OpenOutcome {
  readonly asked: number;
  /** answered 200, within the deadline as the caller sees it */
  readonly good: number;
  readonly goodPerSecond: number;
  /** by status; `none` when no answer came, `unsent` when no caller was free */
  readonly statuses: Readonly<Record<string, number>>;
  /** of answers 200, from when the request was due */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Requests that come whether or not those before were answered, as users do: a server that is too slow meets more and
 * more of them. Time counts from when a request was due, so that a caller who is late itself hides nothing.
 */
export async function openLoad(load: OpenLoad): Promise<OpenOutcome> {
  const bytes = Buffer.from(
    `POST ${load.path} HTTP/1.1\r\nhost: 127.0.0.1:${load.port}\r\ncontent-type: application/json\r\nx-tilth-deadline-ms: ${load.deadlineMs}\r\ncontent-length: ${Buffer.byteLength(load.body)}\r\n\r\n${load.body}`,
  );
  const free: Socket[] = [];
  const all = new Set<Socket>();
  const dueOf = new Map<Socket, number>();
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  let good = 0;
  const count = (status: string): void => void (statuses[status] = (statuses[status] ?? 0) + 1);
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
      let text = '';
      all.add(socket);
      socket.setEncoding('latin1').once('error', reject);
      socket.once('connect', () => resolve(socket.off('error', reject).on('error', () => {})));
      socket.on('data', (part: string) => {
        text += part;
        const end = text.indexOf('\r\n\r\n');
        if (end === -1) return;
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const status = text.slice(9, 12);
        text = text.slice(end + 4 + length);
        const tookMs = performance.now() - (dueOf.get(socket) ?? 0);
        dueOf.delete(socket);
        free.push(socket);
        count(status);
        if (status !== '200') return;
        latencies.push(tookMs);
        if (tookMs <= load.deadlineMs) good++;
      });
      socket.once('close', () => {
        all.delete(socket);
        if (dueOf.delete(socket)) count('none');
      });
    });
  free.push(...(await Promise.all(Array.from({ length: load.connectionCount }, open))));
  const startedAt = performance.now();
  const endsAt = startedAt + load.seconds * 1000;
  let asked = 0;
  for (let due = startedAt; due < endsAt; due += (-Math.log(1 - Math.random()) * 1000) / load.perSecond) {
    const early = due - performance.now();
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    else if (asked % 16 === 0) await new Promise((resolve) => void setImmediate(resolve));
    asked++;
    const socket = free.pop();
    if (socket === undefined) count('unsent');
    else {
      dueOf.set(socket, due);
      socket.write(bytes);
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  for (
    const end = performance.now() + load.deadlineMs * 4 + 2_000;
    dueOf.size > 0 && performance.now() < end;
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const socket of all) socket.destroy();
  latencies.sort((left, right) => left - right);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return { asked, good, goodPerSecond: good / seconds, statuses, p50Ms: at(0.5), p99Ms: at(0.99) };
}
