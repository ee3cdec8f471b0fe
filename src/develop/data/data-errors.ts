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

export const nothingMatches = (patterns: readonly string[]): TilthError =>
  new TilthError('DATA_NO_MATCH', 404, `No path matches ${patterns.join(' ')}.`);

export const alreadyThere = (path: string): TilthError =>
  new TilthError('DATA_ALREADY_THERE', 409, `${path} exists already.`, 'To replace it, say --force.');

export const ignoredByDvc = (path: string, part: string): TilthError =>
  new TilthError('DATA_IGNORED', 400, `${path} is left out by .dvcignore${part === path ? '' : ` (${part})`}.`, `See by which pattern: tilth data check-ignore --details ${part}`);

export const inLinkedFolder = (path: string, link: string): TilthError =>
  new TilthError('DATA_IN_LINKED_FOLDER', 400, `${path} lies behind the link ${link}; data is versioned where it really is.`, 'Add it at the place that the link leads to.');

export const trackedAsFile = (path: string): TilthError =>
  new TilthError('DATA_TRACKED_AS_FILE', 409, `${path} is versioned as a file, so nothing can be added inside it.`, `Version it as a folder with: tilth data add ${path}`);

/** Only the whole of a governed dataset can be compared with its contract. */
export const notTheWholeDataset = (path: string): TilthError =>
  new TilthError(
    'DATA_PARTLY_CHECKED',
    409,
    `${path} is a declared dataset, and other files of it changed too; its contract was checked on all of them.`,
    `Add all of it: tilth data add ${path}`,
  );

export const commitRefused = (address: string): TilthError =>
  new TilthError('DATA_COMMIT_REFUSED', 409, `${address} changed and was not committed.`, 'Record it as it is with: --force');

export const notVersioned = (path: string): TilthError =>
  new TilthError('DATA_NOT_VERSIONED', 404, `Unable to find DVC file with output '${path}': it is not versioned.`, 'See what is versioned with: tilth data status');

export const notADvcFile = (path: string): TilthError =>
  new TilthError('DATA_NOT_A_DVC_FILE', 400, `'${path}' is not a .dvc file. Do you mean '${path}.dvc'?`);

export const parametrized = (address: string): TilthError =>
  new TilthError('PIPELINE_PARAMETRIZED', 409, `${address} comes from a template in its dvc.yaml and can't be removed alone.`, 'Edit the dvc.yaml by hand.');

export const cannotStart = (reason: string, hint?: string): TilthError =>
  new TilthError('DATA_CANNOT_START', 409, `No repository was made: ${reason}.`, hint);

export const recordIgnoredByGit = (file: string): TilthError =>
  new TilthError(
    'DATA_RECORD_IGNORED',
    409,
    `Git ignores ${file}, which would record the data, so that nobody else would get it.`,
    'Take the pattern that ignores it out of .gitignore, or choose another place.',
  );

export const checkOutFailed = (paths: readonly string[]): TilthError =>
  new TilthError(
    'DATA_NOT_IN_CACHE',
    404,
    `Checkout failed for following targets:\n${paths.join('\n')}\nIs your cache up to date?`,
    'Get them from the remote with: tilth data pull',
    { details: { failed: paths } },
  );

export const noGarbageScope = (message: string): TilthError => new TilthError('DATA_GARBAGE_SCOPE', 400, message);

export const lostFolder = (path: string): TilthError =>
  new TilthError(
    'DATA_FOLDER_LISTING_LOST',
    409,
    `The listing of ${path} is not in the cache, so its files there would be taken for garbage.`,
    'Fetch it first with: tilth data fetch, or go on with: --force',
  );

export const garbageKept = (): TilthError => new TilthError('DATA_GARBAGE_KEPT', 409, 'Nothing was removed.', 'Say yes when asked, or --force.');

export const cloneFailed = (url: string, reason: string): TilthError =>
  new TilthError('DATA_CLONE_FAILED', 502, `${url} can't be cloned: ${reason || 'git says nothing more'}.`, 'See whether you may read it with: git ls-remote URL');
