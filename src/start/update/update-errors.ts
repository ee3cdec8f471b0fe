import { TilthError } from '../../platform/errors.ts';

export const originMissing = (folder: string): TilthError =>
  new TilthError(
    'TEMPLATE_ORIGIN_MISSING',
    404,
    `${folder} doesn't remember its template: there is no .cruft.json, and no .copier-answers.yml.`,
    'Let tilth find where it came from: tilth template adopt . TEMPLATE',
  );

export const originInvalid = (file: string, reason: string): TilthError =>
  new TilthError(
    'TEMPLATE_ORIGIN_INVALID',
    400,
    `${file} can't be read: ${reason}`,
    'Correct the file, or bring back the one that is committed: git checkout HEAD -- .cruft.json',
  );

export const originThere = (folder: string): TilthError =>
  new TilthError(
    'TEMPLATE_ORIGIN_THERE',
    409,
    `${folder} remembers its template already.`,
    'See what it remembers in .cruft.json; bring it up to date with: tilth template update',
  );

export const notARepository = (folder: string, said: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_NEEDS_GIT',
    400,
    `${folder} is no git repository, so an update could not be merged or undone${said === '' ? '' : ` (${said})`}.`,
    'Make it one first: git init && git add -A && git commit -m "Before the update"',
  );

export const nothingCommitted = (folder: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_NEEDS_COMMIT',
    400,
    `Nothing of ${folder} is committed yet, so an update could not be undone.`,
    'Commit first: git add -A && git commit -m "Before the update"',
  );

export const filesAreDirty = (paths: readonly string[]): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_DIRTY',
    409,
    `The update would write files with uncommitted changes: ${few(paths)}. Nothing was changed.`,
    'Commit them, or put them aside with git stash, then run this again; or add --branch NAME, which leaves your files alone.',
    { details: { paths } },
  );

export const mergeGoingOn = (what: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_MERGING',
    409,
    `The repository is in the middle of something else: ${what}. Nothing was changed.`,
    'End it first (git status tells how), then run this again.',
  );

export const branchThere = (branch: string): TilthError =>
  new TilthError(
    'TEMPLATE_BRANCH_THERE',
    409,
    `There is a branch ${branch} already. Nothing was changed.`,
    `Give another name, or delete it: git branch -D ${branch}`,
  );

export const branchInvalid = (branch: string): TilthError =>
  new TilthError('TEMPLATE_BRANCH_INVALID', 400, `${JSON.stringify(branch)} can't be the name of a branch.`);

export const commitGone = (template: string, commit: string): TilthError =>
  new TilthError(
    'TEMPLATE_COMMIT_GONE',
    404,
    `The template ${template} has no commit ${commit} (any more), and the project's own history doesn't hold the files it began with.`,
    'Remove .cruft.json and find the nearest commit anew: tilth template adopt . TEMPLATE',
  );

export const answerGone = (name: string, value: string, reason: string): TilthError =>
  new TilthError(
    'TEMPLATE_ANSWER_GONE',
    409,
    `The project answered ${name} with ${JSON.stringify(value)}, which the template no longer takes: ${reason}`,
    `Choose anew: tilth template update ${name}=VALUE`,
  );

export const answerUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'TEMPLATE_ANSWER_UNKNOWN',
    400,
    `The template doesn't ask for ${name}.`,
    `It asks for: ${known.join(', ')}`,
  );

export const updateInterrupted = (path: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_INTERRUPTED',
    409,
    `An earlier update was interrupted, and ${path} was changed since, so it is neither completed nor taken back.`,
    'Put your version of that file aside, then go back to before the update: tilth template update --abort',
  );

export const updateUnfinished = (folder: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_UNFINISHED',
    409,
    `An earlier update of ${folder} was interrupted half way.`,
    'Complete it with tilth template update --continue, or take it back with tilth template update --abort',
  );

export const updateRunning = (processId: number): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_RUNNING',
    409,
    `Another update of this project is running (process ${processId}).`,
    'Wait until it has ended.',
  );

export const indexLocked = (file: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_INDEX_LOCKED',
    409,
    `Another git program is working in this repository (${file} is there). Nothing was changed.`,
    'Wait until it has ended; if none runs, delete that file.',
  );

export const filesMoved = (path: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_RACED',
    409,
    `${path} changed while the update was prepared. Nothing was changed by the update.`,
    'Run it again.',
  );

export const updateFailed = (reason: string, cause: unknown): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_FAILED',
    500,
    `The update could not be written: ${reason}. The project is as it was.`,
    'Correct what the message says (room on the disk, rights), then run it again.',
    { cause },
  );

export const gitFailed = (what: string, folder: string, said: string): TilthError =>
  new TilthError(
    'GIT_FAILED',
    400,
    `git ${what} failed in ${folder}: ${said}`,
    'Correct what git says, then run this again.',
  );

export const templateUnlike = (folder: string, template: string, likeness: number): TilthError =>
  new TilthError(
    'TEMPLATE_UNLIKE',
    404,
    `${folder} looks like no version of ${template}: at most ${(likeness * 100).toFixed(1)} % of the lines are the same.`,
    'Check the address; a template inside a repository of several is named with --directory.',
  );

export const copierTemplate = (template: string): TilthError =>
  new TilthError(
    'TEMPLATE_IS_COPIER',
    400,
    `${template} is a template in copier's format (copier.yml), and tilth renders cookiecutter's only.`,
    'Update this project with copier itself: copier update',
  );

const few = (paths: readonly string[]): string =>
  paths.length <= 5 ? paths.join(', ') : `${paths.slice(0, 5).join(', ')} and ${paths.length - 5} more`;
