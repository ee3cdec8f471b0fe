import type { RowCheck } from '../../develop/contracts/row-rules.ts';
import type { Feature } from '../serving/engines/rows.ts';
import { contractBrokenBy } from '../serving/serving-errors.ts';
import type { Block } from './read-rows.ts';

const largestFloat32 = 3.4028234663852886e38;

/** Why each bad row of a block can't be scored; by its place in the block. */
export function findBadRows(
  block: Block,
  features: readonly Feature[],
  check: RowCheck | undefined,
): ReadonlyMap<number, string> {
  const bad = new Map<number, string>();
  const add = (row: number, column: string, what: string): void => {
    if (!bad.has(row)) bad.set(row, `${column} ${what}`);
  };
  for (const [index, feature] of features.entries()) {
    const column = block.columns[index] ?? [];
    for (const row of block.unread.get(index) ?? []) add(row, feature.name, 'is no number');
    const isWhole = feature.datatype === 'INT32' || feature.datatype === 'INT64';
    const most = feature.datatype === 'FP32' ? largestFloat32 : Infinity;
    if (!(column instanceof Float64Array)) {
      if (feature.isNullable) continue;
      for (let row = 0; row < block.rowCount; row += 1)
        if ((column[row] ?? null) === null) add(row, feature.name, 'lacks a value');
      continue;
    }
    for (let row = 0; row < block.rowCount; row += 1) {
      const value = column[row] as number;
      if (value !== value) {
        if (!feature.isNullable) add(row, feature.name, 'lacks a value');
      } else if (isWhole && !Number.isSafeInteger(value))
        add(row, feature.name, `is no whole number: ${value}`);
      else if (Math.abs(value) > most && Math.abs(value) !== Infinity)
        add(row, feature.name, `is beyond what the model reads: ${value}`);
    }
  }
  if (check !== undefined) addBroken(block, check, bad);
  return bad;
}

/** The contract names one row at a time: those behind it are asked next. */
function addBroken(block: Block, check: RowCheck, bad: Map<number, string>): void {
  const parts: [number, number][] = [[0, block.rowCount]];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const [from, to] = part;
    const broken = check(block.columns.map((column) => column.slice(from, to)));
    if (broken === undefined) continue;
    const row = from + broken.row;
    if (!bad.has(row)) bad.set(row, contractBrokenBy({ ...broken, row: block.firstRow + row }).message);
    // the row is named by the first rule that it breaks; rows before it may break a later one
    if (row > from) parts.push([from, row]);
    if (row + 1 < to) parts.push([row + 1, to]);
  }
}
