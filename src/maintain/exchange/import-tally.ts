import { messageOf } from '../../platform/errors.ts';
import type { ExchangeKind, ImportReport, ImportRequest } from './exchange-api.ts';
import { exchangeKinds } from './exchange-kinds.ts';
import type { Left, MlflowSource } from './records.ts';

/** Counts what happens during an import. */
export class Tally {
  readonly clashes: string[] = [];
  readonly renamed: { kind: ExchangeKind; from: string; to: string }[] = [];
  readonly files = { count: 0, byteCount: 0 };
  pointCount = 0;
  readonly #taken = Object.fromEntries(
    exchangeKinds.map((kind) => [kind, { new: 0, changed: 0, same: 0 }]),
  ) as ImportReport['taken'];
  readonly #left: Left[] = [];

  count(kind: ExchangeKind, outcome: 'new' | 'changed' | 'same'): void {
    const counts = this.#taken[kind];
    if (counts !== undefined) counts[outcome] += 1;
  }

  leave(left: Left): void {
    this.#left.push(left);
  }

  /** Of one thing. */
  leaveOne(kind: string, id: string, reason: unknown): void {
    this.#left.push({ kind, id, count: 1, reason: messageOf(reason) });
  }

  get hasTaken(): boolean {
    return (
      this.files.count > 0 || Object.values(this.#taken).some((counts) => counts.new + counts.changed > 0)
    );
  }

  report(request: ImportRequest, format: MlflowSource['format']): ImportReport {
    return {
      source: request.source,
      format,
      isDryRun: request.isDryRun,
      taken: this.#taken,
      pointCount: this.pointCount,
      files: { ...this.files },
      renamed: this.renamed,
      clashes: this.clashes,
      left: groupedByReason(this.#left),
    };
  }
}

/** A thousand runs with one reason are one line. */
const listedAtMost = 5;

export function groupedByReason(all: readonly Left[]): ImportReport['left'] {
  const byReason = new Map<string, Left[]>();
  for (const left of all) {
    const key = `${left.kind}\n${left.reason}`;
    byReason.set(key, [...(byReason.get(key) ?? []), left]);
  }
  return [...byReason.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const plain = group.map(({ kind, id, count, reason }) => ({
      kind,
      ...(id === undefined ? {} : { id }),
      count,
      reason,
    }));
    if (group.length <= listedAtMost) return plain;
    return [
      { kind: first.kind, count: group.reduce((sum, each) => sum + each.count, 0), reason: first.reason },
    ];
  });
}
