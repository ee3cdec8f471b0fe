import assert from 'node:assert/strict';
import { Connection } from './http.ts';
import { latestOf, type Journal, type JournalRun, type Pair, type Point, type WireNumber, type Write } from './journal.ts';
import { artifactPath } from './writers.ts';

interface WireRun {
  readonly info: { readonly run_id: string; readonly run_name: string; readonly status: string; readonly end_time?: number };
  readonly data: { readonly metrics?: readonly Point[]; readonly params?: readonly Pair[]; readonly tags?: readonly Pair[] };
  readonly inputs?: { readonly dataset_inputs?: readonly { readonly dataset: { readonly name: string } }[] };
}

type Histories = Map<string, Map<string, Map<number, Point>>>;

/** What a look has found. */
export interface Found {
  /** writes without an answer that are there, whole */
  readonly kept: readonly Write[];
  /** runs that were made without an answer */
  readonly made: readonly JournalRun[];
  /** values compared */
  readonly valueCount: number;
}

/**
 * Compares what a server holds with what its clients know: each run that was written to since the last look, or every one.
 * Of the writes without an answer the journal takes in those that are there.
 *
 * @throws when something acknowledged is missing, something is half there, or something is there that nobody wrote
 */
export async function look(address: string, experimentId: string, journal: Journal, unanswered: readonly Write[], isWhole: boolean): Promise<Found> {
  const connection = new Connection(address, 4);
  try {
    const lookout = new Lookout(connection, experimentId, journal);
    return await lookout.compare(unanswered, isWhole);
  } finally {
    connection.close();
  }
}

class Lookout {
  readonly #connection: Connection;
  readonly #experimentId: string;
  readonly #journal: Journal;

  constructor(connection: Connection, experimentId: string, journal: Journal) {
    this.#connection = connection;
    this.#experimentId = experimentId;
    this.#journal = journal;
  }

  async compare(unanswered: readonly Write[], isWhole: boolean): Promise<Found> {
    const journal = this.#journal;
    const made = await this.#adoptRuns(unanswered);
    const runs = isWhole ? [...journal.runs.values()] : [...journal.touched];
    const keys = isWhole ? new Set(runs.flatMap((run) => [...run.points.keys()])) : journal.touchedKeys;
    const actual = new Map(isWhole ? await this.#everyRun() : await Promise.all(runs.map(async ({ id }) => [id, await this.#run(id)] as const)));
    const histories = await this.#histories(runs, [...keys]);
    const kept: Write[] = [];
    for (const write of unanswered) {
      if (write.kind === 'run' || !(await this.#isThere(write, actual, histories))) continue;
      journal.note(write);
      kept.push(write);
    }
    if (isWhole) assert.deepEqual([...actual.keys()].toSorted(), runs.map(({ id }) => id).toSorted(), 'runs');
    let valueCount = 0;
    for (const run of runs) valueCount += this.#compareRun(run, actual.get(run.id), histories, keys);
    valueCount += await this.#compareArtifacts(runs);
    const audit = await this.#connection.json<{ isSound: boolean; fault: unknown }>('GET', '/api/v1/audit/verify');
    assert.equal(audit.isSound, true, JSON.stringify(audit.fault));
    if (isWhole) await this.#compareEvents();
    journal.looked();
    return { kept: [...kept, ...unanswered.filter((write) => write.kind === 'run' && made.some(({ name }) => name === write.name))], made, valueCount };
  }

  /** Runs are known by their names, which are given once. */
  async #adoptRuns(unanswered: readonly Write[]): Promise<JournalRun[]> {
    const made: JournalRun[] = [];
    for (const write of unanswered) {
      if (write.kind !== 'run') continue;
      const { runs = [] } = await this.#search(`attributes.run_name = '${write.name}'`);
      assert.ok(runs.length <= 1, `${write.name} is there ${runs.length} times`);
      const [run] = runs;
      if (run !== undefined) made.push(this.#journal.begin(run.info.run_id, write));
    }
    return made;
  }

  #search(filter: string, page_token?: string): Promise<{ runs?: WireRun[]; next_page_token?: string }> {
    return this.#connection.json('POST', '/api/2.0/mlflow/runs/search', { experiment_ids: [this.#experimentId], filter, max_results: 500, page_token });
  }

  async #run(id: string): Promise<WireRun> {
    const { run } = await this.#connection.json<{ run: WireRun }>('GET', `/api/2.0/mlflow/runs/get?run_id=${id}`);
    return run;
  }

  async #everyRun(): Promise<(readonly [string, WireRun])[]> {
    const found: (readonly [string, WireRun])[] = [];
    let token: string | undefined;
    do {
      const page = await this.#search('', token);
      found.push(...(page.runs ?? []).map((run) => [run.info.run_id, run] as const));
      token = page.next_page_token;
    } while (token !== undefined);
    return found;
  }

  /** Points by run, key and step. */
  async #histories(runs: readonly JournalRun[], keys: readonly string[]): Promise<Histories> {
    const found: Histories = new Map(runs.map(({ id }) => [id, new Map()]));
    await Promise.all(
      runs.flatMap((run) =>
        keys
          .filter((key) => run.points.has(key) || this.#journal.touched.has(run))
          .map(async (key) => {
            const { metrics = [] } = await this.#connection.json<{ metrics?: Point[] }>(
              'GET',
              `/api/2.0/mlflow/metrics/get-history?run_id=${run.id}&metric_key=${key}`,
            );
            const bySteps = new Map(metrics.map((point) => [point.step, point]));
            assert.equal(bySteps.size, metrics.length, `${key} of ${run.id} has a point twice`);
            assert.ok(metrics.every(({ timestamp }, index) => timestamp >= (metrics[index - 1]?.timestamp ?? 0)), `${key} of ${run.id} is in order`);
            found.get(run.id)?.set(key, bySteps);
          }),
      ),
    );
    return found;
  }

  /** Tells by its first part whether a write came true; the comparison then shows whether all of it did. */
  async #isThere(write: Exclude<Write, { kind: 'run' }>, actual: ReadonlyMap<string, WireRun>, histories: Histories): Promise<boolean> {
    const { run } = write;
    const { info, data, inputs } = actual.get(run.id) as WireRun;
    const has = (pairs: readonly Pair[] | undefined, { key, value }: Pair): boolean => pairs?.some((pair) => pair.key === key && pair.value === value) === true;
    switch (write.kind) {
      case 'log': {
        const [point, param, tag] = [write.metrics[0], write.params[0], write.tags[0]];
        if (point !== undefined) return histories.get(run.id)?.get(point.key)?.has(point.step) === true;
        return (param !== undefined && has(data.params, param)) || (tag !== undefined && has(data.tags, tag));
      }
      case 'untag':
        return data.tags?.some(({ key }) => key === write.key) !== true;
      case 'dataset':
        return inputs?.dataset_inputs?.some(({ dataset }) => dataset.name === write.name) === true;
      case 'finish':
        return info.status === write.status;
      case 'artifact':
        return await this.#hasContent(run, write.path, write.content);
    }
  }

  /** @throws when there is something else than the new content, the one before, or nothing where nothing was */
  async #hasContent(run: JournalRun, path: string, content: Buffer): Promise<boolean> {
    const actual = await this.#artifact(run, path);
    if (actual?.equals(content) === true) return true;
    assert.deepEqual(actual, run.artifacts.get(path), `${path} of ${run.name} has ${actual?.length} bytes that nobody sent`);
    return false;
  }

  #compareRun(run: JournalRun, actual: WireRun | undefined, histories: Histories, keys: ReadonlySet<string>): number {
    assert.ok(actual !== undefined, `${run.name} is missing`);
    const { info, data, inputs } = actual;
    const where = `${run.name} (${run.id})`;
    assert.deepEqual([info.run_name, info.status, info.end_time], [run.name, run.status, run.endedAt], where);
    assert.deepEqual(byKey(data.params), Object.fromEntries(run.params), `params of ${where}`);
    const { 'mlflow.runName': _name, ...tags } = byKey(data.tags);
    assert.deepEqual(tags, Object.fromEntries(run.tags), `tags of ${where}`);
    assert.deepEqual(new Set(inputs?.dataset_inputs?.map(({ dataset }) => dataset.name)), run.datasets, `datasets of ${where}`);
    let valueCount = run.params.size + run.tags.size + run.datasets.size + run.points.size;
    const latest = Object.fromEntries((data.metrics ?? []).map((point) => [point.key, plain(point)]));
    assert.deepEqual(latest, Object.fromEntries([...run.points].map(([key, points]) => [key, plain(latestOf(points) as Point)])), `metrics of ${where}`);
    for (const key of keys) {
      const [expected, found] = [run.points.get(key) ?? new Map<number, Point>(), histories.get(run.id)?.get(key) ?? new Map<number, Point>()];
      assert.deepEqual(new Set(found.keys()), new Set(expected.keys()), `steps of ${key} of ${where}`);
      for (const [step, point] of expected) {
        const { value, timestamp } = found.get(step) as Point;
        // one by one, as a comparison of whole histories takes longer than the server takes for them
        if (!Object.is(value, point.value) || timestamp !== point.timestamp) assert.deepEqual({ value, timestamp }, plain(point), `step ${step} of ${key} of ${where}`);
      }
      valueCount += expected.size;
    }
    return valueCount;
  }

  async #compareArtifacts(runs: readonly JournalRun[]): Promise<number> {
    const files = runs.flatMap((run) => [...run.artifacts].map(([path, content]) => ({ run, path, content })));
    await Promise.all(
      files.map(async ({ run, path, content }) => {
        const actual = await this.#artifact(run, path);
        assert.ok(actual?.equals(content), `${path} of ${run.name} has ${actual?.length ?? 'no'} bytes of ${content.length}`);
      }),
    );
    return files.length;
  }

  async #artifact(run: JournalRun, path: string): Promise<Buffer | undefined> {
    const { status, body } = await this.#connection.send('GET', artifactPath(this.#experimentId, run.id, path));
    if (status === 404) return undefined;
    assert.equal(status, 200, body.toString());
    return body;
  }

  /** The log tells of each run that it was made, and of each that is over that it ended, once for each time it was told. */
  async #compareEvents(): Promise<void> {
    const things = async (verb: string): Promise<string[]> => {
      const events = await this.#connection.json<{ thing: string }[]>('GET', `/api/v1/audit?kind=run&verb=${verb}&limit=10000`);
      return events.map(({ thing }) => thing).toSorted();
    };
    const runs = [...this.#journal.runs.values()];
    assert.deepEqual(await things('run.create'), runs.map(({ id }) => id).toSorted(), 'events of new runs');
    const over = runs.filter(({ status }) => status !== 'RUNNING').map(({ id }) => id);
    assert.deepEqual([...new Set(await things('run.finish'))], over.toSorted(), 'events of runs that ended');
  }
}

const plain = ({ value, timestamp }: Point): { value: WireNumber; timestamp: number } => ({ value, timestamp });

const byKey = (pairs: readonly Pair[] | undefined): Record<string, string> => Object.fromEntries((pairs ?? []).map(({ key, value }) => [key, value]));
