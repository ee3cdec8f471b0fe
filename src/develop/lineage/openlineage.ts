import type { z } from 'zod';
import type { LineageNode } from './lineage-api.ts';
import { datasetVersionId } from './lineage-store.ts';
import {
  datasetEvent,
  jobEvent,
  runEvent,
  type OpenLineageDataset,
  type RunEvent,
} from './openlineage-api.ts';
import { eventInvalid } from './openlineage-errors.ts';

/** The namespace under which our datasets, models and jobs are known to others. */
export const ownNamespace = 'tilth';

export type ReadEvent =
  | { readonly kind: 'run'; readonly event: RunEvent }
  | { readonly kind: 'dataset'; readonly event: z.infer<typeof datasetEvent> }
  | { readonly kind: 'job'; readonly event: z.infer<typeof jobEvent> };

/**
 * An event of any of the three kinds that the standard knows.
 *
 * @throws OPENLINEAGE_EVENT_INVALID naming what is wrong where
 */
export function readEvent(body: unknown): ReadEvent {
  const keys = typeof body === 'object' && body !== null ? body : {};
  if ('run' in keys) return { kind: 'run', event: parsed(runEvent, body) };
  if ('dataset' in keys) return { kind: 'dataset', event: parsed(datasetEvent, body) };
  if ('job' in keys) return { kind: 'job', event: parsed(jobEvent, body) };
  throw eventInvalid(['it has none of run, job and dataset']);
}

function parsed<T>(shape: z.ZodType<T>, body: unknown): T {
  const result = shape.safeParse(body);
  if (result.success) return result.data;
  throw eventInvalid(
    result.error.issues.map((issue) => `${issue.path.join('.') || 'the event'}: ${issue.message}`),
  );
}

/** Our runs have ids of 32 hex digits, which are UUIDs without their dashes. */
export const uuidOf = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
export const hexOf = (uuid: string): string => uuid.replaceAll('-', '').toLowerCase();

const md5 = /^[0-9a-f]{32}(\.dir)?$/;

/**
 * The node that a dataset of an event is: a version of one of ours when its name and version say so, or one of its
 * other names does; else one of somebody else's.
 *
 * @param isOurs whether we know a dataset of this name
 */
export function nodeOfDataset(dataset: OpenLineageDataset, isOurs: (name: string) => boolean): LineageNode {
  const { facets } = dataset;
  const version = facets?.version?.datasetVersion;
  const names = [dataset, ...(facets?.symlinks?.identifiers ?? [])];
  const own = names.find(({ namespace, name }) => namespace === ownNamespace && isOurs(name));
  if (own !== undefined && version !== undefined && md5.test(version)) {
    return { kind: 'dataset-version', id: datasetVersionId(own.name, version) };
  }
  const id = `${dataset.namespace}/${dataset.name}`;
  return { kind: 'external-dataset', id: version === undefined ? id : `${id}@${version}` };
}
