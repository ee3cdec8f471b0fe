import { Connection } from './http.ts';
import type { Journal, JournalRun, Pair, Point, WireNumber, Write } from './journal.ts';

const openRunLimit = 6;

/**
 * Clients that write to one server at the same time, each over a connection of its own, mostly to runs that others write
 * to as well. A write counts as acknowledged when its answer has arrived whole.
 */
export class Writers {
  readonly #journal: Journal;
  readonly #experimentId: string;
  readonly #random: () => number;
  readonly #open: JournalRun[] = [];
  readonly #nextSteps = new Map<string, number>();
  #serial = 0;
  /** answers that have arrived wait for it */
  #held = Promise.resolve();
  /** acknowledged so far */
  answeredCount = 0;
  valueCount = 0;

  constructor(journal: Journal, experimentId: string, random: () => number) {
    this.#journal = journal;
    this.#experimentId = experimentId;
    this.#random = random;
  }

  /**
   * Writes until told to stop.
   *
   * @param again writes without an answer by writer, which sends it once more, as clients do
   */
  start(address: string, writerCount: number, again: UnderWay = new Map()): Writing {
    const underWay = new Map<number, Write>();
    let isStopped = false;
    const write = async (writer: number): Promise<void> => {
      const connection = new Connection(address);
      let next = again.get(writer);
      try {
        while (!isStopped) {
          next ??= this.#next(writer);
          underWay.set(writer, next);
          await this.#send(connection, next);
          underWay.delete(writer);
          next = undefined;
        }
      } catch (thrown) {
        // the server was killed; a refusal would be a fault
        if (!isStopped || thrown instanceof Refused) throw thrown;
      } finally {
        connection.close();
      }
    };
    const ended = Promise.all(Array.from({ length: writerCount }, (_, writer) => write(writer)));
    ended.catch(() => undefined);
    return {
      underWay: () => new Map(underWay),
      stop: () => void (isStopped = true),
      ended: ended.then(() => undefined),
    };
  }

  /** Answers that arrive from now on count as not yet arrived, until the function is called that this returns. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  /** A run that a look has shown to be there takes part. */
  adopt(run: JournalRun): void {
    this.#open.push(run);
  }

  async #send(connection: Connection, write: Write): Promise<void> {
    if (write.kind !== 'run') this.#journal.touch(write);
    const [method, path, body] = requestOf(write, this.#experimentId);
    const answer = await connection.send(method, path, body);
    await this.#held;
    if (answer.status !== 200) throw new Refused(`${path}: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
    this.answeredCount += 1;
    if (write.kind === 'run') {
      const { run } = JSON.parse(answer.body.toString()) as { run: { info: { run_id: string } } };
      this.#open.push(this.#journal.begin(run.info.run_id, write));
      return;
    }
    if (write.kind === 'log') this.valueCount += write.metrics.length + write.params.length + write.tags.length;
    this.#journal.note(write);
  }

  #next(writer: number): Write {
    const run = this.#open[Math.floor(this.#random() * this.#open.length)];
    if (run === undefined || (this.#open.length < openRunLimit && this.#random() < 0.3)) {
      return { kind: 'run', name: `run-${this.#count()}`, tags: [{ key: 'writer', value: String(writer) }, { key: 'long', value: 'x'.repeat(this.#upTo(3_000)) }] };
    }
    const log = { kind: 'log', run, metrics: [], params: [], tags: [] } as const;
    const dice = this.#random();
    if (dice < 0.2) return { ...log, metrics: this.#points(run, this.#key(), 1) };
    if (dice < 0.4) return { ...log, metrics: this.#points(run, this.#key(), 1 + this.#upTo(400)) };
    if (dice < 0.6) return { ...log, metrics: this.#manyKeys(run) };
    if (dice < 0.7) return { ...log, metrics: this.#manyKeys(run), params: this.#params(1 + this.#upTo(8)), tags: this.#tags(writer) };
    if (dice < 0.76) return { ...log, params: this.#params(1) };
    if (dice < 0.82) return { ...log, tags: this.#tags(writer).slice(0, 1) };
    if (dice < 0.85) return this.#untag(run, writer) ?? { ...log, tags: this.#tags(writer) };
    if (dice < 0.88) return { kind: 'dataset', run, name: `data-${this.#upTo(20)}` };
    if (dice < 0.98) return { kind: 'artifact', run, path: `writer-${writer}/file-${this.#upTo(3)}.bin`, content: this.#content() };
    this.#open.splice(this.#open.indexOf(run), 1);
    return { kind: 'finish', run, status: this.#random() < 0.7 ? 'FINISHED' : 'FAILED', endedAt: Date.now() };
  }

  #points(run: JournalRun, key: string, count: number): Point[] {
    const series = `${run.id} ${key}`;
    const first = this.#nextSteps.get(series) ?? 0;
    this.#nextSteps.set(series, first + count);
    const points = Array.from({ length: count }, (_, index) => ({
      key,
      value: this.#value(),
      timestamp: Date.now() - this.#upTo(2_000),
      step: first + index,
    }));
    // most clients send in order, some don't
    return this.#random() < 0.2 ? points.toReversed() : points;
  }

  /** One step of many metrics, as a training logs it, or some points of each of several. */
  #manyKeys(run: JournalRun): Point[] {
    if (this.#random() < 0.5) return Array.from({ length: 16 + this.#upTo(8) }, (_, index) => this.#points(run, `wide_${index}`, 1)).flat();
    const first = this.#upTo(20);
    return Array.from({ length: 1 + this.#upTo(20) }, (_, index) => this.#points(run, `layer_${first + index}`, 1 + this.#upTo(5))).flat();
  }

  /** Params never change, so each is another one. */
  #params(count: number): Pair[] {
    return Array.from({ length: count }, () => ({ key: `param_${this.#count()}`, value: String(this.#random()) }));
  }

  /** Tags of one writer, so that of two that are under way none overwrites the other. */
  #tags(writer: number): Pair[] {
    const first = this.#upTo(3);
    return Array.from({ length: 3 }, (_, index) => ({ key: `tag_${writer}_${first + index}`, value: `set ${this.#count()}` }));
  }

  #untag(run: JournalRun, writer: number): Write | undefined {
    const key = [...run.tags.keys()].find((name) => name.startsWith(`tag_${writer}_`));
    return key === undefined ? undefined : { kind: 'untag', run, key };
  }

  #content(): Buffer {
    const length = this.#upTo(this.#random() < 0.2 ? 600_000 : 8_000);
    const start = Buffer.from(`${this.#count()} `);
    return Buffer.concat([start, Buffer.alloc(length, start)]);
  }

  #value(): WireNumber {
    const dice = this.#random();
    if (dice < 0.01) return 'NaN';
    if (dice < 0.02) return dice < 0.015 ? 'Infinity' : '-Infinity';
    if (dice < 0.1) return this.#upTo(100);
    return (this.#random() - 0.5) * 10 ** (this.#upTo(40) - 20);
  }

  readonly #key = (): string => `curve_${this.#upTo(3)}`;
  readonly #upTo = (limit: number): number => Math.floor(this.#random() * limit);
  readonly #count = (): number => (this.#serial += 1);
}

/** Writes without an answer so far, by the writer that sent them. */
export type UnderWay = ReadonlyMap<number, Write>;

export interface Writing {
  underWay(): UnderWay;
  /** each ends with the request that it waits for, whatever becomes of that */
  stop(): void;
  /** @throws when the server refused a write, or went away before `stop` */
  readonly ended: Promise<void>;
}

class Refused extends Error {}

function requestOf(write: Write, experimentId: string): [method: string, path: string, body: object | Buffer] {
  if (write.kind === 'run') {
    return ['POST', '/api/2.0/mlflow/runs/create', { experiment_id: experimentId, run_name: write.name, start_time: Date.now(), tags: write.tags }];
  }
  const run_id = write.run.id;
  switch (write.kind) {
    case 'log':
      return logRequest(write);
    case 'untag':
      return ['POST', '/api/2.0/mlflow/runs/delete-tag', { run_id, key: write.key }];
    case 'dataset':
      return ['POST', '/api/2.0/mlflow/runs/log-inputs', { run_id, datasets: [datasetOf(write.name)] }];
    case 'finish':
      return ['POST', '/api/2.0/mlflow/runs/update', { run_id, status: write.status, end_time: write.endedAt }];
    case 'artifact':
      return ['PUT', artifactPath(experimentId, run_id, write.path), write.content];
  }
}

/** The call that a client makes for as much as this. */
function logRequest({ run, metrics, params, tags }: Extract<Write, { kind: 'log' }>): [string, string, object] {
  const [metric, param, tag] = [metrics[0], params[0], tags[0]];
  const count = metrics.length + params.length + tags.length;
  if (count === 1 && metric !== undefined) return ['POST', '/api/2.0/mlflow/runs/log-metric', { run_id: run.id, ...metric }];
  if (count === 1 && param !== undefined) return ['POST', '/api/2.0/mlflow/runs/log-parameter', { run_id: run.id, ...param }];
  if (count === 1 && tag !== undefined) return ['POST', '/api/2.0/mlflow/runs/set-tag', { run_id: run.id, ...tag }];
  return ['POST', '/api/2.0/mlflow/runs/log-batch', { run_id: run.id, metrics, params, tags }];
}

const datasetOf = (name: string): object => ({
  tags: [{ key: 'mlflow.data.context', value: 'training' }],
  dataset: { name, digest: `digest-${name}`, source_type: 'local', source: JSON.stringify({ uri: name }) },
});

export const artifactPath = (experimentId: string, runId: string, path: string): string =>
  `/api/2.0/mlflow-artifacts/artifacts/${experimentId}/${runId}/artifacts/${path}`;
