import type { AuditEventView } from '../../../src/platform/event-api.ts';
import type { JobView } from '../../../src/platform/job-api.ts';

export interface BoardStation {
  readonly station: 'start' | 'develop' | 'deploy' | 'monitor' | 'maintain';
  readonly state: 'todo' | 'active' | 'done' | 'attention';
  readonly headline: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly next: string | null;
}
export interface BoardProject {
  readonly name: string;
  readonly root: string;
  readonly template: string | null;
  readonly stations: readonly BoardStation[];
}
export interface Board {
  readonly projects: readonly BoardProject[];
  readonly jobs: readonly JobView[];
  readonly events: readonly AuditEventView[];
}
