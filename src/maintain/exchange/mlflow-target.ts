import type { ExperimentRecord, LoggedModelRecord, RegisteredModelRecord, RunRecord } from './records.ts';
import type { TraceRecord } from './trace-records.ts';

/** A store of MLflow that is being written; each thing comes with the address that its files will have. */
export interface MlflowTarget {
  experiment(record: ExperimentRecord, artifactLocation: string): Promise<void>;
  run(experiment: string, record: RunRecord, artifactUri: string): Promise<void>;
  loggedModel(experiment: string, record: LoggedModelRecord, artifactUri: string): Promise<void>;
  trace(experiment: string, record: TraceRecord, artifactUri: string): Promise<void>;
  registeredModel(record: RegisteredModelRecord): Promise<void>;
  close(): Promise<void>;
}
