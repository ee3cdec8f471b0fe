import { TilthError } from '../../platform/errors.ts';

export const fileUnreadable = (name: string, reason: string): TilthError =>
  new TilthError('DVC_FILE_UNREADABLE', 400, `${name} can't be read: ${reason}.`, 'Correct the file, or take it back from git.');

export const configUnreadable = (name: string, reason: string): TilthError =>
  new TilthError('DVC_CONFIG_UNREADABLE', 400, `${name} can't be read: ${reason}.`, 'Correct the file, or take it back from git.');

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

export const ignoreFileInData = (path: string): TilthError =>
  new TilthError(
    'DVC_IGNORE_IN_DATA',
    400,
    `${path} lies inside data that is versioned.`,
    'Move its patterns to the .dvcignore of a folder above the data.',
  );

/** @param object path of the file in the cache */
export const cacheDamaged = (object: string, md5: string, path: string): TilthError =>
  new TilthError(
    'DATA_CACHE_DAMAGED',
    409,
    `${object} in the cache does not hold what its name says (md5 ${md5}), so ${path} was not taken from it; it was removed from the cache.`,
    'Get it again from the remote with: tilth data pull',
  );

export const changedDuring = (path: string): TilthError =>
  new TilthError(
    'DATA_CHANGED_MEANWHILE',
    409,
    `${path} changed while it was being read.`,
    'Wait until whatever writes it is done, and repeat the command.',
  );

export const linkTypeUnavailable = (types: readonly string[]): TilthError =>
  new TilthError(
    'DATA_LINK_UNAVAILABLE',
    400,
    `The file system can't link the workspace to the cache in any of these ways: ${types.join(', ')}.`,
    'Allow copies too with: tilth data config cache.type hardlink,copy',
  );

const causes: Record<string, { code: string; reason: string; hint: string }> = {
  ENOSPC: { code: 'DATA_DISK_FULL', reason: 'the disk is full', hint: 'Make room and repeat the command; what is done already is kept.' },
  EDQUOT: { code: 'DATA_DISK_FULL', reason: 'the quota is used up', hint: 'Make room and repeat the command; what is done already is kept.' },
  EFBIG: { code: 'DATA_DISK_FULL', reason: 'it is larger than a file may be here', hint: 'Raise the limit (ulimit -f) or use another file system, and repeat the command.' },
  EACCES: { code: 'DATA_FILE_REFUSED', reason: 'permission denied', hint: 'See who may read and write it with: ls -l' },
  EPERM: { code: 'DATA_FILE_REFUSED', reason: 'operation not permitted', hint: 'See who may read and write it with: ls -l' },
  EROFS: { code: 'DATA_FILE_REFUSED', reason: 'the file system is read-only', hint: 'Mount it writable and repeat the command.' },
  EIO: { code: 'DATA_FILE_UNREADABLE', reason: 'the disk failed to read or write it', hint: 'Look into the system log; the disk may be failing.' },
  EMLINK: { code: 'DATA_FILE_REFUSED', reason: 'it has as many hard links as the file system allows', hint: 'Use copies with: tilth data config cache.type copy' },
  ENOENT: { code: 'DATA_CHANGED_MEANWHILE', reason: 'it vanished while the command ran', hint: 'Wait until whatever changes it is done, and repeat the command.' },
};

/** Runs `work` on a file, so that a failure of the file system names it in the user's terms. */
export function withPath<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (reason) {
    throw fileFailure(path, reason);
  }
}

export function fileFailure(path: string, reason: unknown): unknown {
  const cause = causes[(reason as NodeJS.ErrnoException | undefined)?.code ?? ''];
  if (cause === undefined) return reason;
  const status = cause.code === 'DATA_DISK_FULL' ? 507 : 409;
  return new TilthError(cause.code, status, `${path}: ${cause.reason}.`, cause.hint, { cause: reason });
}

/** @param by the `.dvc` files and stages that record it */
export const outputsDuplicated = (path: string, by: readonly string[]): TilthError =>
  new TilthError(
    'DATA_OUTPUTS_DUPLICATED',
    409,
    `${path} is recorded twice${by.length === 0 ? '' : `: by ${by.join(' and ')}`}.`,
    by.length === 0 ? 'Name it once.' : `Keep one of them: tilth data remove ${by.at(-1) ?? ''}`,
  );

/** @param outerBy undefined when it is about to be added */
export const outputsOverlap = (outer: string, outerBy: string | undefined, inner: string, innerBy: string | undefined): TilthError =>
  new TilthError(
    'DATA_OUTPUTS_OVERLAP',
    409,
    `${inner}${innerBy === undefined ? '' : ` (${innerBy})`} lies inside ${outer}${outerBy === undefined ? '' : ` (${outerBy})`}; versioned paths must not overlap.`,
    outerBy === undefined && innerBy !== undefined
      ? `To have it inside ${outer}: tilth data remove ${innerBy}, then: tilth data add ${outer}`
      : 'Keep one of them and remove the other with: tilth data remove',
  );

export const pathOutside = (path: string, file: string): TilthError =>
  new TilthError(
    'DATA_PATH_OUTSIDE',
    400,
    `${file} names ${path}, which lies outside of the repository; nothing is written there.`,
    'Correct the path, or take the file back from git.',
  );

export const pathBusy = (path: string, pid: number, command: string): TilthError =>
  new TilthError(
    'DVC_PATH_BUSY',
    409,
    `${path} is being used by another process (${pid}: ${command}).`,
    'Wait until it ends; if it does not run, delete .dvc/tmp/rwlock.',
  );
