import { relative } from 'node:path';
import { toTrackInGit } from '../dvc-files/dvc-dialect.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';
import { isStageRecord } from './stage-decision.ts';
import { addressFrom } from './pipeline-text.ts';
import type { Outcome, Watcher } from './reproduction.ts';
import { commandLines } from './stage-command.ts';
import type { Settled } from './stage-settling.ts';

interface Options {
  readonly folder: string;
  readonly isQuiet: boolean;
  readonly isDry: boolean;
  /** several stages at once: their output needs names */
  readonly isParallel: boolean;
}

/** Tells of a run as `dvc repro` does, on the standard output; warnings on the error output. */
export class DvcReproText implements Watcher {
  readonly #options: Options;
  readonly #changed = new Set<string>();
  #hasActed = false;
  #didLastAct = false;
  readonly #open = new Map<string, string>();

  constructor(options: Options) {
    this.#options = options;
  }

  decided(stage: RecordedStage, outcome: Outcome): void {
    const address = this.#address(stage);
    if (outcome === 'skipped') return;
    if (this.#didLastAct) this.#say('');
    this.#didLastAct = outcome !== 'unchanged' && outcome !== 'frozen';
    this.#hasActed ||= this.#didLastAct;
    if (stage.isFrozen && isStageRecord(stage))
      this.#warn(`stage: '${address}' is frozen. Its dependencies are not going to be reproduced.`);
    if (outcome === 'unchanged' || outcome === 'frozen') {
      this.#say(
        isStageRecord(stage)
          ? `Stage '${address}' didn't change, skipping`
          : `'${address}' didn't change, skipping`,
      );
    } else if (outcome === 'recorded') {
      this.#say(`Verifying ${stage.isFrozen ? 'outputs in frozen ' : 'data sources in '}stage: '${address}'`);
    } else if (outcome === 'restored')
      this.#say(`Stage '${address}' is cached - skipping run, checking out outputs`);
    if (outcome === 'ran' || (outcome === 'restored' && this.#options.isDry)) this.#run(stage, address);
  }

  #run(stage: RecordedStage, address: string): void {
    this.#say(`Running stage '${address}':`);
    if (this.#options.isDry && stage.record.kind === 'stage')
      for (const line of commandLines(stage.record.stage.cmd)) this.#say(`> ${line}`);
  }

  line(stage: RecordedStage, line: string): void {
    this.#say(this.#options.isParallel ? `${this.#address(stage)}> ${line}` : `> ${line}`);
  }

  output(stage: RecordedStage, stream: 'out' | 'err', chunk: Buffer): void {
    const to = stream === 'out' ? process.stdout : process.stderr;
    if (!this.#options.isParallel) {
      to.write(chunk);
      return;
    }
    const key = `${stage.address} ${stream}`;
    const lines = ((this.#open.get(key) ?? '') + chunk.toString('utf8')).split('\n');
    this.#open.set(key, lines.pop() ?? '');
    for (const line of lines) to.write(`${this.#address(stage)}: ${line}\n`);
  }

  ended(stage: RecordedStage): void {
    for (const [stream, to] of [
      ['out', process.stdout],
      ['err', process.stderr],
    ] as const) {
      const rest = this.#open.get(`${stage.address} ${stream}`) ?? '';
      if (rest !== '') to.write(`${this.#address(stage)}: ${rest}\n`);
      this.#open.delete(`${stage.address} ${stream}`);
    }
  }

  settled(_stage: RecordedStage, { lock, changedFiles }: Settled): void {
    const file = changedFiles.find((one) => one.endsWith('.lock'));
    if (file !== undefined) {
      const name = relative(this.#options.folder, file);
      if (lock === 'new') this.#say(`Generating lock file '${name}'`);
      this.#say(`Updating lock file '${name}'`);
    }
    for (const one of changedFiles) this.#changed.add(one);
  }

  /** Closing words. */
  finish(usesGit: boolean): void {
    if (!this.#hasActed) {
      this.#say('Data and pipelines are up to date.');
      return;
    }
    if (usesGit && this.#changed.size > 0)
      this.#say(toTrackInGit([...this.#changed], this.#options.folder).join('\n'));
    this.#say('Use `dvc push` to send your updates to remote storage.');
  }

  get changedFiles(): readonly string[] {
    return [...this.#changed];
  }

  readonly #address = (stage: RecordedStage): string => addressFrom(stage, this.#options.folder);

  #say(line: string): void {
    if (!this.#options.isQuiet) process.stdout.write(`${line}\n`);
  }

  #warn(line: string): void {
    if (!this.#options.isQuiet) process.stderr.write(`WARNING: ${line}\n`);
  }
}
