import { TilthError } from '../../platform/errors.ts';

export const folderMissing = (folder: string): TilthError =>
  new TilthError(
    'DOCTOR_FOLDER_MISSING',
    404,
    `There is no folder ${folder}.`,
    'Name the folder of a project: tilth doctor FOLDER',
  );

export const cannotUndo = (folder: string): TilthError =>
  new TilthError(
    'DOCTOR_NO_REPOSITORY',
    409,
    `${folder} is not in a git repository, so what is fixed could not be undone. Nothing was changed.`,
    'Commit it first (git init && git add . && git commit), or add --force.',
  );

export const uncommittedChanges = (paths: readonly string[]): TilthError =>
  new TilthError(
    'DOCTOR_UNCOMMITTED_CHANGES',
    409,
    `Changes of yours that are not committed are in the way: ${paths.join(', ')}. Nothing was changed.`,
    'Commit or stash them, so that either can be undone alone; or add --force.',
    { details: paths },
  );

export const notAgreed = (fixCount: number): TilthError =>
  new TilthError(
    'DOCTOR_NOT_AGREED',
    400,
    `There ${fixCount === 1 ? 'is one fix' : `are ${fixCount} fixes`} to make and no terminal to ask in. Nothing was changed.`,
    'Look at them with --fix --dry-run, then make them with --fix --yes',
  );
