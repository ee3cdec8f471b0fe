import { z } from 'zod';

/** Facets may be of any kind; those that we read are named. */
const facet = z.looseObject({});

export const openLineageDataset = z.looseObject({
  namespace: z.string().min(1),
  name: z.string().min(1),
  facets: z
    .looseObject({
      version: z.looseObject({ datasetVersion: z.string() }).optional(),
      symlinks: z
        .looseObject({ identifiers: z.array(z.looseObject({ namespace: z.string(), name: z.string() })) })
        .optional(),
    })
    .nullish(),
});
export type OpenLineageDataset = z.infer<typeof openLineageDataset>;

const job = z.looseObject({ namespace: z.string().min(1), name: z.string().min(1), facets: facet.nullish() });
const run = z.looseObject({ runId: z.uuid(), facets: facet.nullish() });
const datasets = z.array(openLineageDataset).nullish();

const anyEvent = {
  eventTime: z.iso.datetime({
    offset: true,
    message: 'must be a date and time with its zone, such as 2026-01-31T12:00:00Z',
  }),
  producer: z.string().min(1),
  schemaURL: z.string().min(1),
};

export const runStates = ['START', 'RUNNING', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER'] as const;

/** @see https://openlineage.io/spec/2-0-2/OpenLineage.json */
export const runEvent = z.looseObject({
  ...anyEvent,
  eventType: z.enum(runStates).nullish(),
  run,
  job,
  inputs: datasets,
  outputs: datasets,
});
export type RunEvent = z.infer<typeof runEvent>;

/** A dataset as such, without a run. */
export const datasetEvent = z.looseObject({ ...anyEvent, dataset: openLineageDataset });

/** A job as such, without a run. */
export const jobEvent = z.looseObject({ ...anyEvent, job, inputs: datasets, outputs: datasets });

export const received = z.object({ id: z.string() });

export const openLineageEvents = z.object({
  events: z.array(z.looseObject({})),
  /** pass it as `after` for later ones; null at the end */
  next: z.string().nullable(),
});
export type OpenLineageEvents = z.infer<typeof openLineageEvents>;
