import type { Transaction } from '../../platform/database/database.ts';
import {
  columnsOf,
  countUpTo,
  emptyColumns,
  joinColumns,
  lengthOf,
  mergeColumns,
  pointsOf,
  positionAt,
  sliceColumns,
  withoutPoints,
  type MetricColumns,
} from './metric-columns.ts';
import {
  blocksBetween,
  lastBlocks,
  looseRows,
  mostInBlock,
  putBlocks,
  readBlock,
  readBlocksFrom,
  removeBlocks,
  removeRows,
  type BlockSummary,
} from './metric-point-store.ts';
import type { MetricPoint } from './tracking.ts';

/** How far a series is packed. */
export interface Packing {
  /** at most so many of its points are rows */
  readonly rowCount: number;
  /** points in the small blocks at its end, which wait to be joined */
  readonly smallCount: number;
  /** timestamp and step of the last point that is in a block */
  readonly packedTo: readonly [timestamp: number, step: number] | undefined;
}

export const unpacked: Packing = { rowCount: 0, smallCount: 0, packedTo: undefined };

/** What becomes of new points: blocks and rows that are still to be put into the database. */
export interface Intake {
  readonly blocks: readonly MetricColumns[];
  readonly rows: readonly MetricPoint[];
  readonly packing: Packing;
}

/** Fewer points are cheaper as rows. */
const fewestInBlock = 8;
/** So many points in small blocks are joined, and so many rows are packed. */
const packAt = 1024;
/** A block that has as many is not joined with what follows it. */
const fullEnough = 3072;
/** Rows that came late and lie in the time of one block, until it is written anew with them. */
const lateAtOnce = 64;

/**
 * Takes new points of a series in. Points later than all blocks of the series become a block where there are enough of
 * them; small blocks at the end are joined, so that each point is written about three times in all. Points that came
 * late are rows, until writing a block anew serves many of them. What is there already stays once.
 *
 * @param series undefined for one that has no points yet
 */
export function takeIn(tx: Transaction, series: number | undefined, before: Packing, points: readonly MetricPoint[]): Intake | Promise<Intake> {
  const isFew = points.length < fewestInBlock;
  if (series === undefined) return isFew ? asRows(before, points) : appended(before, [], columnsOf(points));
  const isSimple = isFew && !hasDoubled(before.rowCount, before.rowCount + points.length) && points.every((point) => isLaterThanBlocks(point, before));
  return isSimple ? asRows(before, points) : place(tx, series, before, columnsOf(points));
}

/** Also where nothing is in a block yet. */
export const isLaterThanBlocks = ({ timestamp, step }: Pick<MetricPoint, 'timestamp' | 'step'>, { packedTo }: Packing): boolean =>
  packedTo === undefined || timestamp > packedTo[0] || (timestamp === packedTo[0] && step > packedTo[1]);

const asRows = (before: Packing, rows: readonly MetricPoint[]): Intake => ({
  blocks: [],
  rows,
  packing: { ...before, rowCount: before.rowCount + rows.length },
});

async function place(tx: Transaction, series: number, before: Packing, points: MetricColumns): Promise<Intake> {
  const lateCount = countLate(points, before);
  const fresh = sliceColumns(points, lateCount);
  const late = await notInBlocks(tx, series, sliceColumns(points, 0, lateCount));
  const isFew = lengthOf(fresh) < fewestInBlock;
  const rows = isFew ? mergeColumns(late, fresh) : late;
  if (hasDoubled(before.rowCount, before.rowCount + lengthOf(rows))) return packAll(tx, series, before, mergeColumns(late, fresh));
  if (isFew) return asRows(before, pointsOf(rows));
  const loose = before.rowCount === 0 ? emptyColumns(0) : await looseRows(tx, series, before.packedTo);
  const intake = await append(tx, series, before, loose, fresh);
  return { ...asRows(intake.packing, pointsOf(rows)), blocks: intake.blocks };
}

/** All rows of a series, and new points, as far as it is worth the work. */
async function packAll(tx: Transaction, series: number, before: Packing, points: MetricColumns): Promise<Intake> {
  const loose = await looseRows(tx, series);
  const all = mergeColumns(loose, points);
  const lateCount = countLate(all, before);
  const late = sliceColumns(all, 0, lateCount);
  const keptLate = withoutPoints(late, await packLate(tx, series, late));
  const packing = { ...before, rowCount: lengthOf(keptLate) };
  const tail = sliceColumns(all, lateCount);
  const looseTail = sliceColumns(loose, countLate(loose, before));
  if (lengthOf(tail) < fewestInBlock) return asRows({ ...before, rowCount: 0 }, pointsOf(mergeColumns(keptLate, tail)));
  const intake = await append(tx, series, { ...packing, rowCount: packing.rowCount + lengthOf(looseTail) }, looseTail, tail);
  return { ...intake, rows: pointsOf(withoutPoints(keptLate, loose)) };
}

/** @param loose rows that are later than all blocks @param fresh points that are later than all blocks */
async function append(tx: Transaction, series: number, before: Packing, loose: MetricColumns, fresh: MetricColumns): Promise<Intake> {
  if (lengthOf(loose) > 0) await removeRows(tx, series, ...endsOf(loose));
  const points = mergeColumns(loose, fresh);
  const isDue = before.smallCount + lengthOf(points) >= packAt;
  const small = isDue && before.packedTo !== undefined ? await takeSmall(tx, series, before.smallCount) : [];
  return appended({ ...before, rowCount: Math.max(0, before.rowCount - lengthOf(loose)) }, small, points);
}

function appended(before: Packing, small: readonly MetricColumns[], points: MetricColumns): Intake {
  const [, [timestamp, step]] = endsOf(points);
  const smallCount = before.smallCount + lengthOf(points);
  return {
    blocks: [joinColumns([...small, points])],
    rows: [],
    packing: { ...before, smallCount: smallCount >= packAt ? 0 : smallCount, packedTo: [timestamp, step] },
  };
}

/** Takes the small blocks at the end, and one before them that is not full yet, out of the database. */
async function takeSmall(tx: Transaction, series: number, smallCount: number): Promise<MetricColumns[]> {
  const last = await lastBlocks(tx, series, 2 + Math.ceil(smallCount / fewestInBlock));
  const blockCount = last.findIndex((block) => block.pointCount >= packAt);
  const takesOneMore = (last[blockCount]?.pointCount ?? mostInBlock) < fullEnough;
  const first = last[blockCount === -1 ? last.length - 1 : takesOneMore ? blockCount : blockCount - 1];
  if (first === undefined) return [];
  const points = await readBlocksFrom(tx, series, first.first);
  await removeBlocks(tx, series, first.first);
  return [points];
}

/** All rows are looked at each time that they have doubled, so that each one is seen a few times in all. */
const hasDoubled = (before: number, after: number): boolean => after >= packAt && Math.clz32(before) !== Math.clz32(after);

/** Points that are not later, by timestamp and step, than the last one that is in a block. */
const countLate = (points: MetricColumns, { packedTo }: Packing): number =>
  packedTo === undefined ? 0 : countUpTo(points, [...packedTo, Infinity, 0], true);

const endsOf = (points: MetricColumns) => [positionAt(points, 0), positionAt(points, lengthOf(points) - 1)] as const;

async function notInBlocks(tx: Transaction, series: number, late: MetricColumns): Promise<MetricColumns> {
  let left = late;
  for (const { block, points } of await byBlock(tx, series, late)) {
    if (countUpTo(points, [block.toTimestamp, block.toStep, Infinity, 0], true) === 0) continue;
    left = withoutPoints(left, await readBlock(tx, series, block.first));
  }
  return left;
}

/** Writes the blocks anew in whose time enough late points lie. @returns the points that are in blocks now */
async function packLate(tx: Transaction, series: number, late: MetricColumns): Promise<MetricColumns> {
  const placed: MetricColumns[] = [];
  for (const { block, points } of await byBlock(tx, series, late)) {
    if (lengthOf(points) < lateAtOnce) continue;
    const merged = mergeColumns(await readBlock(tx, series, block.first), points);
    await removeBlocks(tx, series, block.first, block.first);
    await removeRows(tx, series, ...endsOf(points));
    const partCount = Math.ceil(lengthOf(merged) / mostInBlock);
    const parts = Array.from({ length: partCount }, (_, part) =>
      sliceColumns(merged, Math.floor((part * lengthOf(merged)) / partCount), Math.floor(((part + 1) * lengthOf(merged)) / partCount)),
    );
    await putBlocks(tx, parts.map((columns) => ({ series, columns })));
    placed.push(points);
  }
  return joinColumns(placed);
}

/** Late points by the block that they follow or lie in; those before all blocks belong to the first. */
async function byBlock(tx: Transaction, series: number, late: MetricColumns): Promise<{ block: BlockSummary; points: MetricColumns }[]> {
  if (lengthOf(late) === 0) return [];
  const [from, to] = endsOf(late);
  const blocks = await blocksBetween(tx, series, from, to);
  const found: { block: BlockSummary; points: MetricColumns }[] = [];
  let start = 0;
  for (const [index, block] of blocks.entries()) {
    const next = blocks[index + 1];
    const end = next === undefined ? lengthOf(late) : countUpTo(late, next.first, false);
    if (end > start) found.push({ block, points: sliceColumns(late, start, end) });
    start = end;
  }
  return found;
}
