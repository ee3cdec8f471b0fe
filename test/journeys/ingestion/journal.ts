/** A double as JSON carries it. */
export type WireNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export interface Point {
  readonly key: string;
  readonly value: WireNumber;
  /** ms since the epoch */
  readonly timestamp: number;
  /** given once per run and key, so that a point is known by it */
  readonly step: number;
}

export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** What a client asks for with one request; all of it or nothing may come true. */
export type Write =
  | { readonly kind: 'run'; readonly name: string; readonly tags: readonly Pair[] }
  | { readonly kind: 'log'; readonly run: JournalRun; readonly metrics: readonly Point[]; readonly params: readonly Pair[]; readonly tags: readonly Pair[] }
  | { readonly kind: 'untag'; readonly run: JournalRun; readonly key: string }
  | { readonly kind: 'dataset'; readonly run: JournalRun; readonly name: string }
  | { readonly kind: 'finish'; readonly run: JournalRun; readonly status: string; readonly endedAt: number }
  | { readonly kind: 'artifact'; readonly run: JournalRun; readonly path: string; readonly content: Buffer };

export interface JournalRun {
  readonly id: string;
  readonly name: string;
  status: string;
  endedAt: number | undefined;
  /** by key, by step */
  readonly points: Map<string, Map<number, Point>>;
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
  readonly datasets: Set<string>;
  readonly artifacts: Map<string, Buffer>;
}

/** What a client knows to be stored: every write that was answered, and those that a look at the server has shown to be there. */
export class Journal {
  readonly runs = new Map<string, JournalRun>();
  /** written to, or meant to be, since the last look */
  readonly touched = new Set<JournalRun>();
  /** keys of histories that were written to since the last look */
  readonly touchedKeys = new Set<string>();

  /** @returns the run that was made */
  begin(id: string, { name, tags }: Extract<Write, { kind: 'run' }>): JournalRun {
    const run: JournalRun = {
      id,
      name,
      status: 'RUNNING',
      endedAt: undefined,
      points: new Map(),
      params: new Map(),
      tags: new Map(tags.map(({ key, value }) => [key, value])),
      datasets: new Set(),
      artifacts: new Map(),
    };
    this.runs.set(id, run);
    this.touched.add(run);
    return run;
  }

  touch(write: Exclude<Write, { kind: 'run' }>): void {
    this.touched.add(write.run);
    if (write.kind === 'log') for (const { key } of write.metrics) this.touchedKeys.add(key);
  }

  note(write: Exclude<Write, { kind: 'run' }>): void {
    this.touch(write);
    const { run } = write;
    switch (write.kind) {
      case 'log':
        for (const point of write.metrics) pointsOf(run, point.key).set(point.step, point);
        for (const { key, value } of write.params) run.params.set(key, value);
        for (const { key, value } of write.tags) run.tags.set(key, value);
        break;
      case 'untag':
        run.tags.delete(write.key);
        break;
      case 'dataset':
        run.datasets.add(write.name);
        break;
      case 'finish':
        run.status = write.status;
        run.endedAt = write.endedAt;
        break;
      case 'artifact':
        run.artifacts.set(write.path, write.content);
        break;
    }
  }

  looked(): void {
    this.touched.clear();
    this.touchedKeys.clear();
  }
}

function pointsOf(run: JournalRun, key: string): Map<number, Point> {
  const known = run.points.get(key) ?? new Map<number, Point>();
  run.points.set(key, known);
  return known;
}

/** The point that MLflow shows as a metric's value: of the highest step, as steps are given once. */
export const latestOf = (points: ReadonlyMap<number, Point>): Point | undefined => points.get(Math.max(...points.keys()));
