import { TilthError, messageOf } from '../../platform/errors.ts';

export const objectMissing = (place: string, key: string): TilthError =>
  new TilthError(
    'REMOTE_OBJECT_MISSING',
    404,
    `${place} has no ${key}.`,
    'Ask who made this version to push it: tilth data push',
  );

export const objectDamaged = (place: string, key: string, found: string): TilthError =>
  new TilthError(
    'REMOTE_OBJECT_DAMAGED',
    502,
    `${key} in ${place} is damaged: its content has the md5 ${found}. Nothing of it was kept.`,
    'Remove it there, and push it again from a machine that has it: tilth data push',
  );

export const remoteAway = (place: string, reason: unknown): TilthError =>
  new TilthError(
    'REMOTE_UNAVAILABLE',
    503,
    `${place} does not answer or broke off: ${messageOf(reason)}.`,
    'What went through stays: the same command again goes on from there.',
    { cause: reason },
  );

export const remoteRefused = (place: string, reason: string, hint: string): TilthError =>
  new TilthError('REMOTE_REFUSED', 502, `${place} does not let you in: ${reason}.`, hint);

export const remotePlaceMissing = (place: string, hint: string): TilthError =>
  new TilthError('REMOTE_PLACE_MISSING', 404, `${place} does not exist.`, hint);

export const listingImpossible = (place: string): TilthError =>
  new TilthError('REMOTE_LISTING_IMPOSSIBLE', 400, `${place} can't be listed: HTTP has no listing.`);

export const remoteUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'REMOTE_UNKNOWN',
    404,
    `config file error: remote '${name}' doesn't exist.`,
    known.length === 0 ? 'Add it: tilth data remote add NAME URL' : `There are: ${known.join(', ')}`,
  );

export const noRemote = (hasRemotes: boolean): TilthError =>
  new TilthError(
    'REMOTE_NOT_SET',
    400,
    'This repository names no remote to store data in.',
    hasRemotes
      ? 'Choose one: tilth data remote default NAME, or -r NAME for this command'
      : 'Add one: tilth data remote add -d NAME URL, where URL is a folder, s3://…, ssh://… or https://…',
  );

export const schemeUnknown = (url: string): TilthError =>
  new TilthError(
    'REMOTE_SCHEME_UNKNOWN',
    400,
    `tilth can't store data at ${url}: it speaks folders, s3://, ssh://, http:// and https://.`,
    'Use dvc itself for this remote; both work in the same repository.',
  );

export const remoteNeedsOption = (name: string, option: string): TilthError =>
  new TilthError(
    'REMOTE_OPTION_MISSING',
    400,
    `The remote ${name} needs ${option}.`,
    `Set it, for yourself only: tilth data remote modify --local ${name} ${option} VALUE`,
  );

export const missingAtRemote = (
  missing: readonly { readonly path: string; readonly md5: string }[],
  verb: string,
): TilthError =>
  new TilthError(
    'REMOTE_OBJECTS_MISSING',
    404,
    `${missing.length} ${missing.length === 1 ? 'file' : 'files'} failed to download: the remote does not have ${missing.length === 1 ? `it: ${missing[0]?.path}` : 'them'}.`,
    `Ask who made this version to push it (tilth data push)${verb === 'pull' ? ', or take what there is with --allow-missing' : ''}.`,
    { details: missing },
  );

/** @param paths of which neither cache nor remote has the content, or which no stage has made yet */
export const notPulled = (paths: readonly string[]): TilthError =>
  new TilthError(
    'DATA_NOT_PULLED',
    404,
    `failed to pull data from the cloud - Checkout failed for following targets:\n${paths.join('\n')}`,
    'Make what a stage never made with: tilth pipeline run, or take what there is with --allow-missing',
    { details: { failed: paths } },
  );

export const foreignUnreachable = (url: string, reason: string): TilthError =>
  new TilthError(
    'FOREIGN_REPOSITORY_UNREACHABLE',
    502,
    `git can't read the repository ${url}: ${reason}`,
    `Try it by hand: git ls-remote ${url}`,
  );

export const foreignWithoutCommit = (url: string): TilthError =>
  new TilthError(
    'FOREIGN_REPOSITORY_EMPTY',
    404,
    `${url} is no git repository, or has no commit yet.`,
    'Only what is committed can be imported.',
  );

export const foreignPathMissing = (url: string, path: string, commit: string): TilthError =>
  new TilthError(
    'FOREIGN_PATH_MISSING',
    404,
    `${url} has no ${path} at ${commit.slice(0, 10)}.`,
    `See what it has: tilth dvc list -R ${url}`,
  );

export const urlMissing = (url: string): TilthError =>
  new TilthError(
    'IMPORT_URL_MISSING',
    404,
    `${url} does not exist.`,
    'Look at the address; a folder is named without a pattern.',
  );

export const importPathTaken = (path: string, isFolder: boolean): TilthError =>
  new TilthError(
    'IMPORT_PATH_TAKEN',
    409,
    `The ${isFolder ? 'directory' : 'file'} '${path}' already exists locally.`,
    "To override it, re-run with '--force'; another name: --out PATH",
  );

export const importOutside = (path: string, root: string): TilthError =>
  new TilthError(
    'IMPORT_PATH_OUTSIDE',
    400,
    `${path} lies outside of the repository ${root}.`,
    'Import into the repository, or only bring the data: tilth data get',
  );

export const notAnImport = (address: string): TilthError =>
  new TilthError(
    'IMPORT_NOT_ONE',
    400,
    `${address} was not imported, so there is no source to look at.`,
    'Imports are made with: tilth data import, or import-url',
  );
