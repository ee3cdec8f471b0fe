import { TilthError } from '../../platform/errors.ts';

export const originUnknown = (thing: string): TilthError =>
  new TilthError(
    'LINEAGE_NOT_FOUND',
    404,
    `Nothing here is called ${JSON.stringify(thing)}: no dataset, no model version, and no prediction in the log.`,
    'Name a dataset (flights), a version of one (flights@MD5), a model version (late/3) or the id of a request.',
  );
