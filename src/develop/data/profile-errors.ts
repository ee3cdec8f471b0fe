import { TilthError } from '../../platform/errors.ts';
import { shellWord } from '../../platform/shell.ts';

export const profileUnknown = (dataset: string, md5: string): TilthError =>
  new TilthError(
    'DATASET_PROFILE_NOT_FOUND',
    404,
    `There is no profile of ${dataset} ${md5.slice(0, 12)} here.`,
    `Make and send it, in the project, with: tilth data profile ${shellWord(dataset)}`,
  );

export const versionUnknown = (dataset: string, version: string, known: readonly string[]): TilthError =>
  new TilthError(
    'DATASET_VERSION_NOT_FOUND',
    404,
    `${dataset} has no version ${version}.`,
    known.length === 0
      ? `Add one with: tilth data add`
      : `It has: ${known.map((md5) => md5.slice(0, 12)).join(', ')}.`,
  );

export const oneVersion = (dataset: string): TilthError =>
  new TilthError(
    'DATASET_HAS_ONE_VERSION',
    409,
    `${dataset} has only one version: there is nothing to compare it with.`,
    'Change the data and add it again: tilth data add PATH',
  );

export const profileTooLarge = (dataset: string, bytes: number, limit: number): TilthError =>
  new TilthError(
    'DATASET_PROFILE_TOO_LARGE',
    413,
    `The profile of ${dataset} takes ${bytes} bytes; ${limit} are kept at most.`,
    'Declare parts of the data as datasets of their own in tilth.yaml.',
  );
