import { note } from '../../platform/terminal.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';
import type { Outcome, Watcher } from './reproduction.ts';

const marks: Readonly<Record<Outcome, string>> = {
  unchanged: '·',
  frozen: '·',
  restored: '↺',
  recorded: '✓',
  ran: '▶',
  failed: '✗',
  skipped: '–',
  stopped: '■',
};
const words: Readonly<Record<Outcome, string>> = {
  unchanged: 'did not change',
  frozen: 'is frozen',
  restored: 'outputs brought back from the cache',
  recorded: 'outputs recorded as they are',
  ran: 'runs',
  failed: 'failed',
  skipped: 'left out: what it needs failed',
  stopped: 'stopped',
};

/** Tells of a run on the error output: each stage, its lines and what they print, and on a terminal how far it is. */
export class RunProgress implements Watcher {
  readonly #isParallel: boolean;
  readonly #startedAt = new Map<RecordedStage, number>();
  readonly #open = new Map<string, string>();
  #count = 0;
  #total = 0;

  constructor(isParallel: boolean) {
    this.#isParallel = isParallel;
  }

  planned(stages: readonly RecordedStage[]): void {
    this.#total = stages.filter(({ record }) => record.kind === 'stage').length;
  }

  decided(stage: RecordedStage, outcome: Outcome): void {
    if (stage.record.kind !== 'stage' && outcome === 'unchanged') return;
    if (stage.record.kind === 'stage') this.#count += 1;
    const place = process.stderr.isTTY && this.#total > 1 ? ` (${this.#count} of ${this.#total})` : '';
    note(`${marks[outcome]} ${stage.address}: ${words[outcome]}${place}`);
    if (outcome === 'ran') this.#startedAt.set(stage, Date.now());
  }

  line(stage: RecordedStage, line: string): void {
    note(this.#isParallel ? `  ${stage.address} $ ${line}` : `  $ ${line}`);
  }

  output(stage: RecordedStage, _stream: 'out' | 'err', chunk: Buffer): void {
    if (!this.#isParallel) {
      process.stderr.write(chunk);
      return;
    }
    const lines = ((this.#open.get(stage.address) ?? '') + chunk.toString('utf8')).split('\n');
    this.#open.set(stage.address, lines.pop() ?? '');
    for (const line of lines) process.stderr.write(`${stage.address} | ${line}\n`);
  }

  ended(stage: RecordedStage, outcome: Outcome): void {
    const rest = this.#open.get(stage.address) ?? '';
    if (rest !== '') process.stderr.write(`${stage.address} | ${rest}\n`);
    const startedAt = this.#startedAt.get(stage);
    const took = startedAt === undefined ? '' : ` after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
    if (outcome === 'failed' || outcome === 'stopped')
      note(`${marks[outcome]} ${stage.address}: ${words[outcome]}${took}`);
    else if (this.#isParallel) note(`✓ ${stage.address}: done${took}`);
  }
}
