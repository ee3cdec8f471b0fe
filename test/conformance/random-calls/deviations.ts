import { isDeepStrictEqual } from 'node:util';
import type { Answer, Call } from './call.ts';

/** A difference to MLflow's server that is meant. */
export interface Deviation {
  readonly name: string;
  readonly reason: string;
  /** MLflow's answer as ours has to be */
  ours?(theirs: Answer, call: Call): Answer;
  /** Is this pair the difference meant? */
  explains?(call: Call, theirs: Answer, ours: Answer): boolean;
}

export const deviations: readonly Deviation[] = [
  {
    name: 'workspace',
    reason: 'Experiments and models belong to no workspace here; server-info says so, and clients then ask for none.',
    ours: (theirs) => ({ ...theirs, body: withoutWorkspace(theirs.body) }),
  },
  {
    name: 'no 500',
    reason: 'MLflow breaks over a slip of the caller; its clients ask again seven times. Here the slip is told.',
    explains: (_, theirs, ours) => theirs.status === 500 && ours.status >= 400 && ours.status < 500,
  },
  {
    name: 'parameter twice',
    reason: 'Of a query parameter given twice MLflow reads the first and drops the second.',
    explains: ({ query }, _, ours) => ours.status === 400 && Object.entries(query ?? {}).some(([key, value]) => typeof value !== 'string' && !lists.has(key)),
  },
  {
    name: 'history of no run',
    reason: 'MLflow’s SQL store answers for a run that is not there as for one without the metric; its file store refuses, as we do.',
    explains: ({ path }, theirs, ours) => path.endsWith('/metrics/get-history') && theirs.status === 200 && isDeepStrictEqual(theirs.body, {}) && ours.status === 404,
  },
];

const lists = new Set(['order_by', 'run_ids', 'run_id', 'experiment_ids', 'stages']);

function withoutWorkspace(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutWorkspace);
  const { workspace: _, ...rest } = value as { workspace?: unknown };
  return Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, withoutWorkspace(each)]));
}
