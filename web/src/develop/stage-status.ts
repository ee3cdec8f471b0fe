import type { Execution, StageStatus } from '../../../src/develop/pipelines/pipeline-api.ts';
import type { Tone } from '../parts/basics.tsx';

export const statusWords: Readonly<Record<StageStatus, string>> = {
  unchanged: 'unchanged',
  changed: 'will run',
  waiting: 'waiting',
  running: 'running',
  succeeded: 'succeeded',
  restored: 'from cache',
  failed: 'failed',
  stopped: 'stopped',
  skipped: 'skipped',
  frozen: 'frozen',
};

export const statusTones: Readonly<Record<StageStatus, Tone>> = {
  unchanged: 'plain',
  changed: 'warn',
  waiting: 'plain',
  running: 'info',
  succeeded: 'good',
  restored: 'good',
  failed: 'bad',
  stopped: 'warn',
  skipped: 'warn',
  frozen: 'plain',
};

export const executionTones: Readonly<Record<Execution['state'], Tone>> = {
  running: 'info',
  succeeded: 'good',
  failed: 'bad',
  stopped: 'warn',
};

/** The stages of a pipeline as this page shows them, whether the project sent them or only its executions are known. */
export interface ShownStage {
  readonly name: string;
  readonly status: StageStatus;
  readonly cmd: string;
  readonly description: string | null;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly params: readonly string[];
  readonly latest: Execution | null;
}

export interface ShownPipeline {
  readonly project: string;
  readonly stages: readonly ShownStage[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
  readonly isRunning: boolean;
  readonly updatedAt: number;
  readonly updatedBy: string | null;
}
