import { TilthError } from '../../platform/errors.ts';

export const datasetUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'DATASET_NOT_FOUND',
    404,
    `There is no dataset ${JSON.stringify(name)}.`,
    known.length === 0 ? 'Declare one under "datasets" in tilth.yaml.' : `There is: ${known.join(', ')}.`,
  );

export const keptByGit = (path: string): TilthError =>
  new TilthError(
    'DATA_TRACKED_BY_GIT',
    409,
    `git keeps ${path} itself; data can't live in both.`,
    `Take it out of git first: git rm -r --cached '${path}'`,
  );

export const changedWhileAdded = (path: string): TilthError =>
  new TilthError('DATA_CHANGED_WHILE_ADDED', 409, `${path} changed while it was being added.`, 'Add it again when nothing writes to it.');

export const madeByStage = (path: string, stage: string): TilthError =>
  new TilthError(
    'DATA_MADE_BY_STAGE',
    409,
    `${path} is an output of the stage ${stage}, which looks after it.`,
    `Make it anew with: tilth pipeline run ${stage}`,
  );
