import { findUp } from '../../platform/home.ts';
import type { Repository } from '../dvc-files/repository.ts';
import type { Stage } from '../dvc-files/stage.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import {
  findLock,
  gatherMachine,
  gatherPython,
  lockTags,
  seedsOf,
  type Lock,
} from '../repeatable/gather-environment.ts';
import { commandLine, gatherSource, type Gathered } from '../repeatable/gather-source.ts';
import { commandLines } from './stage-command.ts';

/** What the stages of one run stand on: code, lock, machine and Python, found out once for all of them. */
export class RunFacts {
  readonly #repository: Repository;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #source: Gathered;
  readonly #lock: Lock | undefined;
  readonly #machine: Gathered['tags'];
  #python: Promise<Gathered> | undefined;
  readonly #told: Promise<void>[] = [];

  constructor(repository: Repository, environment: NodeJS.ProcessEnv) {
    this.#repository = repository;
    this.#environment = environment;
    this.#source = gatherSource(repository.root);
    this.#lock = findLock(repository.root, findUp('.git', repository.root) ?? repository.root);
    this.#machine = gatherMachine(environment);
  }

  get files(): Gathered['files'] {
    return this.#source.files;
  }

  /** What MLflow's client puts on the runs that it starts by itself. */
  get contextTags(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.#source.tags).filter(([key]) => key.startsWith('mlflow.')));
  }

  /** Tags of a run of the stage. */
  of(stage: Stage, address: string): Record<string, string> {
    const lines = commandLines(stage.cmd);
    const words = lines.join(' ').split(/\s+/);
    const { line, hiddenCount } = commandLine(words);
    return {
      ...this.#machine,
      ...lockTags(this.#lock),
      ...seedsOf(words),
      ...this.#source.tags,
      'tilth.command': `tilth pipeline run -s ${address}`,
      'tilth.command.words': JSON.stringify(['tilth', 'pipeline', 'run', '-s', '--force', address]),
      ...(hiddenCount === 0 ? { 'tilth.stage.command': line.slice(0, 8_000) } : {}),
      'tilth.hash_seed': this.#environment['PYTHONHASHSEED'] ?? '0',
      'mlflow.source.name': words.find((word) => /\.(?:py|ipynb|sh|R|jl)$/.test(word)) ?? words[0] ?? '',
      'mlflow.source.type': 'LOCAL',
    };
  }

  /** Asks the Python of the stages once, beside the first one that uses it. */
  whenPython(stage: Stage, tell: (found: Gathered) => Promise<void>): void {
    const line = commandLines(stage.cmd).find((one) => /\bpython|\.py\b/.test(one));
    if (line === undefined) return;
    this.#python ??= gatherPython(line.split(/\s+/), stage.folder, this.#environment, this.#lock);
    this.#told.push(this.#python.then(tell).catch(() => undefined));
  }

  async pythonKnown(): Promise<void> {
    await Promise.all(this.#told);
  }

  /** As it is at this moment. */
  md5Of(path: string): string | undefined {
    const workspace = new Workspace(this.#repository);
    try {
      return workspace.measure(path)?.md5;
    } finally {
      workspace.close();
    }
  }
}
