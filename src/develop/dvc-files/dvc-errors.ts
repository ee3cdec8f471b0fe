import { TilthError } from '../../platform/errors.ts';

export const fileUnreadable = (name: string, reason: string): TilthError =>
  new TilthError('DVC_FILE_UNREADABLE', 400, `${name} can't be read: ${reason}.`, 'Correct the file, or take it back from git.');

export const notARepository = (folder: string): TilthError =>
  new TilthError('DVC_REPOSITORY_MISSING', 404, `${folder} is not inside a DVC repository.`, 'Make one with: tilth data init');

export const pathMissing = (path: string): TilthError =>
  new TilthError('DATA_PATH_MISSING', 404, `${path} does not exist.`);

export const repositoryBusy = (): TilthError =>
  new TilthError(
    'DVC_REPOSITORY_BUSY',
    409,
    'Another dvc or tilth is writing in this repository.',
    'Wait until it ends; if none runs, delete .dvc/tmp/lock.',
  );

export const notInCache = (path: string, md5: string): TilthError =>
  new TilthError(
    'DATA_NOT_IN_CACHE',
    404,
    `${path} is not in the cache (md5 ${md5}).`,
    'Fetch it from the remote with: dvc fetch',
  );

export const pipelineInvalid = (name: string, reason: string): TilthError =>
  new TilthError('PIPELINE_INVALID', 400, `${name}: ${reason}.`);

export const unsavedData = (path: string): TilthError =>
  new TilthError(
    'DATA_UNSAVED',
    409,
    `${path} has changes that are stored nowhere else.`,
    `Keep them with: tilth data add, or give them up with: --force`,
  );

export const revisionUnknown = (revision: string): TilthError =>
  new TilthError('GIT_REVISION_UNKNOWN', 404, `Git knows no revision ${revision}.`, 'See what there is with: git log --oneline --all');

/** @param file where a stage of that name was looked for */
export const targetUnknown = (target: string, file: string): TilthError =>
  new TilthError(
    'DATA_TARGET_UNKNOWN',
    404,
    target.endsWith('.dvc') || target.endsWith('dvc.yaml')
      ? `${target} does not exist.`
      : `${target} is neither something that is versioned nor a stage of ${file}.`,
    'See what is versioned with: tilth data status',
  );
