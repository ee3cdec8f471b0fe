import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../../platform/errors.ts';
import type { Reader } from '../../../platform/database/database.ts';
import type { World } from '../../../platform/world.ts';
import type { GateCondition } from '../../../start/project/declaration.ts';
import type { DeclaredModel } from '../../../start/project/project-store.ts';
import { isHoldoutMetric, positives, type ScoredRows } from '../../measuring/classification-metrics.ts';
import { readHoldout, type HoldoutRows } from '../../measuring/holdout-rows.ts';
import { machineName, measureLatency } from '../../measuring/latency.ts';
import { method, pairedDifference } from '../../measuring/paired-bootstrap.ts';
import { sliceMetric } from '../../measuring/slices.ts';
import type { Engine } from '../../serving/engines/engine.ts';
import { takeRows, wholeColumn, type Cell, type Rows } from '../../serving/engines/rows.ts';
import { isLowerBetter } from './gate-metric.ts';
import type { Measurement } from './gate-facts.ts';
import { openVersion, type OpenedVersion } from './gate-engine.ts';
import { keepMeasurement, measurementsOf } from './gate-measurement-store.ts';
import { holdoutArtifact, holdoutFile } from './holdout-file.ts';
import { champion, hashOf } from '../registry.ts';
import { findAlias, findVersionRow, type VersionRow } from '../registry-store.ts';

/** Measured by the gate itself, and kept: what it says of the same model, rows and rival does not change by looking again. */
type MeasuredCondition = Extract<GateCondition, { kind: 'latency' | 'worst-slice' | 'better-than-champion' }>;

const isMeasured = (condition: GateCondition): condition is MeasuredCondition =>
  condition.kind === 'latency' ||
  condition.kind === 'worst-slice' ||
  (condition.kind === 'better-than-champion' && condition.on === 'holdout');

/** The version in production, when it is another one. */
export async function rivalOf(read: Reader, row: VersionRow): Promise<VersionRow | undefined> {
  const inProduction = await findAlias(read, row.model, champion);
  return inProduction === undefined || inProduction === row.version
    ? undefined
    : findVersionRow(read, row.model, inProduction);
}

/** What the measurement of a condition is about: it holds as long as this is the same. */
const subjectOf = (condition: MeasuredCondition, row: VersionRow, rival: VersionRow | undefined): string =>
  hashOf([
    condition,
    row.onnx_digest ?? row.bundle_digest,
    condition.kind === 'better-than-champion' ? (rival?.onnx_digest ?? rival?.bundle_digest ?? null) : null,
  ]);

/** What was measured of a version as it is now, by the id of the condition. */
export async function knownMeasurements(
  read: Reader,
  row: VersionRow,
  gate: readonly GateCondition[],
): Promise<Map<string, Measurement>> {
  const measured = gate.filter(isMeasured);
  if (measured.length === 0) return new Map();
  const kept = await measurementsOf(read, row.model, row.version);
  const rival = await rivalOf(read, row);
  return new Map(
    measured.flatMap((condition) => {
      const found = kept.get(condition.id);
      return found?.subject === subjectOf(condition, row, rival) ? [[condition.id, found.value]] : [];
    }),
  );
}

/**
 * Measures what the gate asks to be measured and is not known of this version, in the engine that serves it.
 *
 * @param again measures also what is known
 */
export async function measureGate(
  world: World,
  row: VersionRow,
  declared: DeclaredModel | undefined,
  again: boolean,
): Promise<void> {
  if (declared === undefined) return;
  const { read } = world.database;
  const known = await knownMeasurements(read, row, declared.model.gate);
  const rival = await rivalOf(read, row);
  const due = declared.model.gate
    .filter(isMeasured)
    .filter((condition) => again || (known.get(condition.id)?.what ?? 'nothing') === 'nothing')
    .filter((condition) => condition.kind !== 'better-than-champion' || rival !== undefined);
  if (due.length === 0) return;
  const bench = await Bench.open(world, row, declared);
  try {
    for (const condition of due) {
      const value = await measured(bench, condition, rival).catch((cause: unknown): Measurement => ({
        what: 'nothing',
        reason: messageOf(cause),
      }));
      const { model, version } = row;
      const subject = subjectOf(condition, row, rival);
      await world.database.write((tx) =>
        keepMeasurement(tx, {
          model,
          version,
          condition: condition.id,
          subject,
          value,
          at: world.clock.now(),
        }),
      );
    }
  } finally {
    await bench.close();
  }
}

async function measured(
  bench: Bench,
  condition: MeasuredCondition,
  rival: VersionRow | undefined,
): Promise<Measurement> {
  if (condition.kind === 'latency') {
    const one = await measureLatency(await bench.engine(), await bench.rows(1));
    const batch =
      condition.batchP99Ms === undefined
        ? null
        : await measureLatency(await bench.engine(), await bench.rows(condition.batchRows));
    return { what: 'latency', one, batch, machine: machineName(), at: bench.now() };
  }
  const { metric } = condition;
  if (!isHoldoutMetric(metric))
    return nothing(`${metric} can't be computed from probabilities; auc, accuracy, brier and log_loss can.`);
  const sliced = condition.kind === 'worst-slice' ? condition.columns : [];
  const holdout = await bench.holdout(sliced);
  if (typeof holdout === 'string') return nothing(holdout);
  const own = await bench.scored(bench.row, holdout);
  const about = { holdout: holdout.md5, rowCount: holdout.rowCount, at: bench.now() };
  if (condition.kind === 'worst-slice') {
    const columns = Object.fromEntries(sliced.map((column) => [column, holdout.columns[column] ?? []]));
    const { judged, leftOutCount } = sliceMetric(
      metric,
      own,
      columns,
      condition.minCount,
      isLowerBetter(metric),
    );
    return { what: 'slices', worst: judged[0] ?? null, judgedCount: judged.length, leftOutCount, ...about };
  }
  if (rival === undefined) return nothing('There is no champion to compare with.');
  const other = await bench.scored(rival, holdout);
  const found = pairedDifference(metric, own, other, condition.confidence);
  if (found === null) return nothing(`${metric} is not defined on the ${holdout.rowCount} held-out rows.`);
  return { what: 'comparison', ...found, method, rival: rival.version, ...about };
}

const nothing = (reason: string): Measurement => ({ what: 'nothing', reason });

/** A version under measurement: its engine and its held-out rows, loaded when they are first asked for. */
class Bench {
  readonly row: VersionRow;
  readonly #world: World;
  readonly #declared: DeclaredModel;
  readonly #folder: string;
  readonly #opened = new Map<number, OpenedVersion>();

  private constructor(world: World, row: VersionRow, declared: DeclaredModel, folder: string) {
    this.#world = world;
    this.row = row;
    this.#declared = declared;
    this.#folder = folder;
  }

  static async open(world: World, row: VersionRow, declared: DeclaredModel): Promise<Bench> {
    return new Bench(world, row, declared, await mkdtemp(join(tmpdir(), 'tilth-gate-')));
  }

  now(): number {
    return this.#world.clock.now();
  }

  async engine(): Promise<Engine> {
    return (await this.#open(this.row)).engine;
  }

  async #open(row: VersionRow): Promise<OpenedVersion> {
    const known = this.#opened.get(row.version);
    if (known !== undefined) return known;
    const folder = join(this.#folder, String(row.version));
    await mkdir(folder);
    const opened = await openVersion(this.#world, row, folder);
    if (opened === undefined)
      throw new Error(`Version ${row.version} can't be loaded: ${row.reason ?? 'it was not converted'}`);
    this.#opened.set(row.version, opened);
    return opened;
  }

  /** Held-out rows with features, truth and further columns; in words why there are none. */
  async holdout(further: readonly string[]): Promise<HoldoutRows | string> {
    const file = await holdoutFile(this.#world, this.row.run_id, this.#declared, this.#folder);
    if (file === undefined)
      return `The run left no held-out rows: log them as its artifact ${holdoutArtifact}, or as an MLflow dataset with the context holdout.`;
    const { names } = (await this.engine()).layout;
    const wanted = [...new Set([...names, this.#declared.model.target, ...further])];
    const read = await readHoldout(file, wanted);
    return 'missing' in read ? `The held-out rows lack ${read.missing.join(', ')}.` : read;
  }

  /** Rows to time an engine with: held-out ones again and again, or empty ones where there are none. */
  async rows(rowCount: number): Promise<Rows> {
    const { layout } = await this.engine();
    const holdout = await this.holdout([]);
    if (typeof holdout === 'string' || holdout.rowCount === 0) {
      const blank = (datatype: string): Cell => (datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0);
      return takeRows(layout, rowCount, (_, index) =>
        wholeColumn(
          Array.from({ length: rowCount }, () => blank(layout.features[index]?.datatype ?? 'FP32')),
        ),
      );
    }
    return takeRows(layout, rowCount, (name) =>
      wholeColumn(
        Array.from({ length: rowCount }, (_, row) => holdout.columns[name]?.[row % holdout.rowCount] ?? null),
      ),
    );
  }

  /** What a version says of held-out rows, beside their truth. */
  async scored(row: VersionRow, holdout: HoldoutRows): Promise<ScoredRows> {
    const { engine, classes } = await this.#open(row);
    const scores = new Float64Array(holdout.rowCount);
    for (let from = 0; from < holdout.rowCount; from += rowsPerCall) {
      const rowCount = Math.min(rowsPerCall, holdout.rowCount - from);
      const rows = takeRows(engine.layout, rowCount, (name) => {
        const column = holdout.columns[name];
        return column === undefined ? undefined : wholeColumn(column.slice(from, from + rowCount));
      });
      const answer = await engine.score(rows);
      if (answer.classCount < 2) throw new Error(`Version ${row.version} gives no probabilities.`);
      for (let at = 0; at < rowCount; at++)
        scores[from + at] = answer.probabilities[(at + 1) * answer.classCount - 1] ?? Number.NaN;
    }
    const truth = holdout.columns[this.#declared.model.target] ?? [];
    return { scores, truth: positives(truth, classes.at(-1) ?? 1) };
  }

  async close(): Promise<void> {
    for (const { engine } of this.#opened.values()) engine.retire();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const rowsPerCall = 1000;
